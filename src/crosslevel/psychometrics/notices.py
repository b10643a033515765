"""Warnings about a scale: the numbers are right, and what they say needs a second look."""

from __future__ import annotations


class HeywoodWarning(UserWarning):
    """An item has no unique variance left, or less than none; the text names it."""


class NotPositiveDefiniteWarning(UserWarning):
    """A correlation matrix has an eigenvalue at or below zero; the text gives the smallest."""


class EmptyCategoryWarning(UserWarning):
    """Nobody chose a category between two that were chosen; the text names the item."""


class BoundaryCorrelationWarning(UserWarning):
    """A polychoric correlation runs to -1 or 1; the text names the pair."""


class WeakIdentificationWarning(UserWarning):
    """Data tell a quantity only with an added assumption; the text names it."""


class ItemDirectionWarning(UserWarning):
    """An item runs against the rest of its scale; the text names it."""


class ResponseScaleWarning(UserWarning):
    """Items seem to have been answered on different response scales; the text names them."""


class ConstantItemWarning(UserWarning):
    """Everybody gave an item the same answer; the text names it."""


class SquareFrameWarning(UserWarning):
    """A frame of answers looks like a correlation matrix; it was read as answers."""


class NotIdentifiedWarning(UserWarning):
    """The data cannot tell the parameters of a model apart; the text says what would do."""


class CorrectionWarning(UserWarning):
    """Chi-square could not be corrected for non-normality; the text says why."""
