"""Sentences that depend on the study: Markdown, empty where there is nothing to say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from crosslevel.integration.claims import decimals, within_sentence
from crosslevel.reporting.contents import USES
from crosslevel.reporting.markdown import escape
from crosslevel.reporting.models import (
    INTERCEPT,
    fit_of,
    focal,
    groups_of,
    main_model,
    predictors,
    value_or,
)
from crosslevel.reporting.numbers import count, decimals_for, estimate_text, number, percent
from crosslevel.reporting.wording import group_name, joined, plural
from crosslevel.study.build import Build

FEW = 20
"""Groups below which the variance between them is known only roughly."""
NAMED = 6
"""Predictors up to which the model is described by naming them."""
_METHODS = {"REML": "restricted maximum likelihood", "ML": "maximum likelihood"}
_LETTERS, _EFFECTS = "ijklmn", "uvwzqr"


def sample(build: Build) -> str:
    """How many were analysed, level by level: `1,688 employees of 72 units in 6 hospitals`."""
    model = main_model(build)
    fit, groups = fit_of(build, model), groups_of(build, model)
    parts = [f"{count(group.n)} {_number(group.name, group.n)}" for group in groups]
    return escape(f"{count(fit['n'])} employees of {' in '.join(parts)}")


def findings(build: Build) -> str:
    """One clause per claimed term of the main model: what a difference of one goes with."""
    model = main_model(build)
    outcome = within_sentence(str(fit_of(build, model)["outcome_label"]))
    clauses = [
        f"a difference of one in {within_sentence(str(row['label']))} is associated with a "
        f"difference of {estimate(build, row)} in {outcome}"
        for _, row in focal(build, model).iterrows()
        if "[" not in str(row["term"]) and ":" not in str(row["term"])
    ]
    text = "; ".join(clauses)
    return escape(f"{text[:1].upper()}{text[1:]}.") if text else ""


def estimate(build: Build, row: pd.Series) -> str:
    """A coefficient with its interval, in words; with the decimals of its claim, if it has one."""
    shown = (row["estimate"], row["conf_low"], row["conf_high"])
    places = decimals_for(row["std_error"], *shown)
    claims = build.table("claims")
    own = (claims["model"] == row["model"]) & (claims["term"] == row["term"])
    if own.any() and row["estimator"] == "multilevel":
        places = max(decimals(shown, float(smallest)) for smallest in claims.loc[own, "smallest"])
    return estimate_text(*shown, conf_level=build.manifest.conf_level, decimals=places)


def response(build: Build) -> str:
    """How many were invited and answered; says so when nobody knows who was invited."""
    answered = count(float(build.value("employees_responded")))
    if value_or(build, "invited_known", "yes") == "no":
        return escape(
            f"The data hold the answers of {answered} employees; how many were invited and did "
            "not answer is not known."
        )
    text = (
        f"Of {count(float(build.value('employees_invited')))} employees invited, {answered} "
        f"answered ({percent(float(build.value('response_rate')))})"
    )
    if invited := float(value_or(build, "managers_invited", 0)):
        responded = count(float(build.value("managers_responded")))
        text += f"; of {count(invited)} managers, {responded} did"
    return escape(f"{text}.")


def incomplete(build: Build) -> str:
    """A limitation: who did not answer."""
    if value_or(build, "invited_known", "yes") == "no":
        text = "it is not known who did not answer"
    else:
        missed = [
            f"not all {level} answered"
            for level in ("managers", "employees")
            if float(value_or(build, f"{level}_invited", 0))
            > float(value_or(build, f"{level}_responded", 0))
        ]
        text = joined(missed) if missed else ""
    return escape(f"{text[:1].upper()}{text[1:]}, and those who did may differ.") if text else ""


def levels(build: Build) -> str:
    """Which levels the main model keeps apart."""
    names = [group.name for group in groups_of(build, main_model(build))]
    chain = [plural(name) for name in names[::-1]] + ["employees"]
    holds = [f"{above} hold {below}" for above, below in pairwise(chain)]
    text = joined(holds)
    kept = "both levels" if len(chain) == 2 else f"all {_spelled(len(chain))} levels"
    return escape(f"{text[:1].upper()}{text[1:]}, and the analysis keeps {kept}.")


def rule(build: Build) -> str:
    """How a unit with several managers gets its scores; nothing without managers."""
    rules = {
        "mean-of-managers": "has the mean of their scores",
        "sole": "has no managers' scores, because the study asks for one manager per unit",
    }
    words = rules.get(str(value_or(build, "rule", "")))
    return escape(f"Where several managers of a unit answered, the unit {words}.") if words else ""


def scoring(build: Build) -> str:
    """How the items of a scale become its score."""
    scales = build.table("scales")
    several = scales[scales["n_items"] > 1]
    if several.empty:
        return "Every scale is one number, as it stands in the data."
    methods = set(several["method"]) if "method" in several.columns else {""}
    how = {frozenset({"mean"}): "the mean of its items", frozenset({"sum"}): "the sum of its items"}
    named = how.get(frozenset(methods))
    if named is None and methods == {"mean", "sum"}:
        sums = several.loc[several["method"] == "sum", "label"]
        labels = joined([within_sentence(str(label)) for label in sums])
        named = f"the mean of its items ({labels}: their sum)"
    text = f"Every scale is {named or 'made of its items'}, reversed items recoded"
    return escape(f"{text}, for respondents who answered enough of them.")


def outcome(build: Build) -> str:
    """The outcome of the main model, as it stands within a sentence."""
    return escape(within_sentence(str(fit_of(build, main_model(build))["outcome_label"])))


def expectations(build: Build) -> str:
    """Says where the two expectations of the hospital study stand, if they do."""
    claims = build.table("claims")
    own = claims[claims["model"] == main_model(build)]
    stated = dict(zip(own["term"], own["expected"], strict=True))
    wanted = dict(zip(USES, ("positive", "negative"), strict=True))
    return "Both stand in the study file." if wanted.items() <= stated.items() else ""


def reliability(build: Build) -> str:
    """The end of a sentence about scales, where reliability was judged."""
    judged = build.table("scales")["alpha"].notna().any()
    consistency = ", and internal consistency: Cronbach’s alpha [@cronbach1951]"
    return f"{consistency} with Feldt’s interval [@feldt1965]" if judged else ""


def items(build: Build) -> str:
    """Where the items stand."""
    told = build.table("scales").set_index("scale")["audience"]
    audiences = set(build.table("items")["scale"].map(told))
    shown = [f"@tbl-items-{a}s" for a in ("employee", "manager") if a in audiences]
    return f"The items as they were asked stand in {joined(shown)}." if shown else ""


def agreement(build: Build) -> str:
    """The end of a sentence about aggregation, where agreement was judged."""
    judged = build.table("scales")["rwg_median"].notna().any()
    return ", and how far employees of one unit agree [@james1984]" if judged else ""


def validation(build: Build) -> str:
    """What each instrument says about its own validation."""
    scales = build.table("scales")
    if "validation" not in scales.columns:
        return ""
    stated: dict[str, list[str]] = {}
    for row in scales[["instrument", "validation"]].drop_duplicates().itertuples():
        text = " ".join(str(row.validation).split())
        if text not in ("", "nan", "None"):
            stated.setdefault(text, []).append(str(row.instrument))
    sentences = [
        f"On its validation, the instrument {names[0]} states: “{text.rstrip('.')}.”"
        if len(names) == 1
        else f"On their validation, the instruments {joined(names)} state: “{text.rstrip('.')}.”"
        for text, names in stated.items()
    ]
    return escape(" ".join(sentences))


def few_groups(build: Build) -> str:
    """A limitation: levels with few groups."""
    few = [group for group in groups_of(build, main_model(build)) if group.n < FEW]
    named = joined([f"{count(group.n)} {_number(group.name, group.n)}" for group in few])
    if not named:
        return ""
    return escape(f"With {named}, what lies between them is known only roughly.")


def estimated(build: Build, model: str) -> str:
    """The criterion a model was estimated by."""
    method = str(fit_of(build, model)["method"])
    return escape(_METHODS.get(method.upper(), method))


def shares(build: Build) -> str:
    """How much of the main outcome lies at each level before any predictor is added."""
    frame = build.table("iccs")
    outcome = str(fit_of(build, main_model(build))["outcome"])
    own = frame[frame["outcome"] == outcome]
    if own.empty:
        return ""
    own = own[own["model"] == own["model"].iloc[0]]
    parts = [
        f"{number(row['icc'], decimals=3)} between {plural(group_name(str(row['group'])))}"
        for _, row in own.iterrows()
    ]
    label = within_sentence(str(own["outcome_label"].iloc[0]))
    several = len(parts) > 1
    higher = [g for g in map(group_name, own["group"].astype(str)) if g != "unit"]
    within = "differences between units only"
    if higher:
        within += f", whether they lie within {joined([plural(g) for g in higher])} or between them"
    whole = "The shares together are" if several else "This share is"
    return escape(
        f"Before any predictor is added, the estimated share of the variance in {label} is "
        f"{joined(parts)}. A predictor that is the same for all employees of a unit can account "
        f"for {within}. {whole} the most that such predictors can account for."
    )


def sources_apart(build: Build) -> str:
    """Says so when managers report the compared predictors of the main model."""
    model, scales = main_model(build), build.table("scales").set_index("scale")["audience"]
    frame = build.table("common_source")
    own = frame[frame["model"] == model]
    by_managers = len(own) > 0 and all(scales.get(term) == "manager" for term in own["term"])
    if not by_managers or scales.get(str(fit_of(build, model)["outcome"])) != "employee":
        return ""
    return "The main model avoids this: managers report the predictor, employees the outcome."


def equation(build: Build) -> str:
    """The main model in symbols, and what they stand for."""
    model = main_model(build)
    names = [group.name for group in groups_of(build, model)]
    letters = _LETTERS[: len(names) + 1]
    varying = _slopes(build, model)
    labels = _predictor_labels(build, model)
    terms = [r"\gamma_0"] + ([rf"\beta^{{\top}} x_{{{letters}}}"] if labels else [])
    words: list[str] = []
    for i in reversed(range(len(names))):
        effect = f"{_EFFECTS[i]}_{{{letters[i + 1 :]}}}"
        slope = rf"^{{\top}} z_{{{letters}}}" if names[i] in varying else ""
        terms.append(effect + slope)
        inner = " within them" if words else ""
        words.append(f"{escape(plural(names[i]))}{inner} (${effect}$)")
    terms.append(f"e_{{{letters}}}")
    words.append(f"employees ($e_{{{letters}}}$)")
    places = ["Employee $i$"] + [
        f"{'of' if i == 0 else 'in'} {escape(name)} ${letters[i + 1]}$"
        for i, name in enumerate(names)
    ]
    outcome = escape(within_sentence(str(fit_of(build, model)["outcome_label"])))
    held = f"$x$ holds {_held(labels)}, and " if labels else ""
    slopes = [f"{escape(joined(v))} between {escape(plural(g))}" for g, v in varying.items()]
    also = f" $z$ holds a one and what has a coefficient that differs: {'; '.join(slopes)}."
    return (
        f"{' '.join(places)} has the outcome, {outcome},\n\n"
        f"$$y_{{{letters}}} = {' + '.join(terms)}$$\n\n"
        f"where {held}{joined(words)} vary around the average.{also if slopes else ''}\n"
    )


def _predictor_labels(build: Build, model: str) -> Sequence[str]:
    """Labels of the predictors of a model; a category counts once."""
    labels: dict[str, str] = {}
    for row in predictors(build, model).itertuples():
        term, label = str(row.term), str(row.label)
        category = "[" in term
        name = term.partition("[")[0] if category else term
        labels.setdefault(name, within_sentence(label.partition(": ")[0] if category else label))
    return list(labels.values())


def _held(labels: Sequence[str]) -> str:
    """What x holds, in words."""
    if len(labels) > NAMED:
        return f"the {count(len(labels))} predictors of @tbl-main"
    return escape(joined(labels))


def _slopes(build: Build, model: str) -> dict[str, list[str]]:
    """Labels of the coefficients that differ between groups, by level."""
    variance, coefficients = build.table("variance"), build.table("coefficients")
    labels = dict(zip(coefficients["term"], coefficients["label"], strict=True))
    found: dict[str, list[str]] = {}
    for row in variance[variance["model"] == model].itertuples():
        term = row.term if isinstance(row.term, str) else ""
        one = not isinstance(row.other, str) or not row.other
        if one and term not in ("", INTERCEPT) and row.group != "Residual":
            label = within_sentence(str(labels.get(term, term)))
            found.setdefault(group_name(str(row.group)), []).append(label)
    return found


def _number(name: str, n: int) -> str:
    """A level in the singular or the plural."""
    return name if n == 1 else plural(name)


def _spelled(n: int) -> str:
    """A small number as a word."""
    words = ("no", "one", "two", "three", "four", "five", "six")
    return words[n] if n < len(words) else str(n)
