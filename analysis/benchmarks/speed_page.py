"""The figures of a benchmark as a page."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from speed_cases import CASES, Case

WORSE = 0.01  # deviance units above the lowest criterion from which an answer counts as wrong
OFF = 0.01  # relative error of degrees of freedom against pbkrtest, likewise
METHOD = (
    "Whole call from formula and frame; one process per program, taking turns on the same data; "
    "BLAS on one thread. Medians of 5 runs (of 3 where a call takes over 5 s, one run where it "
    "takes over a minute); a run repeats a short call for a quarter of a second. Time "
    "spent waiting for a processor, as Linux counts it, is taken off. What counts is the ratio in "
    "one run."
)
LEGEND = (
    "Times crosslevel: how many times the time of crosslevel. Criterion: REML criterion above the "
    f"lowest that any program reached; more than {WORSE} above it counts as wrong, however fast. "
    "For Kenward-Roger, the largest relative difference of a coefficient's degrees of freedom from "
    "pbkrtest's. MB: peak resident memory of the first call above that of the process with the "
    "data loaded."
)
REFITS = (
    "Refits: fresh `lmer` fits of the first 100 outcomes (`refit` of lme4 1.1-31 is wrong for "
    "REML); `refit` of mixedlm and `multilevel.batch.refit` for all 1,000, the first fit counted."
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one program needed for one case.

    `seconds`: one per run, the mean of its `calls` less the time spent waiting for a processor;
    `waiting`: the largest share of a run spent so; `memory`: MB above the loaded data at the first
    call; `values`: the criteria, or the degrees of freedom.
    """

    case: str
    program: str
    seconds: list[float]
    calls: int
    waiting: float
    memory: float
    values: list[float]
    rows: int
    versions: dict[str, str]
    load: float

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    def text(self) -> str:
        low, high = min(self.seconds), max(self.seconds)
        return (
            f"{duration(self.median)} ({duration(low)} to {duration(high)}), "
            f"{self.memory:.0f} MB, waited {100 * self.waiting:.1f} %, {np.mean(self.values):.9g}"
        )


def duration(seconds: float) -> str:
    """Return seconds or milliseconds with three digits."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def ratio(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def verdict(case: Case, own: Measured, group: Sequence[Measured]) -> str:
    """Return how far an answer is from the best one, in words when it is wrong."""
    values = np.array(own.values)
    if case.kind == "df":
        reference = next((m for m in group if m.program == "lme4"), group[0])
        if len(values) != len(reference.values):
            return "**wrong**: no df per coefficient"
        off = float(np.max(np.abs(values / np.array(reference.values) - 1)))
        return f"{off:.0e} of pbkrtest" if off < OFF else f"**wrong** by {100 * off:.0f} %"
    lowest = min(float(np.mean(m.values)) for m in group)
    above = float(values.mean()) - lowest
    if above > WORSE:
        return f"**wrong**, {above:.3g} above the lowest"
    return "lowest" if above < 1e-7 else f"+{above:.0e}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def results(found: Sequence[Measured]) -> str:
    rows = []
    for case in CASES:
        group = [m for m in found if m.case == case.id]
        own = next((m for m in group if m.program == "crosslevel"), None)
        for m in group:
            low, high = min(m.seconds), max(m.seconds)
            rows.append(
                [
                    case.title if m is group[0] else "",
                    m.program,
                    duration(m.median),
                    f"{duration(low)} to {duration(high)}",
                    ratio(m.median / own.median) if own else "",
                    verdict(case, m, group),
                    f"{m.memory:.0f}",
                ]
            )
    header = ["case", "program", "median", "spread", "times crosslevel", "criterion", "MB"]
    return table(header, rows)


def floors(found: Sequence[Measured]) -> str:
    rows = []
    for case in CASES:
        group = {m.program: m for m in found if m.case == case.id}
        own = group.get("crosslevel")
        for program, floor in case.floors.items():
            if own is None or program not in group:
                continue
            reached = group[program].median / own.median
            met = "yes" if reached >= floor else "**no**"
            if floor < 1:
                aim = f"at most {1 / floor:.2g} times the time of {program}"
                rows.append([case.title, aim, f"{1 / reached:.3g}", met])
            else:
                aim = f"{floor:g} times faster than {program}"
                rows.append([case.title, aim, ratio(reached), met])
        if case.memory and own:
            met = "yes" if own.memory < case.memory else "**no**"
            aim = f"under {case.memory:g} MB above the data"
            rows.append([case.title, aim, f"{own.memory:.0f} MB", met])
    return table(["case", "floor", "reached", "met"], rows)


def machine() -> str:
    """Return processor and memory in words."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in info if "model name" in line), "unknown")
    total = Path("/proc/meminfo").read_text(encoding="ascii").split()[1]
    cores = sum(line.startswith("processor") for line in info)
    return f"{model}, {cores} virtual cores, {int(total) / 2**20:.0f} GB, {platform.system()}"


def page(found: Sequence[Measured]) -> str:
    """Return the text of speed.md."""
    versions: dict[str, set[str]] = {}
    for m in found:
        for name, version in m.versions.items():
            versions.setdefault(name, set()).add(version)
    listed = ", ".join(f"{k} {' / '.join(sorted(v))}" for k, v in sorted(versions.items()))
    loads = [m.load for m in found]
    waited = max((m.waiting for m in found), default=0.0)
    parts = [
        "# Speed",
        METHOD,
        results(found),
        LEGEND,
        REFITS,
        "## Floors",
        floors(found),
        "## Machine and versions",
        f"{machine()}. Load average {min(loads):.1f} to {max(loads):.1f}, mostly other work, which "
        f"also slows what it does not stop; runs waited for a processor for up to "
        f"{100 * waited:.0f} % of their time.",
        f"{listed}. R with its reference BLAS, NumPy with OpenBLAS.",
    ]
    return "\n\n".join(parts) + "\n"
