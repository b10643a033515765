"""The engine that needs nothing but packages from PyPI.

It speaks this part of Quarto's language, and refuses the rest with the line it stands on:

- front matter: title block, `lang`, `execute` (`echo`, `warning`), `format` (`html`, `docx`,
  `typst`), `bibliography`, `csl`, `link-citations`, `number-sections`, `toc`, `fig-width/height`;
- ```` ```{python} ```` cells with `#|` options label, tags, echo, eval, include, output, warning,
  fig-cap, fig-alt, fig-width, fig-height, tbl-cap; inline `` `{python} expression` ``;
- divs `{.content-visible when-meta="has.NAME"}` (or `.content-hidden`, `unless-meta`), resolved
  from what the build has to show; `has` in the front matter is what plain Quarto goes by;
- a cell tagged `parameters`, whose values the caller may replace;
- `@fig-`, `@tbl-` and `@sec-` references, citations, callouts, divs with classes, and everything
  else that is plain pandoc Markdown.

One document tree is made, numbered and given its references; each format is written from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crosslevel.reporting import paper, screen, word
from crosslevel.reporting.job import Job, as_list, long_date
from crosslevel.reporting.page import Page
from crosslevel.reporting.qmd import Document, read
from crosslevel.reporting.structure import bibliography_keys, structured
from crosslevel.reporting.tree import Node, meta
from crosslevel.reporting.typesetting import pandoc
from crosslevel.reporting.weave import weave

_WRITERS: Mapping[str, Callable[[Page], bytes]] = {
    "html": screen.write,
    "docx": word.write,
    "pdf": paper.write,
}


def make(job: Job, *, formats: Sequence[str]) -> dict[str, bytes]:
    """Return the finished files of a report by their extension.

    Raises
    ------
    RenderError
        When a cell fails or the template holds something outside the subset.
    """
    document = read(job.template, has=job.has)
    parameters = {"study": str(job.study)}
    woven = weave(document, parameters=parameters, folder=job.scratch)
    tree = _tree(job, document, woven.markdown)
    bibliographies = [job.resource(name) for name in as_list(document.front.get("bibliography"))]
    keys = frozenset().union(
        *(bibliography_keys(path.read_text(encoding="utf-8")) for path in bibliographies)
    )
    tree = structured(tree, woven, document, language=job.language, citations=keys)
    if bibliographies:
        tree = _cited(job, document, tree, [str(path) for path in bibliographies])
    page = Page(job, document.front, tree)
    return {name: _WRITERS[name](page.copy()) for name in formats}


def _tree(job: Job, document: Document, markdown: str) -> Node:
    """Pandoc's tree of the woven text, with the study's title block."""
    tree: Node = json.loads(pandoc(markdown, reader="markdown", writer="json", cwd=job.scratch))
    front: dict[str, Any] = {
        key: document.front[key] for key in ("keywords",) if key in document.front
    }
    front |= {key: value for key, value in job.front().items() if value}
    front["date"] = long_date(str(front.get("date", "")), job.language)
    front["link-citations"] = bool(document.front.get("link-citations", True))
    tree["meta"] = {key: meta(value) for key, value in front.items()}
    return tree


def _cited(job: Job, document: Document, tree: Node, bibliographies: Sequence[str]) -> Node:
    """The tree with its citations written out and the list of references at the end."""
    arguments = ["--citeproc", *(f"--bibliography={path}" for path in bibliographies)]
    if "csl" in document.front:
        arguments.append(f"--csl={job.resource(str(document.front['csl']))}")
    source = json.dumps(tree, ensure_ascii=False)
    done = pandoc(source, reader="json", writer="json", arguments=arguments, cwd=job.scratch)
    cited: Node = json.loads(done)
    return cited
