import csv
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from catalog.build import build, staging
from catalog.build.bad_lines import kept
from catalog.errors import CatalogueError
from catalog.ingest.sources.two_tables import TwoTables
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
        "missing": [],
        "timestamp": "unix seconds",
        "timestamp_decided_by": "the size of the column's numbers",
        "bad_lines": {"items": 0, "events": 0},
        "attributes_unusable": {},
        "read_as": {"items": "a table in memory", "interactions": "a table in memory"},
        "taken_as_missing": {},
        "events_read": 9,
        "repeats_removed": 2,
        "repeats_kept": 0,
        "bought_again_at_once": 0,
        "bought_again_later": 1,
        "purchases_at_equal_times": 0,
        "purchases_in_file_order": 0,
        "purchases_from": "1970-01-01",
        "purchases_to": "1970-01-01",
        "items_read": 7,
        "items_repeated": 0,
        "items_without_metadata": 1,
        "categories_of_several_paths": 0,
        "users_under_5_purchases": 3,
        "items_under_5_purchases": 8,
        "words": {"rule": "paper", "asked": "auto", "titles": 6, "changed": 0, "example": None},
    }


@pytest.mark.slow
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


@pytest.mark.slow
def test_kept_repeats_are_all_that_a_domain_has_more(tmp_path, tables):
    events = [
        ("a", "i1", 10, 0, 5.0, "good"),
        ("a", "i1", 10, 1, 5.0, "good"),  # a repeat that training sees
        ("a", "i1", 20, 2, 5.0, "good"),  # bought again
        ("a", "i3", 40, 3, 4.0, "fine"),
        ("a", "i3", 40, 4, 4.0, "fine"),  # two that are held out
        ("a", "i3", 40, 5, 4.0, "fine"),
        ("b", "i4", 5, 0, 3.0, None),
        ("b", "i4", 5, 1, 3.0, None),
        ("b", "i4", 5, 2, 3.0, "with words, so no repeat"),
        ("c", "i9", 7, 0, 1.0, None),  # a purchase of an item that is not listed, and its repeat
        ("c", "i9", 7, 1, 1.0, None),
    ]
    plain = build(tmp_path, "plain", tables(events=events))
    kept = build(tmp_path, "kept", tables(events=events), keep_repeats=True)
    counts = ("events_read", "repeats_removed", "repeats_kept")
    assert [plain.report[name] for name in counts] == [len(events), 5, 0]
    assert [kept.report[name] for name in counts] == [len(events), 0, 5]
    assert kept.events == plain.events + 5 == len(events)
    assert (kept.items, kept.users) == (plain.items, plain.users)
    assert kept.fingerprint != plain.fingerprint

    histories = {"a": [], "b": [], "c": []}
    for user, item, *_ in events:
        histories[user].append(item)
    trained = Counter(item for history in histories.values() for item in history[:-2])
    with (
        Catalogue.open(tmp_path, "plain") as without,
        Catalogue.open(tmp_path, "kept") as catalogue,
    ):
        assert catalogue.items == without.items
        ids = [item.item_id for item in catalogue.items]
        sequences = catalogue.sequences()
        found = {
            user: [ids[i] for i in sequences.whole(u)] for u, user in enumerate(sequences.user_ids)
        }
        assert found == histories
        assert {ids[i]: n for i, n in enumerate(catalogue.popularity.tolist()) if n} == trained
        case = catalogue.case("a")
        assert case.target == case.history[-1]
        assert without.case("a").target != without.case("a").history[-1]


@pytest.mark.slow
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


@pytest.mark.slow
def test_of_an_item_listed_more_than_once_each_attribute_is_the_first_known(tmp_path, tables):
    items = [
        ("i1", "first", " ", None, None),
        ("i1", "second", "A, B", None, "$2"),
        ("i1", "third", "C", "Fender", None),
    ]
    info = build(tmp_path, "x", tables(items, []))
    assert info.report["items_repeated"] == 2
    with Catalogue.open(tmp_path, "x") as catalogue:
        assert [item.values() for item in catalogue.items] == [("first", "A, B", "Fender", "$2")]


