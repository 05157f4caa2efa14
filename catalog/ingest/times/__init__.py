"""How a column of times is to be read: dates, digits that are dates, or unix time in four units.

It is told by the whole column: the unit by the median of its numbers, the order of day, month and
year by the values that fit only one. A value that does not fit is not guessed at but the problem of
its line, and a column that fits two orders is refused.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import duckdb

from catalog.database import quoted_text
from catalog.ingest.times.date_order import Decision
from catalog.ingest.times.date_texts import DateTexts, read_texts, require_decided
from catalog.ingest.times.digit_dates import DigitLayout, best_layout, digits
from catalog.ingest.times.time_format import UNIX, TimeFormat

# Above these a number is no longer taken for the unit: 1e11 seconds are the year 5138, and as many
# milliseconds, 1973, before any web shop. Small numbers, which only tell the order, are seconds.
_UNITS = (
    ("unix seconds", "1000000", "-62135596800", "1e11"),
    ("unix milliseconds", "1000", "1e11", "1e14"),
    ("unix microseconds", "1", "1e14", "1e17"),
    ("unix nanoseconds", "0.001", "1e17", "1e20"),
)
_YEARS_1_TO_9999 = "BETWEEN -62135596800000000 AND 253402300799999999"
# Numbers that are unix times of other years than these may be dates: no number of digits that is a
# date from 1970 on is a unix time of these years but for those of ten digits, year first.
_SHOP_YEARS = (1980, datetime.date.today().year + 2)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A way to read a time.

    Attributes:
      name: for the report, "unix milliseconds".
      expected: for the problem of a line that cannot be read so.
      sql: expression over `{0}`, the value; microseconds since 1970, or NULL.
      decided_by: why it is this one, for the report.
      zone: what was made of zones, for the report; "" where there are none.
    """

    name: str
    expected: str
    sql: str
    decided_by: str = "the column's values"
    zone: str = ""

    def microseconds(self, value: str) -> str:
        """The expression for that value (SQL)."""
        return self.sql.replace("{0}", value)

    def notes(self) -> dict[str, str]:
        """What was decided, for the report."""
        zone = {"timestamp_zone": self.zone} if self.zone else {}
        return {"timestamp": self.name, "timestamp_decided_by": self.decided_by} | zone


def _unix(name: str, factor: str, low: str, high: str) -> Reading:
    number = "TRY_CAST({0} AS DOUBLE)"
    # Exact, which a double is not in nanoseconds, but ten times as slow as a BIGINT.
    exact = f"TRY_CAST(floor(TRY_CAST({{0}} AS DECIMAL(38, 9)) * {factor}) AS BIGINT)"
    only_digits = "regexp_full_match(CAST({0} AS VARCHAR), '[0-9]{1,18}')"
    # No nanoseconds, the only ones to be divided.
    whole = f"CAST({{0}} AS BIGINT) * {factor}" if float(factor) >= 1 else exact
    return Reading(
        name=name,
        expected=f"{name}, as in the other lines",
        sql=f"CASE WHEN NOT ({number} >= {low} AND {number} < {high}) THEN NULL"
        f" WHEN {only_digits} THEN {whole} ELSE {exact} END",
        decided_by="the size of the column's numbers",
    )


_READINGS = tuple(_unix(*unit) for unit in _UNITS)
UNIX_SECONDS, UNIX_MILLISECONDS = _READINGS[:2]
DATE = "an ISO date, such as 2020-01-31 (--time-format says how to read others)"


def _of_times(value: str) -> str:
    """Microseconds of what casts to TIMESTAMPTZ (SQL)."""
    # By way of one type: not all of them have microseconds.
    microseconds = f"TRY(epoch_us(TRY_CAST({value} AS TIMESTAMPTZ)))"
    return f"CASE WHEN {microseconds} {_YEARS_1_TO_9999} THEN {microseconds} END"


DATES = Reading(name="dates", expected=DATE, sql=_of_times("{0}"), decided_by="the column's type")
# The days since 1899-12-30, to a thousandth of a second.
EXCEL = Reading(
    name="days as Excel counts them",
    expected="days as Excel counts them (43861 is 2020-01-31), as in the other lines",
    sql="CASE WHEN TRY_CAST({0} AS DOUBLE) BETWEEN 1 AND 2958466"
    " THEN CAST(round((TRY_CAST({0} AS DOUBLE) - 25569) * 86400000) AS BIGINT) * 1000 END",
    decided_by="the size of the column's numbers",
    zone="UTC, as none is written",
)
_EXCEL_SHOP_DAYS = (32_874, 47_484)  # 1990 to 2029
# Doubles hold whole numbers up to 9e15; more events no user has.
WHOLE = (
    "CASE WHEN abs(TRY_CAST({0} AS DOUBLE)) < 1e12"
    " AND TRY_CAST({0} AS DOUBLE) = floor(TRY_CAST({0} AS DOUBLE))"
    " THEN CAST(TRY_CAST({0} AS DOUBLE) AS BIGINT) END"
)
POSITIONS = Reading(
    name="positions",
    expected="a whole number",
    sql=f"({WHOLE}) * 1000000",
    decided_by="the column, as there are no times",
)


