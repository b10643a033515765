"""A small build/ with made-up numbers in the shape every study writes; nothing here is a result.

Numbers depend on the seed alone, so two seeds give two builds that share no estimate: what does
not change between their reports was not read from the build.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

EMPLOYEE_SCALES = {
    "goal_learning": "Goal-based learning",
    "engagement": "Engagement",
    "perceived_problem_solving": "Perceived problem-solving use",
    "perceived_reward_control": "Perceived reward and control use",
}
MANAGER_SCALES = {
    "problem_solving_use": "Problem-solving use",
    "reward_control_use": "Reward and control use",
}
TERMS = {
    "(Intercept)": "Intercept",
    "problem_solving_use": "Problem-solving use",
    "reward_control_use": "Reward and control use",
    "tenure": "Years in the unit",
    "profession[Nurse]": "Profession: Nurse",
}
PERCEIVED = {
    "(Intercept)": "Intercept",
    "within(perceived_problem_solving, unit)": "Perceived problem-solving use, within units",
    "between(perceived_problem_solving, unit)": "Perceived problem-solving use, between units",
    "within(perceived_reward_control, unit)": "Perceived reward and control use, within units",
    "between(perceived_reward_control, unit)": "Perceived reward and control use, between units",
}
REFERENCE = (
    "t distribution with Kenward-Roger degrees of freedom. They, and the standard errors, correct "
    "for the number of groups."
)
UNIT_NAMES = [f"unit-{n:03d}" for n in range(1, 61)]


def write_build(study: Path, *, seed: int = 1, simulated: bool = True) -> Path:
    """Write `study.yml`-less inputs and a complete build/ and return the study folder."""
    rng = np.random.default_rng(seed)
    tables = study / "build" / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    (study / "data").mkdir(exist_ok=True)
    data = study / "data" / "employees.csv"
    data.write_text(f"respondent,gl1\na,{seed}\n", encoding="utf-8")
    made = _tables(rng)
    for name, frame in made.items():
        frame.to_parquet(tables / f"{name}.parquet", index=False)
    values = _values(rng)
    (study / "build" / "values.json").write_text(json.dumps(values), encoding="utf-8")
    manifest = _manifest(data, seed=seed, simulated=simulated)
    (study / "build" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    sealed(study)
    return study


def sealed(study: Path, **changes: Any) -> Path:
    """Write the fingerprints of a build as it stands, as a run does last; `changes` to the rest."""
    build = study / "build"
    manifest = json.loads((build / "manifest.json").read_text(encoding="utf-8")) | changes
    files = [build / "values.json", *sorted((build / "tables").glob("*.parquet"))]
    manifest["outputs"] = [
        {
            "path": path.relative_to(build).as_posix(),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in files
    ]
    (build / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return study


def edited(study: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change one table of a build, as if the run had written it so."""
    path = study / "build" / "tables" / f"{name}.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)
    sealed(study)


