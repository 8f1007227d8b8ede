"""Runs of one notebook that differ only in their seeds."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

VARIABLE = "COURSE_SEED"  # what is added to every seed that a notebook sets


def current() -> int:
    """Return what is added to the seeds of this process: 0, or what the variable says."""
    return int(os.environ.get(VARIABLE) or 0)


@contextlib.contextmanager
def shifted(by: int) -> Iterator[None]:
    """Shift the seeds of the notebooks that are started inside."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(by)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def shift_in_notebooks(by: int) -> None:
    """Add a number to every seed that the code of a notebook sets from now on.

    `keras.utils.set_random_seed` and `numpy.random.default_rng` are replaced by functions that do
    so when a cell calls them; calls from modules, such as the recipe of the stand-in data, stay
    as they are.

    Args:
        by: what is added; 0 changes nothing.
    """
    if not by:
        return
    import keras
    import numpy as np

    keras.utils.set_random_seed = _shifted(keras.utils.set_random_seed, by)
    np.random.default_rng = _shifted(np.random.default_rng, by)


def _shifted(function: Callable[..., Any], by: int) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(seed: Any = None, *rest: Any, **options: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__")
        if isinstance(seed, int) and caller == "__main__":
            seed += by
        return function(seed, *rest, **options)

    return call
