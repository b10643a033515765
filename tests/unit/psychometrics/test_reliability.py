"""Alpha against psych and pingouin, and what happens where it is undefined."""

from __future__ import annotations

import re
import statistics
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics import (
    ItemDirectionWarning,
    ResponseScaleWarning,
    SquareFrameWarning,
    alpha,
    item_statistics,
    omega,
)
from crosslevel.psychometrics.coefficients import alpha_of
from tolerances import CLOSED_FORM, EXACT, THREE_DECIMALS

SETTINGS = settings(derandomize=True, deadline=None, max_examples=30, database=None)


def _alpha(scale, **options):
    """Alpha of a scale of the reference files; one of them has an item left unreversed."""
    if scale.expected["item"]["r_drop"][0] < 0:
        with pytest.warns(ItemDirectionWarning, match=r"Item\(s\) 'A1' correlate negatively"):
            return alpha(scale.items, **options)
    return alpha(scale.items, **options)


def test_alpha_equals_psych(scale):
    expected, rtol = scale.expected, scale.tolerance["default"]["rtol"]
    found = _alpha(scale)
    assert (found.n, found.n_items) == (expected["n"], expected["k"])
    values = {
        "estimate": "alpha_raw", "standardised": "alpha_std", "average_r": "average_r",
        "signal_to_noise": "signal_to_noise", "lambda2": "guttman_lambda2_on_R",
        "lambda6": "guttman_lambda6_smc", "std_error": "ase_psych",
    }  # fmt: skip
    for ours, theirs in values.items():
        assert getattr(found, ours) == pytest.approx(expected[theirs], rel=rtol), ours
    columns = {"r_drop": "item_total", "raw_r": "raw_r", "std_r": "std_r", "r_cor": "r_cor"}
    columns |= {f"alpha_if_dropped_{x}": y for x, y in (
        ("raw", "alpha_if_dropped"), ("std", "alpha_std_if_dropped")
    )}  # fmt: skip
    for theirs, ours in columns.items():
        np.testing.assert_allclose(found.items[ours], expected["item"][theirs], rtol=rtol)
    assert found.items["n_complete"].eq(expected["n"]).all()
    complete = item_statistics(scale.items.dropna())  # the rows psych was given
    for theirs, ours in {"mean": "mean", "sd": "std_dev"}.items():
        np.testing.assert_allclose(complete[ours], expected["item"][theirs], rtol=rtol)


@pytest.mark.parametrize("interval", ["feldt", "duhachek"])
def test_intervals_equal_psych(scale, interval):
    found = _alpha(scale, interval=interval)
    expected, rtol = scale.expected[f"{interval}_ci95"], scale.tolerance["ci"]["rtol"]
    assert found.conf_low == pytest.approx(expected["lower"], rel=rtol)
    assert found.conf_high == pytest.approx(expected["upper"], rel=rtol)
    assert found.std_error == pytest.approx(scale.expected["duhachek_ase"], rel=rtol)


def test_two_items(entry, dataset):
    reference = entry("reliability", "two_item_hs")
    found = alpha(dataset("HolzingerSwineford1939")[["x4", "x5"]])
    assert found.estimate == pytest.approx(
        reference["values"]["alpha"], rel=reference["tolerance"]["rtol"]
    )
    assert found.items["item_total"].to_numpy() == pytest.approx([reference["values"]["r"]] * 2)
    assert found.items["alpha_if_dropped"].isna().all()


def test_alpha_and_interval_equal_pingouin(dataset):
    import pingouin

    items = dataset("attitude")[["rating", "complaints", "learning", "raises"]]
    estimate, (low, high) = pingouin.cronbach_alpha(items, nan_policy="listwise", ci=0.9)
    found = alpha(items, conf_level=0.9)
    assert found.estimate == pytest.approx(estimate, rel=EXACT)
    assert [found.conf_low, found.conf_high] == pytest.approx([low, high], abs=THREE_DECIMALS)


