"""One Python program on one data set: waits for "run K", times K calls, answers with a JSON line.

Needs NumPy and pandas beside the program it times, so that a rival can live in its own environment.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

FEWEST = 100  # refits whose criteria are compared, and that a slow program makes
Call = Callable[[], tuple[float, list[float]]]


def read(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the frame, and the (B, n) outcomes y_1, y_2, ... where there are any."""
    _, *lines = (folder / "schema.txt").read_text(encoding="utf-8").splitlines()
    frame, outcomes = {}, []
    for line in lines:
        name, kind = line.split()
        values = np.fromfile(folder / f"{name}.{kind}", dtype=f"<{kind}")
        if name.startswith("y_"):
            outcomes.append(values)
        else:
            frame[name] = values.astype(np.int64) if kind == "i4" else values
    return pd.DataFrame(frame), np.array(outcomes)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = perf_counter()
    made = work()
    return perf_counter() - begin, made


def crosslevel(case: dict[str, Any], frame: pd.DataFrame, outcomes: np.ndarray) -> Call:
    from crosslevel import multilevel
    from crosslevel.multilevel.batch import refit

    formula = case["formula"]
    if case["kind"] == "fit":

        def once() -> tuple[float, list[float]]:
            seconds, model = timed(lambda: multilevel.fit(formula, frame))
            return seconds, [model.criterion]

    elif case["kind"] == "refits":

        def once() -> tuple[float, list[float]]:
            seconds, many = timed(lambda: refit(multilevel.fit(formula, frame), outcomes))
            return seconds / len(outcomes), many.criterion[:FEWEST].tolist()

    else:
        model = multilevel.fit(formula, frame)

        def once() -> tuple[float, list[float]]:
            seconds, table = timed(lambda: model.tidy(df="kenward-roger"))
            return seconds, table["df"].tolist()

    return once


def mixedlm(case: dict[str, Any], frame: pd.DataFrame, outcomes: np.ndarray) -> Call:
    lmer, formula = import_module("mixedlm").lmer, case["formula"]
    if case["kind"] == "fit":

        def once() -> tuple[float, list[float]]:
            seconds, model = timed(lambda: lmer(formula, frame))
            return seconds, [float(model.REMLcrit())]

    elif case["kind"] == "refits":

        def once() -> tuple[float, list[float]]:
            seconds, models = timed(lambda: _refits(lmer(formula, frame), outcomes))
            return seconds / len(outcomes), [float(m.REMLcrit()) for m in models[:FEWEST]]

    else:
        kenward_roger, model = import_module("mixedlm").kenward_roger_df, lmer(formula, frame)

        def once() -> tuple[float, list[float]]:
            seconds, found = timed(lambda: kenward_roger(model))
            return seconds, [float(value) for value in np.ravel(found.df)]

    return once


def _refits(model: Any, outcomes: np.ndarray) -> list[Any]:
    return [model.refit(y) for y in outcomes]


def statsmodels(case: dict[str, Any], frame: pd.DataFrame, _: np.ndarray) -> Call:
    from statsmodels.regression.mixed_linear_model import MixedLM

    given = case["statsmodels"]
    extra: dict[str, Any] = {}
    if "re_formula" in given:
        extra["re_formula"] = given["re_formula"]
    if "within" in given:
        extra |= {"re_formula": "1", "vc_formula": {"within": f"0 + C({given['within']})"}}

    def once() -> tuple[float, list[float]]:
        seconds, model = timed(
            lambda: MixedLM.from_formula(
                given["formula"], frame, groups=given["groups"], **extra
            ).fit(reml=True)
        )
        return seconds, [-2.0 * float(model.llf)]

    return once


PROGRAMS = {"crosslevel": crosslevel, "mixedlm": mixedlm, "statsmodels": statsmodels}


def warm_up(program: str) -> None:
    """Load what a program loads late."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(20), 15)
    frame = pd.DataFrame({"x": rng.normal(size=300), "g": g})
    frame["y"] = frame["x"] + rng.normal(size=20)[g] + rng.normal(size=300)
    case = {"formula": "y ~ x + (1 | g)", "kind": "fit"}
    case["statsmodels"] = {"formula": "y ~ x", "groups": "g"}
    for _ in range(2):
        PROGRAMS[program](case, frame, np.zeros((0, 300)))()


def answer(**content: Any) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run as: speed_worker.py PROGRAM CASE FOLDER, the case as JSON."""
    program, case, folder = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])
    warm_up(program)
    warnings.simplefilter("ignore")
    frame, outcomes = read(folder)
    call = PROGRAMS[program](case, frame, outcomes)
    packages = {program: version(program), "numpy": np.__version__, "pandas": pd.__version__}
    answer(versions=packages | {"Python": sys.version.split()[0]})
    for line in sys.stdin:
        found = [call() for _ in range(int(line.split()[1]))]
        answer(seconds=[seconds for seconds, _ in found], values=found[-1][1])


if __name__ == "__main__":
    main()
