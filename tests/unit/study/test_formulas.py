"""What a study reads off a formula."""

from __future__ import annotations

import pytest

from crosslevel.multilevel.formula import parse
from crosslevel.study.formulas import fixed_part, groups, term_names


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("y ~ 1 + (1 | g)", "y ~ 1"),
        ("y ~ a*b + (1 + a | h/g)", "y ~ 1 + a + b + a:b"),
        ("y ~ 0 + a + (1 | g)", "y ~ 0 + a"),
        ("log(y) ~ within(x, g) + C(s) + (1 | g)", "log(y) ~ 1 + within(x, g) + C(s)"),
    ],
)
def test_the_fixed_part_keeps_terms_and_drops_groups(text: str, fixed: str) -> None:
    assert fixed_part(parse(text)) == fixed
    assert parse(fixed).random == ()
    assert parse(fixed).terms == parse(text).terms


def test_groups_are_named_once_in_order() -> None:
    formula = parse("y ~ between(x, unit) + z + (1 + within(w, unit) | hospital/unit)")
    assert groups(formula) == ["hospital", "unit"]


def test_names_of_coefficients() -> None:
    names = term_names(parse("y ~ x*C(s) + log(x) + (1 | g)"), {"s": ["a", "b"]})
    assert names == ["(Intercept)", "x", "C(s)[a]", "C(s)[b]", "log(x)", "x:C(s)[a]", "x:C(s)[b]"]
