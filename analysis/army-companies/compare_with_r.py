"""Our estimates of the army study beside R's, and the largest relative difference.

Run the study first; both sides are then read from files:

    crosslevel run analysis/army-companies
    python analysis/army-companies/compare_with_r.py
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crosslevel.study import Build, open_build

HERE = Path(__file__).parent
TERMS = {
    "LEAD_cwc": "within(lead, unit)",
    "LEAD_gm": "between(lead, unit)",
    "HRS_cwc": "within(hrs, unit)",
    "HRS_gm": "between(hrs, unit)",
    "HRS_cwc:LEAD_gm": "within(hrs, unit):between(lead, unit)",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One quantity as R and as we computed it, with what may differ."""

    where: str
    quantity: str
    name: str
    r: float
    ours: float
    rtol: float
    atol: float

    @property
    def difference(self) -> float:
        """Relative difference; absolute where R's value is zero."""
        return abs(self.ours - self.r) / (abs(self.r) or 1.0)

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance stated for the quantity."""
        return abs(self.ours - self.r) <= self.atol + self.rtol * abs(self.r)


def reference() -> dict[str, Any]:
    """Return R's results with the calls and versions that made them."""
    content: dict[str, Any] = json.loads((HERE / "reference-r.json").read_text(encoding="utf-8"))
    return content


def pairs(build: Build) -> list[Pair]:
    """Return every quantity that both sides have."""
    found: list[Pair] = []
    content = reference()
    for model, r in content["models"].items():
        for quantity, values in _ours(build, model).items():
            expected = r[quantity] if isinstance(r[quantity], dict) else {"": r[quantity]}
            tolerance = {"rtol": 0.0, "atol": 0.0} | r["tolerance"][quantity]
            for name, value in expected.items():
                ours = values[TERMS.get(name, name)]
                found.append(Pair(model, quantity, name, value, ours, **tolerance))
    scales = build.exact("scales").set_index("scale")
    for scale, r in content["aggregation"].items():
        tolerance = {"atol": 0.0} | r["tolerance"]
        found += [
            Pair(scale, name, "", value, float(scales.loc[scale, name]), **tolerance)
            for name, value in r.items()
            if name in scales
        ]
    return found


def _ours(build: Build, model: str) -> dict[str, dict[str, float]]:
    """Return our side of one model from the tables of the build."""
    table = build.exact("coefficients").query("model == @model and estimator == 'multilevel'")
    table = table.set_index("term")
    fit = build.exact("fits").set_index("model").loc[model]
    single = {"sigma": "sigma", "criterion": "criterion", "logLik": "log_likelihood"}
    single |= {"AIC": "aic", "BIC": "bic"}
    return {
        "fixef": table["estimate"].to_dict(),
        "se": table["std_error"].to_dict(),
        "theta": _theta(build.exact("variance").query("model == @model"), fit["sigma"]),
        **{r: {"": float(fit[ours])} for r, ours in single.items()},
    }


def _theta(parts: pd.DataFrame, sigma: float) -> dict[str, float]:
    """Return lme4's theta: the Cholesky factor of the unit covariance over the variance sigma^2."""
    unit = parts[parts["group"] == "unit"]
    names = list(unit.loc[_no_other(unit), "term"])
    covariance = np.zeros((len(names), len(names)))
    for row in unit.itertuples():
        i = names.index(row.term)
        j = names.index(row.other) if row.other in names else i
        covariance[i, j] = covariance[j, i] = row.covariance
    factor = np.linalg.cholesky(covariance) / sigma
    labels = ["GRP.(Intercept)", "GRP.HRS_cwc.(Intercept)", "GRP.HRS_cwc"]
    lower = [factor[i, j] for j in range(len(names)) for i in range(j, len(names))]
    return dict(zip(labels, lower, strict=False))


def _no_other(parts: pd.DataFrame) -> pd.Series:
    """Whether a row is a variance, not a covariance."""
    return parts["other"].isna() | (parts["other"] == "")


def main() -> int:
    """Print both sides and the largest relative difference; 1 when anything disagrees."""
    content = reference()
    packages = ", ".join(f"{name} {version}" for name, version in content["packages"].items())
    print(f"{content['R']}; {packages}\n")
    found = pairs(open_build(HERE))
    print(f"{'':24}{'quantity':12}{'term':18}{'R':>20}{'crosslevel':>20}{'rel. diff.':>12}")
    for p in found:
        mark = "" if p.agrees else "  DISAGREES"
        print(
            f"{p.where:24}{p.quantity:12}{p.name:18}{p.r:20.12g}{p.ours:20.12g}"
            f"{p.difference:12.1e}{mark}"
        )
    worst = max(found, key=lambda p: p.difference)
    print(f"\nLargest relative difference: {worst.difference:.1e}", end=" ")
    print(f"({worst.where}, {worst.quantity} {worst.name}".rstrip() + ")")
    return int(not all(p.agrees for p in found))


if __name__ == "__main__":
    raise SystemExit(main())