def test_robust_and_bootstrap_errors_are_near_the_jackknife(dataset):
    """Brute force: alpha without each respondent, and without each company."""
    frame = dataset("lq2002")
    items = frame[[f"HOSTIL0{i}" for i in range(1, 6)]]
    values, estimate = items.to_numpy(float), alpha(items).estimate

    def jackknife(keys):
        rows = [values[keys != key] for key in np.unique(keys)]
        left = [alpha_of(np.cov(kept, rowvar=False)) for kept in rows]
        return np.sqrt((len(left) - 1) / len(left) * sum((x - estimate) ** 2 for x in left))

    by_person = jackknife(np.arange(len(items)))
    by_company = jackknife(frame["COMPID"].to_numpy())
    assert alpha(items, interval="robust").std_error == pytest.approx(by_person, rel=0.005)
    boot = alpha(items, interval="bootstrap", seed=1)
    assert boot.std_error == pytest.approx(by_person, rel=0.05)
    assert (boot.interval, boot.n_groups) == ("bootstrap", None)
    company = frame["COMPID"]
    clustered = alpha(items, interval="robust", groups=company)
    assert clustered.n_groups == company.nunique()
    assert clustered.std_error == pytest.approx(by_company, rel=0.05)
    boot = alpha(items, interval="bootstrap", groups=company, seed=1)
    assert boot.std_error == pytest.approx(by_company, rel=0.1)


def test_a_bootstrap_is_repeated_by_its_seed_and_equals_brute_force(dataset):
    items = dataset("attitude")[["complaints", "learning", "raises"]].astype(float)
    found = alpha(items, interval="bootstrap", seed=3, draws=200)
    again = alpha(items, interval="bootstrap", seed=3, draws=200)
    assert (found.conf_low, found.conf_high) == (again.conf_low, again.conf_high)
    picked = np.random.default_rng(3).integers(0, 30, size=(200, 30))
    draws = [alpha(items.iloc[rows]).estimate for rows in picked]
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (found.conf_low, found.conf_high) == pytest.approx((low, high), rel=CLOSED_FORM)


def test_item_table_counts_answers_floor_and_ceiling():
    items = pd.DataFrame({"a": [1, 1, 5, 3, np.nan], "b": [2, 1, 5, 5, 4], "c": [1, 2, 4, 5, 5.0]})
    found = alpha(items)
    assert found.n == 4
    assert found.items["n"].tolist() == [4, 5, 5]
    assert found.items["missing"].tolist() == [1, 0, 0]
    assert found.items["floor"].tolist() == [0.5, 0.2, 0.2]
    assert found.items["ceiling"].tolist() == [0.25, 0.4, 0.4]
    assert alpha(items, bounds=(0, 5)).items["floor"].tolist() == [0, 0, 0]


def test_an_item_is_described_by_its_own_answers_and_counts_both_sets_of_rows():
    """The mean of b used to be 3.25, over the four complete rows, beside an n of 5."""
    items = pd.DataFrame({"a": [1, 1, 5, 3, np.nan], "b": [2, 1, 5, 5, 4], "c": [1, 2, 4, 5, 5.0]})
    table = item_statistics(items)
    pd.testing.assert_frame_equal(table, alpha(items).items)
    for row in table.itertuples():
        own = items[row.item].dropna().tolist()
        assert row.n == len(own)
        assert row.mean == pytest.approx(statistics.fmean(own), rel=EXACT)
        assert row.std_dev == pytest.approx(statistics.stdev(own), rel=EXACT)
    complete = items.iloc[:4]
    rests = [
        statistics.correlation(complete[x], complete.drop(columns=x).sum(axis=1)) for x in items
    ]
    assert table["item_total"].tolist() == pytest.approx(rests, rel=EXACT)
    assert table["n_complete"].tolist() == [4, 4, 4]


def test_a_scale_of_one_item_and_an_item_nobody_answered():
    one = item_statistics(pd.DataFrame({"a": [1.0, 2, 2, np.nan]})).iloc[0]
    assert one[["n", "missing", "n_complete"]].tolist() == [3, 1, 3]
    assert one[["mean", "floor", "ceiling"]].tolist() == [5 / 3, 1 / 3, 2 / 3]
    assert one[["item_total", "alpha_if_dropped"]].isna().all()
    empty = item_statistics(pd.DataFrame({"a": [1.0, 2], "b": [np.nan, np.nan]})).iloc[1]
    assert empty[["n", "missing", "n_complete"]].tolist() == [0, 2, 0]
    assert empty[["mean", "std_dev", "floor", "ceiling", "item_total"]].isna().all()
    with pytest.raises(MeasurementError, match="item 't': is not numeric"):
        item_statistics(pd.DataFrame({"t": ["x"]}))


def test_results_answer_tidy_glance_and_repr(dataset):
    found = alpha(dataset("attitude")[["complaints", "learning", "raises"]])
    assert found.tidy().loc[0, ["term", "estimate"]].tolist() == ["alpha", found.estimate]
    assert found.glance().loc[0, ["n", "n_items"]].tolist() == [30, 3]
    assert "95% interval" in repr(found)


