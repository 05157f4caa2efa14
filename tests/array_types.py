"""The checker of arrays' types and shapes that the tests put into the package.

Only annotations of arrays: pyright checks the others, and what is said of bad values is tested.
"""

from typing import get_args

from beartype import beartype
from jaxtyping import AbstractArray


def check(function):
    """Decorates a function so that arrays are checked as they go in and come out."""
    hints = function.__annotations__
    for name in [name for name, hint in hints.items() if not _of_arrays(hint)]:
        del hints[name]
    return beartype(function) if hints else function


def _of_arrays(hint) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(map(_of_arrays, get_args(hint)))
