"""Changing a workspace so that each change appears whole or not at all.

Everything is made under `<workspace>/.calrec-build/`. The database is copied there, changed in one
transaction, and the copy renamed over `catalog.duckdb`; a domain's row names its index folder, so
that rename commits both. Whatever happens before it leaves the workspace as it was, and what a
killed process left behind, the next one removes. One process changes a workspace at a time; readers
go on meanwhile.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from calrec.records import Item
from calrec.records.files import flush, put_in_place, whole_file
from calrec.records.locks import locked
from catalog.database import connect
from catalog.errors import CatalogueError
from catalog.workspace import FILE, SCHEMA, domains, index_folder

STAGING = ".calrec-build"
LOCK = ".calrec-build.lock"

# DuckDB would take most of the machine's memory before it spills to the disk. The whole build is
# to stay below 3 GB, and besides DuckDB there are the items in Python and the index's writers.
_MEMORY = "1GB"

# A folder of another name is not ours to remove.
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")

Say = Callable[[str], None]


@contextmanager
def changing(workspace: Path, what: str) -> Iterator[Path]:
    """Holds the workspace for one change; a new one goes again if nothing came of it.

    Args:
      workspace: the folder; made if there is none.
      what: the change, for the error's text ("build music").

    Yields:
      The staging folder, empty, removed at the end.

    Raises:
      CatalogueError: if another change runs, the disk is full, or the folder cannot be written.
    """
    try:
        with _exclusive(workspace):
            _tidy(workspace)
            try:
                (workspace / STAGING).mkdir()
                yield workspace / STAGING
            finally:
                _tidy(workspace)
    except (OSError, duckdb.Error) as error:
        reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[0]
        raise CatalogueError(
            f"expected to {what} in {workspace}, but {reason}: nothing has changed; "
            f"{_remedy(error)}"
        ) from error
    except RuntimeError as error:
        # What DuckDB makes of Ctrl-C during a query.
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


def _remedy(error: OSError | duckdb.Error) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return "close other programs, or use a machine with more memory"
    remedy = "check the folder's rights and the free space"
    if isinstance(error, (OSError, duckdb.IOException, duckdb.TransactionException)):
        return remedy
    return f"{remedy}; if {FILE} is damaged, remove it and build its domains again"


@contextmanager
def staged_database(workspace: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """One transaction on a copy of the database, all in its file at the end, no log beside it."""
    current, staged = workspace / FILE, workspace / STAGING / FILE
    if current.exists():
        shutil.copyfile(current, staged)
    with connect(staged) as connection:
        # DuckDB's own bar would go to standard output.
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        if not current.exists():
            connection.execute(SCHEMA)
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")


def commit(workspace: Path) -> None:
    """Puts the staged database in the place of the current one: the change is made.

    A link to a database elsewhere stays one: what it leads to is replaced.
    """
    staged, place = workspace / STAGING / FILE, (workspace / FILE).resolve()
    if not (workspace / FILE).is_symlink():
        put_in_place(staged, place)
        return
    # Copied first: one rename moves nothing between disks.
    with whole_file(place) as beside:
        shutil.copyfile(staged, beside)


def place_index(
    workspace: Path, domain: str, fingerprint: str, items: Sequence[Item], say: Say
) -> None:
    """Makes the index of that content, unless a whole one is there already."""
    from catalog.index import Index, write_index  # imports scipy and whoosh

    place = index_folder(workspace, domain, fingerprint)
    try:
        Index(place, len(items), fingerprint)
    except CatalogueError:
        made = workspace / STAGING / "index"
        write_index(made, items, fingerprint, say)
        for path in made.iterdir():
            flush(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        os.rename(made, place)
        flush(place.parent)


@contextmanager
def _exclusive(workspace: Path) -> Iterator[None]:
    new = not workspace.exists()
    workspace.mkdir(parents=True, exist_ok=True)
    with locked(workspace / LOCK, create=True) as alone:
        if not alone:
            raise CatalogueError(
                f"expected to be the only build in {workspace}, found another running: "
                "try again when it has ended"
            )
        try:
            yield
        finally:
            if new and not (workspace / FILE).exists():
                (workspace / LOCK).unlink(missing_ok=True)
                _remove_empty(workspace)


def _tidy(workspace: Path) -> None:
    """Removes what no change needs any more: the staging folder and indexes that no row names.

    What lies behind a link may be another workspace's, whose rows are not known here: it stays.
    """
    shutil.rmtree(workspace / STAGING, ignore_errors=True)
    if (workspace / "index").is_symlink():
        return
    ours = [
        folder
        for folder in (workspace / "index").glob("*/*")
        if _FINGERPRINT.fullmatch(folder.name)
        and not (folder.is_symlink() or folder.parent.is_symlink())
    ]
    try:
        known = domains(workspace) if ours else []
    except CatalogueError:  # of another format, or damaged: what is unused cannot be told
        return
    kept = {index_folder(workspace, info.domain, info.fingerprint) for info in known}
    for folder in set(ours) - kept:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_empty(folder.parent)
    _remove_empty(workspace / "index")


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
