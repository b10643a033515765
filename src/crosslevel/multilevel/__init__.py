"""How does the higher level relate to the lower? Multilevel models, and what can be asked of them.

>>> import crosslevel.multilevel as multilevel
>>> multilevel.parse("y ~ x + (1 | unit)").columns()
('y', 'x', 'unit')
"""

from __future__ import annotations

from crosslevel.multilevel import power
from crosslevel.multilevel.batch import BatchFit, refit
from crosslevel.multilevel.bootstrap import Bootstrap, BootstrapTest, bootstrap_test
from crosslevel.multilevel.compare import compare
from crosslevel.multilevel.fit import check, fit
from crosslevel.multilevel.formula import Formula, parse
from crosslevel.multilevel.permutation import PermutationTest, permutation_test
from crosslevel.multilevel.pooled import PooledFit, ols
from crosslevel.multilevel.regression import regress
from crosslevel.multilevel.regression_fit import RegressionFit
from crosslevel.multilevel.result import MultilevelFit
from crosslevel.multilevel.side_by_side import Mundlak, SideBySide, side_by_side
from crosslevel.multilevel.wild import WildBootstrap, wild_bootstrap

__all__ = [
    "BatchFit",
    "Bootstrap",
    "BootstrapTest",
    "Formula",
    "MultilevelFit",
    "Mundlak",
    "PermutationTest",
    "PooledFit",
    "RegressionFit",
    "SideBySide",
    "WildBootstrap",
    "bootstrap_test",
    "check",
    "compare",
    "fit",
    "ols",
    "parse",
    "permutation_test",
    "power",
    "refit",
    "regress",
    "side_by_side",
    "wild_bootstrap",
]
