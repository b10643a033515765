"""Marks the tests that `make quick` leaves out: those of whole studies, reports and searches."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = (
    "tests/property/multilevel/test_invariance.py",
    "tests/property/responses",
    "tests/property/test_hard_random.py",
    "tests/reports",
    "tests/unit/cli/test_study.py",
    "tests/unit/multilevel/test_batch.py",
    "tests/unit/multilevel/test_bootstrap.py",
    "tests/unit/psychometrics/common_source/test_added_factor.py",
    "tests/unit/reporting/test_conditions.py",
    "tests/unit/reporting/test_embedded.py",
    "tests/unit/reporting/test_rendering.py",
    "tests/unit/study/test_checks.py",
    "tests/unit/study/test_run.py",
    "tests/unit/study/test_soundness.py",
    "tests/unit/test_bad_input.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs whole studies, renders, or fits hundreds of models."""
    for item in items:
        place = item.path.relative_to(ROOT).as_posix()
        if place.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