def test_who_answered_in_part_and_not_at_all_is_counted():
    items = pd.DataFrame({"a": [1.0, 2, 3, 4, np.nan, np.nan], "b": [1.0, 3, 2, 4, 2, np.nan]})
    found = alpha(items)
    assert (found.n, found.n_partial, found.n_none) == (4, 1, 1)
    assert "4 complete respondents (1 answered in part, 1 answered nothing)" in repr(found)
    assert found.glance().loc[0, ["n_partial", "n_none"]].tolist() == [1, 1]


def test_every_way_of_missing_counts_alike(dataset):
    items = pd.DataFrame({"a": [1.0, 2, 3, 4, np.nan], "b": [1.0, 3, 2, 4, 2]})
    plain = alpha(items)
    nullable = alpha(items.astype("Int64"))
    assert nullable.estimate == plain.estimate
    pd.testing.assert_frame_equal(nullable.items, plain.items)
    with pytest.raises(MeasurementError, match=r"item 'c': nobody answered it\."):
        alpha(items.assign(c=np.nan))


def test_a_square_frame_is_data():
    rng = np.random.default_rng(5)
    answers = pd.DataFrame(rng.integers(1, 6, size=(4, 1)) + rng.integers(0, 3, size=(4, 4)))
    assert alpha(answers).n == 4
    matrix = pd.DataFrame(np.full((3, 3), 0.5) + 0.5 * np.eye(3), columns=list("abc"))
    matrix.loc[0, "b"] = matrix.loc[1, "a"] = 0.3
    with (
        pytest.warns(SquareFrameWarning, match="looks like a correlation matrix and was read as"),
        pytest.warns(ItemDirectionWarning),
    ):
        assert alpha(matrix).n == 3


def test_items_on_different_response_scales():
    rng = np.random.default_rng(4)
    latent = rng.normal(size=400)
    seven, other, five = (
        np.clip(np.round(middle + 1.5 * latent + rng.normal(size=400)), 1, top)
        for middle, top in ((4, 7), (4, 7), (3, 5))
    )
    items = pd.DataFrame({"a": seven, "b": other, "c": five})
    with pytest.warns(ResponseScaleWarning, match="'c' ends at 5, where 'a' goes on to 7"):
        alpha(items)
    alpha(items[["a", "b"]])
    with pytest.warns(ResponseScaleWarning, match="'b' starts at 1, where 'a' starts at 0"):
        alpha(pd.DataFrame({"a": seven - 1, "b": np.clip(seven - 1, 1, 6)}))
    with pytest.raises(MeasurementError, match=r"item 'a': \d+ answer\(s\), as 7"):
        alpha(items, bounds=(1, 5))


def test_a_singular_set_of_items_has_alpha_but_no_lambda6():
    items = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, 3, 2, 4], "c": [1.0, 2, 3, 4]})
    found = alpha(items)
    assert np.isfinite(found.estimate)
    assert np.isnan(found.lambda6)
    assert found.items["r_cor"].isna().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": "bootstrp"}, "There is no interval 'bootstrp'. Did you mean 'bootstrap'?"),
        ({"interval": "exact"}, "It is one of: feldt, duhachek, robust, bootstrap."),
        ({"interval": "bootstrap"}, "needs `seed`"),
        ({"interval": "bootstrap", "seed": 1, "draws": 10}, "at least 100 draws, got 10"),
        ({"conf_level": 95}, "`conf_level` must lie between 0 and 1, got 95"),
        ({"bounds": (5, 1)}, "`bounds` must be the lowest and the highest point"),
        ({"groups": pd.Series(list("aabb"))}, "takes respondents as independent"),
        ({"groups": pd.Series(list("aaaa")), "interval": "robust"}, "in fewer than two groups"),
        ({"groups": pd.Series([1, 2], index=[7, 8]), "interval": "robust"}, "different indexes"),
    ],
)
def test_options_that_do_not_go(options, message):
    items = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.0, 3, 2, 4]})
    with pytest.raises(MeasurementError, match=re.escape(message)):
        alpha(items, **options)


def test_too_few_respondents_for_a_bootstrap():
    items = pd.DataFrame({"a": [1.0, 1, 2], "b": [1.0, 1, 2]})
    with pytest.raises(MeasurementError, match=r"undefined in .* bootstrap samples"):
        alpha(items, interval="bootstrap", seed=1)


