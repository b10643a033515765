"""One synthetic study, rendered once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.reporting import render
from reports.synthetic import write_build


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_build(tmp_path_factory.mktemp("study"), seed=1)


@pytest.fixture(scope="session")
def article(study: Path) -> dict[str, Path]:
    """The article of the study in all formats, by extension."""
    paths = render(study, engine="embedded")
    return {path.suffix[1:]: path for path in paths}


@pytest.fixture(scope="session")
def other_article(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same article from a build that shares no estimate with the first."""
    other = write_build(tmp_path_factory.mktemp("other"), seed=2)
    return render(other, engine="embedded", formats=("html",))[0]
