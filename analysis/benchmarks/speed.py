"""How fast is a fit, and how right? crosslevel beside lme4, mixedlm and statsmodels.

Each program runs in a process of its own, on the same bytes, from formula and frame; the runs of
all programs take turns, so that other load on the machine hits all alike. A run that had to wait
for a processor is repeated. BLAS has one thread everywhere. See README.md beside this file.

    python analysis/benchmarks/speed.py --mixedlm-python OTHER/bin/python
    python analysis/benchmarks/speed.py --cases exam kr --programs crosslevel lme4
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
from speed_cases import CASES, Case, write
from speed_page import Measured, page

HERE = Path(__file__).parent
PROGRAMS = ("crosslevel", "lme4", "mixedlm", "statsmodels")
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
RUNS = ((5.0, 5), (60.0, 3), (float("inf"), 1))  # a call of under 5 s runs 5 times, and so on
SPAN, MOST = 0.25, 40  # a run repeats a short call for SPAN seconds, MOST times at most
WAITING = 0.03  # share of a run spent waiting for a processor, from which it is repeated
PATIENCE = 2  # times as many runs as wanted, until the least disturbed are taken
SEED = 20260301


@dataclass(frozen=True, slots=True)
class Run:
    """One run: seconds per call less waiting, and the share spent waiting for a processor."""

    seconds: float
    waiting: float


class Program:
    """A program at work in its own process, the data loaded."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        environment = os.environ | dict.fromkeys(ONE_THREAD, "1")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.versions: Mapping[str, str] = self._answer()["versions"]
        self.runs: list[Run] = []
        self.memory, self.first = self._first()
        self.calls = min(max(int(SPAN / self.first), 1), MOST)

    @property
    def wanted(self) -> int:
        return next(runs for under, runs in RUNS if self.first < under)

    @property
    def settled(self) -> bool:
        calm = sum(run.waiting <= WAITING for run in self.runs)
        return calm >= self.wanted or len(self.runs) >= PATIENCE * self.wanted

    @property
    def chosen(self) -> list[Run]:
        return sorted(self.runs, key=lambda run: run.waiting)[: self.wanted]

    def run(self) -> None:
        """Add one run."""
        begin, before = perf_counter(), self._waited()
        found = self._asked(self.calls)
        elapsed = perf_counter() - begin
        waiting = (self._waited() - before) / elapsed
        self.runs.append(Run(float(np.mean(found["seconds"])) * (1.0 - waiting), waiting))
        self.values = found["values"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def _first(self) -> tuple[float, float]:
        """Return memory in MB that the first call needs above the data, and its whole seconds."""
        proc = Path("/proc") / str(self.process.pid)
        (proc / "clear_refs").write_text("5", encoding="ascii")
        before, begin = _kilobytes(proc, "VmRSS"), perf_counter()
        self.values = self._asked(1)["values"]
        seconds = perf_counter() - begin
        return (_kilobytes(proc, "VmHWM") - before) / 1024, seconds

    def _asked(self, calls: int) -> dict[str, list[float]]:
        self.process.stdin.write(f"run {calls}\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} has ended with code {self.process.wait()}.")
        return json.loads(line)

    def _waited(self) -> float:
        """Return the seconds that its threads have waited for a processor."""
        tasks = (Path("/proc") / str(self.process.pid) / "task").glob("*/schedstat")
        return sum(int(task.read_text(encoding="ascii").split()[1]) for task in tasks) / 1e9


def _kilobytes(proc: Path, name: str) -> int:
    lines = (proc / "status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def command(program: str, case: Case, folder: Path, pythons: Mapping[str, str]) -> list[str] | None:
    """Return how a program is started on a case; None where it is not there or has no way."""
    if program == "lme4":
        rscript = shutil.which("Rscript")
        script = str(HERE / "speed_lme4.R")
        told = [case.kind, case.formula, str(folder)]
        return [rscript, "--vanilla", script, *told] if rscript else None
    if program not in pythons or (program == "statsmodels" and case.statsmodels is None):
        return None
    told = {"formula": case.formula, "kind": case.kind, "statsmodels": case.statsmodels}
    return [
        pythons[program],
        str(HERE / "speed_worker.py"),
        program,
        json.dumps(told),
        str(folder),
    ]


def measure(
    case: Case, folder: Path, programs: Sequence[str], pythons: Mapping[str, str]
) -> list[Measured]:
    """Return what each program needed, all taking turns."""
    rows = len(case_frame := case.make(np.random.default_rng(SEED)))
    write(case_frame, folder)
    del case_frame
    started = []
    for name in programs:
        told = command(name, case, folder, pythons)
        if told is not None:
            started.append(Program(name, told))
            print(f"  {name}: {started[-1].first:.4g} s at first", flush=True)
    while any(not program.settled for program in started):
        for program in started:
            if not program.settled:
                program.run()
    for program in started:
        program.close()
    shutil.rmtree(folder)
    return [
        Measured(
            case=case.id,
            program=p.name,
            seconds=[run.seconds for run in p.chosen],
            calls=p.calls,
            waiting=max(run.waiting for run in p.chosen),
            memory=p.memory,
            values=p.values,
            rows=rows,
            versions=dict(p.versions),
            load=os.getloadavg()[0],
        )
        for p in started
    ]


def main() -> None:
    """Measure, keep the figures in speed.json and write speed.md beside this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ids = [case.id for case in CASES]
    parser.add_argument("--cases", nargs="+", default=ids, choices=ids)
    parser.add_argument("--programs", nargs="+", default=list(PROGRAMS), choices=PROGRAMS)
    parser.add_argument("--mixedlm-python", help="a Python that has mixedlm, if this one has not")
    parser.add_argument("--trial", action="store_true", help="print only; nothing is kept")
    given = parser.parse_args()
    pythons = {name: sys.executable for name in PROGRAMS if find_spec(name)}
    if given.mixedlm_python:
        pythons["mixedlm"] = given.mixedlm_python
    kept = HERE / "speed.json"
    found = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    known = {(m["case"], m["program"]): Measured(**m) for m in found}
    if given.trial:
        known = {}
    for case in CASES:
        if case.id not in given.cases:
            continue
        print(case.title, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for m in measure(case, Path(folder) / case.id, given.programs, pythons):
                known[m.case, m.program] = m
                print(f"  {m.program}: {m.text()}", flush=True)
        if given.trial:
            continue
        order = [(c.id, p) for c in CASES for p in PROGRAMS if (c.id, p) in known]
        records = [asdict(known[key]) for key in order]
        kept.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
        text = page([known[key] for key in order])
        (HERE / "speed.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
