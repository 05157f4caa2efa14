"""Objects, lists and bytes where a shop's table should have plain text."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_memory import Shop, shop_of

from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables
from catalog.store import Catalogue

EVENTS = pa.table({"user_id": ["u"], "item_id": ["p0"], "timestamp": [1]})
PRODUCTS = [
    {
        "item_id": "p0",
        "title": {"rendered": "Soap"},
        "category": [{"id": 9, "name": "Clothing"}, {"id": 14, "name": "T-shirts"}],
        "brand": {"id": 1, "name": "Acme"},
        "price": {"amount": "21.99", "currency": "EUR"},
    },
    {
        "item_id": "p1",
        "title": {"rendered": "Salt"},
        "category": [{"id": 9, "name": "Clothing"}, {"id": 15, "name": None}],
        "brand": {"id": 2, "name": None},
        "price": {"amount": None, "currency": None},
    },
]


def _read(items) -> tuple[list[tuple], Shop]:
    """The values of the items, and the shop."""
    shop = shop_of(TwoTables(items=items, interactions=EVENTS))
    return [*shop.items.values()], shop


@pytest.mark.slow
@pytest.mark.parametrize("form", ["jsonl", "parquet", "memory", "csv of JSON", "csv of Python"])
def test_objects_become_their_names_and_those_without_one_are_kept_aside(tmp_path, form):
    items = pa.Table.from_pylist(PRODUCTS)
    if form == "parquet":
        pq.write_table(items, path := tmp_path / "i.parquet")
        items = path
    elif form != "memory":
        items = tmp_path / ("i.jsonl" if form == "jsonl" else "i.tsv")
        write = str if form.endswith("Python") else json.dumps
        rows = ["\t".join(PRODUCTS[0])]
        rows += [
            "\t".join(v if isinstance(v, str) else write(v) for v in row.values())
            for row in PRODUCTS
        ]
        lines = map(json.dumps, PRODUCTS) if form == "jsonl" else rows
        items.write_text("\n".join(lines))
    values, shop = _read(items)
    assert values == [
        ("Soap", "Clothing, T-shirts", "Acme", "21.99 EUR"),
        ("Salt", "Clothing", None, None),
    ]
    assert shop.report["attributes_unusable"] == {"brand": 1, "category": 1}
    assert shop.report["bad_lines"] == {"items": 0, "events": 0}
    at = 3 if form.startswith("csv") else 2
    brand, category = sorted(shop.bad, key=lambda lost: lost[2])
    for (_, line, reason, _), name in ((brand, "brand"), (category, "category")):
        assert (line, reason.split(":")[0]) == (at, name)
    assert '"id"' in brand[3].replace("'", '"')


TITLES = ["[1984]", "[28]", "[REC] 2", '["quoted"]', "{set of 3}", "{1}", "[]", "(new)", "['A']"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "memory"])
def test_brackets_around_a_title_are_part_of_it(tmp_path, form):
    columns = {"item_id": [f"p{n}" for n in range(len(TITLES))], "title": TITLES}
    items = pa.table(
        columns | {"brand": [title.replace("'", "").replace('"', "") for title in TITLES]}
    )
    path = tmp_path / f"i.{form}"
    if form == "parquet":
        pq.write_table(items, path)
    elif form == "jsonl":
        path.write_text("\n".join(map(json.dumps, items.to_pylist())))
    elif form == "csv":
        fields = [[f'"{v.replace(chr(34), chr(34) * 2)}"' for v in row.values()]
                  for row in items.to_pylist()]  # fmt: skip
        path.write_text("\n".join(map(",".join, [items.column_names, *fields])))
    values, shop = _read(items if form == "memory" else path)
    assert [title for title, *_ in values] == TITLES
    assert [brand for *_, brand, _ in values] == items["brand"].to_pylist()
    assert shop.report["attributes_unusable"] == {}


@pytest.mark.slow
@pytest.mark.parametrize("memory", [True, False])
def test_bytes_are_text_that_is_not_marked_as_such(tmp_path, memory):
    items = pa.table(
        {
            "item_id": pa.array([b"p0", b"p1", b"p2"], pa.binary()),
            "title": pa.array(["Küche".encode(), b"K\xfcche", None], pa.large_binary()),
            "category": pa.array([["保温杯".encode(), b"B"], [], None], pa.list_(pa.binary())),
            "brand": pa.array([{"name": "Ä".encode()}, None, {"name": b"x"}]),
            "price": pa.array([b"1.50", b"NaN", b"2"], pa.binary()),
        }
    )
    path = tmp_path / "i.parquet"
    pq.write_table(items, path)
    values, shop = _read(items if memory else path)
    assert values == [
        ("Küche", "保温杯, B", "Ä", "1.50"), (None,) * 4, (None, None, "x", "2"),
    ]  # fmt: skip
    assert shop.report["attributes_unusable"] == {"title": 1}
    assert shop.report["taken_as_missing"] == {"items": {"price": 1}}
    ((_, line, _, content),) = shop.bad
    assert (line, content) == (2, "K\\xFCche")


@pytest.mark.slow
def test_categories_of_every_notation_have_the_same_levels(tmp_path):
    written = [
        '["A", "B, C"]', "['A', 'B, C']", "['A' 'B, C']", "('A', 'B, C')", '{A,"B, C"}',
        "[['A', 'B, C'], ['D']]", '[{"name": "A"}, {"name": "B, C"}]',
        "array(['A', 'B, C'], dtype=object)",
    ]  # fmt: skip
    items = pa.table({"item_id": [f"p{n}" for n in range(len(written))], "category": written})
    build(tmp_path, "x", TwoTables(items=items, interactions=EVENTS))
    with Catalogue.open(tmp_path, "x") as catalogue:
        found = catalogue.facets().categories
        assert [(facet.label, facet.count) for facet in found] == [("A", len(written))]
        assert [item.category for item in catalogue.items] == [
            "A, B, C, D" if "D" in text else "A, B, C" for text in written
        ]
    lists = pa.table({"item_id": ["p0"], "category": [["Home > Pots", "Home > Pans"]]})
    assert _read(lists)[0][0][1] == "Home > Pots, Home > Pans"
