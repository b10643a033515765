"""The embedded engine: what it shows, and an error with a line for everything it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from crosslevel.errors import RenderError
from crosslevel.reporting import render
from reports.pages import Web, Word, tidy
from unit.reporting.small import FIGURE, HEAD, TABLE, line_of, write_report


def shown(folder: Path, body: str, *, head: str = HEAD) -> Web:
    write_report(folder, body, head=head)
    return Web.open(render(folder, report="small", formats=("html",), engine="embedded")[0])


def refused(folder: Path, body: str, *, head: str = HEAD) -> str:
    with pytest.raises(RenderError) as caught:
        shown(folder, body, head=head)
    assert not (folder / "build" / "reports").exists()
    return str(caught.value)


UNSUPPORTED = {
    "{{< pagebreak >}}": "shortcode",
    "::: {.panel-tabset}\n## A\n:::": "tabset",
    "::: {layout-ncol=2}\nA\n:::": "figure layout",
    '::: {.content-visible when-format="html"}\nA\n:::': "conditional content",
    "::: {.column-margin}\nA\n:::": "margin",
    "[aside]{.aside}": "margin",
    "$$x$$ {#eq-one}": "numbered equation",
    "::: {#thm-one}\nA\n:::": "numbered block",
    "::: {#fig-two}\nA\n:::": "figure or table div",
    "![A](a.png){#fig-two}": "numbered picture file",
    "Text `\\vspace{1em}`{=latex}.": "raw code of one format",
    "`{r} 1 + 1`": "another language",
    "A <span>word</span>.": "HTML",
    "::: {.callout-danger}\nA\n:::": "unknown callout 'danger'",
    "```{r}\n1 + 1\n```": "a block '{r}' that is not Python",
    "```{mermaid}\nA --> B\n```": "not Python",
    "```{=html}\n<b>A</b>\n```": "not Python",
    "```{python}\n1": "never closed",
    "```{python}\n#| fig-cpa: A\n1\n```": "unknown cell option 'fig-cpa'. Did you mean 'fig-cap'?",
    "```{python}\n#| layout-ncol: 2\n1\n```": "unknown cell option 'layout-ncol'",
    "```{python}\n#| label: [\n1\n```": "the options: is not YAML",
    "```{python}\n#| output: maybe\n1\n```": "`output` is true, false or asis",
    "```{python}\n#| label: fig-a\n#| fig-cap: A\n1\n```": "cell 'fig-a' has no `fig-alt`",
    "```{python}\n#| label: tbl-a\n1\n```": "cell 'tbl-a' has no `tbl-cap`",
    "See @fig-nowhere.": "'@fig-nowhere' refers to nothing",
    "See @tbl-nowhere.": "'@tbl-nowhere' refers to nothing",
    "See @sec-nowhere.": "'@sec-nowhere' refers to nothing",
    "As @nobody2020 says.": "the bibliography has no 'nobody2020'",
}


@pytest.mark.parametrize("construct", UNSUPPORTED, ids=UNSUPPORTED.values())
def test_constructs_outside_the_subset_are_named_with_their_line(
    tmp_path: Path, construct: str
) -> None:
    body = f"One line.\n\n{construct}\n"
    message = refused(tmp_path, body)
    assert UNSUPPORTED[construct] in message
    lines = range(line_of(body, "One line") + 2, len((HEAD + body).splitlines()) + 1)
    assert any(f"small.qmd:{n}:" in message for n in lines), message


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    message = refused(tmp_path, "{{< a >}}\n\n::: {.column-page}\nB\n:::\n")
    assert "small.qmd:8" in message
    assert "small.qmd:10" in message


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("---\ntitle: A\nfilters: [b]\n---\n", "small.qmd:3: unknown front matter key 'filters'"),
        ("---\nformat:\n  pdf: default\n---\n", "small.qmd:3: unknown format 'pdf'"),
        ("---\nexecute:\n  cache: true\n---\n", "small.qmd:3: unknown execute option 'cache'"),
        ("---\ntitle: A\n", "small.qmd:1: the front matter is never closed."),
        ("No head.\n", "small.qmd:1: has no front matter. Start with `---`."),
        ("---\ntitle: [\n---\n", "the front matter is not YAML"),
        ("---\n- a\n---\n", "the front matter is not a list of `key: value` lines."),
        ("---\nbibliography: none.bib\n---\n", "none.bib: not found beside the report"),
    ],
)
def test_front_matter_is_strict(tmp_path: Path, head: str, found: str) -> None:
    assert found in refused(tmp_path, "Text.\n", head=head)


@pytest.mark.parametrize(
    ("code", "found", "at"),
    [
        ("x = 1\n\nx / 0", "cell 'one' stopped: ZeroDivisionError: division by zero", "x / 0"),
        ("x = (", "cell 'one' stopped: SyntaxError", "x = ("),
        ("class A:\n    def _repr_markdown_(self):\n        raise ValueError('no')\nA()",
         "cell 'one' stopped: ValueError: no", "raise"),
        ("from IPython.display import HTML\nHTML('<b>x</b>')", "shows HTML only", "```{python}"),
    ],
)  # fmt: skip
def test_a_cell_that_stops_says_which_and_where(
    tmp_path: Path, code: str, found: str, at: str
) -> None:
    body = f"Text.\n\n```{{python}}\n#| label: one\n{code}\n```\n"
    message = refused(tmp_path, body)
    assert found in message
    assert f"small.qmd:{line_of(body, at)}:" in message


def test_an_inline_expression_that_stops_says_where(tmp_path: Path) -> None:
    body = "Text\nand `{python} nothing` here.\n"
    message = refused(tmp_path, body)
    assert "inline `nothing` stopped: NameError: name 'nothing' is not defined" in message
    assert f"small.qmd:{line_of(body, 'nothing')}:" in message


@pytest.mark.parametrize(
    ("label", "cap", "code", "found"),
    [
        ("fig-a", "fig", "1 + 1", "cell 'fig-a' shows no figure; a `fig-` cell shows one."),
        ("fig-a", "fig", "import matplotlib.pyplot as plt\n_ = plt.figure(); _ = plt.figure()",
         "cell 'fig-a' shows 2 figures"),
        ("tbl-a", "tbl", "1 + 1", "cell 'tbl-a' shows no Markdown table"),
        ("tbl-a", "tbl", "from IPython.display import Markdown\nMarkdown('text')",
         "cell 'tbl-a' shows 0 tables"),
    ],
)  # fmt: skip
def test_a_label_is_a_promise(tmp_path: Path, label: str, cap: str, code: str, found: str) -> None:
    alt = "#| fig-alt: A\n" if cap == "fig" else ""
    body = f"Text.\n\n```{{python}}\n#| label: {label}\n#| {cap}-cap: A\n{alt}{code}\n```\n"
    message = refused(tmp_path, body)
    assert found in message
    assert f"small.qmd:{line_of(body, '```{python}')}:" in message


def test_labels_are_unique(tmp_path: Path) -> None:
    assert "label 'fig-line' was already used on line 8." in refused(tmp_path, FIGURE + FIGURE)


def test_an_unlabelled_figure_needs_alternative_text(tmp_path: Path) -> None:
    body = "```{python}\nimport matplotlib.pyplot as plt\nplt.figure()\n```\n"
    assert "shows a figure without `fig-alt`" in refused(tmp_path, body)


def test_figures_tables_sections_and_callouts_are_numbered_and_linked(tmp_path: Path) -> None:
    body = (
        "# One {#sec-one}\n\n## Two {#sec-two}\n\nSee @fig-line, [-@tbl-one], @sec-two and "
        "[@fig-line; @tbl-one].\n\n"
        + FIGURE
        + "\n"
        + TABLE
        + '\n::: {.callout-tip title="Try"}\nThis.\n:::\n\n'
        + "::: {.callout-note}\n## Mind\nThat.\n"
        + ":::\n"
    )
    web = shown(tmp_path, body)
    assert "See Figure 1, 1, Section 1.1 and Figure 1, Table 1." in web.prose()
    caption = web.soup.select_one("figcaption")
    assert caption is not None
    assert tidy(caption.get_text()) == "Figure 1. A line."
    assert web.table("tbl-one") == [["a", "b"], ["x", "1"]]
    note = web.soup.select_one(".table-note")
    assert note is not None
    assert tidy(note.get_text()) == "A note below."
    titles = [tidy(title.get_text()) for title in web.soup.select(".callout-title")]
    assert titles == ["Try", "Mind"]


def test_cells_show_what_their_options_say(tmp_path: Path) -> None:
    body = """```{python}
#| include: false
value = 41
```

