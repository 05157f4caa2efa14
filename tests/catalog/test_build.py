import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from catalog import build as build_module
from catalog.build import build
from catalog.errors import CatalogueError
from catalog.store import Catalogue, domains

TABLES = ("domains", "items", "users", "events")


def _content(workspace: Path) -> dict[str, list[tuple]]:
    with duckdb.connect(str(workspace / "catalog.duckdb"), read_only=True) as connection:
        return {
            table: connection.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in TABLES
        }


def _files(workspace: Path) -> set[str]:
    return {path.name for path in workspace.iterdir()}


def _index_folders(workspace: Path) -> list[Path]:
    return sorted((workspace / "index").glob("*/*"))


def test_the_report_counts_what_was_found_and_left_out(shop):
    (info,) = domains(shop)
    assert (info.domain, info.role) == ("music", "evaluation")
    assert (info.items, info.users, info.events) == (8, 3, 7)
    assert info.report == {
        "form": "two tables",
        "compared": ["item_id", "rating", "review_text", "timestamp"],
        "events_read": 11,
        "events_incomplete": 2,
        "repeats_removed": 2,
        "items_read": 7,
        "items_without_id": 0,
        "items_repeated": 0,
        "items_without_metadata": 1,
        "users_under_5_purchases": 3,
        "items_under_5_purchases": 8,
    }


def test_two_builds_of_one_input_are_equal_whatever_the_order_of_items(tmp_path, tables):
    source = tables()
    reordered = type(source)(
        items=source.items.take(list(range(len(source.items)))[::-1]),
        interactions=source.interactions,
    )
    one = build(tmp_path / "one", "music", source)
    build(tmp_path / "two", "other", source)
    two = build(tmp_path / "two", "music", reordered)
    build(tmp_path / "two", "music", source)
    assert one == two
    kept = {
        table: [row for row in rows if row[0] == "music"]
        for table, rows in _content(tmp_path / "two").items()
    }
    assert _content(tmp_path / "one") == kept


def test_the_fingerprint_follows_the_content(tmp_path, tables):
    items = [("i1", "a", "b", "c", "d"), ("i2", "a", "b", "c", None)]
    events = [("u", "i1", 1, 0, 5.0, None), ("u", "i2", 2, 1, 5.0, None)]
    first = build(tmp_path, "x", tables(items, events)).fingerprint
    changed = [
        ([*items[:1], ("i2", "a", "b", None, "c")], events),
        ([*items, ("i3", None, None, None, None)], events),
        (items, events[:1]),
        (items, [events[0], ("u", "i2", 3, 1, 5.0, None)]),
        (items, [events[0], ("u", "i2", 2, 1, 4.0, None)]),
        (items, [events[0], ("v", "i2", 2, 1, 5.0, None)]),
    ]
    found = {build(tmp_path, "x", tables(*pair)).fingerprint for pair in changed}
    assert len(found | {first}) == len(changed) + 1
    assert build(tmp_path, "x", tables(items, events)).fingerprint == first


def test_of_an_item_listed_twice_the_first_row_counts(tmp_path, tables):
    items = [("i1", "first", None, None, None), ("i1", "second", None, None, None)]
    info = build(tmp_path, "x", tables([*items, (None, "no id", None, None, None)], []))
    assert info.report["items_repeated"] == info.report["items_without_id"] == 1
    with Catalogue.open(tmp_path, "x") as catalogue:
        assert [item.title for item in catalogue.items] == ["first"]


def test_a_domain_without_purchases_is_readable(tmp_path, tables):
    build(tmp_path, "x", tables(events=[]))
    with Catalogue.open(tmp_path, "x") as catalogue:
        assert catalogue.sequences().items.size == 0
        assert catalogue.users() == []
        assert catalogue.popularity.tolist() == [0] * 7


def test_an_empty_input_builds_nothing(tmp_path, tables):
    with pytest.raises(CatalogueError, match="at least one item"):
        build(tmp_path / "w", "x", tables([], []))
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("name", ["", "a b", "../x", "é", "a'b", "x\n"])
def test_a_bad_name_is_refused_before_anything_is_written(tmp_path, tables, name):
    with pytest.raises(CatalogueError, match="letters, digits"):
        build(tmp_path / "w", name, tables())
    assert not (tmp_path / "w").exists()


def test_an_unknown_role_is_refused(tmp_path, tables):
    with pytest.raises(CatalogueError, match="evaluation, training, selection, found 'test'"):
        build(tmp_path, "x", tables(), role="test")


@pytest.mark.parametrize(
    ("role", "bought"),
    [("evaluation", [2, 0, 0]), ("selection", [2, 1, 0]), ("training", [3, 1, 1])],
)
def test_popularity_counts_the_training_part(tmp_path, tables, role, bought):
    build(tmp_path, "x", tables(), role=role)
    with Catalogue.open(tmp_path, "x") as catalogue:
        assert catalogue.popularity[:3].tolist() == bought
        sequences = catalogue.sequences()
        seen = [i for u in range(len(sequences.user_ids)) for i in sequences.training(u).tolist()]
        assert catalogue.popularity.tolist() == [seen.count(i) for i in range(8)]


