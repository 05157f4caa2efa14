"""A path is one file: never a pattern, and no folder's name is a column."""

import gzip
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_memory import connection

from catalog.build import build
from catalog.errors import CatalogueError
from catalog.ingest.sources.two_tables import TwoTables

EVENTS = [{"user_id": user, "item_id": "i", "timestamp": n} for n, user in enumerate("ab")]
# Beside each file those that it would be a pattern of.
NAMES = [
    ("x[1]", ["x1"]),
    ("x[!a]", ["xb"]),
    ("x*", ["xyz", "x"]),
    ("x**", ["xyz"]),
    ("*", ["a"]),
    ("x?", ["x1"]),
    ("{a,b}", ["a", "b"]),
    ("~", ["a"]),
    ("it's", []),
    ("user_id=7/x", []),
    ("title=WRONG/item_id=9/x[1]", ["title=WRONG/item_id=9/x1"]),
    ("year=2020/**/x", []),
]


def _write(path, rows: list[dict]):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    if ".csv" in path.name:
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    else:
        lines = map(json.dumps, rows)
    data = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "jsonl", "jsonl.gz"])
@pytest.mark.parametrize(("name", "others"), NAMES)
def test_a_path_is_one_file(tmp_path, name, others, ending, monkeypatch):
    monkeypatch.chdir(tmp_path)
    right = {"items": [{"item_id": "i", "title": "right"}], "events": EVENTS}
    wrong = {"items": [{"item_id": "i", "title": "wrong"}], "events": EVENTS[:1] * 5}
    for other in others:
        for table, rows in wrong.items():
            _write(tmp_path / table / f"{other}.{ending}", rows)
    files = [_write(tmp_path / t / f"{name}.{ending}", rows) for t, rows in right.items()]
    items, events = (file.relative_to(tmp_path) for file in files)
    source = TwoTables(items=items, interactions=events)
    source.check()
    with connection() as opened:
        source.load(opened)
        bought = opened.execute("SELECT problem, user_id, item_id FROM raw_events").fetchall()
        listed = opened.execute("SELECT problem, item_id, title FROM raw_items").fetchall()
    assert bought == [(None, "a", "i"), (None, "b", "i")]
    assert listed == [(None, "i", "right")]


def test_a_name_that_is_no_text_is_refused_in_one_line(tmp_path, run):
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    path.write_text("item_id\ni\n")
    source = TwoTables(items=path, interactions=path)
    with pytest.raises(CatalogueError, match=r"CSV file of items at a path in UTF-8, found .*caf"):
        build(tmp_path / "w", "x", source)
    status, _, error = run(
        "build", "--workspace", tmp_path / "w", "--domain", "x", "--items", path,
        "--interactions", path,
    )  # fmt: skip
    assert status == 2
    assert error.count("\n") == 1
    assert "caf\\udce9.csv: rename" in error
