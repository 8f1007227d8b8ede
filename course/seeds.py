"""Runs of one notebook that differ only in their seeds."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

VARIABLE = "COURSE_SEED"  # which of several runs this is; 0 is the notebook as it stands
APART = 10_007


def current() -> int:
    """Return by how much the seeds of this process are shifted: 0, or what the variable says."""
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
    """Shift the seeds that the code of a notebook sets from now on.

    `keras.utils.set_random_seed` and `numpy.random.default_rng` are replaced by functions that do
    so when a cell calls them. Calls from modules, such as the recipe of the stand-in data, stay
    as they are, and so do other generators, such as `tf.random.set_seed`.

    Args:
        by: 0 changes nothing; any other number gives seeds that no other number gives, as long
            as the notebook's own are below `APART`.
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
            seed += by * APART  # a notebook may use 1, 2 and 3: no run shares one with another
        return function(seed, *rest, **options)

    return call
