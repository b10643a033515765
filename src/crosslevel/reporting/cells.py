"""Run the cells of a report in this process, one clean Python namespace per report."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import types
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosslevel.catalogue import optional
from crosslevel.errors import Problem, RenderError
from crosslevel.reporting.qmd import Cell, Document

_PICTURE = "application/x-crosslevel-figure"
_MODULE = "crosslevel_report"


@dataclass(frozen=True, slots=True)
class Output:
    """One thing a cell shows: Markdown text, plain text, or a matplotlib figure."""

    markdown: str = ""
    plain: str = ""
    figure: Any = None


class Session:
    """A namespace in which the cells of one report run, in order."""

    def __init__(self, document: Document, shell: Any, pictures: list[Any]) -> None:
        self._document = document
        self._shell = shell
        self._pictures = pictures

    def run(self, cell: Cell, *, defaults: Mapping[str, Any]) -> list[Output]:
        """Return what a cell shows, in order.

        Raises
        ------
        RenderError
            When the cell raises: file, line, label and the exception.
        """
        _set_figure_size(cell, defaults)
        text, noise = io.StringIO(), io.StringIO()
        self._shell.begin()
        with redirect_stdout(text), redirect_stderr(noise):
            outcome = self._shell.run_cell(cell.source, store_history=False)
            error = outcome.error_before_exec or outcome.error_in_exec or self._shell.failure
        if error is not None:
            raise self._failed(cell, error)
        shown = [Output(plain=text.getvalue())] if text.getvalue().strip() else []
        shown += [self._output(cell, bundle) for bundle in self._shell.shown]
        shown += [Output(figure=figure) for figure in self._open_figures(shown)]
        return shown

    def assign(self, values: Mapping[str, str]) -> None:
        """Set parameters, as Quarto does after the cell tagged `parameters`."""
        self._shell.user_ns.update(values)

    def text(self, expression: str, *, line: int) -> str:
        """Return the Markdown of one inline expression.

        Raises
        ------
        RenderError
            When it raises.
        """
        self._shell.begin()
        result = self._shell.user_expressions({"value": expression})["value"]
        where = self._document.where(line)
        if result["status"] != "ok" or self._shell.failure is not None:
            reason = self._shell.failure or f"{result.get('ename')}: {result.get('evalue')}"
            found = f"inline `{expression.strip()}` stopped: {reason}"
            raise RenderError("An inline expression cannot be shown.", [Problem(where, found)])
        data = result["data"]
        return str(data.get("text/markdown", data.get("text/plain", "")))

    def _failed(self, cell: Cell, error: BaseException) -> RenderError:
        """Say which cell stopped, on which line, and why."""
        line = cell.code_line - 1 + _line_in_cell(error)
        name = f"cell '{cell.label}'" if cell.label else "a cell"
        found = f"{name} stopped: {type(error).__name__}: {error}"
        return RenderError("A cell cannot be run.", [Problem(self._document.where(line), found)])

    def _output(self, cell: Cell, bundle: Mapping[str, Any]) -> Output:
        """One displayed object as Markdown, figure or plain text."""
        if _PICTURE in bundle:
            return Output(figure=self._pictures[int(bundle[_PICTURE])])
        if "text/markdown" in bundle:
            return Output(markdown=str(bundle["text/markdown"]))
        if "text/html" in bundle:
            found = f"cell '{cell.label}' shows HTML only, which DOCX and PDF cannot show."
            raise RenderError(
                "A cell cannot be shown in every format.",
                [Problem(self._document.where(cell.line), found, "Show Markdown instead.")],
            )
        return Output(plain=str(bundle.get("text/plain", "")))

    def _open_figures(self, shown: list[Output]) -> list[Any]:
        """Figures left open in pyplot and not shown yet; all are closed."""
        import matplotlib.pyplot as plt

        known = {id(output.figure) for output in shown}
        figures = [plt.figure(number) for number in plt.get_fignums()]
        plt.close("all")
        return [figure for figure in figures if id(figure) not in known]


@contextmanager
def session(document: Document) -> Iterator[Session]:
    """Open a clean namespace: own module, Agg, default rcParams, the report's folder as cwd."""
    optional("IPython", extra="reports")
    import matplotlib as mpl

    backend = mpl.get_backend() if "matplotlib.pyplot" in sys.modules else "agg"
    pictures: list[Any] = []
    with (
        tempfile.TemporaryDirectory() as profile,
        _working_folder(document.path.parent),
        mpl.rc_context(),
        warnings.catch_warnings(),
        _shell(Path(profile), pictures) as shell,
    ):
        mpl.use("agg", force=True)
        import matplotlib.pyplot as plt

        plt.close("all")
        mpl.rcdefaults()
        try:
            yield Session(document, shell, pictures)
        finally:
            plt.close("all")
            mpl.use(backend, force=True)


@contextmanager
def _working_folder(folder: Path) -> Iterator[None]:
    """Run with another current folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _shell(profile: Path, pictures: list[Any]) -> Iterator[Any]:
    """An IPython shell of our own that `display` finds, beside any the user already runs."""
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib.figure import Figure
    from traitlets.config import Config

    from crosslevel.reporting.shell import quiet_shell

    config = Config()
    config.HistoryManager.enabled = False
    module = types.ModuleType(_MODULE)
    singleton: Any = InteractiveShell
    before, main = singleton._instance, sys.modules.get("__main__")
    shell = quiet_shell(config=config, ipython_dir=str(profile), user_module=module)

    def _keep(figure: Any) -> str:
        pictures.append(figure)
        return str(len(pictures) - 1)

    shell.keep_figures(Figure, _PICTURE, _keep)
    singleton._instance = shell
    try:
        yield shell
    finally:
        singleton._instance = before
        sys.modules.pop(_MODULE, None)
        if main is not None:
            sys.modules["__main__"] = main


def _set_figure_size(cell: Cell, defaults: Mapping[str, Any]) -> None:
    """Set the default size of figures in this cell, in inches."""
    import matplotlib as mpl

    width = float(cell.options.get("fig-width", defaults.get("fig-width", 6.3)))
    height = float(cell.options.get("fig-height", defaults.get("fig-height", 3.6)))
    mpl.rcParams["figure.figsize"] = (width, height)


def _line_in_cell(error: BaseException) -> int:
    """Line of the cell on which it stopped, from 1."""
    if isinstance(error, SyntaxError) and error.lineno:
        return int(error.lineno)
    trace, line = error.__traceback__, 1
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == _MODULE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
