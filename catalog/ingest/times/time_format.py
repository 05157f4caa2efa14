"""The time format that a user gives for a column (`--time-format`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from catalog.errors import CatalogueError

ORDERS = ("dmy", "mdy", "ymd", "ydm")
UNIX = ("unix-seconds", "unix-milliseconds", "unix-microseconds", "unix-nanoseconds")
NAMES = (*ORDERS, "iso", *UNIX, "excel")

_ZONE = re.compile(r"([A-Za-z]{1,6})=([+-]\d{2}:\d{2}|[A-Za-z_]+/[\w/+-]+)")


@dataclass(frozen=True, kw_only=True)
class TimeFormat:
    """How times are written.

    Attributes:
      name: one of `NAMES`; "" if nothing is said.
      pattern: as in Python's `strptime`, instead of a name; "" if there is none.
      zones: what the names of zones mean: an offset as `+01:00`, or a region as `Europe/London`.
    """

    name: str = ""
    pattern: str = ""
    zones: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> TimeFormat:
        """Of `dmy`, `%d.%m.%Y %H:%M`, `BST=+01:00` or `dmy EST=-05:00`; raises `CatalogueError`."""
        words = (text or "").split(" ")
        zones = {}
        while words and (found := _ZONE.fullmatch(words[-1])):
            zones[found[1].upper()] = found[2]
            words.pop()
        form = " ".join(words).strip()
        if "%" in form and _understood(form, zones):
            return cls(pattern=form, zones=zones)
        if form not in ("", *NAMES):
            raise CatalogueError(
                f"expected a time format of {', '.join(NAMES)}, or one as '%d.%m.%Y %H:%M' (zones"
                f" as %z or, named, BST=+01:00 behind it), found {text!r}: give one of these"
            )
        return cls(name=form, zones=zones)


def _understood(pattern: str, zones: Mapping[str, str]) -> bool:
    # A zone's name in a pattern would be guessed at, as in the names that several zones have.
    if "%Z" in pattern or zones:
        return False
    try:
        duckdb.execute("SELECT try_strptime('', ?)", [pattern]).fetchall()
    except duckdb.Error:
        return False
    return True