def valued(study: Path, **changes: Any) -> None:
    """Change values of a build, as if the run had written them so; None takes one away."""
    path = study / "build" / "values.json"
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {name: value for name, value in values.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")
    sealed(study)


def _manifest(data: Path, *, seed: int, simulated: bool) -> dict[str, Any]:
    content = data.read_bytes()
    return {
        "schema": 1,
        "title": "Managers' use of performance data and goal-based learning",
        "subtitle": "A two-survey study in hospitals",
        "authors": ["A. Researcher", "B. Researcher"],
        "date": "2026-11-22",
        "language": "en",
        "simulated": simulated,
        "seed": seed,
        "crosslevel_version": "0.1.0",
        "python": "3.11.9",
        "packages": {"numpy": "2.4.0", "pandas": "3.1.0", "scipy": "1.16.0"},
        "inputs": [
            {
                "path": "data/employees.csv",
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
            }
        ],
        "outputs": [],
        "disclosure_minimum": 10,
        "conf_level": 0.95,
        "reports": ["article"],
    }


def _values(rng: np.random.Generator) -> dict[str, float | int | str]:
    invited = int(rng.integers(3000, 3900))
    responded = int(invited * rng.uniform(0.45, 0.55))
    return {
        "employees_invited": invited,
        "employees_responded": responded,
        "employees_linked": responded - 61,
        "employees_analysed": responded - 112,
        "response_rate": responded / invited,
        "managers_invited": int(rng.integers(80, 99)),
        "managers_responded": int(rng.integers(60, 79)),
        "units_invited": 80,
        "units_analysed": 72,
        "units_withheld": 3,
        "unit_effects_withheld": 4,
        "categories_withheld": 1,
        "outcome_label": "Goal-based learning",
        "rule": "mean-of-managers",
        "main_model": "main",
        "invited_known": "yes",
        "hospitals_invited": 6,
        "hospitals_analysed": 6,
        "rows_dropped": 51,
        "screened": responded,
        "screen_flags": 2,
        "screened_out": int(rng.integers(20, 60)),
        "r_indicator": rng.uniform(0.8, 0.9),
        "r_indicator_low": rng.uniform(0.7, 0.8),
        "r_indicator_high": rng.uniform(0.9, 0.99),
        "largest_bias": rng.uniform(0.1, 0.2),
        "response_attributes": "Hospital",
    }


def _tables(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    return {
        "flow": _flow(rng),
        "flow_units": _flow_units(rng),
        "scales": _scales(rng),
        "items": _items(rng),
        "descriptives": _descriptives(rng),
        "correlations": _correlations(rng),
        "coefficients": _coefficients(rng),
        "fits": _fits(rng),
        "variance": _variance(rng),
        "iccs": _iccs(rng),
        "predictions": _predictions(rng),
        "unit_effects": _unit_effects(rng),
        "claims": _claims(rng),
        "common_source": _common_source(rng),
        **_soundness(rng),
        "notices": pd.DataFrame({"step": ["Fitting"], "text": ["A variance is zero."]}),
    }


def _soundness(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Tables about scales and answers; drawn last, from numbers of their own."""
    rng = np.random.default_rng(int(rng.integers(1, 10**6)))
    staff, heads = list(EMPLOYEE_SCALES), list(MANAGER_SCALES)
    both = {**EMPLOYEE_SCALES, **MANAGER_SCALES}
    evidence = pd.DataFrame(
        {
            "scale": [*staff, *heads],
            "omega": rng.uniform(0.7, 0.9, 6),
            "omega_low": rng.uniform(0.6, 0.7, 6),
            "omega_high": rng.uniform(0.9, 0.95, 6),
            "one_factor_rmsea": rng.uniform(0, 0.1, 6),
            "may_average": ["yes", "no", "yes", "yes", None, None],
            "averaging_verdict": ["Answers may be averaged."] * 4 + [None, None],
        }
    )
    fit = pd.DataFrame(
        {
            "instrument": ["staff", "heads"], "audience": ["employee", "manager"],
            "factors": [4, 2], "n": rng.integers(800, 1500, 2), "rows_dropped": [30, 2],
            "chisq": rng.uniform(100, 400, 2), "df": rng.integers(90, 300, 2),
            "p_value": rng.uniform(0.01, 0.9, 2), "cfi": rng.uniform(0.9, 0.99, 2),
            "tli": rng.uniform(0.9, 0.99, 2), "rmsea": rng.uniform(0.03, 0.05, 2),
            "rmsea_low": rng.uniform(0.01, 0.03, 2), "rmsea_high": rng.uniform(0.05, 0.09, 2),
            "srmr": rng.uniform(0.02, 0.1, 2), "status": "converged", "clustered": ["yes", "no"],
        }
    )  # fmt: skip
    loadings = pd.DataFrame(
        [
            (who, scale, f"{''.join(w[0] for w in scale.split('_'))}{i}", i, x, x - 0.1, x + 0.1)
            for who, scales in (("employee", staff), ("manager", heads))
            for scale in scales
            for i, x in enumerate(rng.uniform(0.3, 0.9, 4), 1)
        ],
        columns=["audience", "scale", "item", "position", "loading", "conf_low", "conf_high"],
    )
    pairs = [("employee", a, b) for i, a in enumerate(staff) for b in staff[:i]]
    factors = pd.DataFrame(
        [
            (who, a, b, both[a], both[b], r, r - 0.1, r + 0.1)
            for (who, a, b), r in zip(pairs, rng.uniform(0, 0.85, len(pairs)), strict=True)
        ],
        columns=["audience", "scale", "other", "label", "other_label", "estimate", "conf_low",
                 "conf_high"],
    )  # fmt: skip
    steps = ("configural", "metric", "scalar", "strict")
    invariance = pd.DataFrame(
        [
            {
                "variable": "profession", "variable_label": "Profession", "scale": scale,
                "label": both[scale], "step": step, "groups": 3, "n": 1480 + i,
                "cfi": rng.uniform(0.9, 1), "rmsea": rng.uniform(0, 0.1),
                "srmr": rng.uniform(0, 0.1),
                "cfi_change": np.nan if step == "configural" else -rng.uniform(0, 0.02),
                "holds": "no" if (scale, step) == ("engagement", "scalar") else "yes",
                "verdict": f"Verdict on {both[scale]}.",
            }
            for i, scale in enumerate(staff)
            for step in steps
        ]
    )  # fmt: skip
    careless = pd.DataFrame(
        {
            "index": ["Longest run of one answer", "Even-odd consistency"],
            "rule": [">= 13.5", "> -0.3"],
            "source": ["Curran (2016)", "Jackson (1976)"],
            "flagged": [np.nan, float(rng.integers(20, 90))],
            "share": [np.nan, rng.uniform(0.01, 0.09)],
        }
    )
    low, middle, high = np.sort(rng.uniform(0.3, 0.7, (3, 2)), axis=0)
    response = pd.DataFrame(
        {
            "variable": ["(all)", "unit", "hospital"], "label": ["", "Unit", "Hospital"],
            "groups": [np.nan, 80, 6], "invited": [3400, np.nan, np.nan],
            "responded": [1700, np.nan, np.nan], "rate": [rng.uniform(0.4, 0.6), np.nan, np.nan],
            "conf_low": [rng.uniform(0.3, 0.4), np.nan, np.nan],
            "conf_high": [rng.uniform(0.6, 0.7), np.nan, np.nan],
            "lowest": [np.nan, *low], "median": [np.nan, *middle], "highest": [np.nan, *high],
        }
    )  # fmt: skip
    missing = pd.DataFrame(
        {
            "instrument": ["staff", "heads"], "audience": ["employee", "manager"],
            "n": [1700, 84], "n_items": [16, 8], "share_missing": rng.uniform(0.01, 0.08, 2),
            "complete": [float(rng.integers(800, 1500)), 61.0], "stopped": [41.0, np.nan],
            "most_missing": ["gl7", "rcu3"], "most_missing_text": ["I learn.", "I praise."],
            "most_missing_share": rng.uniform(0.08, 0.12, 2),
            "little_statistic": [float(rng.integers(2000, 7000)), rng.uniform(100, 140)],
            "little_df": [6100.0, 120.0], "little_p_value": [0.4321, 0.0123],
        }
    )  # fmt: skip
    claimed = rng.uniform(-0.3, 0.3, (2, 6))
    names = ["estimate", "conf_low", "conf_high"]
    sensitivity = pd.DataFrame(claimed, columns=[*names, *(f"{n}_without" for n in names)])
    sensitivity = sensitivity.assign(term=heads, label=[both[h] for h in heads])
    return {
        "evidence": evidence, "factor_fit": fit, "loadings": loadings, "factors": factors,
        "invariance": invariance, "careless": careless, "sensitivity": sensitivity,
        "response": response, "missing": missing,
    }  # fmt: skip


def _flow(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    reasons = {
        "responded": "did not answer",
        "linked": "no manager of the unit answered",
        "analysed": "an answer the model needs is missing",
    }
    for level, start in (
        ("manager", 88),
        ("employee", int(rng.integers(3300, 3800))),
        ("unit", 80),
    ):
        n = start
        for stage in ("invited", "responded", "linked", "analysed"):
            if stage == "invited":
                rows.append((level, stage, n, 0, ""))
                continue
            kept = int(n * (0.52 if (level, stage) == ("employee", "responded") else 0.95))
            rows.append((level, stage, kept, n - kept, reasons[stage]))
            n = kept
    return pd.DataFrame(rows, columns=["level", "stage", "n", "lost", "reason"])


def _flow_units(rng: np.random.Generator) -> pd.DataFrame:
    n = len(UNIT_NAMES)
    invited = rng.integers(30, 60, n)
    responded = (invited * rng.uniform(0.35, 0.65, n)).astype(int)
    return pd.DataFrame(
        {
            "unit": UNIT_NAMES,
            "hospital": [f"hospital-{i % 6}" for i in range(n)],
            "invited": invited,
            "responded": responded,
            "linked": responded,
            "analysed": responded - 1,
            "response_rate": responded / invited,
        }
    )


def _scales(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for audience, scales in (("employee", EMPLOYEE_SCALES), ("manager", MANAGER_SCALES)):
        for scale, label in scales.items():
            staff = audience == "employee"
            alpha = rng.uniform(0.75, 0.92)
            icc1 = rng.uniform(0.05, 0.25)
            rows.append(
                {
                    "scale": scale,
                    "label": label,
                    "instrument": f"{audience}-instrument",
                    "version": "1.0.0",
                    "audience": audience,
                    "role": "outcome" if scale == "goal_learning" else "predictor",
                    "method": "mean",
                    "validation": "Not validated.",
                    "n_items": int(rng.integers(4, 8)),
                    "n": int(rng.integers(1500, 1900)) if staff else int(rng.integers(60, 80)),
                    "mean": rng.uniform(2.5, 4.0),
                    "std_dev": rng.uniform(0.5, 0.9),
                    "minimum": 1.0,
                    "maximum": 5.0,
                    "alpha": alpha,
                    "alpha_low": alpha - 0.02,
                    "alpha_high": alpha + 0.02,
                    "icc1": icc1 if staff else np.nan,
                    "icc1_low": icc1 - 0.03 if staff else np.nan,
                    "icc1_high": icc1 + 0.04 if staff else np.nan,
                    "icc2": rng.uniform(0.6, 0.9) if staff else np.nan,
                    "rwg_median": rng.uniform(0.7, 0.9) if staff else np.nan,
                    "rwg_share_070": rng.uniform(0.6, 0.95) if staff else np.nan,
                    "design_effect": rng.uniform(2, 6) if staff else np.nan,
                    "groups": 72 if staff else np.nan,
                    "mean_size": rng.uniform(20, 26) if staff else np.nan,
                }
            )
    return pd.DataFrame(rows)


def _items(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for scale in [*EMPLOYEE_SCALES, *MANAGER_SCALES]:
        for number in range(1, 5):
            rows.append(  # noqa: PERF401
                {
                    "scale": scale,
                    "item": f"{''.join(w[0] for w in scale.split('_'))}{number}",
                    "text": f"We talk about what the figures mean for our daily work ({number}).",
                    "reversed": number == 4,
                    "n": int(rng.integers(1500, 1900)),
                    "missing": int(rng.integers(1, 60)),
                    "mean": rng.uniform(2, 4),
                    "std_dev": rng.uniform(0.8, 1.2),
                    "item_total": rng.uniform(0.4, 0.7),
                    "alpha_if_dropped": rng.uniform(0.7, 0.9),
                }
            )
    return pd.DataFrame(rows)


def _descriptives(rng: np.random.Generator) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for level, labels in (("employee", EMPLOYEE_SCALES), ("manager", MANAGER_SCALES)):
        for variable, label in {**labels, "tenure": "Years in the unit"}.items():
            rows.append(
                {
                    "variable": variable, "label": label, "level": level,
                    "kind": "scale" if variable in labels else "background",
                    "n": int(rng.integers(60, 1900)), "mean": rng.uniform(2, 8),
                    "std_dev": rng.uniform(0.5, 3), "minimum": np.nan,
                    "maximum": np.nan, "category": None, "share": np.nan,
                }
            )  # fmt: skip
        for category, share in (("Nurse", 0.52), ("Doctor", 0.21), ("Other care", 0.27)):
            rows.append(
                {
                    "variable": "profession", "label": f"Profession: {category}", "level": level,
                    "kind": "background",
                    "n": int(rng.integers(10, 900)), "mean": np.nan, "std_dev": np.nan,
                    "minimum": np.nan, "maximum": np.nan, "category": category, "share": share,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _correlations(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    both = {**EMPLOYEE_SCALES, **MANAGER_SCALES}
    for level, labels in (("within", EMPLOYEE_SCALES), ("between", both)):
        names = list(labels)
        for i, variable in enumerate(names):
            for other in names[:i]:
                r = rng.uniform(-0.6, 0.7)
                rows.append(
                    (level, variable, labels[variable], other, labels[other], r,
                     72 if level == "between" else 1680, r - 0.1, r + 0.1)
                )  # fmt: skip
    columns = ["level", "variable", "label", "other", "other_label", "estimate", "n",
               "conf_low", "conf_high"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _models() -> dict[str, dict[str, str]]:
    return {
        "null": {"(Intercept)": "Intercept"},
        "main": TERMS,
        "perceived": PERCEIVED,
    }


def _coefficients(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model, terms in _models().items():
        for estimator in ("multilevel", "ols-cluster"):
            if model == "null" and estimator != "multilevel":
                continue
            for term, label in terms.items():
                estimate = 3.1 if term == "(Intercept)" else rng.uniform(-0.35, 0.35)
                error = rng.uniform(0.02, 0.09)
                rows.append(
                    {
                        "model": model, "estimator": estimator, "term": term, "label": label,
                        "group": "fixed", "estimate": estimate, "std_error": error,
                        "statistic": estimate / error, "df": 71.0 if estimator == "ols-cluster"
                        else rng.uniform(4, 400),
                        "p_value": float(rng.choice([0.0002, 0.013, 0.41])),
                        "conf_low": estimate - 1.96 * error, "conf_high": estimate + 1.96 * error,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def _fits(rng: np.random.Generator) -> pd.DataFrame:
    labels = {
        "null": "Goal-based learning, no predictors",
        "main": "Managers' reported use",
        "perceived": "Use as employees perceive it",
    }
    roles = {"null": "null", "main": "main", "perceived": "secondary"}
    rows = []
    for model, label in labels.items():
        for estimator in ("multilevel",):
            rows.append(  # noqa: PERF401
                {
                    "model": model, "label": label, "role": roles[model],
                    "outcome": "goal_learning", "outcome_label": "Goal-based learning",
                    "formula": "goal_learning ~ 1 + (1 | hospital/unit)",
                    "method": "REML",
                    "estimator": estimator, "n": 1688, "groups": "72 unit, 6 hospital",
                    "criterion": rng.uniform(3000, 4000),
                    "log_likelihood": -rng.uniform(1500, 2000),
                    "aic": rng.uniform(3000, 4000), "bic": rng.uniform(3000, 4000),
                    "sigma": rng.uniform(0.5, 0.7), "status": "converged", "status_text": "",
                    "rows_dropped": 51, "terms_dropped": "", "reference": REFERENCE,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _variance(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for model in _models():
        for group in ("unit", "hospital", "Residual"):
            spread = rng.uniform(0.1, 0.6)
            rows.append((model, group, "(Intercept)", "", spread**2, spread, np.nan))
    columns = ["model", "group", "term", "other", "covariance", "std_dev", "correlation"]
    return pd.DataFrame(rows, columns=columns)


def _iccs(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for outcome, label in EMPLOYEE_SCALES.items():
        for group, groups in (("unit", 72), ("hospital", 6)):
            rows.append(("null", outcome, label, group, rng.uniform(0.01, 0.2), 1688, groups))
    columns = ["model", "outcome", "outcome_label", "group", "icc", "n", "groups"]
    return pd.DataFrame(rows, columns=columns)


def _predictions(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for term, label in MANAGER_SCALES.items():
        slope = rng.uniform(0.1, 0.3) * (1 if term.startswith("problem") else -1)
        for x in np.linspace(1.4, 4.6, 25):
            middle = 3.2 + slope * (x - 3)
            half = 0.06 + 0.05 * abs(x - 3)
            rows.append(
                ("main", term, label, x, middle, middle - half, middle + half,
                 "Goal-based learning")
            )  # fmt: skip
    columns = ["model", "term", "label", "x", "estimate", "conf_low", "conf_high", "outcome_label"]
    return pd.DataFrame(rows, columns=columns)


def _unit_effects(rng: np.random.Generator) -> pd.DataFrame:
    effects = np.sort(rng.normal(0, 0.2, 57))
    half = rng.uniform(0.1, 0.25, 57)
    return pd.DataFrame(
        {
            "model": "main",
            "position": np.arange(1, 58),
            "estimate": effects,
            "conf_low": effects - half,
            "conf_high": effects + half,
        }
    )


def _claims(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for number, (term, expected, verdict) in enumerate(
        (
            ("problem_solving_use", "positive", "supported"),
            ("reward_control_use", "negative", "inconclusive"),
        ),
        1,
    ):
        estimate = rng.uniform(0.1, 0.3) * (1 if expected == "positive" else -1)
        rows.append(
            {
                "id": f"claim{number}",
                "statement": f"{MANAGER_SCALES[term]} is associated with "
                f"{'more' if expected == 'positive' else 'less'} goal-based learning.",
                "model": "main", "term": term, "expected": expected, "smallest": 0.1,
                "estimate": estimate, "conf_low": estimate - 0.08, "conf_high": estimate + 0.08,
                "p_value": 0.002, "verdict": verdict,
                "sentence": f"{MANAGER_SCALES[term]} is associated with goal-based learning "
                f"({estimate:.2f}). {verdict.capitalize()}.",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _common_source(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for use, label in MANAGER_SCALES.items():
        for source in ("Reported by managers", "Perceived by employees, between units"):
            estimate = rng.uniform(0.05, 0.5) * (1 if use.startswith("problem") else -1)
            rows.append(
                {
                    "outcome": "goal_learning", "use": use, "label": label, "source": source,
                    "model": "main" if "managers" in source else "perceived", "term": use,
                    "estimate": estimate, "std_error": 0.04, "conf_low": estimate - 0.08,
                    "conf_high": estimate + 0.08, "standardised": estimate * 0.7,
                    "standardised_low": estimate * 0.7 - 0.05,
                    "standardised_high": estimate * 0.7 + 0.05,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