def reading_of(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    column: str,
    *,
    time_format: str | None = None,
    name: str = "timestamp",
) -> Reading:
    """How to read that column, by its type and its values; sets the session's time zone to UTC.

    `NULL`s and blank texts do not count. A column of text without any value reads as ISO dates.

    Args:
      connection: has the table.
      table: its name.
      column: the times.
      time_format: what the person who builds says of them (see `TimeFormat.parse`).
      name: what the source calls the column, for messages.

    Raises:
      CatalogueError: if the format is not understood, or the column fits two orders of day, month
        and year, or a zone's name means several zones.
    """
    asked = TimeFormat.parse(time_format)
    connection.execute("SET TimeZone = 'UTC'")
    kind = connection.execute(f"SELECT typeof(min({column})) FROM {table}").fetchall()[0][0]
    if kind.startswith(("TIMESTAMP", "DATE")):
        return DATES
    if asked.pattern or asked.name in (*UNIX, "excel"):
        return _asked(asked)
    present, numbers, median = connection.execute(
        f"SELECT count(nullif(trim(CAST({column} AS VARCHAR)), '')), count(number),"
        " median(abs(number)) FILTER (isfinite(number))"
        f" FROM (SELECT {column}, TRY_CAST({column} AS DOUBLE) AS number FROM {table})"
    ).fetchall()[0]
    if kind == "VARCHAR" and (median is None or 2 * numbers < present):
        return _of_texts(read_texts(connection, table, column, asked, name))
    return _of_numbers(connection, table, column, median, asked, name)


def _asked(asked: TimeFormat) -> Reading:
    said = f"--time-format {asked.pattern or asked.name}"
    if asked.pattern:
        return Reading(
            name=f"dates as {asked.pattern}",
            expected=f"a date as {asked.pattern}",
            sql=_of_times(
                f"try_strptime(trim(CAST({{0}} AS VARCHAR)), {quoted_text(asked.pattern)})"
            ),
            decided_by=said,
            zone="" if "%z" in asked.pattern else "UTC, as none is written",
        )
    found = EXCEL if asked.name == "excel" else _READINGS[UNIX.index(asked.name)]
    return Reading(
        name=found.name,
        expected=found.expected.replace(", as in the other lines", ""),
        sql=found.sql,
        decided_by=said,
        zone=found.zone,
    )


def _of_texts(texts: DateTexts) -> Reading:
    return Reading(
        name=texts.name,
        expected=f"{texts.name}, as in the other lines" if texts.dates.order else DATE,
        sql=f"TRY(epoch_us({texts.sql('trim({0})')}))",
        decided_by=texts.decided_by,
        zone=texts.zone,
    )


def _of_numbers(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    column: str,
    median: float | None,
    asked: TimeFormat,
    name: str,
) -> Reading:
    at = next((n for n, (*_, high) in enumerate(_UNITS) if median is None or median < float(high)),
              len(_UNITS) - 1)  # fmt: skip
    unix = _READINGS[at]
    if median is None:
        return unix
    year = 1970 + median * float(_UNITS[at][1]) / 1e6 / 31_556_952
    as_unix = _SHOP_YEARS[0] <= year <= _SHOP_YEARS[1]
    if asked.name or not as_unix or _clocks(connection, table, column):
        found = best_layout(connection, table, column, order=asked.name or None)
        if found:
            return _of_layout(*found, asked, name)
    low, high = _EXCEL_SHOP_DAYS
    if not as_unix and low <= median <= high:
        inside = connection.execute(
            f"SELECT avg((TRY_CAST({column} AS DOUBLE) BETWEEN {low} AND {high})::INT) FROM {table}"
            f" WHERE {column} IS NOT NULL"
        ).fetchall()[0][0]
        if inside and inside >= 0.99:
            return EXCEL
    return unix


def _clocks(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> bool:
    """Whether the first thousand numbers all are `yymmddhhmm`, as unix seconds never are."""
    pattern = "[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([01][0-9]|2[0-3])[0-5][0-9]"
    count, all_are = connection.execute(
        f"SELECT count(*), bool_and(regexp_full_match({digits(column)}, '{pattern}'))"
        f" FROM (SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1000)"
    ).fetchall()[0]
    return count >= 20 and all_are


def _of_layout(layout: DigitLayout, decision: Decision, asked: TimeFormat, name: str) -> Reading:
    require_decided(decision, name)
    return Reading(
        name=f"dates as {layout.name}",
        expected=f"a date as {layout.name}, as in the other lines",
        sql=_of_times(layout.sql(digits("{0}"))),
        decided_by=f"--time-format {asked.name}" if asked.name else "the column's values",
        zone="UTC, as none is written",
    )
