"""The command itself: refusals of the system, any encoding of the terminal, an interruption."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crosslevel import instruments
from crosslevel.cli import main
from crosslevel.cli.console import refused

ASK = ["questionnaire", "manager-data-use"]


def _raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def _read(*_: object) -> None:
        raise error

    monkeypatch.setattr(instruments, "read", _read)


def test_a_refusal_of_the_system_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It used to be a traceback."""
    place = tmp_path / "build"
    _raising(monkeypatch, PermissionError(errno.EACCES, "Permission denied", str(place / "x.json")))
    place.mkdir()
    assert main(ASK) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"error: Cannot write '{place}': permission denied. Choose another")
    assert "Traceback" not in shown


def test_what_was_refused_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    file.write_text("employee\n", encoding="utf-8")
    denied = PermissionError(errno.EACCES, "Permission denied", str(file))
    assert refused(denied).startswith(f"Cannot write '{file}': permission denied.")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert refused(denied) == f"Cannot read '{file}': permission denied. Change who may read it."
    full = OSError(errno.ENOSPC, "No space left on device")
    assert refused(full) == ("The system refused to read or write a file: no space left on device.")
    assert refused(OSError("A link is broken.")).endswith("a file: a link is broken.")


def test_an_interruption_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _raising(monkeypatch, KeyboardInterrupt())
    assert main(ASK) == 130
    assert capsys.readouterr().err.strip() == "Stopped."
    monkeypatch.setattr("crosslevel.cli.import_module", instruments.read)
    assert main(ASK) == 130
    assert capsys.readouterr().err.strip() == "Stopped."


def _printed(text: str, encoding: str) -> bytes:
    """Bytes that `run` lets pass when a command prints."""
    script = (
        "import sys\n"
        "from crosslevel import cli\n"
        f"cli.main = lambda _: sys.stdout.write({text!r}) and 0\n"
        "cli.run()\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("cp1252", "\N{MINUS SIGN}0.20 in Børneafd.", "-0.20 in Børneafd.".encode("cp1252")),
        ("ascii", "Børneafd. \N{RIGHT SINGLE QUOTATION MARK}å", rb"B\u00f8rneafd. '\u00e5"),
        ("utf-8", "\N{MINUS SIGN}0.20", "\N{MINUS SIGN}0.20".encode()),
    ],
)
def test_a_terminal_that_lacks_a_character_shows_what_it_can(
    encoding: str, text: str, shown: bytes
) -> None:
    """A minus sign that cp1252 lacks raised UnicodeEncodeError; it must not lose the sign."""
    assert _printed(text, encoding) == shown


def test_json_on_such_a_terminal_is_read_back() -> None:
    told = {"unit": "Børneafd. \N{GRINNING FACE}"}
    assert json.loads(_printed(json.dumps(told, ensure_ascii=False), "ascii")) == told
