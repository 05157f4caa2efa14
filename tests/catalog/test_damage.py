"""A workspace whose files were damaged, or that somebody else made, answers rightly or refuses."""

import os
import pickle
import shutil
import sqlite3

import duckdb
import pytest
from damaging import damages, whole_again

from catalog.build import build
from catalog.build.migrate import migrate
from catalog.database import connect
from catalog.errors import CatalogueError
from catalog.index import write_index
from catalog.store import Catalogue, domains
from catalog.workspace import index_folder

REMEDIES = ("build the domain again", "build its domains again")


@pytest.fixture
def workspace(shop, tmp_path):
    """A copy of the workspace with the domain `music`."""
    return shutil.copytree(shop, tmp_path / "w")


def index_of(workspace):
    (info,) = domains(workspace)
    return index_folder(workspace, info.domain, info.fingerprint)


def answers(workspace):
    """All that the catalogue says, or the one line why it does not."""
    try:
        with Catalogue.open(workspace, "music") as catalogue:
            return (
                catalogue.info,
                catalogue.items,
                catalogue.page(query="guitar fender").items,
                catalogue.facets(query="korg"),
                catalogue.corpus().scores([["guitar"], ["drum", "5", "99"]]).tolist(),
                catalogue.sequences().items.tolist(),
                catalogue.case("a").history,
                catalogue.purchase_times(0).tolist(),
                catalogue.time_span,
                catalogue.times.tolist(),
            )
    except CatalogueError as error:
        return str(error)


def refused(answer):
    assert isinstance(answer, str), answer
    assert "\n" not in answer
    assert answer.startswith("expected ")
    assert answer.endswith(REMEDIES), answer
    return True


def line_of(use):
    """The line of an error, where there is one."""
    try:
        use()
    except CatalogueError as error:
        return str(error)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["*.seg", "*.toc", "counts.npz", "index.json"])
def test_no_damage_to_an_index_goes_unnoticed(workspace, name):
    whole = answers(workspace)
    path = next(index_of(workspace).glob(name))
    with whole_again(path) as content:
        for damaged in damages(content, 8):
            path.write_bytes(damaged)
            found = answers(workspace)
            # White space of the manifest may differ: then everything is answered as before.
            assert (name == "index.json" and found == whole) or refused(found), damaged
        path.unlink()
        assert refused(answers(workspace))
    assert answers(workspace) == whole


def test_damaged_counts_are_not_made_anew_from_what_else_is_there(workspace):
    """A damaged segment once became the counts, and then the scores, of the whole index."""
    folder = index_of(workspace)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    segment = next(folder.glob("*.seg"))
    segment.write_bytes(before[segment][:100] + bytes(64) + before[segment][164:])
    (folder / "counts.npz").unlink()
    assert refused(answers(workspace))
    assert not (folder / "counts.npz").exists()


@pytest.mark.slow
def test_migrate_makes_a_damaged_index_anew_without_the_sources(workspace):
    whole, folder = answers(workspace), index_of(workspace)
    (folder / "counts.npz").write_bytes(b"damaged")
    assert f"run calrec-catalog migrate --workspace {workspace}, or build" in answers(workspace)
    migrate(workspace)
    assert answers(workspace) == whole
    shutil.rmtree(workspace / "index")
    migrate(workspace)
    assert answers(workspace) == whole


@pytest.mark.slow
def test_no_damage_to_the_database_goes_unnoticed(workspace):
    whole = answers(workspace)
    path = workspace / "catalog.duckdb"
    found = 0
    with whole_again(path) as content:
        for damaged in damages(content, 15):
            path.write_bytes(damaged)
            answer = answers(workspace)
            # Most of a small database's file is free space.
            found += answer != whole and refused(answer)
            if found % 5 == 1:
                assert "\n" not in (line_of(lambda: migrate(workspace)) or "")
    assert found > 3


@pytest.mark.slow
def test_every_table_is_read_behind_the_same_door(workspace):
    """Damage is found when a part is read, and DuckDB raises its plainest error for it."""
    with duckdb.connect(str(workspace / "catalog.duckdb")) as connection:
        for table in ("items", "users", "events"):
            connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
            connection.execute(f"CREATE VIEW {table} AS SELECT error('Corrupt database') AS x")
    for read in (
        lambda c: c.items,
        lambda c: c.page(),
        lambda c: c.facets(),
        lambda c: c.sequences(),
        lambda c: c.popularity,
        lambda c: c.purchase_times(0),
        lambda c: c.time_span,
        lambda c: c.times,
        lambda c: c.categories,
    ):
        with (
            Catalogue.open(workspace, "music") as catalogue,
            pytest.raises(CatalogueError, match="it is damaged, remove it and build"),
        ):
            read(catalogue)


