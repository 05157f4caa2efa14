"""Numbers that are dates, such as 20200131, 31012020 or 200131103000: told by the whole column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from catalog.ingest.times.date_order import Day, Decision, decide

# More days than there are in a century are no days.
_MOST_DAYS = 36_525
_CLOCKS = {0: "", 2: "%H", 4: "%H%M", 6: "%H%M%S", 9: "%H%M%S%g"}
_CLOCK_DIGITS = {
    0: "",
    2: "([01][0-9]|2[0-3])",
    4: "([01][0-9]|2[0-3])[0-5][0-9]",
    6: "([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]",
    9: "([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9][0-9]{3}",
}


@dataclass(frozen=True, kw_only=True)
class DigitLayout:
    """How many digits each part of the date has, and those of the clock behind it.

    Attributes:
      cuts: digits of the first, second and third part.
      clock: digits of the clock.
      order: which part is what; `None` as long as it is not decided.
    """

    cuts: tuple[int, int, int]
    clock: int = 0
    order: str | None = None

    @property
    def width(self) -> int:
        """All digits."""
        return sum(self.cuts) + self.clock

    @property
    def orders(self) -> tuple[str, ...]:
        """Those that the number of digits allows."""
        if self.cuts[0] == 4:
            return ("ymd",)
        return ("dmy", "mdy") if self.cuts[2] == 4 else ("ymd", "dmy", "mdy")

    @property
    def name(self) -> str:
        """As `yyyymmdd` or `ddmmyyhhmm`."""
        digits = "".join(part * n for part, n in self._parts())
        return digits + "hhmmssfff"[: self.clock]

    def _parts(self) -> Iterator[tuple[str, int]]:
        """Each part's letter and its digits."""
        assert self.order is not None  # nothing is read before it is decided
        return zip(self.order, self.cuts, strict=True)

    def padded(self, text: str) -> str:
        """The digits with the zero that a number has lost at its front (SQL)."""
        return text if self.cuts[0] == 4 else f"lpad({text}, {self.width}, '0')"

    def fits(self, text: str) -> str:
        """Whether the number of digits and the clock are right (SQL)."""
        least = self.width - (self.cuts[0] == 2)
        clock = f"[0-9]{{{sum(self.cuts)}}}{_CLOCK_DIGITS[self.clock]}"
        return (
            f"length({text}) BETWEEN {least} AND {self.width}"
            f" AND regexp_full_match({self.padded(text)}, '{clock}')"
        )

    def sql(self, text: str) -> str:
        """The time as TIMESTAMP, `NULL` if it cannot be read (SQL)."""
        form = "".join("%Y" if n == 4 else f"%{part}" for part, n in self._parts() if n)
        form += _CLOCKS[self.clock]
        return f"CASE WHEN {self.fits(text)} THEN try_strptime({self.padded(text)}, '{form}') END"


_LAYOUTS = tuple(
    DigitLayout(cuts=cuts, clock=clock)
    for cuts, clocks in (
        ((4, 2, 2), (0, 2, 4, 6, 9)),
        ((2, 2, 4), (0, 2, 4, 6)),
        ((2, 2, 2), (0, 4, 6)),
        ((4, 2, 0), (0,)),
    )
    for clock in clocks
)


def digits(column: str) -> str:
    """A whole number's digits as a text, whatever its type (SQL)."""
    return f"regexp_replace(trim(CAST({column} AS VARCHAR)), '\\.0*$', '')"


def best_layout(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, *, order: str | None = None
) -> tuple[DigitLayout, Decision] | None:
    """The layout that fits most of a column's numbers, and what the column says of its order.

    Args:
      connection: has the table.
      table: its name.
      column: holds numbers or texts of digits.
      order: the one that is asked for; `None` for any.

    Returns:
      `None` if fewer than half of the numbers are dates in every layout.
    """
    source = (
        f"(SELECT {digits(column)} AS digits FROM {table}"
        f" WHERE regexp_full_match({digits(column)}, '[0-9]{{3,17}}'))"
    )
    numbers, width = connection.execute(
        f"SELECT count(*), mode(length(digits) + length(digits) % 2) FROM {source}"
    ).fetchall()[0]
    best = None
    for layout in _LAYOUTS:
        if not numbers or layout.width + layout.width % 2 != width:
            continue
        orders = [one for one in layout.orders if order in (None, one)]
        found = _decision(connection, source, layout, orders) if orders else None
        if found and (best is None or found.fitting > best[1].fitting):
            best = replace(layout, order=found.order), found
    return best if best and 2 * best[1].fitting >= numbers else None


def _decision(
    connection: duckdb.DuckDBPyConnection, source: str, layout: DigitLayout, orders: Sequence[str]
) -> Decision | None:
    a, b, c = layout.cuts
    rows = connection.execute(
        f"SELECT left({layout.padded('digits')}, {a + b + c}) AS day, count(*) FROM {source}"
        f" WHERE {layout.fits('digits')} GROUP BY day ORDER BY day LIMIT {_MOST_DAYS + 1}"
    ).fetchall()
    if len(rows) > _MOST_DAYS:
        return None
    days = [Day(day[:a], day[a : a + b], day[a + b :] or "01", n) for day, n in rows]
    found = decide(days, orders)
    return found if found.order else None
