"""The report as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import html
import re
from typing import Any

from crosslevel.reporting.fonts import css_faces
from crosslevel.reporting.headers import with_headers
from crosslevel.reporting.job import as_list
from crosslevel.reporting.page import Page, numbered_caption, take_number, theme_file
from crosslevel.reporting.tree import Node, attributes, div

_MIME = {".svg": "image/svg+xml", ".png": "image/png"}


def write(page: Page) -> bytes:
    """Return the HTML of a page: styles, fonts and pictures inside."""
    job = page.job

    def _change(node: Node) -> list[Node] | None:
        if node["t"] == "Image":
            node["c"][2][0] = _inline(page, node["c"][2][0])
        elif node["t"] == "Figure":
            _caption(node["c"][0], node["c"][1])
        elif node["t"] == "Table":
            _caption(node["c"][0], node["c"][1])
            with_headers(node)
            return [div(attributes(classes=["table-wrap"]), [node])]
        elif node["t"] == "Div" and "callout" in node["c"][0][1]:
            return [_callout(node)]
        return None

    names = as_list(page.option("html", "css")) or ["theme/report.css"]
    css = "\n".join(job.resource(name).read_text(encoding="utf-8") for name in names)
    arguments = [
        "--standalone", "--mathml", "--section-divs", "--wrap=preserve",
        f"--template={theme_file('page.html')}",
        f"--variable=pagetitle:{job.title}",
        f"--variable=footer:{job.footer}",
    ]  # fmt: skip
    if page.option("html", "number-sections", False):
        arguments.append("--number-sections")
    if page.option("html", "toc", False):
        arguments += ["--toc", "--toc-depth=2"]
    body = page.changed(_change).written("html5", arguments).decode("utf-8")
    body = _phone_labels(body)
    style = f"{css_faces(html.unescape(re.sub('<svg.*?</svg>', '', body)))}\n{css}"
    return body.replace("/*STYLE*/", style).encode("utf-8")


def _inline(page: Page, name: str) -> str:
    """A picture as a data address."""
    path = page.job.scratch / name
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{_MIME[path.suffix]};base64,{data}"


def _caption(attrs: list[Any], caption: list[Any]) -> None:
    """Write the number into a caption, where there is one."""
    name, number = take_number(attrs)
    if number:
        block = caption[1][0]
        block["c"] = numbered_caption(name, number, block["c"])


def _callout(node: Node) -> Node:
    """A callout with its title as a line of its own."""
    (identifier, classes, pairs), blocks = node["c"]
    title = dict(pairs)["title"]
    head = div(
        attributes(classes=["callout-title"]), [{"t": "Plain", "c": [{"t": "Str", "c": title}]}]
    )
    return div(attributes(identifier, classes), [head, *blocks])


def _phone_labels(body: str) -> str:
    """Let a keyboard reach tables that scroll sideways."""
    return body.replace(
        '<div class="table-wrap">', '<div class="table-wrap" tabindex="0" role="group">'
    )
