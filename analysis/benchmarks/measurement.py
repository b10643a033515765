"""How long measurement models and the screening of answers take, beside lavaan where R is there.

Run from the top of the checkout, BLAS on one thread:
    OPENBLAS_NUM_THREADS=1 python analysis/benchmarks/measurement.py [--semopy-python PATH]
semopy is not installed with crosslevel: the path is that of a Python that has it.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import crosslevel as cl

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "tests" / "reference" / "data"
THREE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
FIVE = "\n".join(f"{k} =~ " + " + ".join(f"{k}{i}" for i in range(1, 6)) for k in "ACENO")
TWO = "\n".join(FIVE.splitlines()[:2])
CASES = {
    "cfa": "3 factors, 9 items, 301 pupils, ML",
    "fiml": "2 factors, 10 items, 2,800 persons with gaps, FIML with MLR",
    "dwls": "5 factors, 25 ordered items, 2,436 persons, polychorics and DWLS",
    "wlsmv": "the same, WLSMV",
    "careless": "careless indices, 100,000 persons, 60 items",
    "report": "quality report, 100,000 persons, 60 items, 2,000 units",
}


def calls() -> dict[str, tuple[int, Callable[[], object]]]:
    """Return what is timed, and how often."""
    p = cl.psychometrics
    hs = pd.read_csv(DATA / "HolzingerSwineford1939.csv")
    bfi = pd.read_csv(DATA / "bfi.csv")
    complete = bfi[[f"{k}{i}" for k in "ACENO" for i in range(1, 6)]].dropna()
    rng = np.random.default_rng(1)
    level = rng.normal(size=(100_000, 1))
    codes = np.clip(np.round(3 + 0.8 * level + rng.normal(size=(100_000, 60))), 1, 5)
    items = pd.DataFrame(codes).add_prefix("q")
    scales = {f"s{i}": [f"q{6 * i + j}" for j in range(6)] for i in range(10)}
    frame = items.assign(unit=rng.integers(0, 2000, 100_000))
    names = list(items)
    return {
        "cfa": (20, lambda: p.cfa(THREE, hs)),
        "fiml": (5, lambda: p.cfa(TWO, bfi, estimator="mlr", missing="fiml")),
        "dwls": (5, lambda: p.cfa(FIVE, complete, estimator="dwls")),
        "wlsmv": (5, lambda: p.cfa(FIVE, complete, estimator="wlsmv")),
        "careless": (5, lambda: cl.quality.careless(items, scales=scales)),
        "report": (3, lambda: cl.quality.report(frame, items=names, by=["unit"], scales=scales)),
    }


def own() -> dict[str, list[float]]:
    """Return seconds of each run; the first, which imports, is not counted."""
    found = {}
    for name, (times, call) in calls().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            call()
            found[name] = []
            for _ in range(times):
                begun = time.perf_counter()
                call()
                found[name].append(time.perf_counter() - begun)
    return found


def semopy(python: str) -> tuple[dict[str, list[float]], str]:
    """Return semopy's seconds of each run and its version; nothing without a Python that has it."""
    if not python:
        return {}, "semopy was not asked"
    done = subprocess.run(
        [python, str(HERE / "measurement_semopy.py"), THREE,
         str(DATA / "HolzingerSwineford1939.csv"), "20"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return _read(done.stdout)


def lavaan() -> tuple[dict[str, list[float]], str]:
    """Return lavaan's seconds of each run and its version; nothing without R."""
    if not shutil.which("Rscript"):
        return {}, "R is not installed"
    done = subprocess.run(
        ["Rscript", str(HERE / "measurement.R")],
        capture_output=True, text=True, check=True, cwd=HERE.parents[1],
    )  # fmt: skip
    return _read(done.stdout)


def _read(text: str) -> tuple[dict[str, list[float]], str]:
    """Return seconds by case and the version, from what another program printed."""
    found: dict[str, list[float]] = {}
    version = ""
    for line in text.splitlines():
        name, *rest = line.split()
        if name == "version":
            version = " ".join(rest)
        else:
            found.setdefault(name, []).append(float(rest[0]))
    return found, version


def shown(seconds: list[float]) -> str:
    """Median and spread."""
    scale, unit = (1e3, "ms") if statistics.median(seconds) < 1 else (1.0, "s")
    low, mid, high = (
        f"{scale * v:.3g}" for v in (min(seconds), statistics.median(seconds), max(seconds))
    )
    return f"{mid} {unit} ({low} to {high})"


def page(mine: dict[str, list[float]], *others: tuple[dict[str, list[float]], str]) -> str:
    """Return measurement.md."""
    rows = [
        "| what | crosslevel | lavaan | ratio | semopy | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, words in CASES.items():
        cells = [words, shown(mine[name])]
        for theirs, _ in others:
            known = theirs.get(name)
            ratio = statistics.median(known) / statistics.median(mine[name]) if known else 0
            cells += [shown(known), f"{ratio:.1f}"] if known else ["", ""]
        rows.append(f"| {' | '.join(cells)} |")
    versions = ", ".join(version for _, version in others)
    about = (
        f"Medians (lowest to highest) of whole calls, one after the other in one run. "
        f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}; BLAS on one "
        f"thread. crosslevel {cl.__version__}, numpy {np.__version__}, Python "
        f"{platform.python_version()}; {versions}. The last two cases are simulated."
    )
    return "\n".join(["# Measurement and quality: times", "", about, "", *rows, ""])


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--semopy-python", default="")
    text = page(own(), lavaan(), semopy(options.parse_args().semopy_python))
    (HERE / "measurement.md").write_text(text, encoding="utf-8")
    print(text)
