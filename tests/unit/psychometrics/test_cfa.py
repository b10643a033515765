"""Factor and path models against lavaan, and what happens with data that cannot carry them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import (
    HeywoodWarning,
    NotIdentifiedWarning,
    SquareFrameWarning,
    cfa,
)
from reference_values import data, entries
from sem_reference import same_fit, same_parameters

CALLS = {
    "cfa_hs_ml": {},
    "cfa_hs_ml_stdlv": {"std_lv": True},
    "cfa_hs_mlr": {"estimator": "mlr"},
    "cfa_hs_mlm": {"estimator": "mlm"},
    "cfa_hs_1factor_ml": {},
    "cfa_hs_higherorder_ml": {},
    "cfa_hs_bifactor_like_residcov": {},
    "cfa_bfi_ac_mlr": {"estimator": "mlr"},
    "cfa_bfi_ac_fiml_mlr": {"estimator": "mlr", "missing": "fiml"},
    "path_bh1996_mediation": {"cluster": "GRP"},
}
THREE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"


@pytest.fixture(scope="module")
def pupils() -> pd.DataFrame:
    return data("HolzingerSwineford1939")


@pytest.mark.parametrize("name", CALLS)
def test_equals_lavaan(name: str) -> None:
    entry = entries("cfa")[name]
    fit = cfa(entry.values["model"], data(entry.dataset), **CALLS[name])
    assert fit.status == "converged"
    assert same_fit(fit, entry.values["fit"], entry.tolerance) >= 15
    assert same_parameters(fit, entry.values["parameters"]) == len(
        entry.values["parameters"]["lhs"]
    )
    standard = pd.DataFrame(entry.values["standardized"])
    own = fit.tidy().set_index(["lhs", "op", "rhs"])["standardised_error"]
    for row in standard[standard["op"] != ":="].dropna(subset="se").itertuples():
        key = (row.lhs, row.op, row.rhs)
        mine = own.get(key, own.get((row.rhs, row.op, row.lhs)))
        np.testing.assert_allclose(mine, row.se, rtol=1e-3, atol=1e-6, err_msg=str(key))


@pytest.mark.parametrize("name", list(entries("invariance")))
@pytest.mark.parametrize("step", ["configural", "metric", "scalar", "strict"])
def test_groups_equal_lavaan(name: str, step: str) -> None:
    entry = entries("invariance")[name]
    model = entry.values["models"][step]
    equal = model["group.equal"]
    fit = cfa(
        entry.values["model"],
        data(entry.dataset),
        group=entry.values["group"],
        equal=[equal] if isinstance(equal, str) else equal,
        estimator="mlr" if name.endswith("mlr") else "ml",
    )
    assert list(fit.groups) == list(model["nobs"])
    assert same_fit(fit, model["fit"], entry.tolerance) >= 15
    assert same_parameters(fit, model["parameters"]) == len(model["parameters"]["lhs"])


def test_holzinger_and_swineford_by_school(pupils: pd.DataFrame) -> None:
    """The chi-squares every textbook prints: 115.851, 124.044, 164.103."""
    steps = [(), ("loadings",), ("loadings", "intercepts")]
    found = [cfa(THREE, pupils, group="school", equal=equal).test.chisq for equal in steps]
    np.testing.assert_allclose(found, [115.851, 124.044, 164.103], atol=5e-4)


def test_implied_covariances_and_names(pupils: pd.DataFrame) -> None:
    entry = entries("cfa")["cfa_hs_ml"]
    fit = cfa(THREE, pupils)
    reference = entry.values["implied_cov"]
    implied = fit.implied().loc[reference["row_names"], reference["col_names"]]
    np.testing.assert_allclose(implied, reference["data"], atol=1e-5)
    assert fit.vcov().shape == (21, 21)
    assert "visual =~ x2" in fit.vcov().columns
    assert "CFI 0.931" in repr(fit)


def test_order_of_rows_and_units_of_items_change_nothing(pupils: pd.DataFrame) -> None:
    fit = cfa(THREE, pupils)
    moved = pupils.sample(frac=1, random_state=3).assign(x4=lambda d: 1000 * d["x4"] + 5)
    other = cfa(THREE, moved)
    np.testing.assert_allclose(other.test.chisq, fit.test.chisq, rtol=1e-9)
    np.testing.assert_allclose(
        other.tidy()["standardised"], fit.tidy()["standardised"], rtol=1e-5, atol=1e-7
    )


def test_a_square_frame_is_data() -> None:
    """Nine rows and nine columns are nine people, too few for nine items: never a matrix."""
    rng = np.random.default_rng(5)
    square = pd.DataFrame(rng.normal(size=(9, 9)), columns=[f"x{i}" for i in range(1, 10)])
    with pytest.raises(MeasurementError, match="9 usable rows for 9 variables"):
        cfa(THREE, square)


@pytest.mark.parametrize(
    ("model", "options", "found"),
    [
        ("f =~ x1 + x2 + x33", {}, "Did you mean 'x3'"),
        ("f =~ x1 + x2", {}, "not identified: 4 free parameters, but only 3 moments"),
        ("f =~ x1 + x2 + x3", {"estimator": "wls"}, "must be one of ml, mlm, mlr"),
        ("f =~ x1 + x2 + x3", {"missing": "listwise"}, "`missing` must be"),
        ("f =~ x1 + x2 + x3", {"estimator": "mlm", "missing": "fiml"}, "needs complete answers"),
        ("f =~ x1 + x2 + x3", {"estimator": "mlm", "cluster": "school"}, "Use 'mlr'"),
        ("level: 1\nf =~ x1 + x2 + x3", {}, "Use `two_level_cfa`"),
        ("f =~ x1 + x2 + x3", {"group": "scool"}, "Did you mean 'school'"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    pupils: pd.DataFrame, model: str, options: dict, found: str
) -> None:
    with pytest.raises(MeasurementError) as caught:
        cfa(model, pupils, **options)
    assert found in str(caught.value)


def test_constant_items_and_small_groups_are_named(pupils: pd.DataFrame) -> None:
    flat = pupils.assign(x2=3.0)
    with pytest.raises(MeasurementError, match="'x2': it does not vary"):
        cfa(THREE, flat)
    few = pd.concat([pupils, pupils.head(5).assign(school="Third")])
    with pytest.raises(MeasurementError, match="group 'Third': 5 usable rows for 9 variables"):
        cfa(THREE, few, group="school")


def test_a_negative_variance_is_named() -> None:
    """A scale on which one item carries more than its own variance."""
    rng = np.random.default_rng(8)
    f = rng.normal(size=80)
    frame = pd.DataFrame({"a": f, "b": f, "c": f}) + rng.normal(size=(80, 3)) * [0.02, 1.2, 1.2]
    frame["c"] -= 0.35 * (frame["b"] - f)
    with pytest.warns(HeywoodWarning, match="The variance of 'a' is negative"):
        fit = cfa("f =~ a + b + c", frame)
    assert fit.status == "converged"


def test_parameters_that_nothing_tells_apart_are_named_and_have_no_errors(
    pupils: pd.DataFrame,
) -> None:
    """Their errors used to be numbers of a pseudo-inverse."""
    model = THREE.replace("visual =~ x1", "visual =~ NA*x1")
    with pytest.warns(NotIdentifiedWarning, match="'visual =~ x1', 'visual =~ x2'"):
        fit = cfa(model, pupils)
    assert fit.status == "not identified"
    rows, proper = fit.tidy().set_index("term"), cfa(THREE, pupils)
    assert rows.loc[["visual =~ x1", "visual ~~ visual"], "std_error"].isna().all()
    np.testing.assert_allclose(fit.test.chisq, proper.test.chisq, rtol=1e-6)
    kept = ["textual =~ x5", "x1 ~~ x1", "textual ~~ speed"]
    np.testing.assert_allclose(
        rows.loc[kept, "std_error"],
        proper.tidy().set_index("term").loc[kept, "std_error"],
        rtol=1e-4,
    )


def test_a_model_without_a_scale_is_not_identified_with_any_estimator(pupils: pd.DataFrame) -> None:
    for estimator in ("ml", "mlm", "mlr"):
        with pytest.warns(NotIdentifiedWarning, match="Fix a loading or a variance"):
            fit = cfa("f =~ NA*x1 + x2 + x3 + x4", pupils, estimator=estimator)
        assert fit.tidy()["std_error"].isna().any()


@pytest.mark.parametrize("options", [{}, {"estimator": "mlr", "missing": "fiml"}])
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda d: d.assign(x9=d["x7"]), "variables 'x7', 'x9': determine each other."),
        (
            lambda d: d.assign(x9=d["x7"] + d["x8"]),
            "variables 'x7', 'x8', 'x9': determine each other. Leave out a total",
        ),
        (lambda d: d.assign(x9=np.nan), "variable 'x9': nobody answered it. Leave it out."),
        (lambda d: d.assign(x9="often"), "variable 'x9': is not numeric. Read it with its codes."),
        (lambda d: d.assign(x9=np.inf), "variable 'x9': holds infinite values."),
        (lambda d: d.head(0), "variable 'x1': nobody answered it."),
        (lambda d: pd.concat([d, d[["x9"]]], axis=1), "variable 'x9': has more than one column."),
        (lambda d: d["x9"], "`data` must be a frame with one row per respondent, got Series."),
    ],
)
def test_data_that_no_model_can_use_are_named(pupils: pd.DataFrame, change, found, options) -> None:
    """These used to end in errors of numpy, or in a search that found no end."""
    with pytest.raises(MeasurementError) as caught:
        cfa(THREE, change(pupils), **options)
    assert found in str(caught.value)


def test_a_matrix_that_has_rows_enough_is_read_as_answers_and_named(pupils: pd.DataFrame) -> None:
    matrix = pupils[[f"x{i}" for i in range(1, 10)]].corr()
    with pytest.warns(SquareFrameWarning, match="looks like a correlation matrix and was read as"):
        fit = cfa("x1 ~ x5 + x9", matrix)
    assert fit.n == 9
    with pytest.warns(SquareFrameWarning), pytest.raises(MeasurementError, match="9 usable rows"):
        cfa(THREE, matrix)


def test_what_a_group_lacks_is_named(pupils: pd.DataFrame) -> None:
    half = pupils["school"] == "Pasteur"
    same = pupils.assign(x9=pupils["x9"].where(half, pupils["x8"]))
    with pytest.raises(MeasurementError, match=r"'x8', 'x9': determine each other in group 'Grant"):
        cfa(THREE, same, group="school")
    gone = pupils.assign(x9=pupils["x9"].where(half))
    with pytest.raises(MeasurementError, match=r"'x9': nobody answered it in group 'Grant"):
        cfa(THREE, gone, group="school", missing="fiml")


def test_modification_indices_equal_lavaan(pupils: pd.DataFrame) -> None:
    reference = pd.DataFrame(entries("cfa")["cfa_hs_ml"].values["top10_modification_indices"])
    own = cfa(THREE, pupils).modification_indices().head(10)
    assert list(own["term"]) == [f"{r.lhs} {r.op} {r.rhs}" for r in reference.itertuples()]
    np.testing.assert_allclose(own["statistic"], reference["mi"], rtol=1e-4)
    np.testing.assert_allclose(own["change"], reference["epc"], rtol=1e-4)
    np.testing.assert_allclose(own["change_standardised"], reference["sepc.all"], rtol=1e-4)


@pytest.mark.parametrize("method", ["regression", "bartlett"])
def test_factor_scores_equal_lavaan(pupils: pd.DataFrame, method: str) -> None:
    reference = entries("cfa")["cfa_hs_ml"].values["factor_scores"]
    own = cfa(THREE, pupils).factor_scores(method=method)
    first = reference[f"{method}_first5"]
    np.testing.assert_allclose(own.head(5)[first["col_names"]], first["data"], atol=1e-5)
    for name, total in reference[f"{method}_sumsq"].items():
        np.testing.assert_allclose((own[name] ** 2).sum(), total, rtol=1e-5)


def test_difference_of_nested_models_equals_lavaan(pupils: pd.DataFrame) -> None:
    reference = entries("cfa")["lrt_hs_1f_vs_3f"]
    one = cfa("g =~ " + " + ".join(f"x{i}" for i in range(1, 10)), pupils)
    for pair in ((cfa(THREE, pupils), one), (one, cfa(THREE, pupils))):
        found = pair[0].compare(pair[1]).iloc[0]
        np.testing.assert_allclose(found["statistic"], reference.values["chisq_diff"], rtol=1e-3)
        assert found["df"] == reference.values["df_diff"]
        np.testing.assert_allclose(found["p_value"], reference.values["p"], rtol=5e-3)


def test_fits_that_cannot_be_compared_are_refused(pupils: pd.DataFrame) -> None:
    fit = cfa(THREE, pupils)
    with pytest.raises(MeasurementError, match="different respondents"):
        fit.compare(cfa(THREE, pupils.head(200)))
    with pytest.raises(MeasurementError, match="different estimators"):
        fit.compare(cfa(THREE, pupils, estimator="mlr"))
    with pytest.raises(MeasurementError, match="must be 'regression' or 'bartlett'"):
        fit.factor_scores(method="sum")
    with pytest.raises(MeasurementError, match="no latent variable"):
        cfa("x1 ~ x2 + x3", pupils).factor_scores()


def test_one_cluster_is_refused(pupils: pd.DataFrame) -> None:
    """It ended in a ZeroDivisionError."""
    with pytest.raises(MeasurementError, match="need several units, but every row of 'one' is '7'"):
        cfa(THREE, pupils.assign(one=7), estimator="mlr", cluster="one")


def test_names_may_have_any_letters(pupils: pd.DataFrame) -> None:
    """'é' was "not a name", since names have letters."""
    plain = cfa("f =~ x1 + x2 + x3 + x4", pupils)
    other = cfa(
        "fä =~ é1 + é2 + l*é3 + ø\nd := 2*l",
        pupils.rename(columns={"x1": "é1", "x2": "é2", "x3": "é3", "x4": "ø"}),
    )
    assert other.test.chisq == plain.test.chisq
    with pytest.raises(MeasurementError, match="no spaces: rename the column"):
        cfa("f =~ x 1 + x2 + x3", pupils)
