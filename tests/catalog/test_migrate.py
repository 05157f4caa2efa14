import shutil

import duckdb
import pytest

from catalog.build import build
from catalog.build.migrate import migrate
from catalog.build.word_rule import explained
from catalog.errors import CatalogueError
from catalog.store import Catalogue, domains
from catalog.workspace import FORMAT

# Takes from a workspace of format 2 what format 1 had not.
_BACK_TO_1 = """
ALTER TABLE items DROP COLUMN path;
ALTER TABLE items DROP COLUMN price_low;
DROP TABLE bad_lines;
UPDATE domains SET report = '{"form": "two tables", "compared": ["item_id"], "repeats_removed": 2}';
UPDATE format SET version = 1;
"""


@pytest.fixture(scope="module")
def of_format_1(tmp_path_factory, tables):
    """A workspace with two domains, their indexes such as nobody can read today; read it only."""
    workspace = tmp_path_factory.mktemp("old")
    for domain in ("music", "other"):
        build(workspace, domain, tables())
    with duckdb.connect(str(workspace / "catalog.duckdb")) as connection:
        connection.execute(_BACK_TO_1)
    for path in (workspace / "index").glob("*/*/*"):
        path.write_bytes(b"of old")
    return workspace


@pytest.fixture
def old(of_format_1, tmp_path):
    """A copy of the workspace of format 1."""
    return shutil.copytree(of_format_1, tmp_path / "w")


def test_an_old_workspace_is_refused_with_the_command_to_run(old, tables):
    for use in (
        lambda: domains(old),
        lambda: Catalogue.open(old, "music"),
        lambda: build(old, "x", tables()),
    ):
        with pytest.raises(CatalogueError) as caught:
            use()
        assert str(caught.value) == (
            f"expected workspace format {FORMAT} in {old / 'catalog.duckdb'}, found 1: "
            f"run calrec-catalog migrate --workspace {old}"
        )
    assert {path.name for path in (old / "index").iterdir()} == {"music", "other"}


@pytest.mark.slow
def test_a_migrated_workspace_is_as_one_built_today(old, tables, tmp_path_factory):
    fresh = tmp_path_factory.mktemp("fresh")
    build(fresh, "music", tables())
    steps = []
    assert migrate(old, say=steps.append) == 1
    assert steps[:2] == ["format 1 to 2", "format 2 to 3"]
    assert migrate(old) == FORMAT
    rows = []
    for workspace in (fresh, old):
        with duckdb.connect(str(workspace / "catalog.duckdb"), read_only=True) as connection:
            rows.append(
                connection.execute("FROM items WHERE domain = 'music' ORDER BY ALL").fetchall()
            )
        with Catalogue.open(workspace, "music") as catalogue:
            assert catalogue.page(query="guitar").total == 3
            rows[-1].append(catalogue.corpus().scores([["guitar", "drum"]]).tolist())
    assert rows[0] == rows[1]
    with Catalogue.open(old, "other") as catalogue:
        assert catalogue.info.report["bad_lines"] == {"items": 0, "events": 0}
        assert catalogue.info.report["missing"] == ["rating", "review_text"]
        assert catalogue.info.report["repeats_removed"] == 2
    build(old, "music", tables())


@pytest.mark.slow
def test_a_domain_of_format_2_keeps_the_words_that_its_figures_were_made_with(tmp_path, tables):
    chinese = [("i1", "不锈钢保温杯", None, None, None), ("i2", "保温杯", None, None, None)]
    info = build(tmp_path, "shop", tables(chinese), words="paper")
    with duckdb.connect(str(tmp_path / "catalog.duckdb")) as connection:
        connection.execute('UPDATE domains SET report = \'{"form": "two tables"}\'')
        connection.execute("UPDATE format SET version = 2")
    for path in (tmp_path / "index").glob("*/*/*"):
        path.write_bytes(b"of old")
    assert migrate(tmp_path) == 2
    with Catalogue.open(tmp_path, "shop") as catalogue:
        assert catalogue.info.fingerprint == info.fingerprint
        assert catalogue.corpus().settings.words == "paper"
        assert sorted(catalogue.corpus().vocabulary) == ["不锈钢保温杯", "保温杯"]
        assert catalogue.page(query="保温").total == 2
        words = catalogue.info.report["words"]
        assert (words["rule"], words["changed"], words["titles"]) == ("paper", 2, 2)
        assert "as before there was a choice" in explained(words)


def test_a_failing_migration_changes_nothing(old, monkeypatch):
    before = (old / "catalog.duckdb").read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(CatalogueError, match=r"to migrate the catalogue in .*No space left"):
        migrate(old)
    assert (old / "catalog.duckdb").read_bytes() == before


def test_a_newer_workspace_is_refused(shop, tmp_path, tables):
    shutil.copytree(shop, tmp_path, dirs_exist_ok=True)
    with duckdb.connect(str(tmp_path / "catalog.duckdb")) as connection:
        connection.execute("UPDATE format SET version = 99")
    for use in (
        lambda: domains(tmp_path),
        lambda: build(tmp_path, "x", tables()),
        lambda: migrate(tmp_path),
    ):
        with pytest.raises(CatalogueError, match=r"found 99: .*newer version.* update"):
            use()
    assert list((tmp_path / "index").glob("*/*"))


def test_no_workspace_and_no_database_are_named(tmp_path):
    with pytest.raises(CatalogueError, match="expected a workspace at"):
        migrate(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "catalog.duckdb").write_bytes(b"hello" * 100)
    with pytest.raises(CatalogueError, match="nothing has changed") as caught:
        migrate(tmp_path)
    assert "\n" not in str(caught.value)
