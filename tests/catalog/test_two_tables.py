"""A shop's two tables: file forms, columns, types, and what is said of bad rows."""

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import in_memory
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_memory import shop_of

from catalog.build import build
from catalog.errors import CatalogueError
from catalog.ingest.sources.two_tables import TwoTables

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
    with in_memory.connection() as connection:
        loaded = source.load(connection)
        return (
            connection.execute("FROM raw_items").fetchall(),
            connection.execute("FROM raw_events").fetchall(),
            {"compared": loaded.compared, "missing": loaded.missing, **loaded.notes},
        )


ONE_ITEM = pa.table({"item_id": ["i1"]})
NO_EVENTS = pa.table({"user_id": [], "item_id": [], "timestamp": []})


@pytest.mark.slow
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
        quotes="double" if ".tsv" in ending else "auto",
    )
    tables = TwoTables(items=pa.Table.from_pylist(ITEMS), interactions=pa.table(_columns()))
    one, two = shop_of(source), shop_of(tables)
    assert one.report["read_as"] != two.report["read_as"]
    assert {**one.report, "read_as": None} == {**two.report, "read_as": None}
    assert replace(one, report={}) == replace(two, report={})
    assert one.items == {
        "i1": ('A 5" disk, round', "Music, Strings", "Ä", None),
        "i2": (None, None, "it's", None),
    }
    assert len(one.bought) == 3


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


@pytest.mark.parametrize("items_form", ["csv", "jsonl", "parquet", "memory"])
@pytest.mark.parametrize("events_form", ["csv", "jsonl", "parquet", "memory"])
def test_the_two_tables_may_have_different_forms(tmp_path, items_form, events_form):
    def given(name: str, rows: list[dict], form: str):
        return (
            pa.Table.from_pylist(rows)
            if form == "memory"
            else _write(tmp_path / f"{name}.{form}", rows)
        )

    rows, events, _ = _load(given("i", ITEMS, items_form), given("e", EVENTS, events_form))
    assert [row[3] for row in rows] == ["i1", "i2"]
    assert [row[4] for row in events] == ["i1", "i1", "i2", "i2"]


@pytest.mark.parametrize("names", [["item_id", "title", "title"], ["item_id", "title", "TITLE"]])
def test_columns_of_one_name_are_refused(tmp_path, names):
    table = pa.table([["i1"], ["a"], ["b"]], names=names)
    pq.write_table(table, path := tmp_path / "i.parquet")
    for source in (table, path):
        with pytest.raises(
            CatalogueError, match=f"different names in .* {names[1]} and {names[2]}"
        ):
            _load(source, NO_EVENTS)


@pytest.mark.parametrize(
    "text",
    [
        ",user_id,item_id,timestamp\n0,u,i1,5\n",
        "user_id,item_id,timestamp,\nu,i1,5,\n",
        ",user_id,,item_id,timestamp\n0,u,x,i1,5\n",
    ],
)
def test_columns_without_a_name_are_not_read(tmp_path, text):
    path = tmp_path / "e.csv"
    path.write_text(text)
    _, (row,), _ = _load(ONE_ITEM, path)
    assert row[3:6] == ("u", "i1", 5_000_000)
    with pytest.raises(CatalogueError, match="found user_id, item_id, timestamp in"):
        _load(ONE_ITEM, path, columns={"rating": "stars"})


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "memory"])
def test_objects_and_lists_are_no_ids_and_no_texts(tmp_path, form):
    ids = [{"k": 1}, {"k": 2}]
    items = [{"item_id": key, "title": key, "brand": ["b"], "price": "[new"} for key in ids]
    events = [{"user_id": ["u"], "item_id": "i", "timestamp": 1}]
    if form == "csv":
        items = [
            {name: value if name == "price" else json.dumps(value) for name, value in row.items()}
            for row in items
        ]
        events = [row | {"user_id": '["u"]'} for row in events]
    tables = [pa.Table.from_pylist(rows) for rows in (items, events)]
    if form != "memory":
        tables = [
            _write(tmp_path / f"{name}.{form}", rows)
            for name, rows in (("i", items), ("e", events))
        ]
    rows, (event,), _ = _load(*tables)
    assert [row[1].replace(" ", "") for row in rows] == [
        f"""item_id:expectedatextoranumber,found'{{"k":{n}}}'""" for n in (1, 2)
    ]
    assert [row[4:] for row in rows] == [(None, None, None, "b", "[new")] * 2
    assert event[1] == """user_id: expected a text or a number, found '["u"]'"""


def test_ratings_have_to_be_finite_or_missing():
    columns = {"user_id": ["u"] * 4, "item_id": ["i"] * 4, "timestamp": [1] * 4}
    events = pa.table(columns | {"rating": [float("nan"), float("inf"), None, 2.5]})
    _, rows, _ = _load(ONE_ITEM, events)
    assert [row[1] or row[7] for row in rows] == [
        None,
        "rating: expected a number, found 'inf'",
        None,
        2.5,
    ]


def test_categories_may_be_lists_in_every_form(tmp_path):
    rows = [
        {"item_id": "1", "category": ["A, B", " ", None, "C"]},
        {"item_id": "2", "category": []},
        {"item_id": "3", "category": None},
    ]
    nested = pa.table({"item_id": ["1"], "category": [[["A"], ["B", " "]]]})
    assert _load(nested, NO_EVENTS)[0][0][5:7] == ("A, B", ["A"])  # two paths
    forms = [pa.Table.from_pylist(rows), _write(tmp_path / "i.jsonl", rows)]
    texts = [row | {"category": json.dumps(row["category"])} for row in rows[:2]]
    forms.append(_write(tmp_path / "i.csv", [*texts, {"item_id": "3", "category": ""}]))
    for table in forms:
        found, *_ = _load(table, pa.table({"user_id": [], "item_id": [], "position": []}))
        kept = [(category or None, path or None) for *_, category, path, _, _ in found]
        assert kept == [("A, B, C", ["A, B", "C"]), (None, None), (None, None)]


def test_ids_are_text_and_whole_floats_are_whole():
    items = pa.table({"item_id": [10.0, 2.5, None]})
    events = pa.table({"user_id": [7, 8], "item_id": ["10", "2.5"], "timestamp": [1, 2]})
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


@pytest.mark.slow
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
    cleaned, *_ = _load(items, events, clean=True)
    assert [row[3:] for row in cleaned] == [
        ("1", "Salt & Pepper", "A > B", None, None, "12,50 EUR"),
        ("2", "plain", None, None, None, "€ 3"),
        ("3", None, "C", None, None, "5"),
    ]
    shop = shop_of(TwoTables(items=items, interactions=events, clean=True))
    assert shop.report["attributes_unusable"] == {"title": 1}
    ((_, line, _, content),) = shop.bad
    assert (line, content) == (3, ".a{margin:0}")


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
