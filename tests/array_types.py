"""The checker of arrays' types and shapes that the tests put into the package.

Only annotations of arrays: pyright checks the others, and what is said of bad values is tested.
"""

from functools import wraps
from typing import get_args

import jax
import numpy as np
from beartype import beartype
from jaxtyping import AbstractArray


def check(function):
    """Decorates a function so that arrays are checked as they go in and come out."""
    hints = function.__annotations__
    for name in [name for name, hint in hints.items() if not _of_arrays(hint)]:
        del hints[name]
    if not hints:
        return function
    checked = beartype(function)
    return _unless_placeholders(function, checked) if function.__name__ == "__init__" else checked


def _of_arrays(hint) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(map(_of_arrays, get_args(hint)))


def _unless_placeholders(init, checked):
    """jax takes its trees apart and builds them of shapes or of nothing at all, too."""

    @wraps(init)
    def wrapped(self, *args, **fields):
        leaves = jax.tree.leaves((args, fields))
        holds_arrays = any(isinstance(leaf, np.ndarray | jax.Array) for leaf in leaves)
        return (checked if holds_arrays else init)(self, *args, **fields)

    return wrapped
