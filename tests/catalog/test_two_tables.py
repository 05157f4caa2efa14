"""A shop's two tables: file forms, columns, types, and what is said of bad rows."""

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.build import build
from catalog.errors import CatalogueError
from catalog.ingest.two_tables import TwoTables
from catalog.store import Catalogue

ITEMS = [
    {"item_id": "i1", "title": 'A 5" disk,\nround', "category": "Music, Strings", "brand": "Ä"},
    {"item_id": "i2", "title": None, "category": None, "brand": "it's"},
]
EVENTS = [
    {"user_id": "u", "item_id": "i1", "timestamp": 10, "rating": 5.0, "review_text": "so; so"},
    {"user_id": "u", "item_id": "i1", "timestamp": 10, "rating": 5.0, "review_text": "so; so"},
    {"user_id": "u", "item_id": "i2", "timestamp": 9, "rating": None, "review_text": "a\nb"},
    {"user_id": "u", "item_id": "i2", "timestamp": 9, "rating": None, "review_text": "other"},
]


def _csv(rows: list[dict], delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _json_lines(rows: list[dict]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def _write(path: Path, rows: list[dict]) -> Path:
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    if name.endswith((".csv", ".tsv")):
        data = _csv(rows, "\t" if name.endswith(".tsv") else ";")
    else:
        data = _json_lines(rows)
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def _load(items, events, **settings) -> tuple[list[tuple], list[tuple], dict]:
    """The rows of the two raw tables and the notes, as a build would get them."""
    source = TwoTables(items=items, interactions=events, **settings)
    source.check()
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("BEGIN")
        loaded = source.load(connection)
        return (
            connection.execute("FROM raw_items").fetchall(),
            connection.execute("FROM raw_events").fetchall(),
            {"compared": loaded.compared, "missing": loaded.missing, **loaded.notes},
        )


ONE_ITEM = pa.table({"item_id": ["i1"]})


def _times(values: list) -> tuple[list, str]:
    """How a column of times is read: seconds or the problem of each, and what the notes say."""
    n = len(values)
    events = pa.table({"user_id": ["u"] * n, "item_id": ["i1"] * n, "timestamp": values})
    _, rows, notes = _load(ONE_ITEM, events)
    return [problem or micro / 1e6 for _, problem, _, _, _, micro, *_ in rows], notes["timestamp"]


@pytest.mark.parametrize(
    "ending",
    [".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".JSON"],
)
def test_every_form_gives_what_tables_in_memory_give(tmp_path, ending):
    folder = tmp_path / "it's"
    folder.mkdir()
    source = TwoTables(
        items=_write(folder / f"items{ending}", ITEMS),
        interactions=_write(folder / f"events{ending}", EVENTS),
    )
    in_memory = TwoTables(items=pa.Table.from_pylist(ITEMS), interactions=pa.table(_columns()))
    assert build(tmp_path / "w", "x", source) == build(tmp_path / "w", "x", in_memory)
    with Catalogue.open(tmp_path / "w", "x") as catalogue:
        assert catalogue.items[0].values() == ('A 5" disk, round', "Music, Strings", "Ä", None)
        assert catalogue.items[1].values() == (None, None, "it's", None)
        assert catalogue.info.events == 3


def _columns() -> dict[str, list]:
    return {name: [row[name] for row in EVENTS] for name in EVENTS[0]}


def test_an_unknown_ending_is_named_before_anything_is_read(tmp_path):
    path = tmp_path / "items.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(CatalogueError, match=r"\.parquet, \.csv.*\.json\.gz, found .*items\.xlsx"):
        TwoTables(items=path, interactions=ONE_ITEM).check()


def test_columns_are_mapped_and_match_whatever_their_case(tmp_path):
    items = pa.table({"SKU": ["i1"], "Title": ["t"], "title ": ["no"], "Maker": ["b"]})
    events = pa.table({"customer": ["u"], "product": ["i1"], "When": [3], "user_id": ["not this"]})
    mapped = {
        "user_id": "customer", "items.item_id": "sku", "interactions.item_id": "product",
        "brand": "Maker", "timestamp": "when",
    }  # fmt: skip
    rows, (event,), notes = _load(items, events, columns=mapped)
    assert rows == [(None, None, None, "i1", "t", None, None, "b", None)]
    assert event[3:6] == ("u", "i1", 3_000_000)
    assert notes["attributes_absent"] == "category, price"


def test_a_mapping_without_a_table_holds_where_the_column_is():
    items = pa.table({"sku": ["i1"]})
    events = pa.table({"user_id": ["u"], "item_id": ["i1"], "timestamp": [3]})
    (item,), (event,), _ = _load(items, events, columns={"item_id": "sku"})
    assert item[3] == event[4] == "i1"
    both = events.rename_columns(["user_id", "sku", "timestamp"])
    (item,), (event,), _ = _load(items, both, columns={"item_id": "sku"})
    assert item[3] == event[4] == "i1"


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"usr_id": "u"}, "our columns .*user_id.* found 'usr_id'"),
        ({"shop.item_id": "u"}, "found 'shop.item_id'"),
        ({"items.user_id": "u"}, "found 'items.user_id'"),
        ({"item_id": "sku"}, "column sku for item_id, found item_id in the items .* and user_id"),
        ({"items.item_id": "sku"}, "column sku for items.item_id, found item_id in the items"),
        ({"title": "user_id"}, "column user_id for title, found item_id in the items"),
    ],
)
def test_a_wrong_mapping_is_named(columns, line):
    events = pa.table({"user_id": ["u"], "item_id": ["i1"], "timestamp": [3]})
    with pytest.raises(CatalogueError, match=line) as caught:
        _load(ONE_ITEM, events, columns=columns)
    assert "\n" not in str(caught.value)


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
        (["2020-01-02", " 2020-01-02 "], [1577923200] * 2, "ISO dates"),
        (["2020-01-02T01:00:00.5+01:00", "2020-01-02 00:00:00.5"], [1577923200.5] * 2, "ISO dates"),
        (["2020-01-02T00:00:00Z", "yesterday"], [1577923200, "found 'yesterday'"], "ISO dates"),
        (["2020-01-02", "02/01/2020"], [1577923200, "found '02/01/2020'"], "ISO dates"),
        (["2020-01-02", "  "], [1577923200, "timestamp is missing"], "ISO dates"),
        ([date(2020, 1, 2), date(1969, 12, 31)], [1577923200, -86400], "dates"),
        ([datetime(2020, 1, 2, 0, 0, 0, 7)], [1577923200.000007], "dates"),
        ([datetime(2020, 1, 2, 1, tzinfo=timezone(timedelta(hours=1)))], [1577923200], "dates"),
        ([datetime(2020, 1, 2, tzinfo=UTC)], [1577923200], "dates"),
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
    for found, expected in zip(read, seconds, strict=True):
        if isinstance(expected, str):
            assert expected in found
        else:
            assert found == pytest.approx(expected, abs=1e-7)


