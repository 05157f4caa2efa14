"""The SQLite file of annotations: made whole, opened for a moment, checked, and its errors.

SQLite itself lets several processes read and write. It keeps no checksums, so each row has a
digest of its own, and the file's structure is checked whenever it is opened.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from calrec.errors import CalrecError
from calrec.records import digests
from demo.inspect.local_paths import local

VERSION = 1
PATIENCE = 5.0
"""Seconds that a read or a write waits for another process."""
_APPLICATION = 0x43414C52
"""`CALR`, by which SQLite's files tell whose they are."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

SCHEMA = f"""
CREATE TABLE cases (
  domain TEXT, data TEXT, split TEXT, user_id TEXT,
  star INTEGER NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '',
  labels TEXT NOT NULL DEFAULT '[]',
  digest TEXT NOT NULL DEFAULT '',
  updated TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (domain, data, split, user_id)
) WITHOUT ROWID;
CREATE TABLE reasons (
  name TEXT PRIMARY KEY, place INTEGER NOT NULL, digest TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE slices (
  domain TEXT, name TEXT, query TEXT NOT NULL, digest TEXT NOT NULL,
  updated TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (domain, name)
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
"""


def digest(*values: object) -> str:
    """What a row's values are checked by when they are read again."""
    return digests.of_bytes(repr(values).encode())[:16]


def checked(rows: Iterable[Sequence[Any]], path: Path) -> list[tuple[Any, ...]]:
    """Rows without their last value, the digest of the others.

    Raises:
      CalrecError: if one is not as it was written.
    """
    found = []
    for *values, written in rows:
        if digest(*values) != written:
            raise _unreadable(path, "a damaged row", write=False)
        found.append(tuple(values))
    return found


def create(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Makes the file aside and moves it into place whole, unless somebody else was first.

    Args:
      path: of the file.
      fill: writes its first rows.

    Raises:
      CalrecError: if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
            new = Path(folder) / path.name
            with closing(sqlite3.connect(new)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(SCHEMA)
                connection.create_function("digest", -1, digest, deterministic=True)
                with connection:
                    fill(connection)
            with suppress(FileExistsError):
                os.link(new, path)
    except (OSError, sqlite3.Error) as error:
        raise CalrecError(
            f"expected to write {path.name}, found: {said(error, path)}; "
            "check the workspace's rights and free space"
        ) from error


@contextmanager
def opened(path: Path, *, write: bool) -> Iterator[sqlite3.Connection]:
    """A connection for one read or one write; a write is kept whole or not at all.

    SQL on it has the function `digest`.

    Raises:
      CalrecError: one line, if the file is damaged, of a newer format or another program's,
        cannot be written, or stays in another process's hands for longer than `PATIENCE`.
    """
    try:
        with closing(
            sqlite3.connect(_address(path, write), timeout=PATIENCE, uri=True, isolation_level=None)
        ) as connection:
            # A file that somebody else made may hold views and triggers that call functions.
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.create_function("digest", -1, digest, deterministic=True)
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            _check(connection, path)
            yield connection
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
            raise CalrecError(
                f"expected {path.name} to be free within {PATIENCE:g} seconds, found it in use by"
                " another program; try again, nothing was stored"
            ) from error
        raise _unreadable(path, said(error, path), write=write) from error


def said(error: Exception, path: Path) -> str:
    """An error's own words, on one line, without the folders above the workspace's."""
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return local(" ".join(text.split()), path.parent)[:160]


def _address(path: Path, write: bool) -> str:
    address = path.absolute().as_uri()
    if write:
        return f"{address}?mode=rw"
    beside = path.with_name(f"{path.name}-wal")
    # Readers keep a file beside it, too; where none can be made, nobody writes meanwhile.
    fixed = not os.access(path.parent, os.W_OK) and not beside.exists()
    return f"{address}?mode=ro{'&immutable=1' if fixed else ''}"


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if owner != _APPLICATION:
        raise _unreadable(path, "another program's file or an empty one", write=False)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        raise CalrecError(
            f"expected annotations of format {VERSION} in {path.name}, found {version}; "
            "use the release that wrote it, or move the file away"
        )
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise _unreadable(path, "damage", write=False)


def _unreadable(path: Path, found: str, *, write: bool) -> CalrecError:
    act = "written" if write else "read"
    space = "check the free space, else " if write else ""
    return CalrecError(
        f"expected annotations in {path.name} that can be {act}, found: {found}; "
        f"{space}restore the file from a copy or move it away"
    )
