"""Values that a run keeps: written into the executed notebook as text, and read back."""

import ast
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return a value with NumPy's numbers and arrays as Python's, in lists too."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def literal(text: str) -> Any:
    """Return the value that prints as `text`: a Python literal, nan or inf.

    Raises:
        ValueError: the text is none of these.
    """
    if text in ("nan", "inf", "-inf"):
        return float(text)
    try:
        return ast.literal_eval(text)
    except (SyntaxError, TypeError) as error:
        raise ValueError(str(error)) from None
