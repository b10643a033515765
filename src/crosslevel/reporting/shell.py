"""An IPython shell that shows nothing and remembers what it was asked to show.

Imported only when a report is run: it needs IPython.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type


class _Hook(DisplayHook):
    """Hands the value of a cell's last expression to the shell."""

    def start_displayhook(self) -> None:
        """Print nothing."""

    def write_output_prompt(self) -> None:
        """Print nothing."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:  # noqa: ARG002
        """Keep the value."""
        shell: Any = self.shell
        shell.shown.append(dict(format_dict))

    def finish_displayhook(self) -> None:
        """Print nothing."""


class _Publisher(DisplayPublisher):
    """Hands what `display` was given to the shell."""

    def publish(self, data: Any, metadata: Any = None, source: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Keep the value."""
        shell: Any = self.shell
        shell.shown.append(dict(data))


class QuietShell(InteractiveShell):
    """IPython without a terminal, without history, without printed tracebacks."""

    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)

    def begin(self) -> None:
        """Forget what was shown before."""
        self.shown: list[dict[str, Any]] = []
        self.failure: BaseException | None = None

    def showtraceback(self, exc_tuple: Any = None, *_: Any, **__: Any) -> None:
        """Keep the exception; the caller says it in its own words."""
        import sys

        self.failure = (exc_tuple or sys.exc_info())[1]

    def showsyntaxerror(self, *_: Any, **__: Any) -> None:
        """Keep the exception."""
        import sys

        self.failure = sys.exc_info()[1]

    def _user_obj_error(self) -> dict[str, str]:
        """Exception of an inline expression, in one line."""
        import sys

        kind, value, _ = sys.exc_info()
        return {
            "status": "error",
            "ename": kind.__name__ if kind else "",
            "evalue": str(value),
            "traceback": "",
        }

    def keep_figures(self, kind: type, mime: str, keep: Callable[[Any], str]) -> None:
        """Show figures of this class as a number that `keep` returns."""

        def _bundle(figure: Any, include: Any = None, exclude: Any = None) -> Any:  # noqa: ARG001
            return {mime: keep(figure)}

        formatter: Any = self.display_formatter
        formatter.mimebundle_formatter.for_type(kind, _bundle)


def quiet_shell(**settings: Any) -> QuietShell:
    """Return a new shell that is nobody's singleton."""
    make: Any = QuietShell
    shell: QuietShell = make(**settings)
    shell.begin()
    return shell
