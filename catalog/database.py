"""How this project opens DuckDB, and how it quotes names and texts in SQL.

No file that it reads makes it fetch, load or open another.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb

MEMORY = ":memory:"


def connect(
    path: str | Path = MEMORY, *, read_only: bool = False, files: bool = True, **settings: Any
) -> duckdb.DuckDBPyConnection:
    """A connection that never installs or loads an extension.

    By itself DuckDB fetches one from its makers' server for a file that looks like SQLite's.

    Args:
      path: of a database file; one in memory if not given.
      read_only: whether nothing may be written.
      files: whether queries may open other files. A database that somebody else made may hold
        views; without this, none of them reads this machine's files.
      **settings: DuckDB's own, such as `threads`.

    Raises:
      duckdb.Error: if the file cannot be opened.
    """
    safe = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    if not files:
        safe["enable_external_access"] = False
    return duckdb.connect(str(path), read_only=read_only, config={**safe, **settings})


def one_row(result: duckdb.DuckDBPyConnection) -> tuple[Any, ...]:
    """The first row of a query that always has one, such as a count.

    Raises:
      LookupError: if it has none.
    """
    row = result.fetchone()
    if row is None:
        raise LookupError("expected a query with a row, found none")
    return row


def quoted_name(name: str) -> str:
    """A column's name in SQL, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A text in SQL, where a parameter cannot stand."""
    return "'" + text.replace("'", "''") + "'"


def one_file(path: Path) -> str:
    """The path as DuckDB's readers take it for that file alone, in quotes (SQL).

    They would take it for a pattern, and a `~` at its beginning for a home.
    """
    return quoted_text(re.sub(r"[*?\[]", r"[\g<0>]", str(path.absolute())))
