"""How far a decoder over the items' texts is: it works in steps, and can be left between two."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Searching:
    """What a decoder has come to.

    Attributes:
      found: texts that it has; a search may still replace them by more probable ones.
      wanted: how many it looks for.
      tokens_read: tokens that the model has read for it, prompt aside.
    """

    found: int
    wanted: int
    tokens_read: int


def outcome(steps: Generator[Any, None, Result]) -> Result:
    """What a generator returns at its end, all its steps done."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
