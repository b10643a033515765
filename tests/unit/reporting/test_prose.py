"""Sentences that depend on the study say what the build holds, and nothing where it has nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from crosslevel.reporting import Report, open_report
from crosslevel.reporting.numbers import MINUS
from reports.synthetic import edited, valued, write_build


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_build(tmp_path)


def report(study: Path) -> Report:
    return open_report(study)


def two_levels(study: Path) -> None:
    edited(study, "fits", lambda f: f.assign(groups="72 unit"))
    edited(study, "variance", lambda f: f[f["group"] != "hospital"])
    edited(study, "iccs", lambda f: f[f["group"] != "hospital"])


def test_sample_and_levels_are_those_of_the_main_model(study: Path) -> None:
    assert report(study).sample() == "1,688 employees of 72 units in 6 hospitals"
    assert report(study).levels() == (
        "Hospitals hold units and units hold employees, and the analysis keeps all three levels."
    )
    two_levels(study)
    assert report(study).sample() == "1,688 employees of 72 units"
    assert report(study).levels() == "Units hold employees, and the analysis keeps both levels."


def test_findings_are_the_claimed_terms_of_the_main_model(study: Path) -> None:
    frame = report(study).build.table("coefficients")
    own = frame[(frame["model"] == "main") & (frame["estimator"] == "multilevel")]
    row = own.set_index("term").loc["problem_solving_use"]
    shown = f"{abs(row['estimate']):.2f} (95% interval"
    text = report(study).findings().replace(MINUS, "")
    assert text.startswith(
        "A difference of one in problem-solving use is associated with a difference of "
    )
    assert shown in text
    assert "in goal-based learning; a difference of one in reward and control use" in text
    edited(study, "claims", lambda f: f.assign(term="profession[Nurse]"))
    assert report(study).findings() == ""


def test_response_says_so_when_nobody_knows_who_was_invited(study: Path) -> None:
    assert re.fullmatch(
        r"Of [\d,]+ employees invited, [\d,]+ answered \(\d\d%\); of \d+ managers, \d+ did\.",
        report(study).response(),
    )
    assert report(study).incomplete() == (
        "Not all managers answered and not all employees answered, and those who did may differ."
    )
    valued(study, managers_invited=0, managers_responded=0)
    assert "managers" not in report(study).response() + report(study).incomplete()
    valued(study, invited_known="no")
    assert report(study).response().endswith("invited and did not answer is not known.")
    assert report(study).incomplete().startswith("It is not known who did not answer")
    valued(study, invited_known="yes", employees_invited=1, employees_responded=1)
    assert report(study).incomplete() == ""


def test_rule_is_silent_without_managers(study: Path) -> None:
    assert report(study).rule().endswith("the unit has the mean of their scores.")
    valued(study, rule="sole")
    assert "asks for one manager per unit" in report(study).rule()
    valued(study, rule="")
    assert report(study).rule() == ""


def test_scoring_is_what_the_instruments_say(study: Path) -> None:
    """A scale that is a sum used to be called a mean."""
    assert "Every scale is the mean of its items, reversed items" in report(study).scoring()
    edited(study, "scales", lambda f: f.assign(method="sum"))
    assert "Every scale is the sum of its items, reversed items" in report(study).scoring()
    edited(study, "scales", lambda f: f.assign(method=["sum", *["mean"] * (len(f) - 1)]))
    found = "the mean of its items (goal-based learning: their sum), reversed"
    assert found in report(study).scoring()
    edited(study, "scales", lambda f: f.drop(columns="method"))
    assert "Every scale is made of its items" in report(study).scoring()
    edited(study, "scales", lambda f: f.assign(n_items=1))
    assert report(study).scoring() == "Every scale is one number, as it stands in the data."


def test_ends_of_sentences_about_scales(study: Path) -> None:
    assert "[@cronbach1951]" in report(study).reliability()
    assert "[@james1984]" in report(study).agreement()
    found = "The items as they were asked stand in @tbl-items-employees and @tbl-items-managers."
    assert report(study).items() == found
    edited(study, "scales", lambda f: f.assign(alpha=float("nan"), rwg_median=float("nan")))
    assert report(study).reliability() == report(study).agreement() == ""
    edited(study, "items", lambda f: f[f["scale"] == "engagement"])
    assert report(study).items() == "The items as they were asked stand in @tbl-items-employees."
    edited(study, "items", lambda f: f.iloc[:0])
    assert report(study).items() == ""


def test_validation_is_quoted_from_the_instruments(study: Path) -> None:
    assert report(study).validation() == (
        "On their validation, the instruments employee-instrument and manager-instrument state: "
        "“Not validated.”"
    )
    edited(
        study, "scales",
        lambda f: f.assign(
            validation=["" if who == "manager" else "Two *studies*." for who in f["audience"]]
        ),
    )  # fmt: skip
    assert report(study).validation() == (
        r"On its validation, the instrument employee-instrument states: “Two \*studies\*.”"
    )
    edited(study, "scales", lambda f: f.drop(columns="validation"))
    assert report(study).validation() == ""


def test_few_groups_are_a_limitation_and_many_are_not(study: Path) -> None:
    found = "With 6 hospitals, what lies between them is known only roughly."
    assert report(study).few_groups() == found
    edited(study, "fits", lambda f: f.assign(groups="72 unit, 40 hospital"))
    assert report(study).few_groups() == ""


@pytest.mark.parametrize(
    ("method", "words"),
    [("REML", "restricted maximum likelihood"), ("ML", "maximum likelihood")],
)
def test_the_criterion_is_the_one_used(study: Path, method: str, words: str) -> None:
    """Maximum likelihood used to be called restricted."""
    edited(study, "fits", lambda f: f.assign(method=method))
    assert report(study).estimated() == words
    criterion = {row.texts[0] for row in report(study).tables.model().rows}
    assert ("REML criterion" in criterion) == (method == "REML")


def test_shares_say_what_they_bound(study: Path) -> None:
    """The share between units alone was said to bound associations; units differ by hospital."""
    text = report(study).shares()
    iccs = report(study).build.table("iccs")
    own = iccs[iccs["outcome"] == "goal_learning"].set_index("group")["icc"]
    for group in ("unit", "hospital"):
        assert f"{own[group]:.3f} between {group}s" in text
    assert "whether they lie within hospitals or between them. The shares together" in text
    two_levels(study)
    text = report(study).shares()
    assert "hospital" not in text
    assert text.endswith("This share is the most that such predictors can account for.")
    edited(study, "iccs", lambda f: f[f["outcome"] != "goal_learning"])
    assert report(study).shares() == ""


def test_sources_are_apart_only_when_managers_report_the_predictor(study: Path) -> None:
    assert report(study).sources_apart().startswith("The main model avoids this")
    edited(study, "scales", lambda f: f.assign(audience="employee"))
    assert report(study).sources_apart() == ""
    edited(study, "common_source", lambda f: f.iloc[:0])
    assert report(study).sources_apart() == ""


def test_expectations_stand_in_the_study_file_only_if_they_do(study: Path) -> None:
    assert report(study).expectations() == "Both stand in the study file."
    edited(study, "claims", lambda f: f.assign(expected="positive"))
    assert report(study).expectations() == ""


def test_equation_has_the_levels_and_predictors_of_the_model(study: Path) -> None:
    text = report(study).equation()
    assert text.startswith("Employee $i$ of unit $j$ in hospital $k$ has the outcome, goal-based")
    assert r"$$y_{ijk} = \gamma_0 + \beta^{\top} x_{ijk} + v_{k} + u_{jk} + e_{ijk}$$" in text
    held = "$x$ holds problem-solving use, reward and control use, years in the unit and profession"
    assert held in text
    two_levels(study)
    text = report(study).equation()
    assert r"$$y_{ij} = \gamma_0 + \beta^{\top} x_{ij} + u_{j} + e_{ij}$$" in text
    assert "hospital" not in text
    edited(study, "coefficients", lambda f: f[f["term"] == "(Intercept)"])
    text = report(study).equation()
    assert r"$$y_{ij} = \gamma_0 + u_{j} + e_{ij}$$" in text
    assert "$x$" not in text


def test_equation_shows_coefficients_that_differ(study: Path) -> None:
    def with_slope(frame: pd.DataFrame) -> pd.DataFrame:
        slope = frame[(frame["model"] == "main") & (frame["group"] == "unit")]
        return pd.concat([frame, slope.assign(term="tenure")], ignore_index=True)

    edited(study, "variance", with_slope)
    text = report(study).equation()
    assert r"+ v_{k} + u_{jk}^{\top} z_{ijk} + e_{ijk}" in text
    assert "a coefficient that differs: years in the unit between units." in text


def test_many_predictors_are_counted(study: Path) -> None:
    def many(frame: pd.DataFrame) -> pd.DataFrame:
        row = frame[(frame["model"] == "main") & (frame["term"] == "tenure")]
        more = [row.assign(term=f"x{n}", label=f"X {n}") for n in range(5)]
        return pd.concat([frame, *more], ignore_index=True)

    edited(study, "coefficients", many)
    assert "$x$ holds the 9 predictors of @tbl-main" in report(study).equation()


@pytest.mark.parametrize(
    ("reference", "prose", "note"),
    [
        ("Standard normal distribution. Nothing corrects for the number of groups.",
         "standard normal distribution. Nothing corrects for the number of groups",
         "6 hospitals; standard normal distribution. OLS"),
        ("t distribution with Kenward-Roger degrees of freedom. They, and the standard errors, "
         "correct for the number of groups. Standard errors are cluster-robust (CR2).",
         "t distribution with Kenward-Roger degrees of freedom. They, and the standard errors, "
         "correct for the number of groups. Standard errors are cluster-robust (CR2)",
         "t distribution with Kenward-Roger degrees of freedom; standard errors are "
         "cluster-robust (CR2). OLS"),
    ],
)  # fmt: skip
def test_the_reference_distribution_is_the_builds(
    study: Path, reference: str, prose: str, note: str
) -> None:
    edited(study, "fits", lambda f: f.assign(reference=reference))
    assert report(study).reference() == prose
    assert note in report(study).tables.model().note


def test_degrees_of_freedom_stand_per_term_unless_there_are_none(study: Path) -> None:
    table = report(study).tables.model()
    assert table.header[3] == "df"
    frame = report(study).build.table("coefficients")
    own = frame[(frame["model"] == "main") & (frame["estimator"] == "multilevel")]
    for row, df in zip(table.rows, own["df"], strict=False):
        assert row.texts[3] == (f"{df:,.0f}" if df >= 100 else f"{df:.1f}")
    assert "t distribution with 71 degrees of freedom." in table.note
    edited(study, "coefficients", lambda f: f.assign(df=float("inf")))
    assert "df" not in report(study).tables.model().header
    edited(study, "coefficients", lambda f: f.assign(df=range(10, 10 + len(f))))
    assert re.search(r"with \d\d to \d\d degrees of freedom", report(study).tables.model().note)


def test_a_model_without_predictors_has_no_pooled_columns(study: Path) -> None:
    table = report(study).tables.model("null")
    assert table.header[0] == ""
    assert "OLS" not in table.header
    assert "OLS" not in table.note


def test_claims_in_table_and_sentence_have_the_same_decimals(study: Path) -> None:
    """0.0504 against a smallest of interest of 0.05 used to be shown as 0.05."""
    numbers = {"estimate": 0.0504, "conf_low": 0.0012, "conf_high": 0.12, "smallest": 0.05}
    edited(study, "claims", lambda f: f.assign(**numbers).iloc[:1])
    cells = report(study).tables.claims().rows[0].texts
    assert cells[2:5] == ("0.0500", "0.0504", "[0.0012, 0.1200]")


def test_an_estimate_has_the_decimals_of_its_claim_and_no_sign_is_hidden(study: Path) -> None:
    """An interval from 0.004 used to begin at 0.00 in the abstract, beside "supported"."""
    numbers = {"estimate": 0.0864, "conf_low": 0.0041, "conf_high": 0.1687, "std_error": 0.042}
    edited(study, "coefficients", lambda f: f.assign(**numbers))
    edited(study, "claims", lambda f: f.assign(smallest=0.05))
    shown = "0.086 (95% interval 0.004 to 0.169)"
    for term in ("problem_solving_use", "tenure"):
        assert report(study).estimate(term) == shown
    cells = report(study).tables.model().rows[1].texts
    assert cells[1:3] == ("0.086 (0.042)", "[0.004, 0.169]")
    edited(study, "claims", lambda f: f.assign(smallest=0.0862))
    assert report(study).estimate("tenure") == shown
    shown = "0.0864 (95% interval 0.0041 to 0.1687)"
    assert report(study).estimate("problem_solving_use") == shown


def test_reliability_table_shows_how_many_are_behind_alpha(study: Path) -> None:
    assert "Complete" not in report(study).tables.reliability().header
    edited(study, "scales", lambda f: f.assign(n_complete=range(1201, 1201 + len(f))))
    table = report(study).tables.reliability()
    assert table.header[5] == "Complete"
    rows = [row.texts[5] for row in table.rows if not row.section]
    assert rows == [f"{n:,}" for n in range(1201, 1201 + len(rows))]
    assert "every item answered (complete)" in table.note


def test_nothing_is_said_of_response_where_no_group_is_known(study: Path) -> None:
    valued(study, response_attributes="")
    assert report(study).representative() == ""


def test_a_bias_too_small_to_show_is_not_nought(study: Path) -> None:
    """A largest bias of 0.001 was once "at most 0.00"."""
    valued(study, largest_bias=0.001)
    assert "would be off by less than 0.01 standard deviations." in report(study).representative()
    valued(study, largest_bias=0.126)
    assert "would be off by at most 0.13 standard deviations." in report(study).representative()


def test_answers_that_are_all_there_are_said_to_be(study: Path) -> None:
    edited(study, "missing", lambda f: f.assign(share_missing=[0.0, 0.1]))
    text = report(study).complete()
    assert text.startswith(
        "Employees answered every item. Managers gave no answer to 10% of the items;"
    )


def test_few_people_are_not_counted_in_prose(study: Path) -> None:
    edited(study, "missing", lambda f: f.assign(complete=float("nan"), stopped=float("nan")))
    text = report(study).complete()
    assert "answered every item" not in text
    assert "stopped" not in text


def test_littles_test_says_no_more_than_it_can(study: Path) -> None:
    both = report(study).gaps()
    assert "seem to differ in what they did answer, and leaving them out may tilt" in both
    assert both.endswith("which is not quite so.")
    assert "which does not show that gaps are random" in both
    edited(study, "missing", lambda f: f.assign(little_p_value=[0.2, 0.3]))
    assert "may tilt" not in report(study).gaps()
    edited(study, "missing", lambda f: f.assign(little_p_value=float("nan")))
    assert report(study).gaps() == ""


def test_a_share_of_a_few_people_is_told_as_a_few(study: Path) -> None:
    edited(
        study, "missing",
        lambda f: f.assign(share_missing=[float("nan"), 0.1], most_missing_share=float("nan")),
    )  # fmt: skip
    text = report(study).complete()
    assert text.startswith("Employees answered all but a few items. Managers gave no answer to")
    assert "Most often" not in text
