"""Ids that two tables write in two ways meet, or are named."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_memory import connection, shop_of

from catalog.ingest.sources.amazon import AmazonReviews
from catalog.ingest.sources.two_tables import TwoTables
from catalog.ingest.values.ids import clean_id


def _clean(text: str) -> str:
    query = f"SELECT {clean_id('id')} FROM (SELECT ?::VARCHAR AS id)"
    with connection() as opened:
        return opened.execute(query, [text]).fetchall()[0][0]


@pytest.mark.parametrize(
    ("written", "id"),
    [
        ("A-17", "A-17"),
        ("A-17\t", "A-17"),
        ("\r\nA-17 \r", "A-17"),
        ("\u00a0A-17\u200b", "A-17"),
        ("\ufeffA-17\u2060\u200e", "A-17"),
        ('="0017"', "0017"),
        ('="0017\t"', "0017"),
        ("'0017", "0017"),
        ("Bo\u0302ite", "Bôite"),
        # Nothing else.
        ("'n sync", "'n sync"),
        ("'17'", "'17'"),
        ("=17", "=17"),
        ('=""', '=""'),
        ("A  17", "A  17"),
        ("ａ17", "ａ17"),
        ("17.0", "17.0"),
        ("\u0645\u200c\u06cc", "\u0645\u200c\u06cc"),  # invisible, but within a word
    ],
)
def test_what_was_added_to_an_id_goes(written, id):
    assert _clean(written) == id


def _met(tmp_path, listed: list, bought: list, users: list | None = None, form="memory"):
    """The report, the ids that are listed, bought and of users."""
    items = pa.table({"item_id": listed, "title": [f"t{n}" for n in range(len(listed))]})
    n = len(bought)
    columns = {"user_id": users or ["u"] * n, "item_id": bought, "timestamp": list(range(n))}
    tables = {"items": items, "interactions": pa.table(columns)}
    for name, table in tables.items():
        path = tmp_path / f"{name}.{form}"
        if form == "parquet":
            pq.write_table(table, path)
        elif form == "jsonl":
            path.write_text("\n".join(map(json.dumps, table.to_pylist())))
        elif form == "csv":
            rows = [list(table.column_names), *(row.values() for row in table.to_pylist())]
            quoted = [[f'"{str(value).replace(chr(34), chr(34) * 2)}"' for value in row]
                      for row in rows]  # fmt: skip
            path.write_text("\n".join(map(",".join, quoted)))
        else:
            continue
        tables[name] = path
    shop = shop_of(TwoTables(**tables))
    titled = {item_id for item_id, (title, *_) in shop.items.items() if title}
    users, items = zip(*shop.bought, strict=True)
    return shop.report, titled, set(items), tuple(sorted(set(users)))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["memory", "csv", "parquet", "jsonl"])
def test_the_ids_of_two_tables_meet_in_every_form(tmp_path, form):
    report, listed, bought, users = _met(
        tmp_path,
        ["0017", "18\u00a0", '="0019"', "Boîte", "20"],
        ["0017\t", "18", "0019", "Boi\u0302te", "20"],
        ["u1", "u1\t", "\ufeffu1", "u2", "u1\u200b"],
        form,
    )
    assert listed == bought == {"0017", "18", "0019", "Boîte", "20"}
    assert users == ("u1", "u2")
    assert report["items_without_metadata"] == 0
    assert report["ids_put_right"] == [
        """2 item ids of the items (2 rows), as '18\\xa0' to '18'""",
        """2 item ids of the events (2 rows), as '0017\\t' to '0017'""",
        """3 user ids (3 rows), as 'u1\\t' to 'u1'""",
    ]


@pytest.mark.parametrize(
    ("listed", "bought", "met"),
    [
        (["101", "102"], ["101.0", "102.0"], {"101", "102"}),
        (["101.0", "102.0"], ["101", "102"], {"101", "102"}),
        (["101", "x"], ["101.0", "x"], {"101", "x"}),
        (["101.0", "x"], ["101", "x"], {"101", "x"}),
        (["101", "x"], ["101.0", "101"], {"101"}),
        # Versions, not numbers: both tables write them so, or one lists both.
        (["1.0", "x"], ["1.0", "x"], {"1.0", "x"}),
        (["1.0", "1", "x"], ["1", "x"], {"1", "x"}),
        (["1.10", "x"], ["1.10", "1.1"], {"1.10", "1.1"}),
    ],
)
def test_what_pandas_makes_of_whole_numbers_meets_them(tmp_path, listed, bought, met):
    assert _met(tmp_path, listed, bought)[2] == met


def test_users_meet_whatever_pandas_made_of_them(tmp_path):
    assert _met(tmp_path, ["i"], ["i"] * 3, ["7.0", "7", "x"])[3] == ("7", "x")
    assert _met(tmp_path, ["i"], ["i"] * 3, ["7.0", "8.0", "8"])[3] == ("7", "8")
    assert _met(tmp_path, ["i"], ["i"] * 2, ["7.0", "x"])[3] == ("7.0", "x")


def test_zeros_and_capitals_are_kept_apart_and_named(tmp_path):
    report, _, bought, users = _met(
        tmp_path, ["0101", "AB-2", "c"], ["101", "ab2", "c"], ["07", "7", "x"]
    )
    assert bought == {"101", "ab2", "c"}
    assert users == ("07", "7", "x")
    assert report["items_alike"] == "2, as 101 (bought) and 0101 (listed)"
    assert report["users_alike"] == "1, as 07 and 7"
    assert "ids_put_right" not in report


def test_plain_ids_have_nothing_to_report(tmp_path):
    report, *_ = _met(tmp_path, ["a1", "a2"], ["a1", "a2", "a3"], ["u", "v", "v"])
    assert not {"ids_put_right", "items_alike", "users_alike", "ids_in_scientific_notation"} & set(
        report
    )


def test_an_id_of_invisible_characters_is_missing():
    items = pa.table({"item_id": ["i", "\u200b\t"]})
    columns = {"user_id": ["u", "\u00a0"], "item_id": ["i", "i"], "timestamp": [1, 2]}
    source = TwoTables(items=items, interactions=pa.table(columns))
    report = shop_of(source, allow_bad_lines=True).report
    assert report["bad_lines"] == {"items": 1, "events": 1}


def test_the_command_names_what_it_did_and_what_does_not_meet(tmp_path, run):
    (tmp_path / "i.csv").write_text("item_id\n0101\n8\n1.23457E+12\n")
    (tmp_path / "e.csv").write_text('user_id,item_id,timestamp\nu,101,1\nu,"8\t",2\n')
    status, said, _ = run(
        "build", "--workspace", tmp_path / "w", "--domain", "x",
        "--items", tmp_path / "i.csv", "--interactions", tmp_path / "e.csv",
    )  # fmt: skip
    assert status == 0
    assert "ids: put right 1 item ids of the events (1 rows), as '8\\t' to '8'" in said
    assert "look like listed ones: 1, as 101 (bought) and 0101 (listed)" in said
    assert "warning: ids in scientific notation" in said
    assert "1, as 1.23457E+12" in said


def test_the_ids_of_amazon_meet_as_well(tmp_path):
    reviews = [
        {"reviewerID": "u\t", "asin": "B1\u200b", "overall": 5.0, "unixReviewTime": 20},
        {"reviewerID": "u", "asin": "B2", "overall": 5.0, "unixReviewTime": 21},
    ]
    meta = [{"asin": "B1", "title": "One"}, {"asin": "\u00a0B2", "title": "Two"}]
    for name, rows in (("r", reviews), ("m", meta)):
        with gzip.open(tmp_path / f"{name}.json.gz", "wt") as file:
            file.write("\n".join(map(json.dumps, rows)))
    source = AmazonReviews(reviews=tmp_path / "r.json.gz", meta=tmp_path / "m.json.gz")
    shop = shop_of(source)
    assert {user for user, _ in shop.bought} == {"u"}
    assert {item_id: title for item_id, (title, *_) in shop.items.items()} == {
        "B1": "One",
        "B2": "Two",
    }