def test_times_do_not_depend_on_the_zone_of_the_machine(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    assert _times(["2020-01-02 00:00:00"])[0] == [1577923200]


def test_categories_may_be_lists_in_every_form(tmp_path):
    rows = [
        {"item_id": "1", "category": ["A, B", " ", None, "C"]},
        {"item_id": "2", "category": []},
        {"item_id": "3", "category": None},
    ]
    forms = [pa.Table.from_pylist(rows), _write(tmp_path / "i.jsonl", rows)]
    texts = [row | {"category": json.dumps(row["category"])} for row in rows[:2]]
    forms.append(_write(tmp_path / "i.csv", [*texts, {"item_id": "3", "category": ""}]))
    for table in forms:
        found, *_ = _load(table, pa.table({"user_id": [], "item_id": [], "position": []}))
        kept = [(category or None, path or None) for *_, category, path, _, _ in found]
        assert kept == [("A, B, C", ["A, B", "C"]), (None, None), (None, None)]


def test_ids_are_text_and_whole_floats_are_whole():
    items = pa.table({"item_id": [10.0, 2.5, None]})
    events = pa.table({"user_id": [7, 8], "item_id": [" 10 ", "2.5"], "timestamp": [1, 2]})
    found, (first, second), _ = _load(items, events)
    assert [row[3] for row in found] == ["10", "2.5", None]
    assert (first[3:5], second[3:5]) == (("7", "10"), ("8", "2.5"))


BAD = [
    # (the line as CSV, the record of JSON lines, the problem)
    ("u,i1,1,5", {"user_id": "u", "item_id": "i1", "timestamp": 1, "rating": 5}, None),
    (",i1,1,5", {"item_id": "i1", "timestamp": 1, "rating": 5}, "user_id is missing"),
    ("u, ,1,5", {"user_id": "u", "item_id": " ", "timestamp": 1}, "item_id is missing"),
    ("u,i1,,5", {"user_id": "u", "item_id": "i1", "timestamp": None}, "timestamp is missing"),
    ("u,i1,2,", {"user_id": "u", "item_id": "i1", "timestamp": 2}, None),
    (
        "u,i1,soon,",
        {"user_id": "u", "item_id": "i1", "timestamp": "soon"},
        "timestamp: expected unix seconds, as in the other lines, found 'soon'",
    ),
    (
        "u,i1,3,good",
        {"user_id": "u", "item_id": "i1", "timestamp": 3, "rating": "good"},
        "rating: expected a number, found 'good'",
    ),
]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_bad_rows_keep_their_line_and_reason(tmp_path, form):
    first = {"csv": 2, "jsonl": 1, "parquet": 1}[form]  # the line of the first row
    path = tmp_path / f"e.{form}"
    if form == "csv":
        path.write_text("\n".join(["user_id,item_id,timestamp,rating", *(row[0] for row in BAD)]))
    elif form == "jsonl":
        path.write_bytes(_json_lines([row[1] for row in BAD]))
    else:
        names = ("user_id", "item_id", "timestamp", "rating")
        texts = [{n: str(row[1].get(n) or "") for n in names} for row in BAD]
        pq.write_table(pa.Table.from_pylist(texts), path)
    _, rows, _ = _load(ONE_ITEM, path)
    assert [row[1] for row in rows] == [problem for *_, problem in BAD]
    for number, (line, problem, content, *_) in enumerate(rows, first):
        if problem:
            assert line == number
            assert json.loads(content)["item_id"] in ("i1", " ", None)
        else:
            assert content is None


def test_a_bad_item_is_named_and_the_mapped_name_is_shown():
    items = pa.table({"sku": ["i1", None], "title": ["a", "b"]})
    events = pa.table({"customer": [None], "sku": ["i1"], "timestamp": [3]})
    mapped = {"item_id": "sku", "user_id": "customer"}
    rows, (event,), _ = _load(items, events, columns=mapped)
    assert rows[1][:3] == (2, "sku is missing", '{"sku":null,"title":"b"}')
    assert event[:2] == (1, "customer is missing")


def test_positions_stand_in_for_times_and_have_to_be_whole():
    events = pa.table({"user_id": ["u"] * 3, "item_id": ["i"] * 3, "position": ["3", "4.0", "x"]})
    _, rows, notes = _load(ONE_ITEM, events)
    assert [row[5:7] for row in rows[:2]] == [(3_000_000, 3), (4_000_000, 4)]
    assert rows[2][1] == "position: expected a whole number, found 'x'"
    assert notes["timestamp"] == "positions"
    assert notes["compared"] == ("item_id", "position")
    assert notes["missing"] == ("rating", "review_text", "timestamp")


def test_reviews_are_told_apart_and_equal_ones_are_equal():
    texts = ["a", "b", "a", None, ""]
    columns = {"user_id": ["u"] * 5, "item_id": ["i"] * 5, "timestamp": [1] * 5}
    _, rows, _ = _load(ONE_ITEM, pa.table(columns | {"review_text": texts}))
    a, b, again, unknown, empty = (row[8] for row in rows)
    assert a == again
    assert len({a, b, unknown, empty}) == 4
    assert unknown is None


def test_cleaning_is_optional_and_keeps_other_currencies():
    items = pa.table(
        {
            "item_id": ["1", "2", "3"],
            "title": ["Salt &amp; <b>Pepper</b>", "plain", ".a{margin:0}"],
            "category": ["A &gt; B", None, "C"],
            "price": ["12,50 EUR", "&euro; 3", "5"],
        }
    )
    events = pa.table({"user_id": ["u"], "item_id": ["1"], "timestamp": [1]})
    raw, *_ = _load(items, events)
    assert raw[0][4] == "Salt &amp; <b>Pepper</b>"
    cleaned, _, notes = _load(items, events, clean=True)
    assert [row[3:] for row in cleaned] == [
        ("1", "Salt & Pepper", "A > B", None, None, "12,50 EUR"),
        ("2", "plain", None, None, None, "€ 3"),
        ("3", None, "C", None, None, "5"),
    ]
    assert notes["attributes_unusable"] == 1


@pytest.mark.parametrize(
    ("items", "events", "line"),
    [
        ({"id": ["i1"]}, {}, r"columns item_id in the items .*found id: add item_id or name it"),
        (
            {"item_id": ["i1"]},
            {"user": ["u"], "item_id": ["i"]},
            "found user, item_id: add user_id",
        ),
        ({"item_id": ["i1"]}, {"user_id": ["u"], "item_id": ["i"]}, "add timestamp"),
    ],
)
def test_wrong_columns_are_named_and_nothing_is_written(tmp_path, items, events, line):
    source = TwoTables(items=pa.table(items), interactions=pa.table(events or {"user_id": ["u"]}))
    with pytest.raises(CatalogueError, match=line) as caught:
        build(tmp_path / "w", "x", source)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w").exists()
