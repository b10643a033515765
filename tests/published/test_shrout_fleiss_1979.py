"""Shrout & Fleiss (1979), Intraclass correlations, Psychological Bulletin 86(2), 420-428.

Table 2: four judges' ratings of six targets. Table 4: the six intraclass correlations.
"""

from __future__ import annotations

import pandas as pd

from crosslevel.psychometrics import rater_icc

TABLE_2 = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
TABLE_4 = {
    "ICC(1,1)": 0.17, "ICC(2,1)": 0.29, "ICC(3,1)": 0.71,
    "ICC(1,k)": 0.44, "ICC(2,k)": 0.62, "ICC(3,k)": 0.91,
}  # fmt: skip


def test_table_4():
    found = rater_icc(pd.DataFrame(TABLE_2)).table.set_index("term")["estimate"]
    assert found.round(2).to_dict() == TABLE_4
