"""A study with a tiny report of its own, for tests of the engine."""

from __future__ import annotations

from pathlib import Path

from reports.synthetic import write_build

HEAD = """---
title: Small
execute:
  echo: false
number-sections: true
---

"""
FIGURE = """```{python}
#| label: fig-line
#| fig-cap: A line.
#| fig-alt: A line that goes up.
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([0, 1])
figure
```
"""
TABLE = """```{python}
#| label: tbl-one
#| tbl-cap: One row.
from IPython.display import Markdown
Markdown("| a | b |\\n|---|--:|\\n| x | 1 |\\n\\nA note below.")
```
"""


def write_report(folder: Path, body: str, *, head: str = HEAD, name: str = "small") -> Path:
    """Write a study with a build and `reports/small.qmd`; return the study."""
    if not (folder / "build").is_dir():
        write_build(folder)
    (folder / "reports").mkdir(exist_ok=True)
    (folder / "reports" / f"{name}.qmd").write_text(head + body, encoding="utf-8")
    return folder


def line_of(body: str, text: str, *, head: str = HEAD) -> int:
    """Line of the report on which a text stands."""
    lines = (head + body).splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)
