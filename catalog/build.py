"""Building a domain: read, clean, index, and swap in with one rename.

Everything is made under `<workspace>/.calrec-build/`. The database is copied there, the domain
written into the copy in one transaction and the copy renamed over `catalog.duckdb`; the domain's
row names its index folder, so that rename commits both. Whatever happens before it leaves the
workspace as it was, and what a killed build left behind, the next one removes. One build runs at a
time.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from calrec.text import Item
from catalog.errors import CatalogueError
from catalog.ingest import Source
from catalog.ingest.two_tables import TwoTables
from catalog.sequences import ROLES, clean_events
from catalog.tables import number_items, write_domain
from catalog.workspace import (
    FILE,
    SCHEMA,
    DomainInfo,
    check_domain_name,
    check_format,
    domains,
    index_folder,
)

_STAGING = ".calrec-build"
_LOCK = ".calrec-build.lock"

# A folder of another name is not ours to remove.
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")

Say = Callable[[str], None]


def build(
    workspace: Path,
    domain: str,
    source: Source,
    *,
    role: str = "evaluation",
    say: Say = lambda step: None,
) -> DomainInfo:
    """Builds a domain, or builds it anew; readers see the state before it until it is whole.

    Args:
      workspace: the folder; made if there is none.
      domain: its name, of letters, digits, `_` and `-`.
      source: where items and events come from (see `catalog.ingest`).
      role: `evaluation`, `training` or `selection`.
      say: told each step, in a few words.

    Raises:
      CatalogueError: if the name, the role or the input is not as expected, the workspace cannot be
        written, or another build runs in it.
    """
    check_domain_name(domain)
    if role not in ROLES:
        raise CatalogueError(f"expected a role of {', '.join(ROLES)}, found {role!r}")
    source.check()
    try:
        with _exclusive(workspace):
            _tidy(workspace)
            try:
                _build(workspace, domain, source, role, lambda step: say(f"{domain}: {step}"))
            finally:
                _tidy(workspace)
            return next(info for info in domains(workspace) if info.domain == domain)
    except (OSError, duckdb.Error) as error:
        raise CatalogueError(
            f"expected to build {domain} into {workspace}, but {str(error).splitlines()[0]}: "
            "nothing has changed; check the folder's rights and the free space"
        ) from error
    except RuntimeError as error:
        # What DuckDB makes of Ctrl-C during a query.
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


def build_sample(
    workspace: Path, seed: int = 0, *, say: Say = lambda step: None
) -> list[DomainInfo]:
    """Builds the domains of the sample shop of that seed."""
    from catalog.sample import make_shop

    if seed < 0:
        raise CatalogueError(f"expected a seed of at least 0, found {seed}: choose another")

    say("making the sample shop")
    return [
        build(workspace, domain, TwoTables(items=items, interactions=interactions), say=say)
        for domain, (items, interactions) in make_shop(seed).items()
    ]


def _build(workspace: Path, domain: str, source: Source, role: str, say: Say) -> None:
    current, staged = workspace / FILE, workspace / _STAGING / FILE
    staged.parent.mkdir()
    if current.exists():
        shutil.copyfile(current, staged)
    with _writing(staged, new=not current.exists()) as connection:
        say("reading")
        loaded = source.load(connection)
        say("ordering histories")
        report = {"form": loaded.form, "compared": list(loaded.compared), **loaded.notes}
        report |= clean_events(connection) | number_items(connection)
        say("writing tables")
        fingerprint = write_domain(connection, domain, role, report)
        rows = connection.execute(
            "SELECT item_id, title, category, brand, price FROM numbered ORDER BY item_index"
        ).fetchall()
    items = [
        Item(item_id=item_id, title=title, category=category, brand=brand, price=price)
        for item_id, title, category, brand, price in rows
    ]
    _place_index(workspace, domain, fingerprint, items, say)
    _flush(staged)
    os.replace(staged, current)
    _flush(workspace)


@contextmanager
def _writing(path: Path, *, new: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """One transaction on the database at `path`, in the file and no log beside it at the end."""
    with duckdb.connect(str(path)) as connection:
        # DuckDB's own bar would go to standard output.
        connection.execute("SET enable_progress_bar = false")
        if new:
            connection.execute(SCHEMA)
        check_format(connection, "", path)
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")


def _place_index(
    workspace: Path, domain: str, fingerprint: str, items: list[Item], say: Say
) -> None:
    """Makes the index of that content, unless a whole one is there already."""
    from catalog.search import Index, write_index  # imports scipy and whoosh

    place = index_folder(workspace, domain, fingerprint)
    try:
        Index(place, tuple(item.item_id for item in items))
    except CatalogueError:
        made = workspace / _STAGING / "index"
        write_index(made, items, say)
        for path in made.iterdir():
            _flush(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        os.rename(made, place)
        _flush(place.parent)


@contextmanager
def _exclusive(workspace: Path) -> Iterator[None]:
    """Holds the workspace for this build; a new workspace goes again if nothing came of it."""
    new = not workspace.exists()
    workspace.mkdir(parents=True, exist_ok=True)
    lock = os.open(workspace / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CatalogueError(
                f"expected to be the only build in {workspace}, found another running: "
                "try again when it has ended"
            ) from error
        yield
    finally:
        if new and not (workspace / FILE).exists():
            (workspace / _LOCK).unlink(missing_ok=True)
            _remove_empty(workspace)
        os.close(lock)


def _tidy(workspace: Path) -> None:
    """Removes what no build needs any more: the staging folder and indexes that no row names."""
    shutil.rmtree(workspace / _STAGING, ignore_errors=True)
    kept = {index_folder(workspace, info.domain, info.fingerprint) for info in domains(workspace)}
    for folder in (workspace / "index").glob("*/*"):
        if folder not in kept and _FINGERPRINT.fullmatch(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
            _remove_empty(folder.parent)
    _remove_empty(workspace / "index")


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _flush(path: Path) -> None:
    """Waits until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
