"""How a column of times is read: dates, or unix time in one of four units."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from math import floor

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.ingest.two_tables import TwoTables


def _times(values: list | pa.Array) -> tuple[list[tuple], str]:
    """The problem and the microseconds of each, and how the notes say that they were read."""
    n = len(values)
    source = TwoTables(
        items=pa.table({"item_id": ["i1"]}),
        interactions=pa.table({"user_id": ["u"] * n, "item_id": ["i1"] * n, "timestamp": values}),
    )
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("BEGIN")
        loaded = source.load(connection)
        rows = connection.execute("SELECT problem, microseconds FROM raw_events").fetchall()
    return rows, loaded.notes["timestamp"]


@pytest.mark.parametrize(
    ("values", "seconds", "name"),
    [
        ([0, 1, 50], [0, 1, 50], "unix seconds"),
        ([1_500_000_000, None], [1.5e9, "timestamp is missing"], "unix seconds"),
        (["1500000000.25", "-5"], [1500000000.25, -5], "unix seconds"),
        ([1.5e9, float("nan")], [1.5e9, "found 'nan'"], "unix seconds"),
        ([1_500_000_000_123] * 2, [1500000000.123] * 2, "unix milliseconds"),
        (["1500000000123", "1.5e12"], [1500000000.123, 1.5e9], "unix milliseconds"),
        ([1_500_000_000_123_456], [1500000000.123456], "unix microseconds"),
        ([1_500_000_000_123_456_789], [1500000000.123456], "unix nanoseconds"),
        (pa.array([2**64 - 1], pa.uint64()), [18446744073.709551], "unix nanoseconds"),
        (["2020-01-02", " 2020-01-02 "], [1577923200] * 2, "ISO dates"),
        (["2020-01-02T01:00:00.5+01:00", "2020-01-02 00:00:00.5"], [1577923200.5] * 2, "ISO dates"),
        (["2020-01-02T00:00:00Z", "yesterday"], [1577923200, "found 'yesterday'"], "ISO dates"),
        (["2020-01-02", "02/01/2020"], [1577923200, "found '02/01/2020'"], "ISO dates"),
        (["2020-01-02", "  "], [1577923200, "timestamp is missing"], "ISO dates"),
        ([date(2020, 1, 2), date(1969, 12, 31)], [1577923200, -86400], "dates"),
        ([datetime(2020, 1, 2, 0, 0, 0, 7)], [1577923200.000007], "dates"),
        ([datetime(2020, 1, 2, 1, tzinfo=timezone(timedelta(hours=1)))], [1577923200], "dates"),
        ([datetime(2020, 1, 2, tzinfo=UTC)], [1577923200], "dates"),
        (pa.array([1577923200 * 10**9 + 7000], pa.timestamp("ns")), [1577923200.000007], "dates"),
        (pa.array([1577923200 * 10**9, None], pa.timestamp("ns", "Europe/Berlin")),
         [1577923200, "timestamp is missing"], "dates"),
        (pa.array([None], pa.int64()), ["timestamp is missing"], "unix seconds"),
        (pa.array([], pa.int64()), [], "unix seconds"),
        (["2020-01-02", "2020-01-03", "10"], [1577923200, 1578009600,
         "expected an ISO date, such as 2020-01-31, found '10'"], "ISO dates"),
        # Never a guess: one of another unit, one that is a date among numbers, one out of range.
        ([1_500_000_000_000] * 2 + [9], [1.5e9] * 2 + ["as in the other"], "unix milliseconds"),
        ([1_500_000_000] * 2 + [1_500_000_000_000], [1.5e9] * 2 + ["unix seconds"], "unix seconds"),
        (["1500000000"] * 2 + ["2020-01-02"], [1.5e9] * 2 + ["'2020-01-02'"], "unix seconds"),
        (["2020-01-02", "290000-01-01"], [1577923200, "ISO date"], "ISO dates"),
        (pa.array([None], pa.float64()), ["timestamp is missing"], "unix seconds"),
        (pa.array([None], pa.string()), ["timestamp is missing"], "ISO dates"),
        (pa.array([None], pa.null()), ["timestamp is missing"], "ISO dates"),
    ],
)  # fmt: skip
def test_times(values, seconds, name):
    read, noted = _times(values)
    assert noted == name
    for (problem, microseconds), expected in zip(read, seconds, strict=True):
        if isinstance(expected, str):
            assert expected in problem
        else:
            assert problem is None
            assert microseconds == pytest.approx(expected * 1e6, abs=0.5)


@settings(max_examples=60)
@given(
    unit=st.sampled_from(
        [("1e9", 10**6), ("1e12", 10**3), ("1e15", 1), ("1e18", Fraction(1, 1000))]
    ),
    values=st.lists(st.decimals("1.1", "1.9", places=20), min_size=1, max_size=9),
    places=st.integers(0, 6),
    typed=st.booleans(),
)
def test_unix_times_are_exact_to_the_microsecond(unit, values, places, typed):
    size, factor = unit
    texts = [f"{value * Decimal(size):.{0 if typed else places}f}" for value in values]
    read, _ = _times(list(map(int, texts)) if typed else texts)
    assert [micro for _, micro in read] == [floor(Fraction(text) * factor) for text in texts]


def test_times_do_not_depend_on_the_zone_of_the_machine(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    assert _times(["2020-01-02 00:00:00"])[0] == [(None, 1577923200_000000)]
