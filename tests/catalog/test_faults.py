"""Builds that are killed, run out of disk, meet another build, or go on under readers."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import forked
import pytest

from catalog.build import build
from catalog.build.staging import LOCK, STAGING, changing
from catalog.errors import CatalogueError
from catalog.store import Catalogue, domains

pytestmark = pytest.mark.slow

TABLES = ("domains", "items", "users", "events", "bad_lines")

# Builds `music` anew, of other items, and kills itself with no chance to clean up: at the step of
# that name, or before or after the rename that commits.
_KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow as pa
from catalog import build as b
from catalog.ingest.sources.two_tables import TwoTables
workspace, moment = Path(sys.argv[1]), sys.argv[2]
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
commit = b.commit
if moment == "before the commit": b.commit = die
if moment == "after the commit": b.commit = lambda workspace: (commit(workspace), die())
if moment == "after the index":
    place = b.place_index
    b.place_index = lambda *given: (place(*given), die())
names = ["item_id", "title", "category", "brand", "price"]
events = pa.table({"user_id": ["u"], "item_id": ["k1"], "timestamp": [1]})
items = pa.table([pa.array([f"k{i}" for i in range(50)])] * 5, names=names)
def say(step):
    if moment in step: die()
b.build(workspace, "music", TwoTables(items=items, interactions=events), say=say)
"""


def content(workspace: Path) -> dict[str, list[tuple]]:
    with duckdb.connect(str(workspace / "catalog.duckdb"), read_only=True) as connection:
        return {
            table: connection.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in TABLES
        }


def usable(workspace: Path) -> None:
    """The domain `music` as the fixture `tables` has it can be browsed and scored."""
    with Catalogue.open(workspace, "music") as catalogue:
        assert catalogue.page(query="guitar").total == 3
        assert catalogue.corpus().scores([["guitar"]]).any()


@pytest.mark.parametrize(
    "moment", ["reading", "ordering", "writing", "indexing", "after the index", "before the commit"]
)
def test_a_killed_build_leaves_the_previous_state_and_the_next_one_cleans_up(
    tmp_path, tables, moment
):
    build(tmp_path, "music", tables())
    build(tmp_path, "other", tables())
    before = content(tmp_path)
    assert forked.status(_KILLED, tmp_path, moment) == -signal.SIGKILL
    assert (tmp_path / STAGING).exists()  # or this test kills nothing
    assert content(tmp_path) == before
    usable(tmp_path)
    build(tmp_path, "music", tables())
    assert content(tmp_path) == before
    assert len(list((tmp_path / "index").glob("*/*"))) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"catalog.duckdb", "index", LOCK}


def test_a_build_killed_after_its_commit_is_whole(tmp_path, tables):
    build(tmp_path, "music", tables())
    assert forked.status(_KILLED, tmp_path, "after the commit") == -signal.SIGKILL
    with Catalogue.open(tmp_path, "music") as catalogue:
        assert catalogue.page(query="k7").total == 1
        assert len(catalogue.items) == 50
    build(tmp_path, "other", tables())
    assert {path.name for path in tmp_path.iterdir()} == {"catalog.duckdb", "index", LOCK}


_ENDLESS = """
import sys
from pathlib import Path
import pyarrow as pa
from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables
names = ["item_id", "title", "category", "brand", "price"]
for round in range(10**6):
    items = pa.table([pa.array([f"k{round} {i}" for i in range(300)])] * 5, names=names)
    events = pa.table({"user_id": ["u"], "item_id": [f"k{round} 1"], "timestamp": [1]})
    build(Path(sys.argv[1]), "endless", TwoTables(items=items, interactions=events))
"""


def test_builds_killed_at_any_time_never_damage_the_workspace(tmp_path, tables):
    build(tmp_path, "music", tables())
    for tenth in range(12):
        with forked.running(_ENDLESS, tmp_path):
            while not tenth and "endless" not in {info.domain for info in domains(tmp_path)}:
                time.sleep(0.01)  # one build ends at least, however slow the machine is
            time.sleep(0.31 + tenth * 0.043)
        usable(tmp_path)
        for info in domains(tmp_path):
            with Catalogue.open(tmp_path, info.domain) as catalogue:
                assert len(catalogue.items) == info.items
    build(tmp_path, "music", tables())
    assert "endless" in {info.domain for info in domains(tmp_path)}  # or nothing was ever built
    assert not (tmp_path / STAGING).exists()


