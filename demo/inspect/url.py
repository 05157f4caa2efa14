"""A page's state as the query of its address, so that any view can be sent as a link.

A query is what stands behind `?`: names with one or more values. Each page reads and writes its
own names; `view` and what `demo.inspect.session` needs are the shell's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qs, urlencode

Query = Mapping[str, Sequence[str]]

LONGEST = 16_384
"""Characters of a query that are read; browsers and proxies carry hardly more."""


def read(text: str | None) -> Query:
    """The query of an address; anything that is none is empty."""
    try:
        return parse_qs((text or "")[:LONGEST].lstrip("?"), max_num_fields=1000)
    except ValueError:
        return {}


def write(query: Mapping[str, object]) -> str:
    """The query as text, without what is empty; lists give a name several values."""
    filled = {name: value for name, value in query.items() if value not in (None, "", (), [])}
    return urlencode(filled, doseq=True)


def changed(view: Any, usual: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from those of another."""
    both = ((field.name, getattr(view, field.name)) for field in fields(view))
    return {name: value for name, value in both if value != getattr(usual, name)}


def one(query: Query, name: str, default: str = "") -> str:
    """The first value of a name, or the default."""
    values = query.get(name) or [default]
    return values[0]


def number(query: Query, name: str, default: float, low: float, high: float) -> float:
    """The first value of a name as a number from `low` to `high`; the default where it is none."""
    try:
        value = float(one(query, name))
    except ValueError:
        return default
    return value if low <= value <= high else default
