"""How a column of times is to be read: ISO dates, or unix time in one of four units.

The unit is that of the whole column, told by the median of its numbers. A value of another unit's
magnitude is not guessed at but the problem of its line.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

# Above these a number is no longer taken for the unit: 1e11 seconds are the year 5138, and as many
# milliseconds, 1973, before any web shop. Small numbers, which only tell the order, are seconds.
_UNITS = (
    ("unix seconds", "1000000", "-62135596800", "1e11"),
    ("unix milliseconds", "1000", "1e11", "1e14"),
    ("unix microseconds", "1", "1e14", "1e17"),
    ("unix nanoseconds", "0.001", "1e17", "1e20"),
)
_YEARS_1_TO_9999 = "BETWEEN -62135596800000000 AND 253402300799999999"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A way to read a time.

    Attributes:
      name: for the report, "unix milliseconds".
      expected: for the problem of a line that cannot be read so.
      sql: expression over `{0}`, the value; microseconds since 1970, or NULL.
    """

    name: str
    expected: str
    sql: str

    def microseconds(self, value: str) -> str:
        """The expression for that value (SQL)."""
        return self.sql.format(value)


def _unix(name: str, factor: str, low: str, high: str) -> Reading:
    number = "TRY_CAST({0} AS DOUBLE)"
    # Exact, which a double is not in nanoseconds, but ten times as slow as a BIGINT.
    exact = f"TRY_CAST(floor(TRY_CAST({{0}} AS DECIMAL(38, 9)) * {factor}) AS BIGINT)"
    digits = "regexp_full_match(CAST({0} AS VARCHAR), '[0-9]{{1,18}}')"
    # No nanoseconds, the only ones to be divided.
    whole = f"CAST({{0}} AS BIGINT) * {factor}" if float(factor) >= 1 else exact
    return Reading(
        name=name,
        expected=f"{name}, as in the other lines",
        sql=f"CASE WHEN NOT ({number} >= {low} AND {number} < {high}) THEN NULL"
        f" WHEN {digits} THEN {whole} ELSE {exact} END",
    )


_READINGS = tuple(_unix(*unit) for unit in _UNITS)
UNIX_SECONDS, UNIX_MILLISECONDS = _READINGS[:2]
_DATE = "an ISO date, such as 2020-01-31"
# By way of one type: not all of them have microseconds.
_MICROSECONDS = "TRY(epoch_us(TRY_CAST({0} AS TIMESTAMPTZ)))"
DATES = Reading(
    name="dates",
    expected=_DATE,
    sql=f"CASE WHEN {_MICROSECONDS} {_YEARS_1_TO_9999} THEN {_MICROSECONDS} END",
)
# The session's zone is UTC, see `reading_of`: a text without a zone is taken as that.
ISO_DATES = Reading(
    name="ISO dates",
    expected=_DATE,
    sql=DATES.sql.replace("{0}", "trim({0})"),
)
# Doubles hold whole numbers up to 9e15; more events no user has.
WHOLE = (
    "CASE WHEN abs(TRY_CAST({0} AS DOUBLE)) < 1e12"
    " AND TRY_CAST({0} AS DOUBLE) = floor(TRY_CAST({0} AS DOUBLE))"
    " THEN CAST(TRY_CAST({0} AS DOUBLE) AS BIGINT) END"
)
POSITIONS = Reading(name="positions", expected="a whole number", sql=f"({WHOLE}) * 1000000")


def reading_of(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> Reading:
    """How to read that column, by its type and its values; sets the session's time zone to UTC.

    `NULL`s and blank texts do not count. A column of text without any value reads as ISO dates.
    """
    connection.execute("SET TimeZone = 'UTC'")
    kind = connection.execute(f"SELECT typeof(min({column})) FROM {table}").fetchall()[0][0]
    if kind.startswith(("TIMESTAMP", "DATE")):
        return DATES
    present, numbers, median = connection.execute(
        f"SELECT count(nullif(trim(CAST({column} AS VARCHAR)), '')), count(number),"
        " median(abs(number)) FILTER (isfinite(number))"
        f" FROM (SELECT {column}, TRY_CAST({column} AS DOUBLE) AS number FROM {table})"
    ).fetchall()[0]
    if kind == "VARCHAR" and (median is None or 2 * numbers < present):
        return ISO_DATES
    for reading, (*_, high) in zip(_READINGS, _UNITS, strict=True):
        if median is None or median < float(high):
            return reading
    return _READINGS[-1]
