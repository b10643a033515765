"""What a study needs to know of a formula before and after it is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from crosslevel.multilevel.formula import Atom, Formula


def fixed_part(formula: Formula) -> str:
    """Return the formula without its random terms, for a single-level model.

    Examples
    --------
    >>> from crosslevel.multilevel.formula import parse
    >>> fixed_part(parse("y ~ x * z + (1 | g)"))
    'y ~ 1 + x + z + x:z'
    """
    names = ["1" if formula.intercept else "0", *(":".join(map(str, t)) for t in formula.terms)]
    return f"{formula.response} ~ {' + '.join(names)}"


def term_names(formula: Formula, nominal: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names the coefficients of a formula may have.

    Parameters
    ----------
    formula
        A parsed formula.
    nominal
        Labels of each nominal column; any of them but the reference may become a coefficient.

    Examples
    --------
    >>> from crosslevel.multilevel.formula import parse
    >>> term_names(parse("y ~ x + sex + (1 | g)"), {"sex": ["F", "M"]})
    ['(Intercept)', 'x', 'sex[F]', 'sex[M]']
    """
    names = ["(Intercept)"] if formula.intercept else []
    for term in formula.terms:
        names += [":".join(parts) for parts in product(*(_atom(a, nominal) for a in term))]
    return names


def groups(formula: Formula) -> list[str]:
    """Return the grouping columns of a formula, each once, in the order they appear."""
    return list(dict.fromkeys(name for random in formula.random for name in random.groups))


def _atom(atom: Atom, nominal: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names one atom contributes to a coefficient."""
    labels = nominal.get(atom.columns[0], ()) if atom.function in ("", "C") else ()
    return [f"{atom}[{label}]" for label in labels] or [str(atom)]
