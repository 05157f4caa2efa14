"""What arrives at the API, checked: each argument is what it should be, or refused in one line.

All functions raise `CalrecError`; the message calls the argument by `name`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from reprlib import repr as shortened
from typing import Any, get_args

from calrec.errors import CalrecError
from calrec.ranking.rules import Bought, Count, Rules

LONGEST_TEXT = 500
"""Characters of a query, a name or an id."""


def rules(bought: Any, count: Any) -> Rules:
    """By which rules to rank."""
    known = {"bought": (bought, get_args(Bought)), "count": (count, get_args(Count))}
    return Rules(**{name: one_of(name, *value) for name, value in known.items()})


def one_of(name: str, value: Any, known: Sequence[str]) -> str:
    """One of some names."""
    if not isinstance(value, str) or value not in known:
        raise CalrecError(
            f"expected as {name} one of {', '.join(known)}, found {shortened(value)}; choose one"
        )
    return value


def text(name: str, value: Any) -> str:
    """A text of at most `LONGEST_TEXT` characters, without control characters."""
    if not isinstance(value, str):
        raise CalrecError(f"expected text as {name}, found {shortened(value)}; give a string")
    if len(value) > LONGEST_TEXT:
        raise CalrecError(
            f"expected at most {LONGEST_TEXT} characters as {name}, found {len(value):,}; "
            "give a shorter one"
        )
    if not value.isprintable() and any(not c.isprintable() and not c.isspace() for c in value):
        raise CalrecError(
            f"expected printable text as {name}, found {shortened(value)}; "
            "leave out its control characters"
        )
    return value


def texts(name: str, value: Any, most: int, at_least: int = 0) -> list[str]:
    """So many of such texts."""
    if not isinstance(value, list) or not at_least <= len(value) <= most:
        found = f"{len(value):,} of them" if isinstance(value, list) else shortened(value)
        raise CalrecError(
            f"expected as {name} a list of {at_least} to {most} texts, found {found}; "
            "give such a list"
        )
    return [text(f"each of {name}", one) for one in value]


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number within bounds."""
    # JSON has one kind of number: 3.0 is 3. A bool is an int to Python alone.
    found = number(name, value, low, high)
    if found != int(found):
        raise CalrecError(f"expected a whole number as {name}, found {found}; round it")
    return int(found)


def number(name: str, value: Any, low: float, high: float) -> float:
    """A finite number within bounds."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        raise CalrecError(
            f"expected as {name} a number from {low:,} to {high:,}, found {shortened(value)}; "
            "give one in that range"
        )
    return value