@pytest.mark.slow
def test_a_category_has_levels(tmp_path, tables):
    """See test_categories.py; those of a list are the list's."""
    texts = ["Home > Pots", "Home > Pots, Home > Pans", "Home / Pots", "Music", " ; ", None]
    items = [(f"i{n}", "a", category, None, None) for n, category in enumerate(texts)]
    info = build(tmp_path, "x", tables(items, []))
    assert [row[8] for row in _content(tmp_path)["items"]] == [
        ["Home", "Pots"], ["Home", "Pots"], ["Home", "Pots"], ["Music"], None, None,
    ]  # fmt: skip
    assert info.report["categories_of_several_paths"] == 1
    assert info.report["category_slashes"] == "separate levels"
    with Catalogue.open(tmp_path, "x") as catalogue:
        assert catalogue.items[1].category == "Home > Pots, Home > Pans"


def _with_bad_events(tables, good: int, bad: int):
    events = [(f"u{i}", "i1", i, 0, 5.0, None) for i in range(good)]
    return tables(events=[*events, *[(None, "i1", 7, 0, 1.0, None)] * bad])


@pytest.mark.slow
def test_up_to_a_hundredth_of_bad_lines_is_kept_aside(tmp_path, tables):
    info = build(tmp_path, "x", _with_bad_events(tables, 198, 2))
    assert info.events == 198
    assert info.report["bad_lines"] == {"items": 0, "events": 2}
    lines = kept(tmp_path, "x", limit=10)
    assert [line.line for line in lines] == [199, 200]
    assert {line.reason for line in lines} == {"user_id is missing"}
    listed = (tmp_path / "reports" / "x.csv").read_text().splitlines()
    assert listed[0] == "file,line,reason,content"
    assert len(listed) == 3
    assert kept(tmp_path, "x", limit=1) == lines[:1]
    build(tmp_path, "x", _with_bad_events(tables, 9, 0))
    assert kept(tmp_path, "x", limit=10) == []
    assert not (tmp_path / "reports" / "x.csv").exists()


@pytest.mark.slow
def test_more_bad_lines_stop_the_build_unless_allowed(tmp_path, tables):
    workspace = tmp_path / "w"
    with pytest.raises(
        CatalogueError,
        match=r"at most 1% bad lines in the table in memory, found 2 of 199 "
        r"\(the first is line 198: user_id is missing\): see all of them in "
        r".*x\.stopped\.csv, .*--allow-bad-lines",
    ) as caught:
        build(workspace, "x", _with_bad_events(tables, 197, 2))
    assert "\n" not in str(caught.value)
    assert domains(workspace) == []
    stopped = workspace / "reports" / "x.stopped.csv"
    assert len(stopped.read_text().splitlines()) == 3
    info = build(workspace, "x", _with_bad_events(tables, 197, 2), allow_bad_lines=True)
    assert info.events == 197
    assert not stopped.exists()
    assert (workspace / "reports" / "x.csv").exists()


@pytest.mark.parametrize(
    "listed", [[("z1", "t", None, None, None), ("z2", "t", None, None, None)], []]
)
def test_a_build_of_two_shops_tables_stops_with_ids_of_both(tmp_path, tables, listed):
    with pytest.raises(
        CatalogueError,
        match=r"none of the 5 items bought in the table in memory is listed there "
        rf"\(listed: {'.z1., .z2.' if listed else 'no item at all'}; bought: 'i1', 'i2'\)",
    ) as caught:
        build(tmp_path / "w", "x", tables(items=listed))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w").exists()


@pytest.mark.slow
def test_bad_lines_are_no_formulas_in_a_spreadsheet(tmp_path):
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "＋1", "－1", "＠x"]
    path = tmp_path / "e.jsonl"
    good = '{"user_id": "u", "item_id": "i", "timestamp": 1}'
    path.write_text("\n".join([*formulas, "no formula", good]))
    source = TwoTables(items=pa.table({"item_id": ["i"]}), interactions=path)
    build(tmp_path, "x", source, allow_bad_lines=True)
    with (tmp_path / "reports" / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["content"] for row in rows] == [*(f"'{text}" for text in formulas), "no formula"]
    assert {row["file"] for row in rows} == {str(path)}
    # As it is where no spreadsheet reads it.
    assert [line.content for line in kept(tmp_path, "x", limit=99)] == [*formulas, "no formula"]


