"""Every Python block of the README runs, in order, in one namespace; every file it names exists."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```pycon\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert blocks
    example = doctest.DocTestParser().get_doctest(
        "\n".join(blocks), {}, "README.md", "README.md", 0
    )
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    runner.run(example, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)
    assert len(example.examples) >= 5


def test_named_files_exist() -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)]+)\)", README)
    missing = [t for t in targets if not (ROOT / t.split("#")[0]).exists()]
    assert targets
    assert not missing


def test_commands_of_the_readme_exist() -> None:
    import crosslevel.cli
    from crosslevel.cli import app

    with pytest.raises(SystemExit):
        crosslevel.cli.run(["--help"])
    known = {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    console = re.findall(r"^```console\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    used = set(re.findall(r"^crosslevel ([a-z]+)", "\n".join(console), flags=re.MULTILINE))
    assert used >= {"new", "check", "run", "render", "questionnaire"}
    assert used <= known
