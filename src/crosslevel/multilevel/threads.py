"""One BLAS thread inside fits: with more, the small products of a fit wait for each other."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any, cast

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS runs on one thread; restored afterwards."""
    return cast("AbstractContextManager[Any]", _controller().limit(limits=1, user_api="blas"))


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
