"""A card's sections as data, and how their values are written."""

from __future__ import annotations

from dataclasses import dataclass

Rows = tuple[tuple[str, ...], ...]
UNRECORDED = "not recorded"


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a card.

    Attributes:
      title: heading.
      facts: name and value of each; shown before the table.
      columns: of the table; the first names the row.
      rows: of the table, as many cells as columns.
      remarks: sentences behind it.
      wide: whether it takes the whole width of the page.
    """

    title: str
    facts: Rows = ()
    columns: tuple[str, ...] = ()
    rows: Rows = ()
    remarks: tuple[str, ...] = ()
    wide: bool = False


def shown(value: object) -> str:
    """A recorded value, whatever it is."""
    if value is None:
        return UNRECORDED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def duration(seconds: object) -> str:
    """Minutes or hours."""
    if not isinstance(seconds, int | float):
        return UNRECORDED
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def short_count(number: int) -> str:
    """A number in words, such as 1.2 million."""
    for size, word in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if number >= size:
            return f"{number / size:.1f}{word}"
    return str(number)


def listed(names: list[str]) -> str:
    """At least one name, with `and` before the last."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