def test_somebody_elses_database_reads_no_other_file(workspace, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("domain,user_index,user_id,events\nmusic,0,the secret,3\n")
    with duckdb.connect(str(workspace / "catalog.duckdb")) as connection:
        connection.execute("DROP TABLE users")
        connection.execute(f"CREATE VIEW users AS FROM read_csv('{secret}')")
    answer = answers(workspace)
    assert refused(answer)
    assert "the secret" not in answer


class _Runs:
    """Pickled, it runs a command when it is read."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.slow
def test_somebody_elses_index_runs_no_code(workspace, tmp_path):
    mark = tmp_path / "ran"
    pickle.loads(pickle.dumps(_Runs(mark)))
    mark.rmdir()  # it does run
    folder = index_of(workspace)
    for name in ["counts.npz", *(path.name for path in folder.glob("*.toc"))]:
        with whole_again(folder / name):
            (folder / name).write_bytes(pickle.dumps(_Runs(mark)))
            for stale in (True, False):
                if stale:
                    assert refused(answers(workspace))
                else:  # with digests as its maker would give them
                    from catalog.index import _about, manifest

                    content = index_of(workspace).name
                    (folder / "index.json").unlink()
                    manifest.seal(folder, _about(content))
                    answers(workspace)
                assert not mark.exists()


def test_counts_that_lead_outside_the_matrix_are_refused(workspace, tables):
    """Whoever makes the digests, too, makes no index that reads foreign memory."""
    import numpy as np

    from catalog.index import _about, manifest

    folder = index_of(workspace)
    with np.load(folder / "counts.npz") as arrays:
        content = dict(arrays)
    content["title.indices"] = content["title.indices"] + 10**6
    np.savez(folder / "counts.npz", **content)
    (folder / "index.json").unlink()
    manifest.seal(folder, _about(folder.name))
    assert "counts.npz holds no counts" in answers(workspace)


def test_a_file_of_another_kind_makes_duckdb_fetch_nothing(tmp_path):
    with sqlite3.connect(tmp_path / "catalog.duckdb") as database:
        database.execute("CREATE TABLE t (a)")
    database.close()
    with pytest.raises(CatalogueError) as caught:
        domains(tmp_path)
    assert "\n" not in str(caught.value)
    with connect() as connection:
        settings = "SELECT value FROM duckdb_settings() WHERE name LIKE 'auto%_known_extensions'"
        assert connection.execute(settings).fetchall() == [("false",), ("false",)]


@pytest.mark.slow
def test_a_build_leaves_what_lies_behind_a_link(tmp_path, tables):
    """Another workspace's index, whose rows this one does not have."""
    other = [("i1", "Tuner", None, None, None)], [("u", "i1", 1, 0, 5.0, None)]
    build(tmp_path / "one", "music", tables())
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "index").symlink_to(tmp_path / "one" / "index")
    build(tmp_path / "two", "music", tables(*other))
    (tmp_path / "three" / "index").mkdir(parents=True)
    (tmp_path / "three" / "index" / "music").symlink_to(tmp_path / "one" / "index" / "music")
    build(tmp_path / "three", "other", tables(*other))
    for name, items in (("one", 8), ("two", 1)):
        with Catalogue.open(tmp_path / name, "music") as catalogue:
            assert catalogue.page().total == items


@pytest.mark.slow
def test_a_linked_database_stays_a_link(tmp_path, tables):
    (tmp_path / "disk").mkdir()
    (tmp_path / "w").mkdir()
    link, place = tmp_path / "w" / "catalog.duckdb", tmp_path / "disk" / "store.duckdb"
    link.symlink_to(place)
    build(tmp_path / "w", "music", tables())
    build(tmp_path / "w", "other", tables())
    assert link.is_symlink()
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["store.duckdb"]
    assert [info.domain for info in domains(tmp_path / "w")] == ["music", "other"]


def test_an_index_is_sealed_last(tmp_path, tables, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("catalog.index.manifest.seal", fail)
    with pytest.raises(CatalogueError, match="No space left"):
        write_index(tmp_path / "index", [], "it")
    assert not (tmp_path / "index").exists()
