"""From answers to scale scores, by the rule each scale states."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from crosslevel.errors import Problem, ResponseError, did_you_mean
from crosslevel.instruments.records import Item, Scale
from crosslevel.responses.records import Responses, Scored, ScoredColumn


def score(responses: Responses, scales: Sequence[str] | None = None) -> Scored:
    """Return one row per respondent with a score per scale and the background answers.

    Reverse items are turned round first. A respondent with fewer valid answers than the scale's
    minimum share has no score (nan).

    Parameters
    ----------
    responses
        What `read` returned.
    scales
        Scales to score; all of the instrument when None.

    Returns
    -------
    Scored
        `frame`: the respondent, one float64 column per scale in points of its response scale, then
        the background items. `columns` remembers scale, version and label of each.

    Raises
    ------
    ResponseError
        When a scale is unknown, holds a nominal item, or shares its name with another column.

    Notes
    -----
    Method "mean": the mean of the valid answers. Method "sum": that mean times the number of
    items, so that a missing answer does not count as zero; without missing answers it is the sum.
    """
    instrument = responses.instrument
    wanted = list(instrument.scales) if scales is None else list(scales)
    _check(responses, wanted)
    scores = {
        name: _score(responses.items(name).to_numpy(dtype=np.float64), instrument.scales[name])
        for name in wanted
    }
    ids = responses.frame[[responses.respondent]]
    background = responses.frame[[item.id for item in instrument.background]]
    frame = pd.concat([ids, pd.DataFrame(scores, index=ids.index), background], axis=1)
    origin = {"version": instrument.version, "instrument": instrument.id}
    columns = [
        ScoredColumn(responses.respondent, "respondent", {}, role="", **origin),
        *(_scale_column(instrument.scales[name], origin) for name in wanted),
        *(_background_column(item, origin) for item in instrument.background),
    ]
    named = MappingProxyType({column.name: column for column in columns})
    return Scored(frame, named, responses.losses)


def _check(responses: Responses, wanted: Sequence[str]) -> None:
    """Raise with every scale that cannot be scored."""
    instrument = responses.instrument
    taken = [responses.respondent, *(item.id for item in instrument.background)]
    problems = []
    for name in wanted:
        if name not in instrument.scales:
            hint = did_you_mean(name, instrument.scales)
            problems.append(Problem(f"scale '{name}'", f"not in '{instrument.id}'.", hint))
            continue
        if name in taken:
            problems.append(Problem(f"scale '{name}'", "another column has this name."))
        if not instrument.items_of(name):
            problems.append(Problem(f"scale '{name}'", "has no items."))
        problems += [
            Problem(f"scale '{name}'", f"item '{item.id}' is nominal.", "It cannot be scored.")
            for item in instrument.items_of(name)
            if instrument.response_scale_of(item).kind == "nominal"
        ]
    if problems:
        raise ResponseError("The scales cannot be scored.", problems)


def _score(answers: npt.NDArray[np.float64], scale: Scale) -> npt.NDArray[np.float64]:
    """(n_respondents, n_items) answers in scale direction -> (n_respondents,) scores."""
    n_items = answers.shape[1]
    valid = np.isfinite(answers).sum(axis=1)
    # a share of 2/3 written as 0.6667 must not ask for one answer more
    needed = max(1, int(np.ceil(scale.minimum_valid * n_items - 1e-3)))
    mean = np.nansum(answers, axis=1) / np.maximum(valid, 1)
    scores = np.where(valid >= needed, mean, np.nan)
    return scores * n_items if scale.method == "sum" else scores


def _scale_column(scale: Scale, origin: dict[str, str]) -> ScoredColumn:
    """Remember what a score was made of."""
    return ScoredColumn(scale.id, "scale", scale.label, role=scale.role, **origin)


def _background_column(item: Item, origin: dict[str, str]) -> ScoredColumn:
    """Remember what a background column was."""
    return ScoredColumn(item.id, "background", item.text, role="", **origin)