def test_what_is_no_frame_of_items():
    with pytest.raises(MeasurementError, match="must be a frame with one column per item"):
        alpha(pd.Series([1.0, 2, 3]))
    twice = pd.DataFrame([[1.0, 2], [2, 1], [3, 3]], columns=["a", "a"])
    with pytest.raises(MeasurementError, match="item 'a': has more than one column"):
        alpha(twice)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"a": [1.0, 2, 3]}, "'a': alpha needs at least two items, got 1."),
        ({"a": [1.0, 2, 3], "b": ["x", "y", "z"]}, "item 'b': is not numeric."),
        ({"a": [1.0, 2, 3], "b": [4.0, 4, 4]}, "item 'b': every answer is 4. Leave it out."),
        (
            {"a": [np.nan] * 3, "b": [np.nan] * 3},
            "'a' and 'b': alpha needs at least three respondents who answered every item, got 0.",
        ),
        ({"a": [1.0, 2, np.nan], "b": [1.0, 2, 3]}, "who answered every item, got 2."),
        (
            {"a": [1.0, 2, 3], "b": [3.0, 2, 1]},
            "'a' and 'b': the sum of the items is the same for everyone",
        ),
    ],
)
def test_where_alpha_is_undefined(items, message):
    with pytest.raises(MeasurementError, match=re.escape(message)):
        alpha(pd.DataFrame(items))


def _varies(rows):
    return all(
        len(set(column)) > 1 for column in (*zip(*rows, strict=True), [sum(r) for r in rows])
    )


answers = st.lists(st.tuples(*[st.integers(1, 5)] * 3), min_size=4, max_size=12).filter(_varies)


@given(rows=answers, order=st.permutations(range(3)), seed=st.randoms())
@SETTINGS
def test_order_units_and_direction_do_not_matter(rows, order, seed):
    items = pd.DataFrame(rows, columns=list("abc"), dtype="float64")
    shuffled = list(rows)
    seed.shuffle(shuffled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ItemDirectionWarning)
        plain = alpha(items)
        others = [
            alpha(pd.DataFrame(shuffled, columns=list("abc"), dtype="float64")),
            alpha(items.iloc[:, list(order)]),
            alpha(items * 20 - 7),
            alpha(6 - items),
        ]
    for other in others:
        assert other.estimate == pytest.approx(plain.estimate, rel=EXACT, abs=EXACT)
        one, two = (f.items.set_index("item")["item_total"].sort_index() for f in (plain, other))
        np.testing.assert_allclose(one, two, atol=EXACT)


def test_ordered_categories_are_told_how_to_become_numbers():
    """ "Read it with its codes" is no help to whoever has an ordered categorical."""
    kind = pd.CategoricalDtype(["no", "some", "yes"], ordered=True)
    items = pd.DataFrame({n: pd.Series(["no", "yes", "some"] * 4, dtype=kind) for n in "abc"})
    with pytest.raises(MeasurementError, match=r"Take its codes: column\.cat\.codes"):
        alpha(items)


@pytest.mark.parametrize("coefficient", [alpha, omega])
def test_respondents_without_a_group_are_counted(coefficient):
    """Five of 120 were left out of an interval by unit, and nothing said so."""
    rng = np.random.default_rng(3)
    items = pd.DataFrame(
        rng.normal(size=(120, 1)) + rng.normal(size=(120, 4)), columns=list("abcd")
    )
    groups = pd.Series(np.repeat(np.arange(12.0), 10))
    groups.iloc[:5] = np.nan
    found = coefficient(items, interval="robust", groups=groups)
    assert (found.n, found.n_no_group) == (115, 5)
    assert found.glance()["n_no_group"].item() == 5
    assert repr(found).endswith("115 complete respondents (5 without a group)")


@pytest.mark.parametrize(("factor", "shown"), [(1e150, "e+150"), (1e-170, "e-170")])
@pytest.mark.parametrize("coefficient", [alpha, omega, item_statistics])
def test_units_beyond_arithmetic_are_refused(coefficient, factor, shown):
    """Omega ended in a LinAlgError, or said that the items were copies of others."""
    rng = np.random.default_rng(4)
    items = pd.DataFrame(rng.integers(1, 6, size=(60, 4)) * factor, columns=list("abcd"))
    with pytest.raises(MeasurementError, match="beyond the reach of arithmetic") as caught:
        coefficient(items)
    assert shown in str(caught.value)
    assert "Give it in other units." in str(caught.value)
