"""What a reader sees in place of a term, in the study's language."""

from __future__ import annotations

import pytest

from crosslevel.study.labels import Labels, text_in

COLUMNS = {"use": "Problem-solving use", "sex": "Sex", "lead": "Leadership"}


@pytest.mark.parametrize(
    ("term", "label"),
    [
        ("(Intercept)", "Intercept"),
        ("use", "Problem-solving use"),
        ("sex[F]", "Sex: F"),
        ("C(sex)[2: often]", "Sex: 2: often"),
        ("within(lead, unit)", "Leadership (within units)"),
        ("between(lead, unit)", "Leadership (between units)"),
        ("within(lead, unit):use", "Leadership (within units) × Problem-solving use"),
        ("sex[a:b]:use", "Sex: a:b × Problem-solving use"),
        ("log(use)", "log(use)"),
        ("years_in_post", "Years in post"),
    ],
)
def test_terms_are_labelled(term: str, label: str) -> None:
    assert Labels(COLUMNS, "en").term(term) == label


def test_words_of_our_own_follow_the_language() -> None:
    assert Labels({"lead": "Ledelse"}, "da").term("within(lead, unit)") == (
        "Ledelse (inden for enheder)"
    )
    assert Labels({}, "fi").term("(Intercept)") == "Intercept"


def test_a_missing_language_falls_back_to_english_then_to_what_there_is() -> None:
    assert text_in({"en": "Never", "da": "Aldrig"}, "da", otherwise="x") == "Aldrig"
    assert text_in({"en": "Never", "da": "Aldrig"}, "fi", otherwise="x") == "Never"
    assert text_in({"da": "Aldrig"}, "fi", otherwise="x") == "Aldrig"
    assert text_in({}, "fi", otherwise="x") == "x"
