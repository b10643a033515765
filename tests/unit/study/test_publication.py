"""What a build shows against people who know much: attacks that worked on exact tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel import multilevel, psychometrics
from crosslevel.integration import Claim, judge
from crosslevel.study.publication import published
from crosslevel.study.spec import ClaimSpec


def _claim(smallest: float = 0.05) -> ClaimSpec:
    stated = {"id": "c", "statement": "", "model": "m", "term": "x", "expected": "positive"}
    return ClaimSpec.model_validate({**stated, "smallest": smallest})


def _ols(frame: pd.DataFrame, model: str) -> pd.DataFrame:
    table = multilevel.ols("y ~ x + tenure", frame, cluster="unit").tidy()
    return table.assign(model=model, estimator="ols-cluster")


def test_two_models_that_differ_by_one_person_do_not_give_the_answer() -> None:
    """HR knows every predictor: X'X b of both models, subtracted, was x times the one's answer."""
    rng = np.random.default_rng(6)
    n = 600
    frame = pd.DataFrame({"x": rng.normal(3, 1, n), "tenure": rng.integers(0, 30, n)})
    frame["unit"] = [f"u{i % 30}" for i in range(n)]
    frame["y"] = np.round(np.clip(3 + 0.2 * frame["x"] + rng.normal(0, 0.8, n), 1, 5), 2)
    tables = {"coefficients": pd.concat([_ols(frame, "m"), _ols(frame.iloc[1:], "o")])}

    def guess(table: pd.DataFrame) -> float:
        X = np.column_stack([np.ones(n), frame["x"], frame["tenure"]])
        sums = []
        for model, rows in (("m", X), ("o", X[1:])):
            own = table[table["model"] == model].set_index("term")["estimate"]
            sums.append(rows.T @ rows @ own.loc[["(Intercept)", "x", "tenure"]].to_numpy())
        return float((sums[0] - sums[1])[0])

    answer = frame["y"].iloc[0]
    assert guess(tables["coefficients"]) == pytest.approx(answer, abs=1e-6)
    shown = published(tables, [])["coefficients"]
    assert abs(guess(shown) - answer) > 1, "the scale has five points"


def test_a_scale_and_its_items_do_not_give_the_answers_of_who_skipped_one() -> None:
    """Means of the scale and of its items gave the sum of the answers of the one who skipped."""
    rng = np.random.default_rng(8)
    n, k = 500, 6
    latent = rng.normal(3, 1, (n, 1)) + rng.normal(0, 0.8, (n, k))
    answers = pd.DataFrame(np.clip(np.rint(latent), 1, 5), columns=list("abcdef"))
    answers.iloc[7, 2] = np.nan
    score = answers.mean(axis=1)
    described = psychometrics.alpha(answers).items
    scale = {"scale": ["s"], "n": [n], "mean": [score.mean()], "std_dev": [score.std()]}
    tables = {"scales": pd.DataFrame(scale), "items": described}

    def guess(tables: dict[str, pd.DataFrame]) -> float:
        items, whole = tables["items"], tables["scales"].iloc[0]
        rest = k * whole["n"] * whole["mean"] - (items["n"] * items["mean"]).sum()
        return float(rest * (k - 1))

    answered = answers.iloc[7].sum()
    assert guess(tables) == pytest.approx(answered, abs=1e-6)
    assert abs(guess(published(tables, [])) - answered) > 2 * k


@pytest.mark.parametrize("numbers", [(0.0863, 0.0042, 0.1684), (0.0499, 0.0301, 0.0697)])
def test_rounding_keeps_signs_and_verdicts(numbers: tuple[float, float, float]) -> None:
    estimate, low, high = numbers
    row = {"model": "m", "term": "x", "estimator": "multilevel", "std_error": (high - low) / 4}
    row |= {"estimate": estimate, "conf_low": low, "conf_high": high, "p_value": 0.01}
    exact = pd.DataFrame([row])
    claim = _claim()
    shown = published({"coefficients": exact}, [claim])["coefficients"]
    made = Claim(**claim.model_dump())
    assert judge([made], exact)["verdict"].item() == judge([made], shown)["verdict"].item()
    assert judge([made], exact)["sentence"].item() == judge([made], shown)["sentence"].item()
    assert (shown["estimate"] < 0.05).item() == (estimate < 0.05)
    assert shown["conf_low"].item() > 0


def test_every_number_of_a_build_has_few_digits_and_the_exact_ones_are_private() -> None:
    exact = {
        "fits": pd.DataFrame({"criterion": [3548.735312], "sigma": [0.719062], "n": [1583]}),
        "new": pd.DataFrame({"rmsea": [0.0456789], "chisq": [1234.5678], "kind": ["robust"]}),
        "empty": pd.DataFrame({"x": pd.Series([], dtype="float64")}),
    }
    shown = published(exact, [])
    assert shown["fits"].iloc[0].tolist() == [3548.7, 0.7191, 1583]
    assert shown["new"].iloc[0].tolist() == [0.04568, 1235.0, "robust"]
    assert shown["empty"].empty
