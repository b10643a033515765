"""What a run writes: the contract between a study and its reports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from crosslevel import multilevel
from crosslevel.cli import main
from crosslevel.errors import StudyError
from crosslevel.reporting import open_report
from crosslevel.study import Build, Study, create, open_build

COLUMNS = {
    "flow": "level stage n lost reason",
    "scales": "scale label instrument version audience role method validation n_items n mean "
    "std_dev minimum maximum alpha alpha_low alpha_high icc1 icc1_low icc1_high icc2 rwg_median "
    "rwg_share_070 design_effect groups mean_size",
    "items": "scale item text reversed n missing mean std_dev item_total alpha_if_dropped",
    "descriptives": "variable label level kind category n mean std_dev minimum maximum share",
    "correlations": "level variable other estimate n conf_low conf_high label other_label",
    "coefficients": "model estimator term label group estimate std_error statistic df p_value "
    "conf_low conf_high",
    "fits": "model label role outcome outcome_label formula method estimator n groups criterion "
    "log_likelihood aic bic sigma status status_text rows_dropped terms_dropped reference",
    "variance": "model group term other covariance std_dev correlation",
    "iccs": "model outcome outcome_label group icc n groups",
    "predictions": "model term label x estimate conf_low conf_high outcome_label",
    "unit_effects": "model position estimate conf_low conf_high",
    "claims": "id statement model term expected smallest estimate conf_low conf_high p_value "
    "verdict sentence",
    "common_source": "outcome outcome_label use label source model term estimate std_error "
    "conf_low conf_high standardised standardised_low standardised_high",
    "notices": "step text",
    "evidence": "scale omega omega_low omega_high one_factor_rmsea may_average averaging_verdict",
    "factor_fit": "instrument audience factors n rows_dropped chisq df p_value cfi tli rmsea "
    "rmsea_low rmsea_high srmr status clustered",
    "loadings": "audience scale item position loading conf_low conf_high",
    "factors": "audience scale other label other_label estimate conf_low conf_high",
    "invariance": "variable variable_label scale label step groups n chisq df p_value cfi rmsea "
    "srmr cfi_change rmsea_change srmr_change holds verdict",
    "careless": "index rule source flagged share",
    "response": "variable label groups invited responded rate conf_low conf_high lowest "
    "median highest",
    "missing": "instrument audience n n_items share_missing complete stopped most_missing "
    "most_missing_text most_missing_share little_statistic little_df little_p_value",
    "sensitivity": "term label estimate conf_low conf_high estimate_without conf_low_without "
    "conf_high_without",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create(tmp_path_factory.mktemp("run") / "study")


@pytest.fixture(scope="module")
def build(folder: Path) -> Build:
    return Study.open(folder).run()


@pytest.fixture(scope="module")
def linked(build: Build) -> pd.DataFrame:
    return pd.read_parquet(build.root / "private" / "linked.parquet")


def _main(build: Build) -> pd.DataFrame:
    table = build.exact("coefficients").query("model == 'main' and estimator == 'multilevel'")
    return table.set_index("term")


def test_every_table_has_its_columns(build: Build) -> None:
    assert build.tables == sorted(COLUMNS)
    for name, columns in COLUMNS.items():
        assert list(build.table(name).columns) == columns.split(), name


def test_a_second_run_is_the_same_to_the_byte(folder: Path, build: Build) -> None:
    before = {p: p.read_bytes() for p in build.root.rglob("*") if p.is_file()}
    Study.open(folder).run()
    after = {p: p.read_bytes() for p in build.root.rglob("*") if p.is_file()}
    assert before == after


def test_steps_are_announced(folder: Path) -> None:
    steps: list[str] = []
    Study.open(folder).run(steps.append)
    assert steps == [
        "Reading and linking",
        "Judging the scales",
        "Judging the answers",
        "Fitting the models",
        "Judging the claims",
        "Writing",
    ]


def test_no_identifier_of_a_person_leaves_the_private_folder(build: Build, folder: Path) -> None:
    people = set(pd.read_csv(folder / "data" / "roster-employees.csv")["employee"])
    people |= set(pd.read_csv(folder / "data" / "roster-managers.csv")["manager"])
    for name in build.tables:
        for column in build.table(name).select_dtypes("str"):
            assert not people & set(build.table(name)[column].dropna()), (name, column)
    for path in ("values.json", "manifest.json"):
        text = (build.root / path).read_text(encoding="utf-8")
        assert not any(f'"{person}"' in text for person in people)
    assert "must not leave the house" in (build.root / "private" / "README.txt").read_text()


def test_inputs_are_all_there(build: Build) -> None:
    assert [record.path for record in build.manifest.inputs] == [
        "data/employees.csv",
        "data/managers.csv",
        "data/roster-employees.csv",
        "data/roster-managers.csv",
        "data/units.csv",
        "study.yml",
        "surveys/employee-goal-learning/instrument.yml",
        "surveys/manager-data-use/instrument.yml",
        "truth.yml",
    ]


def test_counts_agree_with_the_files(build: Build, folder: Path) -> None:
    counts = {
        name: len(pd.read_csv(folder / "data" / f"{name}.csv"))
        for name in ("employees", "managers", "roster-employees", "units")
    }
    assert build.value("employees_invited") == counts["roster-employees"]
    assert build.value("employees_responded") == counts["employees"]
    assert build.value("managers_responded") == counts["managers"]
    assert build.value("units_invited") == counts["units"]
    units = pd.read_csv(folder / "data" / "units.csv")
    assert build.value("hospitals_invited") == units["hospital"].nunique() == 6
    assert build.value("hospitals_analysed") == 6
    assert build.value("response_rate") == counts["employees"] / counts["roster-employees"]
    fits = build.table("fits").set_index("model")
    assert build.value("employees_analysed") == fits.loc["main", "n"]
    assert build.value("rows_dropped") == fits.loc["main", "rows_dropped"]


def test_ols_has_unit_clustered_errors(build: Build, linked: pd.DataFrame) -> None:
    """Witness: statsmodels through its own formula interface."""
    needed = ["goal_learning", "problem_solving_use", "reward_control_use", "tenure", "profession"]
    rows = linked.dropna(subset=needed)
    rows = rows[rows["profession"] != ""]
    formula = "goal_learning ~ problem_solving_use + reward_control_use + tenure + C(profession)"
    codes = {"groups": pd.factorize(rows["unit"])[0]}
    witness = smf.ols(formula, rows).fit(cov_type="cluster", cov_kwds=codes)
    table = build.exact("coefficients").query("model == 'main' and estimator == 'ols-cluster'")
    ours = table.set_index("term")
    for term in ("problem_solving_use", "reward_control_use", "tenure"):
        assert ours.loc[term, "estimate"] == pytest.approx(witness.params[term], rel=1e-9)
        assert ours.loc[term, "std_error"] == pytest.approx(witness.bse[term], rel=1e-9)


def test_the_first_option_is_the_reference(build: Build) -> None:
    terms = [t for t in _main(build).index if t.startswith("profession")]
    assert terms == [
        "profession[Doctor]",
        "profession[Other care professional]",
        "profession[Administrative or technical staff]",
    ]


def test_predictions_equal_those_of_the_fit(build: Build, linked: pd.DataFrame) -> None:
    """Witness: `predict` on rows that hold everything else at its mean or reference."""
    formula = build.table("fits").set_index("model").loc["main", "formula"]
    order = ["Nurse", "Doctor", "Other care professional", "Administrative or technical staff"]
    frame = linked.assign(profession=pd.Categorical(linked["profession"], categories=order))
    fit = multilevel.fit(formula, frame)
    used = frame.dropna(subset=["problem_solving_use", "tenure", "profession", "goal_learning"])
    table = build.exact("predictions").query("term == 'problem_solving_use'")
    rows = pd.DataFrame(
        {
            "problem_solving_use": table["x"].to_numpy(),
            "reward_control_use": used["reward_control_use"].mean(),
            "tenure": used["tenure"].mean(),
            "profession": "Nurse",
        }
    )
    expected = fit.predict(rows, include="none")
    np.testing.assert_allclose(table["estimate"], expected, rtol=1e-9)
    design = np.zeros((len(rows), len(fit.vcov())))
    names = list(fit.vcov().index)
    design[:, names.index("(Intercept)")] = 1.0
    for name in ("problem_solving_use", "reward_control_use", "tenure"):
        design[:, names.index(name)] = rows[name]
    reference = fit.reference("kenward-roger")
    std_error = np.sqrt(np.diag(design @ reference.covariance @ design.T))
    half = std_error * stats.t.ppf(0.975, [reference.df(row) for row in design])
    np.testing.assert_allclose(table["conf_low"], table["estimate"] - half, rtol=1e-9)
    np.testing.assert_allclose(table["conf_high"], table["estimate"] + half, rtol=1e-9)


def test_no_line_ends_at_the_score_of_one_manager(build: Build, linked: pd.DataFrame) -> None:
    by_unit = linked.groupby("unit")["problem_solving_use"].first().dropna()
    x = build.table("predictions").query("term == 'problem_solving_use'")["x"]
    assert by_unit.min() < x.min() < by_unit.median() < x.max() < by_unit.max()


def test_intervals_of_units_do_not_tell_their_size(build: Build) -> None:
    effects = build.exact("unit_effects")
    width = effects["conf_high"] - effects["conf_low"]
    np.testing.assert_allclose(width, width.iloc[0], rtol=1e-12)
    assert "flow_units" not in build.tables


def test_extremes_of_scores_are_not_published(build: Build) -> None:
    for name in ("scales", "descriptives"):
        table = build.table(name)
        assert table[["minimum", "maximum"]].isna().all(axis=None)
        assert table["mean"].notna().any()


def test_standardised_slopes(build: Build, linked: pd.DataFrame) -> None:
    row = build.exact("common_source").iloc[0]
    assert (row["model"], row["term"]) == ("main", "problem_solving_use")
    used = linked.dropna(
        subset=["problem_solving_use", "reward_control_use", "tenure", "goal_learning"]
    )
    used = used[used["profession"].notna() & (used["profession"] != "")]
    factor = used["problem_solving_use"].std() / used["goal_learning"].std()
    assert row["standardised"] == pytest.approx(row["estimate"] * factor, rel=1e-12)
    assert row["estimate"] == _main(build).loc["problem_solving_use", "estimate"]
    assert len(build.table("common_source")) == 6


def test_unit_effects_are_ordered_and_nameless(build: Build) -> None:
    effects = build.table("unit_effects")
    assert effects["estimate"].is_monotonic_increasing
    assert effects["position"].tolist() == list(range(1, len(effects) + 1))
    shown = len(effects) + int(build.value("unit_effects_withheld"))
    assert shown == build.value("units_analysed")


def test_null_models_give_the_iccs(build: Build) -> None:
    iccs = build.exact("iccs")
    parts = build.exact("variance").query("model == 'null_goal_learning'").set_index("group")
    total = parts["covariance"].sum()
    for row in iccs.query("model == 'null_goal_learning'").itertuples():
        assert row.icc == pytest.approx(parts.loc[row.group, "covariance"] / total, rel=1e-12)
    assert set(iccs["model"]) == {"null_goal_learning", "null_engagement"}


def test_small_categories_and_extremes_are_not_shown(build: Build) -> None:
    table = build.table("descriptives")
    categories = table[table["category"].notna()]
    assert categories["n"].min() >= 5
    background = table["variable"].isin(["tenure", "manager_tenure", "manager_span"])
    assert table.loc[background, ["minimum", "maximum"]].isna().all(axis=None)


def test_labels_are_in_the_language_of_the_study(folder: Path, tmp_path: Path) -> None:
    danish = Path(shutil.copytree(folder, tmp_path / "danish"))
    text = (danish / "study.yml").read_text(encoding="utf-8")
    assert "language: en" in text
    (danish / "study.yml").write_text(text.replace("language: en", "language: da"), "utf-8")
    build = Study.open(danish).run()
    scales = build.table("scales").set_index("scale")
    assert scales.loc["problem_solving_use", "label"] == "Problemløsende brug"
    assert "profession[Læge]" in set(build.table("coefficients")["term"])
    assert "Konstantled" in set(build.table("coefficients")["label"])


def test_the_sole_rule_leaves_out_units_with_two_managers(folder: Path, tmp_path: Path) -> None:
    sole = Path(shutil.copytree(folder, tmp_path / "sole"))
    text = (sole / "study.yml").read_text(encoding="utf-8")
    (sole / "study.yml").write_text(text.replace("rule: mean-of-managers", "rule: sole"), "utf-8")
    build = Study.open(sole).run()
    assert build.value("rule") == "sole"
    assert int(build.value("units_analysed")) < int(open_build(folder).value("units_analysed"))


def test_without_managers_in_the_main_model_the_flow_ends_with_its_rows(
    folder: Path, tmp_path: Path
) -> None:
    """Employees of units without a manager were in the model and left out of `analysed`."""
    other = Path(shutil.copytree(folder, tmp_path / "perceived"))
    text = (other / "study.yml").read_text(encoding="utf-8").replace("role: main", "role: null")
    text = text.replace("role: secondary", "role: main", 1).replace("role: null", "role: secondary")
    (other / "study.yml").write_text(text, encoding="utf-8")
    build = Study.open(other).run()
    assert build.value("main_model") == "perceived"
    fits = build.table("fits").set_index("model")
    assert build.value("employees_analysed") == fits.loc["perceived", "n"]
    assert build.value("employees_linked") == build.value("employees_responded")
    assert build.value("managers_analysed") == 0
    flow = build.table("flow").set_index(["level", "stage"])["reason"]
    assert flow["manager", "analysed"] == "the main model uses no answer of managers"


def test_without_a_main_role_run_report_and_command_take_the_same_model(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command showed no coefficients, and only run and report took the last model."""
    other = Path(shutil.copytree(folder, tmp_path / "mainless"))
    text = (
        (other / "study.yml").read_text(encoding="utf-8").replace("role: main", "role: secondary")
    )
    (other / "study.yml").write_text(text, encoding="utf-8")
    assert main(["run", str(other)]) == 0
    shown = capsys.readouterr().out
    assert Study.open(other).spec.main_model.id == "engagement"
    assert open_build(other).value("main_model") == "engagement"
    assert open_report(other).tables.main_model == "engagement"
    assert "Engagement and the uses as" in shown
    assert "No model has the role main; 'engagement' is taken." in shown


