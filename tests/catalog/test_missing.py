"""What stands for a missing value is missing, whatever the source and the column."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_memory import shop_of

from catalog.ingest.sources.two_tables import TwoTables
from catalog.ingest.values.missing import MARKERS

NAMES = ("title", "category", "brand", "price")
FORMS = ("csv", "tsv", "jsonl", "parquet", "memory")


def _given(folder, name: str, columns: dict, form: str):
    table = pa.table(columns)
    path = folder / f"{name}.{form}"
    if form == "parquet":
        pq.write_table(table, path)
    elif form == "jsonl":
        path.write_text("\n".join(map(json.dumps, table.to_pylist())))
    elif form in ("csv", "tsv"):
        tab = "," if form == "csv" else "\t"
        rows = [tab.join("" if v is None else str(v) for v in row.values())
                for row in table.to_pylist()]  # fmt: skip
        path.write_text("\n".join([tab.join(columns), *rows]))
    return table if form == "memory" else path


@pytest.mark.parametrize("form", FORMS)
def test_in_attributes(tmp_path, form):
    count = len(MARKERS)
    columns = {"item_id": [f"i{n}" for n in range(count + 1)]}
    columns |= {name: [*MARKERS[:-1], f" {MARKERS[-1]} ", "Nancy"] for name in NAMES}
    events = {"user_id": ["u"], "item_id": ["i1"], "timestamp": [1]}
    source = TwoTables(
        items=_given(tmp_path, "i", columns, form), interactions=_given(tmp_path, "e", events, form)
    )
    shop = shop_of(source)
    assert shop.report["taken_as_missing"] == {"items": dict.fromkeys(NAMES, count)}
    assert shop.report["attributes_unusable"] == {}
    values = dict(shop.items)
    assert values.pop(f"i{count}") == ("Nancy",) * 4
    assert set(values.values()) == {(None,) * 4}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_in_ids_times_and_ratings(tmp_path, form):
    events = {
        "user_id": ["u", "NULL", "u", "u", "u"],
        "item_id": ["i", "i", "\\N", "i", "i"],
        "timestamp": ["1", "2", "3", "NaT", "5"],
        "rating": ["NaN", "1", "1", "1", "1"],
    }
    items = {"item_id": ["i", "None"], "title": ["t", "lost"]}
    source = TwoTables(
        items=_given(tmp_path, "i", items, form), interactions=_given(tmp_path, "e", events, form)
    )
    shop = shop_of(source, allow_bad_lines=True)
    assert (len(shop.items), len(shop.bought)) == (1, 2)
    assert shop.report["bad_lines"] == {"items": 1, "events": 3}
    assert shop.report["taken_as_missing"] == {
        "items": {"item_id": 1},
        "interactions": dict.fromkeys(events, 1),
    }


@pytest.mark.parametrize("form", ["parquet", "memory"])
def test_in_floats(tmp_path, form):
    """DuckDB would answer from a Parquet file's statistics that nothing is NaN."""
    nan = float("nan")
    items = {"item_id": [1.0, 2.0, nan], "title": ["a", "b", "c"], "price": [nan, 2.5, 3.0]}
    events = {"user_id": [7.0, 8.0, nan], "item_id": [1.0, 2.0, 1.0], "timestamp": [1.0, nan, 3.0]}
    events["rating"] = [nan, 4.0, 5.0]
    source = TwoTables(
        items=_given(tmp_path, "i", items, form), interactions=_given(tmp_path, "e", events, form)
    )
    shop = shop_of(source, allow_bad_lines=True)
    assert shop.report["bad_lines"] == {"items": 1, "events": 2}
    assert {item: price for item, (*_, price) in shop.items.items()} == {"1": None, "2": "2.5"}
    assert {user for user, _ in shop.bought} == {"7"}


def test_infinity_is_no_price_and_may_be_a_title(tmp_path):
    path = tmp_path / "i.jsonl"
    path.write_text('{"item_id": "i", "title": "Infinity", "brand": "inf", "price": Infinity}\n'
                    '{"item_id": "j", "title": NaN, "brand": NaN, "price": NaN}\n')  # fmt: skip
    events = pa.table({"user_id": ["u"], "item_id": ["i"], "timestamp": [1]})
    shop = shop_of(TwoTables(items=path, interactions=events))
    assert shop.items == {"i": ("Infinity", None, "inf", None), "j": (None,) * 4}