```{python}
#| echo: true
print("printed", value)
```

```{python}
#| eval: false
#| echo: true
never = run
```

```{python}
#| output: false
value
```

```{python}
from IPython.display import Markdown, display
display(Markdown("*first*"))
value + 1
```

Inline `{python} value` and `{python} value + 1`.
"""
    text = shown(tmp_path, body).prose()
    assert "printed 41" in text
    assert 'print("printed", value)' in text
    assert "never = run" in text
    assert "first 42" in text
    assert "Inline 41 and 42." in text


def test_parameters_are_replaced_after_their_cell(tmp_path: Path) -> None:
    body = '```{python}\n#| tags: [parameters]\nstudy = "none"\n```\n\n`{python} len(study)`\n'
    assert str(len(str(tmp_path.resolve()))) in shown(tmp_path, body).prose()


def test_a_report_leaves_no_trace_in_the_process(tmp_path: Path) -> None:
    before = (Path.cwd(), dict(mpl.rcParams), sys.modules.get("__main__"))
    body = (
        "```{python}\nimport os, matplotlib as mpl\nmpl.rcParams['font.size'] = 33\n"
        "here = os.getcwd()\nleak = 1\n```\n\n`{python} here`\n"
    )
    web = shown(tmp_path, body)
    assert str((tmp_path / "reports").resolve()) in web.prose()
    assert (Path.cwd(), dict(mpl.rcParams), sys.modules.get("__main__")) == before
    assert "name 'leak' is not defined" in refused_again(tmp_path)


def refused_again(folder: Path) -> str:
    write_report(folder, "`{python} leak`\n")
    with pytest.raises(RenderError) as caught:
        render(folder, report="small", formats=("html",), engine="embedded")
    return str(caught.value)


def test_a_danish_study_with_an_english_template_is_an_english_page(tmp_path: Path) -> None:
    """It used to say lang="da" over English prose."""
    write_report(tmp_path, "See @fig-line.\n\n" + FIGURE)
    path = tmp_path / "build" / "manifest.json"
    text = path.read_text(encoding="utf-8").replace('"language": "en"', '"language": "da"')
    path.write_text(text, encoding="utf-8")
    web = Web.open(render(tmp_path, report="small", formats=("html",), engine="embedded")[0])
    assert web.soup.html is not None
    assert web.soup.html["lang"] == "en"
    assert "See Figure 1." in web.prose()
    assert "22 November 2026" in web.soup.get_text()


def test_danish_words_in_a_danish_template(tmp_path: Path) -> None:
    head = HEAD.replace("title: Small\n", "title: Small\nlang: da\n")
    body = "Se @fig-line.\n\n" + FIGURE + "\n::: {.callout-note}\nAt.\n:::\n"
    write_report(tmp_path, body, head=head)
    path = tmp_path / "build" / "manifest.json"
    text = path.read_text(encoding="utf-8").replace('"language": "en"', '"language": "da"')
    path.write_text(text, encoding="utf-8")
    files = render(tmp_path, report="small", formats=("html", "docx"), engine="embedded")
    web, word = Web.open(files[0]), Word.open(files[1])
    assert "Se Figur 1." in web.prose()
    assert "22. november 2026" in web.soup.get_text()
    assert "Simulerede data" in web.soup.get_text()
    assert "Bemærk" in word.text()


def test_markdown_in_data_stays_text(tmp_path: Path) -> None:
    """Values reach a page as text: nothing in them becomes markup, code or a reference."""
    nasty = "a|b *c* [d](e) @f `g` <i>h</i> $i$ ~j~ \\\\k #l"
    body = (
        "```{python}\n#| include: false\nfrom crosslevel.reporting.markdown import Cells, Inline, "
        f"Table\nnasty = {nasty!r}\n```\n\nSaid: `{{python}} Inline(nasty)`\n\n"
        "```{python}\n#| label: tbl-n\n#| tbl-cap: N\n"
        'Table(("x", "y"), (Cells((nasty, "1")),), align="lr", widths=(1, 1))\n```\n'
    )
    expected = nasty
    web = shown(tmp_path, body)
    assert web.table("tbl-n")[1] == [expected, "1"]
    assert f"Said: {expected}" in web.prose()
