"""Annotations as releases up to the first SQLite file kept them: in DuckDB, read once."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from calrec.errors import CalrecError
from catalog.database import connect
from demo.inspect.annotations_file import create, digest, said

VERSION = 1
_READ = {
    "cases": "SELECT domain, data, split, user_id, star::INTEGER, note, labels,"
    " strftime(updated, '%Y-%m-%d %H:%M:%S') FROM cases",
    "reasons": "SELECT name, place FROM reasons",
    "slices": "SELECT domain, name, query, strftime(updated, '%Y-%m-%d %H:%M:%S') FROM slices",
}
_WRITE = {
    "cases": "INSERT INTO cases (domain, data, split, user_id, star, note, labels, updated, digest)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "reasons": "INSERT INTO reasons (name, place, digest) VALUES (?, ?, ?)",
    "slices": "INSERT INTO slices (domain, name, query, updated, digest) VALUES (?, ?, ?, ?, ?)",
}
_UNTOLD = ("cases", "slices")
"""Tables whose last column is a time, which no digest covers."""


def take_over(path: Path, earlier: Path) -> None:
    """Makes the file with all that the earlier one holds, which stays as it is.

    Raises:
      CalrecError: if the earlier one cannot be read, or the new one not be written.
    """
    tables = _rows(earlier)

    def fill(connection: sqlite3.Connection) -> None:
        for name, rows in tables.items():
            told = [row[:-1] if name in _UNTOLD else row for row in rows]
            complete = [(*row, digest(*one)) for row, one in zip(rows, told, strict=True)]
            connection.executemany(_WRITE[name], complete)

    create(path, fill)
    found = ", ".join(f"{len(rows)} {name}" for name, rows in tables.items())
    print(
        f"annotations: {path.name} was made of {earlier.name} ({found}), which stays as it was and"
        " is not read again",
        file=sys.stderr,
        flush=True,
    )


def _rows(path: Path) -> Mapping[str, Sequence[tuple]]:
    try:
        with connect(path, read_only=True, files=False, threads=1) as connection:
            versions = connection.execute("SELECT version FROM format").fetchall()
            if versions != [(VERSION,)]:
                found = versions[0][0] if len(versions) == 1 else f"{len(versions)} entries"
                raise CalrecError(
                    f"expected annotations of format {VERSION} in {path.name}, found {found}; "
                    "use the release that wrote it, or move the file away"
                )
            return {name: connection.execute(sql).fetchall() for name, sql in _READ.items()}
    except duckdb.Error as error:
        remedy = "restore the file from a copy or move it away"
        if "Could not set lock" in str(error):
            remedy = "stop the server of an earlier release that has it"
        raise CalrecError(
            f"expected annotations in {path.name} that can be read, found: {said(error, path)}; "
            f"{remedy}"
        ) from error
