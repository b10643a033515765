"""How does the higher level relate to the lower? Multilevel models, and what can be asked of them.

>>> import crosslevel.multilevel as multilevel
>>> multilevel.parse("y ~ x + (1 | unit)").columns()
('y', 'x', 'unit')
"""

from __future__ import annotations

from crosslevel.multilevel.compare import compare
from crosslevel.multilevel.fit import fit
from crosslevel.multilevel.formula import Formula, parse
from crosslevel.multilevel.pooled import PooledFit, ols
from crosslevel.multilevel.result import MultilevelFit

__all__ = ["Formula", "MultilevelFit", "PooledFit", "compare", "fit", "ols", "parse"]