def test_rows_without_an_identifier_are_said_to_be_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were counted among those who did not respond, and only `check` told."""
    other = Path(shutil.copytree(folder, tmp_path / "nameless"))
    path = other / "data" / "employees.csv"
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    frame.loc[[0, 3], "employee"] = ""
    frame.iloc[5, 1:] = ""
    frame.to_csv(path, index=False)
    said = (
        f"employees.csv: 3 of {len(frame):,} rows are not used: "
        "no respondent id (2 rows: 2, 5); no answer to any item (row 7)."
    )
    assert main(["check", str(other)]) == 0
    assert said in capsys.readouterr().out
    assert main(["run", str(other)]) == 0
    assert said in capsys.readouterr().out
    flow = open_build(other).table("flow").set_index(["level", "stage"])
    row = flow.loc[("employee", "responded")]
    assert row["reason"] == (
        f"{row['lost'] - 3:,}: did not respond; 2: answered without an identifier; "
        "1: answered no item"
    )


def test_pseudonyms_replace_identifiers_everywhere(
    folder: Path, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = Path(shutil.copytree(folder, tmp_path / "secret"))
    text = (secret / "study.yml").read_text(encoding="utf-8")
    (secret / "study.yml").write_text(text + "pseudonym_key_from: STUDY_KEY\n", encoding="utf-8")
    monkeypatch.delenv("STUDY_KEY", raising=False)
    with pytest.raises(StudyError, match="STUDY_KEY is not set"):
        Study.open(secret).run()
    monkeypatch.setenv("STUDY_KEY", "a long secret of this study")
    hidden = Study.open(secret).run()
    linked = pd.read_parquet(hidden.root / "private" / "linked.parquet")
    assert linked["employee"].str.fullmatch("p[0-9a-f]{16}").all()
    pd.testing.assert_frame_equal(hidden.table("coefficients"), build.table("coefficients"))
    assert "a long secret" not in (hidden.root / "manifest.json").read_text(encoding="utf-8")


def test_files_may_be_separated_by_semicolons(folder: Path, build: Build, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "semicolons"))
    for path in (other / "data").glob("*.csv"):
        path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
    text = (other / "study.yml").read_text(encoding="utf-8")
    text = text.replace(".csv\n", '.csv\n    delimiter: ";"\n')
    (other / "study.yml").write_text(text, encoding="utf-8")
    found = Study.open(other).run()
    pd.testing.assert_frame_equal(found.table("coefficients"), build.table("coefficients"))


def test_a_variance_of_zero_is_said_with_its_level(build: Build) -> None:
    fits = build.table("fits").set_index("model")
    boundary = fits[fits["status"] == "boundary"]
    parts = build.table("variance").set_index(["model", "group"])["covariance"]
    for model, row in boundary.iterrows():
        assert parts[model, "hospital"] == 0
        assert "the variance of hospital is estimated as zero" in row["status_text"]
        said = f"Model '{model}': the variance of hospital is estimated as zero."
        assert said in set(build.table("notices")["text"])
    assert len(boundary) > 0
    assert fits.loc["main", "status"] == "converged"


def test_values_are_plain_json(build: Build) -> None:
    values = json.loads((build.root / "values.json").read_text(encoding="utf-8"))
    assert all(isinstance(v, int | float | str) for v in values.values())
