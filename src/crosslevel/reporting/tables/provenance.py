"""Tables about where a report comes from: input files and software."""

from __future__ import annotations

from crosslevel.reporting.markdown import Cells, Table
from crosslevel.reporting.numbers import count
from crosslevel.study.build import Build

HASH_SHOWN = 16


def inputs(build: Build) -> Table:
    """One row per input file."""
    rows = tuple(
        Cells(
            (
                entry.path,
                "" if entry.bytes is None else count(entry.bytes),
                entry.sha256[:HASH_SHOWN],
            )
        )
        for entry in build.manifest.inputs
    )
    header = ("File", "Bytes", "SHA-256 begins")
    note = "The fingerprints in full are in build/manifest.json."
    return Table(header, rows, align="lrl", widths=(52, 16, 32), note=note)


def software(build: Build) -> Table:
    """One row per package, Python and this one first."""
    manifest = build.manifest
    versions = {"crosslevel": manifest.crosslevel_version, "Python": manifest.python}
    versions |= dict(sorted(manifest.packages.items()))
    rows = tuple(Cells((name, version)) for name, version in versions.items())
    return Table(("Software", "Version"), rows, align="ll", widths=(50, 50))
