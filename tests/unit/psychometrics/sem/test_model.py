"""Model text, parameter table and implied moments."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosslevel.errors import MeasurementError
from crosslevel.psychometrics.sem.matrices import blocks
from crosslevel.psychometrics.sem.sample import samples
from crosslevel.psychometrics.sem.scoring import observed_at, slope_at
from crosslevel.psychometrics.sem.syntax import parse
from crosslevel.psychometrics.sem.table import Options, Table, build

THREE = """
visual =~ x1 + x2 + x3
textual =~ x4 + x5 +
           x6  # goes on
speed =~ x7 + x8 + x9
"""
PATH = """
m ~ a*x + w
y ~ b*m + x
f =~ 0.8*i1 + c(NA, 2)*i2 + start(0.5)*i3 + "l"*i4
f ~ y
i1 ~~ i2
f ~ 1
ab := a*b
"""


def free(table: Table) -> list[str]:
    return [row.name for row in table.rows if row.free >= 0]


def test_defaults_of_a_factor_model() -> None:
    table = build(parse(THREE), Options())
    assert table.n_free == 21
    fixed = [row.name for row in table.rows if row.free < 0]
    assert fixed == ["visual =~ x1", "textual =~ x4", "speed =~ x7"]


def test_std_lv_frees_loadings_and_fixes_variances() -> None:
    table = build(parse(THREE), Options(std_lv=True))
    fixed = [row.name for row in table.rows if row.free < 0]
    assert fixed == ["visual ~~ visual", "textual ~~ textual", "speed ~~ speed"]


def test_equal_loadings_and_intercepts_free_the_later_means() -> None:
    options = Options(n_groups=2, means=True, equal=("loadings", "intercepts"))
    table = build(parse(THREE), options)
    assert table.n_free == 48  # 60 less 6 loadings less 9 intercepts plus 3 means
    second = [row.name for row in table.rows if row.group == 1 and row.free >= 0]
    assert "visual ~ 1" in second
    released = build(
        parse(THREE),
        Options(n_groups=2, means=True, equal=("loadings", "intercepts"), release=("x3 ~ 1",)),
    )
    assert released.n_free == table.n_free + 1


def test_modifiers_and_paths() -> None:
    table = build(parse(PATH), Options(n_groups=2, means=True))
    rows = {(row.name, row.group): row for row in table.rows}
    assert rows["f =~ i1", 0].value == 0.8
    assert np.isnan(rows["f =~ i2", 0].value)
    assert rows["f =~ i2", 1].value == 2.0
    assert rows["f =~ i3", 0].start == 0.5
    assert rows["f =~ i4", 0].free == rows["f =~ i4", 1].free  # one label, one parameter
    assert rows["x ~~ w", 0].exogenous
    assert rows["x ~ 1", 1].exogenous
    assert table.definitions[0].expression == "a*b"


@pytest.mark.parametrize("text", [THREE, PATH])
def test_derivatives_are_those_of_differences(text: str) -> None:
    table = build(parse(text), Options(n_groups=2, means=True))
    rng = np.random.default_rng(4)
    values = [rng.uniform(0.3, 0.9) if row.exogenous else row.value for row in table.rows]
    theta = rng.uniform(0.2, 0.8, table.n_free)
    for block in blocks(table, values):
        moments = block.moments(theta, derivatives=True)
        for k in range(table.n_free):
            step = np.zeros(table.n_free)
            step[k] = 1e-6
            up, down = block.moments(theta + step), block.moments(theta - step)
            np.testing.assert_allclose(
                (up.sigma - down.sigma) / 2e-6, moments.d_sigma[k], atol=1e-7
            )
            np.testing.assert_allclose((up.mu - down.mu) / 2e-6, moments.d_mu[k], atol=1e-7)


def test_levels_centre_within_what_also_lies_between() -> None:
    table = build(
        parse("level: 1\nfw =~ a + b + c\nlevel: 2\nfb =~ a + b + c\nfb ~ z"), Options(means=True)
    )
    rows = {(row.name, row.level): row for row in table.rows}
    assert rows["a ~ 1", 1].value == 0.0
    assert np.isnan(rows["a ~ 1", 2].value)
    assert rows["z ~ 1", 2].exogenous


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("f x1 + x2", "line 1: 'f x1 + x2' has no operator"),
        ("f =~ x1\nf =~", "line 2: 'f =~' has nothing on the right"),
        ("f =~ 2x + b", "'2x' is not a name"),
        ("f =~ a*x\na == 0.5", "line 2: 'a == 0.5': == takes a label on each side."),
        ("f =~ a*x + b*y\na == b*2", "line 2: 'a == b*2': == takes a label on each side."),
        ("f =~ a*x + bb*y\na == b", "line 2: 'b' is the label of no parameter. Did you mean 'bb'"),
        ("f =~ a*x + b*y\nd := a*b\na == d", "line 3: 'd' is the label of no parameter."),
        ("f =~ a*x\na > 0", "line 2: 'a > 0': inequalities are not supported."),
        ("f =~ start(q)*x", "start() takes numbers"),
        ("f =~ equal('a')*x", "is not supported"),
        ("f =~ __import__('os')*x", "neither a number, NA nor a label"),
        ("y ~ 3", "is not a variable"),
        ("level: 3\nf =~ a", "level '3' is unknown"),
        ("group: 1\nf =~ a", "blocks by group"),
        ("# nothing", "it is empty"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, found: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        parse(text)
    assert found in str(caught.value)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (Options(n_groups=2, equal=("loading",)), "Did you mean 'loadings'"),
        (Options(n_groups=2, equal=("loadings",), release=("x33 ~ 1",)), "no parameter 'x33 ~ 1'"),
        (Options(n_groups=3), "2 values for 3 group(s)"),
    ],
)
def test_options_that_do_not_fit_are_named(options: Options, found: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        build(parse("f =~ a + c(1, 2)*b + d"), options)
    assert found in str(caught.value)


def test_equalities_join_in_any_order() -> None:
    text = "f =~ x1 + a*x2 + b*x3 + d*x4 + e*x5 + g*x6\nd == e\na == b\nb == e"
    table = build(parse(text), Options())
    free = {row.label: row.free for row in table.rows if row.label}
    assert len({free[name] for name in "abde"}) == 1
    assert free["g"] != free["a"]
    assert [row.label for row in table.rows[1:6]] == list("abdeg")


def test_what_equals_a_fixed_parameter_is_fixed() -> None:
    table = build(parse("f =~ u*x1 + v*x2 + x3 + 2*x4 + w*x4\nu == v"), Options())
    assert [row.value for row in table.rows[:2]] == [1.0, 1.0]
    with pytest.raises(MeasurementError, match="fixed at 1 and at 2"):
        build(parse("f =~ u*x1 + v*x2 + x3 + 2*x4 + w*x4\nu == v\nw == v"), Options())


def test_one_label_cannot_stand_for_two_values() -> None:
    with pytest.raises(MeasurementError, match="label 'b': stands for parameters fixed at 1 and"):
        build(parse("f =~ b*x1 + x2 + 2*x3 + b*x3"), Options())


@pytest.mark.parametrize("text", [THREE, PATH])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_observed_information_is_that_of_differences(text: str, share: float) -> None:
    """Second derivatives of the likelihood, with and without missing answers."""
    table = build(parse(text), Options(n_groups=2, means=True))
    rng = np.random.default_rng(9)
    names = table.block_roles[0].observed
    frame = pd.DataFrame(rng.normal(size=(300, len(names))), columns=list(names))
    frame = frame.mask(rng.random(frame.shape) < share).assign(g=["a", "b"] * 150)
    answers = samples(frame, names, group="g", missing="fiml")
    values = [0.4 if row.exogenous and row.lhs != row.rhs else row.value for row in table.rows]
    values = [1.2 if row.exogenous and row.lhs == row.rhs else v
              for row, v in zip(table.rows, values, strict=True)]  # fmt: skip
    theta = np.array(
        [next(0.9 if row.op == "~~" and row.lhs == row.rhs else 0.15 for row in table.rows
              if row.free == k) for k in range(table.n_free)]
    )  # fmt: skip
    made = blocks(table, values)
    exact = observed_at(made, answers, theta)
    for k in range(table.n_free):
        step = np.zeros(table.n_free)
        step[k] = 1e-5
        sides = slope_at(made, answers, theta + step) - slope_at(made, answers, theta - step)
        np.testing.assert_allclose(-sides / 2e-5, exact[k], rtol=1e-5, atol=1e-4)
