"""Names of levels and stages and the small grammar of reports, for tables, figures and prose."""

from __future__ import annotations

from collections.abc import Sequence

LEVELS = {"manager": "Managers", "employee": "Employees", "unit": "Units"}
STAGES = {
    "invited": "Invited",
    "responded": "Responded",
    "linked": "Linked to a unit",
    "analysed": "Analysed",
}


def group_name(group: str) -> str:
    """Return the level a grouping factor stands for: its lowest part.

    Examples
    --------
    >>> group_name("hospital:unit"), group_name("unit")
    ('unit', 'unit')
    """
    return group.split(":")[-1].split("/")[-1]


def plural(word: str) -> str:
    """Return the plural of the name of a level.

    Examples
    --------
    >>> plural("hospital"), plural("company"), plural("holiday"), plural("class")
    ('hospitals', 'companies', 'holidays', 'classes')
    """
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


def joined(parts: Sequence[str]) -> str:
    """Return a list in words; semicolons where a part has a comma of its own.

    Examples
    --------
    >>> joined(["a"]), joined(["a", "b", "c"]), joined(["a, within", "a, between"])
    ('a', 'a, b and c', 'a, within; and a, between')
    """
    if len(parts) < 2:
        return "".join(parts)
    mark, last = ("; ", "; and ") if any("," in part for part in parts) else (", ", " and ")
    return last.join([mark.join(parts[:-1]), parts[-1]])
