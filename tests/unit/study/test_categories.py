"""A cell of few people is no coefficient: alone, crossed, by number, or by managers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crosslevel import multilevel
from crosslevel.study.categories import small_cells

NOBODY = pd.DataFrame({"manager": [], "unit": []}, dtype="str")


def _frame(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "unit": [f"u{i % 12}" for i in range(n)],
            "sex": ["F" if i % 2 else "M" for i in range(n)],
            "job": ["nurse" if i % 3 else "doctor" for i in range(n)],
        }
    )


def _said(formula: str, frame: pd.DataFrame, heads=NOBODY, managers=()) -> list[str]:
    design = multilevel.check(formula, frame)
    return [str(p) for p in small_cells(design, frame, minimum=5, heads=heads, managers=managers)]


def test_large_cells_are_fine():
    assert _said("y ~ x + sex * job + (1 | unit)", _frame()) == []


def test_a_product_of_categories_is_counted_cell_by_cell():
    """Each category was large, and the one woman among the doctors had a coefficient."""
    frame = _frame()
    alone = frame.index[(frame["sex"] == "F") & (frame["job"] == "doctor")][1:]
    frame.loc[alone, "job"] = "nurse"
    assert _said("y ~ sex + job + (1 | unit)", frame) == []
    (said,) = _said("y ~ sex * job + (1 | unit)", frame)
    assert said == (
        "'job' by 'sex': only 1 analysed person is in 'doctor' and 'F', fewer people than the "
        "disclosure minimum of 5: the coefficient would tell their answers. Merge it with another "
        "category, or leave the product out."
    )
    assert _said("y ~ sex:x + sex:job:x + (1 | unit)", frame) == [said]


def test_numbers_with_two_values_and_numbers_as_categories():
    """A 0/1 column with a single 1 gave that person's outcome, being no text."""
    frame = _frame().assign(ill=0.0, years=[float(i % 40) for i in range(120)])
    frame.loc[3, "ill"] = 1.0
    assert "only 1 analysed person chose '1.0'" in _said("y ~ ill + (1 | unit)", frame)[0]
    assert _said("y ~ years + (1 | unit)", frame) == []
    (said,) = _said("y ~ C(years) + (1 | unit)", frame)
    assert said.startswith("'years': 40 of 40 categories hold fewer people than the disclosure")
    assert "(first: '0.0', 3). Merge" in said


def test_a_category_of_few_managers_is_small_however_many_employees_it_has():
    frame = _frame()
    few = {"u0", "u1"}
    frame["manager_job"] = ["doctor" if unit in few else "nurse" for unit in frame["unit"]]
    heads = pd.DataFrame(
        {"manager": [f"m{i}" for i in range(12)], "unit": [f"u{i}" for i in range(12)]}
    )
    formula = "y ~ manager_job + (1 | unit)"
    assert _said(formula, frame, heads) == []
    (said,) = _said(formula, frame, heads, managers=["manager_job"])
    assert "only 2 analysed managers chose 'doctor'" in said


def test_rows_that_are_not_analysed_do_not_count():
    frame = _frame()
    doctors = frame.index[frame["job"] == "doctor"]
    frame.loc[doctors[3:], "y"] = np.nan
    assert "only 3 analysed people chose 'doctor'" in _said("y ~ job + (1 | unit)", frame)[0]
