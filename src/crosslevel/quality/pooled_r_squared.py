"""The explained variance of regressions over imputed data sets, on Fisher's scale."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crosslevel.multilevel.tables import quantile
from crosslevel.quality.incomplete import Floats


def pooled_r_squared(shares: Floats, n: Floats, *, conf_level: float) -> pd.DataFrame:
    """Return one row from the shares (m,) explained in data sets of n (m,) rows.

    z = artanh(sqrt(R2)) has variance 1 / (n - 3); Rubin's rules on z, turned back by tanh(z)^2. An
    end below zero is zero. Source: Harel (2009).

    Examples
    --------
    >>> found = pooled_r_squared(np.array([0.2, 0.3]), np.array([50.0, 50]), conf_level=0.95)
    >>> found[["estimate", "conf_low", "conf_high", "fmi"]].round(3)
       estimate  conf_low  conf_high    fmi
    0     0.249     0.033      0.522  0.514
    """
    m, z = len(shares), np.arctanh(np.sqrt(shares))
    within = float(np.mean(1.0 / (n - 3.0)))
    added = (1.0 + 1.0 / m) * float(np.var(z, ddof=1))
    riv = added / within
    df = (m - 1.0) * (1.0 + 1.0 / riv) ** 2 if riv > 0 else np.inf
    centre = float(z.mean())
    reach = float(quantile(np.array([np.inf]), conf_level)[0]) * np.sqrt(within + added)
    return pd.DataFrame(
        {
            "estimate": [np.tanh(centre) ** 2],
            "conf_low": [np.tanh(max(centre - reach, 0.0)) ** 2],
            "conf_high": [np.tanh(centre + reach) ** 2],
            "fmi": [(riv + 2.0 / (df + 3.0)) / (1.0 + riv)],
        }
    )