def test_readers_go_on_while_builds_run(tmp_path, tables):
    build(tmp_path, "music", tables())
    with (
        Catalogue.open(tmp_path, "music") as opened,
        forked.running(_ENDLESS, tmp_path),
    ):
        seen = set()
        begun = time.monotonic()
        # Three builds at least, however slow the machine is.
        while time.monotonic() < begun + (3 if len(seen) > 2 else 60):
            assert opened.page(query="guitar").total == 3
            usable(tmp_path)
            for info in domains(tmp_path):
                seen.add(info.fingerprint)
                with Catalogue.open(tmp_path, info.domain) as catalogue:
                    assert catalogue.page().total == len(catalogue.items)
    assert len(seen) > 2  # or no build ended meanwhile


def test_a_second_build_at_once_is_refused_in_one_line(tmp_path, tables):
    build(tmp_path, "music", tables())
    with changing(tmp_path, "build"):
        second = subprocess.run(
            [sys.executable, "-m", "catalog.cli", "sample", "--workspace", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "found another running: try again when it has ended" in second.stderr
    usable(tmp_path)


# On a disk of its own: fills it, but for so many kilobytes, and builds a domain that needs more.
_FULL = """
import sys
from pathlib import Path
import pyarrow as pa
from catalog.build import build
from catalog.errors import CatalogueError
from catalog.ingest.sources.two_tables import TwoTables
from catalog.store import Catalogue
disk = Path(sys.argv[1])
names = ["item_id", "title", "category", "brand", "price"]
def source(n, word):
    items = pa.table([pa.array([f"{word} {i} {i * i}" for i in range(n)])] * 5, names=names)
    events = {"user_id": [str(i % 9) for i in range(n)], "item_id": items["item_id"]}
    return TwoTables(items=items, interactions=pa.table(events | {"timestamp": range(n)}))
build(disk / "w", "small", source(20, "small"))
for kilobytes in map(int, sys.argv[2:]):
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        try:
            while True: file.write(b"x" * 65536)
        except OSError: pass
    left_free = max(0, ballast.stat().st_size - kilobytes * 1024)
    with ballast.open("r+b") as file: file.truncate(left_free)
    try:
        build(disk / "w", "big", source(4000, "big"))
        print("built", flush=True)
    except CatalogueError as error:
        assert "\\n" not in str(error), error
        print(error, flush=True)
    with Catalogue.open(disk / "w", "small") as catalogue:
        assert catalogue.page(query="small").total == 20
    left = {path.name for path in (disk / "w").iterdir()}
    assert not (disk / "w" / ".calrec-build").exists(), left
    ballast.unlink()
build(disk / "w", "big", source(4000, "big"))
with Catalogue.open(disk / "w", "big") as catalogue:
    assert len(catalogue.items) == 4000
print("built", flush=True)
"""


def test_a_full_disk_changes_nothing_and_is_one_line(tmp_path):
    mount = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    probe = f"mount -t tmpfs -o size=1m none {tmp_path}"
    if not shutil.which("unshare") or subprocess.run([*mount, probe], check=False).returncode:
        pytest.skip("needs to mount a small disk, which is not allowed here")
    script = tmp_path.parent / "full.py"
    script.write_text(_FULL)
    free = ["0", "100", "1000", "2500", "4000", "6000", "8000"]
    ran = subprocess.run(
        [*mount, f'mount -t tmpfs -o size=32m none {tmp_path} && exec "$@"', "sh",
         sys.executable, str(script), str(tmp_path), *free],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == len(free) + 1
    assert lines[-1] == "built"
    failed = [line for line in lines if line != "built"]
    assert len(failed) >= 3
    for line in failed:
        assert line.startswith("expected to ")
        assert "free space" in line
    assert len({line.split(" in ")[0] for line in failed}) > 1  # it filled up at several steps


def test_a_folder_without_rights_is_named(tmp_path, tables, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(CatalogueError, match=r"Permission denied: nothing has changed"):
        build(tmp_path / "w", "x", tables())
