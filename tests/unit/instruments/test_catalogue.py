"""The instruments that are shipped: clean, complete in both languages, as long as documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel import instruments
from crosslevel.catalogue import instrument_dir, root
from crosslevel.errors import InstrumentError

COUNTS = {
    "manager-data-use": {"problem_solving_use": 6, "reward_control_use": 6},
    "employee-goal-learning": {
        "goal_learning": 7,
        "engagement": 5,
        "speaking_up": 5,
        "perceived_problem_solving": 5,
        "perceived_reward_control": 5,
    },
}
BACKGROUND = {
    "manager-data-use": ["tenure", "span", "profession"],
    "employee-goal-learning": ["tenure", "profession"],
}


@pytest.fixture(params=sorted(COUNTS))
def instrument(request: pytest.FixtureRequest) -> instruments.Instrument:
    return instruments.read(instrument_dir(request.param))


def test_scales_and_items_are_counted(instrument: instruments.Instrument) -> None:
    counts = {scale: len(instrument.items_of(scale)) for scale in instrument.scales}
    assert counts == COUNTS[instrument.id]
    assert [i.id for i in instrument.background] == BACKGROUND[instrument.id]


def test_it_is_own_wording_and_says_that_it_is_not_validated(
    instrument: instruments.Instrument,
) -> None:
    assert instrument.provenance == "toolkit-authored"
    assert instrument.validation.startswith("Not validated")
    assert instrument.licence


def test_every_text_exists_in_english_and_danish(instrument: instruments.Instrument) -> None:
    assert instrument.languages == ("en", "da")
    texts = [instrument.title, instrument.intro, instrument.closing]
    texts += [item.text for item in instrument.items]
    texts += [scale.label for scale in instrument.scales.values()]
    texts += [text for s in instrument.sections.values() for text in (s.title, s.lead)]
    for answers in instrument.response_scales.values():
        texts += [option.label for option in answers.options]
    for text in texts:
        assert set(text) == {"en", "da"}
        assert all(words.strip() for words in text.values())


def test_no_item_is_worded_twice(instrument: instruments.Instrument) -> None:
    for language in instrument.languages:
        words = [item.text[language] for item in instrument.items]
        assert len(set(words)) == len(words)


def test_scored_items_are_answered_from_one_to_five(instrument: instruments.Instrument) -> None:
    for item in instrument.items:
        if item.scale:
            answers = instrument.response_scale_of(item)
            assert (answers.kind, answers.codes) == ("ordered", (1, 2, 3, 4, 5))
            assert answers.not_relevant is not None


def test_at_least_two_items_are_reversed() -> None:
    read = [instruments.read(instrument_dir(name)) for name in COUNTS]
    assert sum(item.reverse for one in read for item in one.items) >= 2


def test_the_readme_names_every_scale(instrument: instruments.Instrument) -> None:
    text = (instrument.path.parent / "README.md").read_text(encoding="utf-8")
    assert f"version {instrument.version}" in text
    for scale in instrument.scales:
        assert f"`{scale}`" in text
    for item in instrument.items:
        if item.reverse:
            assert f"({item.id} reversed)" in text


def test_the_codebook_has_a_row_for_each_code(instrument: instruments.Instrument) -> None:
    table = instruments.codebook(instrument, "da")
    expected = 0
    for item in instrument.items:
        answers = instrument.response_scale_of(item)
        expected += max(len(answers.options), 1) + (answers.not_relevant is not None)
    assert len(table) == expected
    assert table.loc[table["missing"], "code"].unique().tolist() == ["9"]
    assert list(table["item"].unique()) == [item.id for item in instrument.items]
    tenure = table[table["item"] == "tenure"].iloc[0]
    assert tenure["label"].endswith(" år")
    assert tenure["code"] == ""
    assert tenure["scale"] == ""


def test_the_codebook_in_a_missing_language(instrument: instruments.Instrument) -> None:
    with pytest.raises(InstrumentError, match=r"there is no text in 'sv'. It exists in: en, da."):
        instruments.codebook(instrument, "sv")


def test_an_open_range_has_one_side() -> None:
    from crosslevel.instruments.codes import range_text

    low = instruments.ResponseScale("n", "number", (), None, 1, None)
    high = instruments.ResponseScale("n", "number", (), None, None, 9.5)
    free = instruments.ResponseScale("n", "number", (), None, None, None)
    assert [range_text(r, "en") for r in (low, high, free)] == ["≥ 1", "≤ 9.5", ""]


def test_the_example_in_the_catalogue_readme_is_an_instrument(tmp_path: Path) -> None:
    readme = (root() / "surveys" / "README.md").read_text(encoding="utf-8")
    example = readme.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "instrument.yml").write_text(example, encoding="utf-8")
    read = instruments.read(tmp_path)
    assert [item.id for item in read.items] == ["tr1", "tr2", "shift"]
    for name in COUNTS:
        assert f"[{name}]({name}/README.md)" in readme
