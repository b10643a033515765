"""The formula grammar: what it means, and where it says a formula is wrong."""

from __future__ import annotations

import pytest

from crosslevel.errors import FormulaError
from crosslevel.multilevel import parse


def _terms(text: str) -> list[str]:
    return [":".join(map(str, term)) for term in parse(text).terms]


def _random(text: str) -> list[tuple[str, bool, list[str]]]:
    return [
        (r.group, r.intercept, [":".join(map(str, t)) for t in r.terms]) for r in parse(text).random
    ]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("y ~ 1", []),
        ("y ~ a + b + a:b", ["a", "b", "a:b"]),
        ("y ~ a*b", ["a", "b", "a:b"]),
        ("y ~ x*(a + b)", ["x", "a", "b", "x:a", "x:b"]),
        ("y ~ a*b*c", ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("y ~ a*b - a", ["b", "a:b"]),
        ("y ~ a + b + b:a", ["a", "b", "a:b"]),
        ("y ~ a + a", ["a"]),
        ("y ~ C(a) + log(b) + sqrt(c)", ["C(a)", "log(b)", "sqrt(c)"]),
        ("y ~ within(x, unit)*between(z, unit)",
         ["within(x, unit)", "between(z, unit)", "within(x, unit):between(z, unit)"]),
        ("y ~ `job satisfaction` + G.LEAD + ældre", ["job satisfaction", "G.LEAD", "ældre"]),
        ("y ~ (1 + z | g) + x*z", ["x", "z", "x:z"]),
    ],
)  # fmt: skip
def test_fixed_terms(text: str, terms: list[str]) -> None:
    assert _terms(text) == terms


@pytest.mark.parametrize("text", ["y ~ x - 1", "y ~ 0 + x", "y ~ x + 0", "y ~ -1 + x"])
def test_no_intercept(text: str) -> None:
    assert parse(text).intercept is False
    assert _terms(text) == ["x"]


@pytest.mark.parametrize(
    ("text", "random"),
    [
        ("y ~ (1 | g)", [("g", True, [])]),
        ("y ~ (1 + a | g)", [("g", True, ["a"])]),
        ("y ~ (a | g)", [("g", True, ["a"])]),
        ("y ~ (0 + a | g)", [("g", False, ["a"])]),
        ("y ~ (a || g)", [("g", True, []), ("g", False, ["a"])]),
        ("y ~ (1 | g1/g2)", [("g1", True, []), ("g1:g2", True, [])]),
        ("y ~ (1 | g1/g2/g3)", [("g1", True, []), ("g1:g2", True, []), ("g1:g2:g3", True, [])]),
        ("y ~ (1 | g1:g2)", [("g1:g2", True, [])]),
        ("y ~ (a*b | g)", [("g", True, ["a", "b", "a:b"])]),
    ],
)
def test_random_terms(text: str, random: list[tuple[str, bool, list[str]]]) -> None:
    assert _random(text) == random


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("y ~ x +", 8, "expected a column name, found the end"),
        ("y x", 3, "expected '~', found 'x'"),
        ("y ~ x + (1 | )", 14, "expected a column name, found ')'"),
        ("y ~ x + (1 | g", 15, "expected ')', found the end"),
        ("y ~ exp(x)", 5, "no function 'exp'. Known: C()"),
        ("y ~ witin(x, g)", 5, "Did you mean 'within'?"),
        ("y ~ within(x)", 13, "takes a column and a grouping column"),
        ("y ~ x + 2", 9, "Only 0 and 1 may stand alone"),
        ("y ~ x ^ 2", 7, "unexpected character '^'"),
        ("y ~ x; import os", 6, "unexpected character ';'"),
        ("y ~ __import__('os')", 5, "no function '__import__'"),
        ("y ~ y + x", 1, "the outcome 'y' is also a predictor"),
        ("y ~ (1 | g) + (x | g)", 15, "a random coefficient of 'g' appears twice"),
        ("y ~ (0 | g)", 5, "holds no coefficient"),
        ("y ~ x - (1 | g)", 9, "Leave the random term out instead"),
        ("y ~ x:(1 + z)", 7, "no meaning inside these brackets"),
        ("y ~ x)", 6, "expected '+' or the end"),
        ("", 1, "expected a column name, found the end"),
    ],
)
def test_errors_name_token_and_position(text: str, position: int, words: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    message = str(caught.value)
    assert f"at position {position}:" in message
    assert words in message
    assert message.splitlines()[-1] == "  " + " " * (position - 1) + "^"
