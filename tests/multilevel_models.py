"""The models of tests/reference/lmm.json, prepared as their entries say."""

from __future__ import annotations

from functools import cache

import pandas as pd

from crosslevel.multilevel import MultilevelFit, fit
from reference_values import data, entries

LMM = {k: e for k, e in entries("lmm").items() if "fixef" in e.values}
IDS = sorted(LMM)


def prepared(entry_id: str) -> pd.DataFrame:
    """Return the entry's data with the columns its `preprocessing` describes."""
    frame = data(LMM[entry_id].dataset)
    if entry_id.startswith("bh1996"):
        for column in ("LEAD", "HRS"):
            frame[f"{column}_gm"] = frame.groupby("GRP")[column].transform("mean")
            frame[f"{column}_cwc"] = frame[column] - frame[f"{column}_gm"]
    if entry_id == "sleepstudy_weights":
        frame["w"] = 1 + frame["Days"] % 3
    if entry_id.startswith("sherif"):
        frame["person"] = frame["group"].astype(str) + ":" + frame["person"].astype(str)
    if entry_id.startswith("orthodont"):
        frame["age_dup"] = 2 * frame["age"] - 22
        frame["male"] = (frame["Sex"] == "Male").astype(int)
        frame["female"] = 1 - frame["male"]
    return frame


@cache
def fitted(entry_id: str) -> MultilevelFit:
    """Return this package's fit of one entry."""
    values = LMM[entry_id].values
    weights = "w" if entry_id == "sleepstudy_weights" else None
    return fit(
        values["formula"], prepared(entry_id), method=values["method"].lower(), weights=weights
    )
