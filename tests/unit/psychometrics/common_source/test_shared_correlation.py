"""Marker variable: the partial correlation it stands for, rules, and refusals."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import common_source
from tolerances import CLOSED_FORM


def _frame(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    mood = rng.normal(size=n)
    columns = {name: 0.5 * mood + rng.normal(size=n) for name in ("x", "y", "z", "colour")}
    return pd.DataFrame(columns)


def test_adjusted_is_the_partial_correlation_given_an_equal_source():
    """Brute force: x, y and a source they both load sqrt(r_M) on, made to measure."""
    import pingouin

    rng = np.random.default_rng(4)
    basis = np.linalg.qr(np.column_stack([np.ones(100), rng.normal(size=(100, 3))]))[0][:, 1:]
    source, r_m, r = basis[:, 0], 0.2, 0.5
    x = np.sqrt(r_m) * source + np.sqrt(1 - r_m) * basis[:, 1]
    within = (r - r_m) / (1 - r_m)
    y = np.sqrt(r_m) * source
    y = y + np.sqrt(1 - r_m) * (within * basis[:, 1] + np.sqrt(1 - within**2) * basis[:, 2])
    frame = pd.DataFrame({"x": x, "y": y, "source": source})
    found = common_source.marker(frame, ["x", "y"], marker="source", shared=r_m)
    partial = pingouin.partial_corr(frame, x="x", y="y", covar="source")
    row = found.table.iloc[0]
    assert row["estimate"] == pytest.approx(r, rel=CLOSED_FORM)
    assert row["adjusted"] == pytest.approx(partial["r"].item(), rel=CLOSED_FORM)
    p = next(partial[name].item() for name in ("p_val", "p-val", "p_unc") if name in partial)
    assert row["p_value"] == pytest.approx(p, rel=1e-6)


def test_rules_choose_among_the_marker_correlations():
    frame = _frame()
    names = ["x", "y", "z"]
    own = sorted(frame[names].corrwith(frame["colour"]))
    for rule, value in {"smallest": own[0], "second": own[1], "mean": np.mean(own)}.items():
        found = common_source.marker(frame, names, marker="colour", shared=rule)
        assert found.shared == pytest.approx(value)
        assert found.rule == rule
    assert len(found.table) == 3
    assert (found.table["adjusted"] < found.table["estimate"]).all()
    assert (found.table["adjusted_high"] < found.table["adjusted"]).all()
    np.testing.assert_allclose(sorted(found.marker_correlations["estimate"]), own, rtol=CLOSED_FORM)
    assert found.shared_high == pytest.approx(
        np.tanh(np.arctanh(found.shared) + 1.959963984540054 / np.sqrt(197))
    )


def test_a_negative_marker_takes_out_nothing_and_limits_are_said():
    frame = _frame().assign(colour=lambda f: -f["colour"])
    found = common_source.marker(frame, ["x", "y"], marker="colour")
    assert found.shared == 0
    row = found.tidy().iloc[0]
    assert row["adjusted"] == pytest.approx(row["estimate"])
    assert "Cannot show that the marker stands for the bias" in repr(found)
    assert found.glance().loc[0, "marker"] == "colour"
    tight = common_source.marker(frame.assign(y=frame["x"]), ["x", "y"], marker="colour")
    assert np.isnan(tight.table["p_value"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shared": "smalest"}, "Did you mean 'smallest'?"),
        ({"shared": "largest"}, "It is one of: smallest, second, mean, or a number."),
        ({"conf_level": 95}, "`conf_level` must lie between 0 and 1, got 95."),
        ({"shared": 1.0}, "`shared` must lie between 0 and 1, got 1."),
        ({"variables": ["x"]}, "at least two variables"),
        ({"variables": ["x", "colour"]}, "The marker 'colour' is among the variables"),
        ({"variables": ["x", "yy"]}, "column 'yy': not found. Did you mean 'y'?"),
        ({"variables": ["x", "text"]}, "column 'text': is not numeric."),
        ({"variables": ["x", "one"]}, "column 'one': does not vary."),
        ({"variables": ["x", "few"]}, "at least five complete rows, got 3"),
    ],
)
def test_what_cannot_be_asked(options, message):
    frame = _frame().assign(text="a", one=1.0, few=np.nan)
    frame.loc[:2, "few"] = [1.0, 2, 3]
    variables = options.pop("variables", ["x", "y"])
    with pytest.raises(MeasurementError, match=re.escape(message)):
        common_source.marker(frame, variables, marker="colour", **options)
