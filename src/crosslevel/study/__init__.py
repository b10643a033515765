"""How the pieces of one study fit: open it, check it, simulate it, run it."""

from crosslevel.study.build import Build, FileRecord, Manifest, open_build
from crosslevel.study.folder import Study
from crosslevel.study.simulation import SimulatedStudy, simulate
from crosslevel.study.spec import StudySpec
from crosslevel.study.template import create
from crosslevel.study.truth import Truth

__all__ = [
    "Build",
    "FileRecord",
    "Manifest",
    "SimulatedStudy",
    "Study",
    "StudySpec",
    "Truth",
    "create",
    "open_build",
    "simulate",
]