def test_a_failing_build_changes_nothing(tmp_path, tables, monkeypatch):
    build(tmp_path, "x", tables())
    before, folders = _content(tmp_path), _index_folders(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build_module.os, "replace", fail)
    with pytest.raises(CatalogueError, match=r"No space left on device.*nothing has changed"):
        build(tmp_path, "x", tables(items=[("z", "other", None, None, None)]))
    assert _content(tmp_path) == before
    assert _index_folders(tmp_path) == folders
    assert _files(tmp_path) == {"catalog.duckdb", "index", ".calrec-build.lock"}


# Kills itself with no chance to clean up, at the step of that name or at the rename.
_KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow as pa
from catalog import build as b
from catalog.ingest.two_tables import TwoTables
workspace, moment = Path(sys.argv[1]), sys.argv[2]
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if moment == "rename": b.os.replace = die
names = ["item_id", "title", "category", "brand", "price"]
items = pa.table([pa.array([f"k{i}" for i in range(50)])] * 5, names=names)
events = pa.table({"user_id": ["u"], "item_id": ["k1"], "timestamp": [1]})
def say(step):
    if moment in step: die()
b.build(workspace, "music", TwoTables(items=items, interactions=events), say=say)
"""


@pytest.mark.parametrize("moment", ["reading", "indexing", "rename"])
def test_a_killed_build_leaves_the_previous_state_and_the_next_one_cleans_up(
    tmp_path, tables, moment
):
    build(tmp_path, "music", tables())
    build(tmp_path, "other", tables())
    before = _content(tmp_path)
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), moment], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / ".calrec-build").exists()  # or this test kills nothing
    assert _content(tmp_path) == before
    with Catalogue.open(tmp_path, "music") as catalogue:
        assert catalogue.page(query="guitar").total == 3
        assert catalogue.corpus().scores([["guitar"]]).any()
    build(tmp_path, "music", tables())
    assert _content(tmp_path) == before
    assert len(_index_folders(tmp_path)) == 2
    assert _files(tmp_path) == {"catalog.duckdb", "index", ".calrec-build.lock"}


# The second is what DuckDB raises when Ctrl-C comes while it runs a query.
@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_ctrl_c_stops_and_leaves_nothing(tmp_path, kind):
    class Stopped:
        def check(self) -> None: ...

        def load(self, connection: duckdb.DuckDBPyConnection) -> None:
            raise kind("Query interrupted")

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "w", "x", Stopped())
    assert not (tmp_path / "w").exists()


def test_a_second_build_at_once_is_refused(tmp_path, tables):
    build(tmp_path, "x", tables())
    with open(tmp_path / ".calrec-build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CatalogueError, match="another running"):
            build(tmp_path, "x", tables())
    build(tmp_path, "x", tables())


def test_an_open_catalogue_keeps_its_state_and_a_new_one_sees_the_build(tmp_path, tables):
    build(tmp_path, "x", tables())
    with Catalogue.open(tmp_path, "x") as old:
        build(tmp_path, "x", tables(items=[("n", "New Thing", None, None, None)], events=[]))
        assert len(_index_folders(tmp_path)) == 1
        with Catalogue.open(tmp_path, "x") as new:
            assert [item.title for item in new.items] == ["New Thing"]
            assert new.page(query="thing").total == 1
        assert old.page(query="guitar").total == 3
        assert old.page().total == 8
        assert old.corpus().scores([["guitar"]]).any()
        assert old.users() == ["a", "b"]


def test_a_damaged_index_is_named_and_built_again(tmp_path, tables):
    build(tmp_path, "x", tables())
    (folder,) = _index_folders(tmp_path)
    for path in folder.glob("*.seg"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CatalogueError, match="build the domain again"):
        Catalogue.open(tmp_path, "x").page(query="guitar")
    build(tmp_path, "x", tables())
    with Catalogue.open(tmp_path, "x") as catalogue:
        assert catalogue.page(query="guitar").total == 3


def test_another_format_version_is_refused_by_readers_and_builds(tmp_path, tables):
    build(tmp_path, "x", tables())
    with duckdb.connect(str(tmp_path / "catalog.duckdb")) as connection:
        connection.execute("UPDATE format SET version = 99")
    for use in (lambda: domains(tmp_path), lambda: build(tmp_path, "x", tables())):
        with pytest.raises(CatalogueError, match=r"expected workspace format 1 .* found 99"):
            use()


def test_a_file_that_is_no_database_is_refused(tmp_path, tables):
    (tmp_path / "catalog.duckdb").write_bytes(b"hello" * 100)
    for use in (lambda: domains(tmp_path), lambda: build(tmp_path, "x", tables())):
        with pytest.raises(CatalogueError, match="cannot be read") as caught:
            use()
        assert "\n" not in str(caught.value)


def test_a_workspace_that_is_a_file_is_named(tmp_path, tables):
    (tmp_path / "w").write_text("")
    with pytest.raises(CatalogueError, match="File exists"):
        build(tmp_path / "w", "x", tables())
