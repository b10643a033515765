"""The cells of the article in a real Jupyter kernel, set up as Quarto sets one up."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.reporting.qmd import Cell, read

TEMPLATE = Path(__file__).parents[2] / "reports" / "article.qmd"
SET_UP = """
import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats
set_matplotlib_formats("png")
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_each_cell_shows_what_quarto_needs(study: Path) -> None:
    """One picture for a figure, one Markdown text for a table; nothing twice, nothing else."""
    import nbclient
    import nbformat

    cells = [block for block in read(TEMPLATE).blocks if isinstance(block, Cell)]
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(SET_UP)]
    for cell in cells:
        source = cell.source
        if cell.label == "parameters":
            source = f"study = {str(study)!r}"
        notebook.cells.append(nbformat.v4.new_code_cell(source))
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    for cell, ran in zip(cells, notebook.cells[1:], strict=True):
        kinds = [sorted(output.get("data", {})) for output in ran.outputs]
        if cell.kind == "figure":
            assert len(kinds) == 1, cell.label
            assert "image/png" in kinds[0]
        elif cell.kind == "table":
            assert kinds == [["text/markdown", "text/plain"]], cell.label
            assert ran.outputs[0]["data"]["text/markdown"].startswith("| ")
