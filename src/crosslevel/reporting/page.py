"""One report as a tree, ready for a writer; what all writers ask of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosslevel import catalogue
from crosslevel.reporting.job import Job, option
from crosslevel.reporting.tree import Node, rewrite
from crosslevel.reporting.typesetting import pandoc


@dataclass(frozen=True, slots=True)
class Page:
    """The tree of a report, its front matter, and the job it belongs to."""

    job: Job
    front: Mapping[str, Any]
    tree: Node

    def copy(self) -> Page:
        """The same page with a tree of its own, which a writer may change."""
        return Page(self.job, self.front, copy.deepcopy(self.tree))

    def changed(self, change: Callable[[Node], list[Node] | None]) -> Page:
        """The page with nodes of its tree replaced."""
        return Page(self.job, self.front, rewrite(self.tree, change))

    def option(self, output: str, key: str, default: Any = None) -> Any:
        """An option of one format, or of the whole file."""
        return option(self.front, output, key, default)

    def written(self, writer: str, arguments: Sequence[str] = ()) -> bytes:
        """What pandoc writes of the tree."""
        source = json.dumps(self.tree, ensure_ascii=False)
        return pandoc(
            source, reader="json", writer=writer, arguments=arguments, cwd=self.job.scratch
        )


def theme_file(name: str) -> Path:
    """A file of the catalogue's theme."""
    return catalogue.root() / "reports" / "theme" / name


def take_number(attrs: list[Any]) -> tuple[str, str]:
    """Remove the number of a float from its attributes and return name and number."""
    pairs = dict(attrs[2])
    attrs[2] = [pair for pair in attrs[2] if pair[0] not in ("name", "number")]
    return pairs.get("name", ""), pairs.get("number", "")


def numbered_caption(name: str, number: str, words: list[Node]) -> list[Node]:
    """A caption that begins with its number."""
    label = {"t": "Strong", "c": [{"t": "Str", "c": f"{name}\u00a0{number}."}]}
    return [label, {"t": "Space"}, *words]
