"""How a column of times is read: dates in every order, digits that are dates, or unix time."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from math import floor

import duckdb
import in_memory
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import shop_of

from catalog.build import build
from catalog.cli.findings import findings
from catalog.errors import CatalogueError
from catalog.ingest.sources.two_tables import TwoTables
from catalog.ingest.times.date_order import Day, as_date, decide
from catalog.ingest.times.time_format import TimeFormat
from catalog.ingest.times.zones import offsets

THIS_YEAR = date.today().year


def _loaded(values: list | pa.Array, time_format: str | None = None) -> tuple[list[tuple], dict]:
    """The problem and the microseconds of each, and the notes."""
    n = len(values)
    source = TwoTables(
        items=pa.table({"item_id": ["i1"]}),
        interactions=pa.table({"user_id": ["u"] * n, "item_id": ["i1"] * n, "timestamp": values}),
        time_format=time_format,
    )
    source.check()
    with in_memory.connection() as connection:
        loaded = source.load(connection)
        rows = connection.execute("SELECT problem, microseconds FROM raw_events").fetchall()
    return rows, loaded.notes


def _times(values: list | pa.Array) -> tuple[list[tuple], str]:
    rows, notes = _loaded(values)
    return rows, notes["timestamp"]


def _read(values: list, time_format: str | None = None) -> tuple[list[str], dict]:
    """Each time in UTC, or its problem, and the notes."""
    rows, notes = _loaded(values, time_format)
    return [
        problem or str(datetime(1970, 1, 1) + timedelta(microseconds=microseconds))
        for problem, microseconds in rows
    ], notes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "seconds", "name"),
    [
        ([0, 1, 50], [0, 1, 50], "unix seconds"),
        ([1_500_000_000, None], [1.5e9, "timestamp is missing"], "unix seconds"),
        (["1500000000.25", "-5"], [1500000000.25, -5], "unix seconds"),
        ([1.5e9, float("nan")], [1.5e9, "timestamp is missing"], "unix seconds"),
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
         "expected an ISO date, such as 2020-01-31 (--time-format says how to read others), found"],
         "ISO dates"),
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "times", "name"),
    [
        (["28/02/19", "03/04/19"], ["2019-02-28", "2019-04-03"], "day, month, year"),
        (["2/28/19", "3/4/19"], ["2019-02-28", "2019-03-04"], "month, day, year"),
        (["19/02/28", "19/12/03"], ["2019-02-28", "2019-12-03"], "year, month, day"),
        (["28.02.2019", "3.4.2019"], ["2019-02-28", "2019-04-03"], "day, month, year"),
        (["02-28-2019", "03-04-2019"], ["2019-02-28", "2019-03-04"], "month, day, year"),
        (["2019-28-02", "2019-03-04"], ["2019-02-28", "2019-04-03"], "year, day, month"),
        (["28/02/2019 9:05 PM", "3/4/2019 12:10 am"],
         ["2019-02-28 21:05:00", "2019-04-03 00:10:00"], "day, month, year"),
        (["28.02.2019, 21:05:06", "3.4.2019 12:10"],
         ["2019-02-28 21:05:06", "2019-04-03 12:10:00"], "day, month, year"),
        (["21:05 28/02/2019"], ["2019-02-28 21:05:00"], "day, month, year"),
        (["28/02/68", "28/02/99"], ["2068-02-28", "1999-02-28"], "day, month, year"),
        # A year of four digits first is always followed by the month.
        (["2019/2/3", "2019/03/04 10:00"], ["2019-02-03", "2019-03-04 10:00:00"], "ISO dates"),
        (["2019年2月3日 10:00"], ["2019-02-03 10:00:00"], "ISO dates"),
        (["20190203T101112Z"], ["2019-02-03 10:11:12"], "ISO dates"),
        (["２０１９／０２／０３"], ["2019-02-03"], "ISO dates"),
        (["02/02/2019"], ["2019-02-02"], "day, month, year"),
        (["28-Feb-19", "3-Apr-19"], ["2019-02-28", "2019-04-03"], "named months"),
        ([f"{day}-Feb-{THIS_YEAR + 2 - 2000}" for day in (18, 19)],
         [f"{year}-02-{THIS_YEAR + 2 - 2000}" for year in (2018, 2019)], "named months"),
        (["Feb 28, 2019", "April 3rd, 2019 10:00 PM"], ["2019-02-28", "2019-04-03 22:00:00"],
         "named months"),
        (["28. Februar 2019", "28 févr. 2019", "28 de febrero de 2019"], ["2019-02-28"] * 3,
         "named months"),
        (["Thu, 28 Feb 2019 10:00:00 +0100", "Thu Feb 28 10:00:00 2019",
          "Thu Feb 28 2019 10:00:00 GMT-0200 (somewhere)", "Thu Feb 28 10:00:00 UTC 2019"],
         ["2019-02-28 09:00:00", "2019-02-28 10:00:00", "2019-02-28 12:00:00",
          "2019-02-28 10:00:00"], "named months"),
        (["2019-02-28 10:00:00 -0500", "2019-02-28 10:00:00 UTC", "2019-02-28 10:00:00 +00",
          "2019-02-28 10:00:00 +01:30", "2019-02-28T10:00:00Z[UTC]", "2019-07-28 10:00:00 GMT",
          "2019-07-28 10:00:00 Europe/Paris"],
         ["2019-02-28 15:00:00", "2019-02-28 10:00:00", "2019-02-28 10:00:00",
          "2019-02-28 08:30:00", "2019-02-28 10:00:00", "2019-07-28 10:00:00",
          "2019-07-28 08:00:00"], "ISO dates"),
    ],
)  # fmt: skip
def test_written_dates(values, times, name):
    whole = [time if ":" in time else f"{time} 00:00:00" for time in times]
    times, notes = _read(values)
    assert times == whole
    assert name in notes["timestamp"]
    # Those that are read at once and those that take the long way are read alike.
    assert _read([f" {value}  " for value in values])[0] == whole


@pytest.mark.parametrize("typed", [int, float, str])
@pytest.mark.parametrize(
    ("values", "times", "name"),
    [
        ([20190228, 20181203], ["2019-02-28", "2018-12-03"], "yyyymmdd"),
        ([28022019, 3042019], ["2019-02-28", "2019-04-03"], "ddmmyyyy"),
        ([2282019, 12032018], ["2019-02-28", "2018-12-03"], "mmddyyyy"),
        ([190228, 181203], ["2019-02-28", "2018-12-03"], "yymmdd"),
        ([280219, 30418], ["2019-02-28", "2018-04-03"], "ddmmyy"),
        ([201902, 201812], ["2019-02-01", "2018-12-01"], "yyyymm"),
        ([2019022823], ["2019-02-28 23:00:00"], "yyyymmddhh"),
        ([201902282359, 201812030000], ["2019-02-28 23:59:00", "2018-12-03"], "yyyymmddhhmm"),
        ([20190228235958], ["2019-02-28 23:59:58"], "yyyymmddhhmmss"),
        ([28022019235958, 3042019000000], ["2019-02-28 23:59:58", "2019-04-03"], "ddmmyyyyhhmmss"),
        ([43524, 43525], ["2019-02-28", "2019-03-01"], "days as Excel counts them"),
        ([1551312000, 1551312001], ["2019-02-28", "2019-02-28 00:00:01"], "unix seconds"),
        ([1902281030 + n for n in range(20)],
         [f"2019-02-28 10:{30 + n}:00" for n in range(20)], "yymmddhhmm"),
    ],
)  # fmt: skip
def test_digits_that_are_dates_are_told_from_unix_times(values, times, name, typed):
    whole = [time if ":" in time else f"{time} 00:00:00" for time in times]
    times, notes = _read([typed(value) for value in values])
    assert times == whole
    assert name in notes["timestamp"]


def test_days_of_excel_have_clocks():
    assert _read(["43524.4375", "43525.75"])[0] == ["2019-02-28 10:30:00", "2019-03-01 18:00:00"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["01/02/2019", "03/04/19"], r"dmy and mdy, as 01/02/2019: .*--time-format dmy or .* mdy"),
        (["18-11-12"], "dmy and ymd, as 18/11/12"),
        ([1022019, 3042019], "dmy and mdy, as 01/02/2019"),
        (["28/02/2019"] * 20 + ["02/28/2019"], "20 that only dmy fits and 1 that only another"),
        (["2019-02-28 10:00:00 BST"], r"found BST in 1 of 1 values, .* BST=\+01:00 or BST=\+06:00"),
        (["28 Feb 2019 10:00 IST"] * 2, r"found IST in 2 of 2 values"),
        (["2019-02-28 10:00:00 QST", "2019-02-28"], r"found QST in 1 of 2 values, .* QST=\+01:00"),
    ],
)
def test_what_means_two_times_is_refused_with_the_option_that_decides(values, says):
    with pytest.raises(CatalogueError, match=says) as caught:
        _loaded(values)
    assert "in timestamp" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "time_format", "times"),
    [
        (["01/02/2019", "3/4/19"], "dmy", ["2019-02-01", "2019-04-03"]),
        (["01/02/2019", "3/4/19"], "mdy", ["2019-01-02", "2019-03-04"]),
        (["18-11-12"], "ymd", ["2018-11-12"]),
        (["2019-01-02"], "ydm", ["2019-02-01"]),
        ([1022019, 3042019], "mdy", ["2019-01-02", "2019-03-04"]),
        (["01|02|2019"], "%d|%m|%Y", ["2019-02-01"]),
        (["01/02/2019 10:00 +0200"], "%d/%m/%Y %H:%M %z", ["2019-02-01 08:00:00"]),
        (["2019-07-28 10:00:00 BST"], "BST=+01:00", ["2019-07-28 09:00:00"]),
        (["1/2/2019 10:00 EST"], "mdy EST=Australia/Sydney", ["2019-01-01 23:00:00"]),
        ([20190228], "unix-seconds", ["1970-08-22 16:23:48"]),
        (["20190228"], "unix-milliseconds", ["timestamp: expected unix milliseconds, found"]),
        ([1551312000], "excel", ["timestamp: expected days as Excel counts them"]),
        ([60000], "excel", ["2064-04-08"]),
        (["28/02/2019"], "iso", ["timestamp: expected an ISO date"]),
        (["28/02/2019"], "mdy", ["timestamp: expected dates of month, day, year"]),
    ],
)
def test_a_time_format_decides(values, time_format, times):
    found, notes = _read(values, time_format)
    for read, time in zip(found, times, strict=True):
        assert read.startswith(time)
    if "=" not in time_format or " " in time_format:
        said = notes["timestamp_decided_by"]
        assert said == f"--time-format {time_format.partition(' EST')[0]}"


@pytest.mark.parametrize(
    "text", ["american", "%Q", "%d/%m/%Y %Z", "dmy BST", "%d/%m/%Y BST=+01:00"]
)
def test_a_time_format_that_is_none_is_named(text):
    with pytest.raises(CatalogueError, match="expected a time format of dmy, mdy") as caught:
        TimeFormat.parse(text)
    assert repr(text) in str(caught.value)


def test_a_time_format_without_times_is_refused():
    events = pa.table({"user_id": ["u"], "item_id": ["i1"], "position": [1]})
    source = TwoTables(items=pa.table({"item_id": ["i1"]}), interactions=events, time_format="dmy")
    with (
        in_memory.connection() as connection,
        pytest.raises(CatalogueError, match="only positions"),
    ):
        source.load(connection)


def test_zones_of_one_column_decide_each_other():
    assert offsets({"BST"}, {}) == {}
    assert offsets({"BST", "GMT"}, {}) == {"BST": "+01:00", "GMT": "+00:00"}
    assert offsets({"EST", "EDT"}, {}) == {"EST": "-05:00", "EDT": "-04:00"}
    assert offsets({"EST", "AEDT"}, {}) == {"AEDT": "+11:00"}
    assert offsets({"EST", "EDT"}, {"EST": "+10:00"})["EST"] == "+10:00"
    summer = ["2019-07-28 10:00:00 CEST", "2019-01-28 10:00:00 CET"]
    times, notes = _read(summer)
    assert times == ["2019-07-28 08:00:00", "2019-01-28 09:00:00"]
    assert notes["timestamp_zone"] == ("CEST as +02:00, CET as +01:00, UTC where none is written")


def test_few_values_that_do_not_fit_are_problems_of_their_lines():
    values = ["28/02/2019"] * 300 + ["02/28/2019", "28/02/2019 10:00 QST", "soon"]
    (*good, other, zone, soon), notes = _read(values)
    assert set(good) == {"2019-02-28 00:00:00"}
    expected = "timestamp: expected dates of day, month, year, as in the other lines, found"
    assert [other, zone, soon] == [f"{expected} '{value}'" for value in values[-3:]]
    assert notes["timestamp"] == "dates of day, month, year"
    assert notes["timestamp_decided_by"] == (
        "the whole column: 301 of 302 values are dates only so"
    )


@given(
    day=st.dates(date(1990, 1, 1), date(THIS_YEAR, 12, 31)),
    order=st.sampled_from(["dmy", "mdy", "ymd"]),
)
def test_an_order_fits_the_dates_that_are_written_in_it(day, order):
    texts = {"d": str(day.day), "m": str(day.month), "y": f"{day:%y}"}
    written = Day(*(texts[part] for part in order))
    assert as_date(written, order) == day
    found = decide([written], ("dmy", "mdy", "ymd"))
    assert as_date(written, found.order) == day or order in found.rivals


@pytest.mark.slow
def test_the_order_of_the_file_decides_between_equal_times(tmp_path):
    """Also where several threads read, and times take every way of being read."""
    n = 150_000
    sold = [f"i{(7 * k) % 1000}" for k in range(n)]
    (tmp_path / "i.csv").write_text("item_id\n" + "\n".join(f"i{k}" for k in range(1000)))
    for name, time in [("iso", "2019-02-28 10:00:00"), ("named", "28 de febrero de 2019"),
                       ("digits", "28022019"), ("unix", "1551312000")]:  # fmt: skip
        path = tmp_path / f"{name}.csv"
        path.write_text("user_id,item_id,timestamp\n" + "".join(
            f"u{k // 1000},{item},{time}\n" for k, item in enumerate(sold)))  # fmt: skip
        info = build(tmp_path / "w", name, TwoTables(items=tmp_path / "i.csv", interactions=path))
        assert info.report["purchases_in_file_order"] == n
        with duckdb.connect(str(tmp_path / "w" / "catalog.duckdb"), read_only=True) as connection:
            rows = connection.execute(
                "SELECT user_id, item_id FROM events JOIN users USING (domain, user_index)"
                " JOIN items USING (domain, item_index) WHERE domain = $domain"
                " ORDER BY right(user_id, -1)::INT, position",
                {"domain": name},
            ).fetchall()
        assert rows == [(f"u{k // 1000}", item) for k, item in enumerate(sold)]


def test_the_report_counts_what_the_order_of_the_file_decides(tables):
    events = [
        ("a", "i1", 10, None, 5.0, None),
        ("a", "i2", 10, None, 5.0, None),
        ("a", "i1", 10, None, 4.0, None),
        ("a", "i1", 20, None, 5.0, "twice"),
        ("a", "i1", 20, None, 5.0, "the same item"),
        ("b", "i1", 10, 1, 5.0, "positions decide"),
        ("b", "i2", 10, 2, 5.0, None),
        ("b", "i3", 11, None, 5.0, None),
        ("b", "i3", 11, None, 5.0, None),  # an exact repeat
        ("c", "i1", 30, None, 5.0, None),
    ]
    report = shop_of(tables(events=events)).report
    assert report["purchases_at_equal_times"] == 5
    assert report["purchases_in_file_order"] == 3
    assert findings(report) == [
        "order: 5 purchases share their time with another item of their user; their positions "
        "decide, for 3 the order of the file"
    ]
    assert (report["purchases_from"], report["purchases_to"]) == ("1970-01-01",) * 2


@pytest.mark.slow
def test_the_command_says_how_times_were_read(tmp_path, run):
    (tmp_path / "i.csv").write_text("item_id\na\nb\n")
    (tmp_path / "e.csv").write_text("user_id,item_id,when\nu,a,28/02/19\nu,b,28/02/19\n")
    (tmp_path / "f.csv").write_text("user_id,item_id,when\nu,a,1/2/19\nu,b,3/4/19\n")
    common = ("build", "--workspace", tmp_path / "w", "--domain", "x", "--items",
              tmp_path / "i.csv", "--column", "timestamp=when")  # fmt: skip
    _, said, _ = run(*common, "--interactions", tmp_path / "e.csv")
    assert "times: read as dates of day, month, year (the whole column: 2 of 2" in said
    assert (
        "order: 2 purchases share their time with another item of their user; the order of the"
        in said
    )
    status, _, error = run(*common, "--interactions", tmp_path / "f.csv")
    assert status != 0
    assert "dates in when whose day" in error
    status, _, _ = run(*common, "--interactions", tmp_path / "f.csv", "--time-format", "mdy")
    assert status == 0
    status, _, error = run(
        "build", "--workspace", tmp_path / "w", "--domain", "x", "--amazon-reviews",
        tmp_path / "f.csv", "--time-format", "mdy",
    )  # fmt: skip
    assert "found --time-format --amazon-reviews" in error
