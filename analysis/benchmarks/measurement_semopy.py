"""How long semopy takes for the factor model of `measurement.py`; run by it in another Python.

Printed: its version, then seconds of each run, with standard errors and indices of fit.
"""

from __future__ import annotations

import sys
import time

import pandas as pd
import semopy


def main(model: str, data: str, times: int) -> None:
    """Fit, inspect and judge the model so many times; the first run is not counted."""
    frame = pd.read_csv(data)
    print("version", f"semopy {semopy.__version__}")
    for run in range(times + 1):
        begun = time.perf_counter()
        fitted = semopy.Model(model)
        fitted.fit(frame)
        fitted.inspect()
        semopy.calc_stats(fitted)
        if run:
            print("cfa", time.perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