def test_a_workspace_whose_name_is_no_text_is_named(tmp_path, tables):
    workspace = tmp_path / os.fsdecode(b"caf\xe9")
    for use in (lambda: build(workspace, "x", tables()), lambda: domains(workspace)):
        with pytest.raises(CatalogueError, match=r"a path in UTF-8, found .*rename the folder"):
            use()
    assert not workspace.exists()


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_failing_build_changes_nothing(tmp_path, tables, monkeypatch):
    build(tmp_path, "x", tables())
    before, folders = _content(tmp_path), _index_folders(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(staging, "flush", fail)
    with pytest.raises(CatalogueError, match=r"No space left on device.*nothing has changed"):
        build(tmp_path, "x", tables(items=[("i1", "other", None, None, None)]))
    assert _content(tmp_path) == before
    assert _index_folders(tmp_path) == folders
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_list_that_cannot_be_written_is_said_and_no_reason_to_fail(tmp_path, tables, caplog):
    (tmp_path / "reports").write_text("in the way")
    info = build(tmp_path, "x", _with_bad_events(tables, 198, 2))
    assert info.events == 198
    (record,) = caplog.records
    assert "x is built, but " in record.message
    assert "calrec-catalog report --domain x" in record.message
    with pytest.raises(CatalogueError, match="nothing has changed"):
        build(tmp_path, "x", _with_bad_events(tables, 9, 2))
    assert domains(tmp_path) == [info]


@pytest.mark.slow
def test_a_list_that_fails_halfway_leaves_nothing(tmp_path, tables, caplog):
    (tmp_path / "reports" / "x.csv").mkdir(parents=True)
    build(tmp_path, "x", _with_bad_events(tables, 198, 2))
    assert len(caplog.records) == 1
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["x.csv"]


@pytest.mark.slow
def test_a_locked_database_is_not_to_be_removed(tmp_path, tables):
    build(tmp_path, "x", tables())
    program = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "catalog.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        for use in (lambda: domains(tmp_path), lambda: build(tmp_path, "x", tables())):
            with pytest.raises(
                CatalogueError, match=r"another program .* close that one"
            ) as caught:
                use()
            assert "remove" not in str(caught.value)
        other.stdin.close()
    assert domains(tmp_path)


@pytest.mark.slow
def test_a_database_that_is_cut_off_is_one_line(tmp_path, tables):
    items = [(f"i{i}", f"title {i} {i * i}", None, None, None) for i in range(20_000)]
    build(tmp_path, "x", tables(items, []))
    path = tmp_path / "catalog.duckdb"
    whole = path.read_bytes()
    refused = 0
    for share in (0.01, 0.2, 0.4, 0.6, 0.8, 0.95):
        path.write_bytes(whole[: int(share * len(whole))])
        for use in (
            lambda: domains(tmp_path),
            lambda: Catalogue.open(tmp_path, "x").page(query="title"),
            lambda: Catalogue.open(tmp_path, "x").facets(),
        ):
            with suppress(CatalogueError):  # or it was not what is missing
                use()
                continue
            refused += 1
            with pytest.raises(CatalogueError, match=r"^[^\n]*it is damaged, remove it[^\n]*$"):
                use()
    assert refused >= 6


def test_a_workspace_that_is_a_file_is_named_by_readers(tmp_path):
    (tmp_path / "w").write_text("")
    with pytest.raises(CatalogueError, match="found a file: name a folder"):
        domains(tmp_path / "w")


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


def test_a_file_of_another_encoding_is_to_be_saved_as_utf_8(tmp_path, tables):
    items = tmp_path / "i.csv"
    items.write_bytes("item_id,title\nc0,Café\nc1,Thé\n".encode("latin-1"))
    source = TwoTables(items=items, interactions=tables().interactions)
    with pytest.raises(CatalogueError, match=r"not UTF-8.*save the file as UTF-8 or give --allow"):
        build(tmp_path / "w", "shop", source)
