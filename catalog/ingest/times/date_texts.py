"""A column of dates in texts: the order of their parts and their zones, told by all of it."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from catalog.errors import CatalogueError
from catalog.ingest.times.date_order import Day, Decision, decide
from catalog.ingest.times.time_format import ORDERS, TimeFormat
from catalog.ingest.times.written_dates import STRICT, WrittenDates, parts, zone_name
from catalog.ingest.times.zones import UTC, meanings, offsets

# Of the values, those that may be left to be problems of their lines.
_FEW = 0.01

# The dates of a column, each once whatever its clock: there are few, so that all can be looked at.
_DAYS = r"""
SELECT p.a, p.b, p.name, p.c, zone, sum(n)::BIGINT, min(example) FROM (
  SELECT p, {zone} AS zone, n, example FROM (
    SELECT {parts} AS p, n, example FROM (
      SELECT regexp_replace(trim({column}), '[0-9]{{1,2}}:[0-9]{{2}}(:[0-9]{{2}}([.,][0-9]+)?)?',
        '0:00') AS text, count(*) AS n, min(trim({column})) AS example
      FROM {table}
      WHERE {column} IS NOT NULL AND trim({column}) <> '' AND {looked_at}
      GROUP BY 1)))
GROUP BY ALL ORDER BY ALL
"""
# Forms that DuckDB reads at once, a tenth of the time that the general way takes.
_FAST_DATES = {
    "dmy": ("%d{0}%m{0}%Y", "%d{0}%m{0}%y"),
    "mdy": ("%m{0}%d{0}%Y", "%m{0}%d{0}%y"),
    "ymd": ("%y{0}%m{0}%d",),
}
_FAST_CLEAR_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
                     "%B %d, %Y", "%a, %d %b %Y", "%A, %B %d, %Y")  # fmt: skip
_FAST_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S UTC",
                " %H:%M:%S %z")  # fmt: skip
_FAST_PATTERNS = {
    "%a": f"(?i:{'|'.join(calendar.day_abbr)})",
    "%A": f"(?i:{'|'.join(calendar.day_name)})",
    "%b": f"(?i:{'|'.join(calendar.month_abbr[1:])})",
    "%B": f"(?i:{'|'.join(calendar.month_name[1:])})",
    "%d": "[0-9]{1,2}",
    "%H": "[0-9]{1,2}",
    "%I": "[0-9]{1,2}",
    "%m": "[0-9]{1,2}",
    "%M": "[0-9]{2}",
    "%p": "[AaPp][Mm]",
    "%S": "[0-9]{2}",
    "%y": "[0-9]{2}",
    "%Y": "[0-9]{4}",
    "%z": "[+-][0-9]{4}",
}
_MOST_FAST = 3
_IN_WORDS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day",
             "ydm": "year, day, month"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DateTexts:
    """How a column of texts reads.

    Attributes:
      name: for the report.
      dates: what reads them.
      fast: formats of `strptime` that most of them have, tried first.
      decided_by: why this order, for the report.
      zone: what was made of zones, for the report.
    """

    name: str
    dates: WrittenDates
    fast: tuple[str, ...]
    decided_by: str
    zone: str

    def sql(self, text: str) -> str:
        """The time as TIMESTAMPTZ, `NULL` if it cannot be read (SQL over a trimmed text)."""
        fast = "".join(
            f" WHEN regexp_full_match({text}, '{_pattern(form)}')"
            f" THEN CAST(try_strptime({text}, '{form}') AS TIMESTAMPTZ)"
            for form in self.fast
        )
        slow = self.dates.sql(text)
        return f"CASE{fast} ELSE {slow} END" if fast else slow


def read_texts(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    column: str,
    asked: TimeFormat,
    name: str,
) -> DateTexts:
    """How to read a column of texts.

    Args:
      connection: has the table; its session's time zone is UTC.
      table: its name.
      column: holds texts.
      asked: what the person who builds says.
      name: what the source calls the column.

    Raises:
      CatalogueError: if days and months, or the zones, cannot be told apart.
    """
    iso = f"regexp_full_match(trim({column}), '{STRICT}')"
    present, strict, wrong = connection.execute(
        f"SELECT count(nullif(trim({column}), '')), count(*) FILTER ({iso}),"
        f" count(*) FILTER ({iso} AND substr(trim({column}), 6, 2) > '12') FROM {table}"
    ).fetchall()[0]
    # Year, day, month looks the same.
    everything = wrong > _FEW * strict
    query = _DAYS.format(
        parts=parts("text"),
        zone=zone_name("p.clock"),
        column=column,
        table=table,
        looked_at="true" if everything else f"NOT {iso}",
    )
    # Most columns have no others.
    rows = connection.execute(query).fetchall() if everything or strict < present else []
    strict = 0 if everything else strict
    numeric = [Day(a, b, c, n) for a, b, _, c, _, n, _ in rows if b and len(a) < 4]
    year_first = [Day(a, b, c, n) for a, b, _, c, _, n, _ in rows if b and len(a) == 4]
    named = [Day(a, "1", c, n) for a, _, month, c, _, n, _ in rows if month and len(a + c) < 5]
    by_name = sum(n for _, _, month, *_, n, _ in rows if month)
    clear = strict + by_name + sum(day.count for day in year_first)
    order, decided_by = _order(numeric, year_first, clear, asked, name)
    zones, zone = _zones(rows, strict, asked, name)
    named_order = decide(named, ("dmy", "ymd")).order if named else None
    form = f"dates of {_IN_WORDS[order]}" if order else "ISO dates"
    return DateTexts(
        name="dates with named months" if not order and 2 * by_name > clear else form,
        dates=WrittenDates(
            order=order,
            named_order=named_order or "dmy",
            zones=zones,
            strict=not rows and order != "ydm",
        ),
        fast=_fast_forms(connection, table, column, order) if rows and order != "ydm" else (),
        decided_by=decided_by,
        zone=zone,
    )


def require_decided(decision: Decision, name: str) -> None:
    """Raises `CatalogueError` if a column fits several orders, or has dates in two."""
    if decision.order and decision.contradicted:
        found = (
            f"{decision.decisive:,} that only {decision.order} fits and {decision.against:,} that "
            f"only another order fits, as {decision.example}"
        )
        say = f"with --time-format {decision.order} these are bad lines; or write all in one order"
    elif decision.rivals:
        orders = [order for order in (decision.order, *decision.rivals) if order]
        found = f"that all fit {' and '.join(orders)}, as {decision.example}"
        say = f"say which with {' or '.join(f'--time-format {order}' for order in orders)}"
    else:
        return
    raise CatalogueError(
        f"expected dates in {name} whose day, month and year can be told apart, found {found}: "
        f"{say}"
    )


def _order(
    numeric: list[Day], year_first: list[Day], clear: int, asked: TimeFormat, name: str
) -> tuple[str | None, str]:
    """The order of the dates that are numbers, and what decides it."""
    if asked.name in ORDERS:
        return asked.name, f"--time-format {asked.name}"
    if asked.name == "iso":
        return None, "--time-format iso"
    count = sum(day.count for day in numeric)
    if count <= clear:
        found = decide(year_first, ("ymd", "ydm")) if year_first else Decision(order=None)
        if found.order == "ydm" and found.decided:
            return "ydm", _decided_by(found, clear)
        return None, "the dates' own form"
    two_digits = any(len(day.third) < 4 for day in numeric)
    found = decide(numeric, ("dmy", "mdy", "ymd") if two_digits else ("dmy", "mdy"))
    require_decided(found, name)
    return found.order, _decided_by(found, count)


def _decided_by(found: Decision, count: int) -> str:
    if not found.decisive:
        return "the whole column: no value means another date otherwise"
    return f"the whole column: {found.decisive:,} of {count:,} values are dates only so"


def _zones(
    rows: list[tuple], strict: int, asked: TimeFormat, name: str
) -> tuple[Mapping[str, str], str]:
    """What the names of zones mean, and what is said of it."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for *_, zone, n, text in rows:
        if zone and "/" not in zone:
            counts[zone] += n
            examples.setdefault(zone, text)
    zones = offsets(counts, asked.zones)
    unknown = {zone: n for zone, n in counts.items() if zone not in zones}
    total = strict + sum(n for *_, n, _ in rows)
    if sum(unknown.values()) > _FEW * total:
        zone = max(unknown, key=lambda zone: unknown[zone])
        options = " or ".join(f"{zone}={offset}" for offset in meanings(zone))
        raise CatalogueError(
            f"expected zones in {name} that are one zone each, found {zone} in "
            f"{unknown[zone]:,} of {total:,} values, as {examples[zone]!r}: say which it is, as in "
            f"--time-format {options}"
        )
    read = [f"{zone} as {zones[zone]}" for zone in sorted(zones) if zone not in UTC]
    return zones, ", ".join([*read, "UTC where none is written"])


def _fast_forms(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, order: str | None
) -> tuple[str, ...]:
    """The forms that most of the column's first values have."""
    dates = [form.format(sign) for form in _FAST_DATES.get(order or "", ()) for sign in "/.-"]
    forms = [date + clock for date in (*dates, *_FAST_CLEAR_DATES) for clock in _FAST_CLOCKS]
    forms.append("%a %b %d %H:%M:%S %Y")
    texts = connection.execute(
        f"SELECT trim({column}) FROM {table} WHERE {column} IS NOT NULL LIMIT 2000"
    ).fetchall()
    # No form tells one digit from another, and but for them few texts differ.
    shapes = Counter(re.sub("[0-9]", "0", text) for (text,) in texts)
    found = [
        sum(n for shape, n in shapes.items() if re.fullmatch(_pattern(form), shape))
        for form in forms
    ]
    ranked = sorted(zip(found, forms, strict=True), key=lambda pair: -pair[0])
    return tuple(form for count, form in ranked[:_MOST_FAST] if count)


def _pattern(form: str) -> str:
    return re.sub("%.|[.]", lambda sign: _FAST_PATTERNS.get(sign[0], "[.]"), form)
