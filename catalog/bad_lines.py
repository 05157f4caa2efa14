"""Lines of a source that could not be used: counted, kept with number and reason, and a limit.

They stand in the workspace's table `bad_lines`, committed with the domain, and beside it in
`reports/<domain>.csv`. Where there are too many, nothing is built, and
`reports/<domain>.stopped.csv` names them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from catalog.errors import CatalogueError
from catalog.ingest import Loaded
from catalog.workspace import open_for_reading

LIMIT = 0.01  # of the lines of a file; more means that the file is not what it was taken for

_COLLECT = """
INSERT INTO bad_lines
  SELECT $domain, $file, line, problem, content FROM {table}
  WHERE problem IS NOT NULL ORDER BY line
"""


def collect(connection: duckdb.DuckDBPyConnection, domain: str, loaded: Loaded) -> dict[str, int]:
    """Replaces the domain's bad lines by those of the staged tables.

    Returns:
      How many there are in `items` and in `events`.
    """
    connection.execute("DELETE FROM bad_lines WHERE domain = $domain", {"domain": domain})
    return {
        name: connection.execute(
            _COLLECT.format(table=f"raw_{name}"), {"domain": domain, "file": file}
        ).fetchone()[0]
        for name, file in (("items", loaded.items_from), ("events", loaded.events_from))
    }


def excess(connection: duckdb.DuckDBPyConnection, loaded: Loaded) -> str:
    """One line of what has more bad lines than `LIMIT`; empty if nothing has."""
    for name, file, unused in (
        ("items", loaded.items_from, loaded.items_unused),
        ("events", loaded.events_from, 0),
    ):
        rows, bad = connection.execute(
            f"SELECT count(*), count(problem) FROM raw_{name}"
        ).fetchall()[0]
        lines = rows + unused
        if bad > LIMIT * lines:
            line, reason = connection.execute(
                f"SELECT line, problem FROM raw_{name} WHERE problem IS NOT NULL"
                " ORDER BY line LIMIT 1"
            ).fetchall()[0]
            return (
                f"expected at most {LIMIT:.0%} bad lines in {file}, found {bad:,} of {lines:,} "
                f"(the first is line {line:,}: {reason})"
            )
    return ""


@dataclass(frozen=True, kw_only=True)
class BadLine:
    """A line that was left out.

    Attributes:
      file: its file.
      line: its number in the file, from 1.
      reason: what is wrong with it.
      content: its beginning.
    """

    file: str
    line: int
    reason: str
    content: str


def kept(workspace: Path, domain: str, *, limit: int) -> list[BadLine]:
    """The first bad lines of a domain that is built."""
    connection = open_for_reading(workspace)
    if connection is None:
        return []
    with connection:
        rows = connection.execute(
            "SELECT file, line, reason, content FROM store.bad_lines WHERE domain = $domain"
            " ORDER BY file, line LIMIT $limit",
            {"domain": domain, "limit": limit},
        ).fetchall()
    return [
        BadLine(file=file, line=line, reason=reason, content=content)
        for file, line, reason, content in rows
    ]


def report_path(workspace: Path, domain: str, *, stopped: bool = False) -> Path:
    """Where the bad lines of a domain, or of its stopped build, are listed; there may be none."""
    # No domain's name holds a dot.
    return workspace / "reports" / f"{domain}{'.stopped' if stopped else ''}.csv"


def write_csv(connection: duckdb.DuckDBPyConnection, domain: str, path: Path) -> None:
    """Writes the domain's bad lines as CSV: file, line, reason, content."""
    quoted = str(path).replace("'", "''")
    connection.execute(
        f"COPY (SELECT file, line, reason, content FROM bad_lines WHERE domain = '{domain}'"
        f" ORDER BY file, line) TO '{quoted}' (FORMAT csv, HEADER)"
    )


def publish(written: Path, place: Path) -> None:
    """Moves a written list to its place."""
    place.parent.mkdir(exist_ok=True)
    os.replace(written, place)


def refuse(excess: str, place: Path) -> CatalogueError:
    """The error of a build that is stopped, its list lying at `place`."""
    return CatalogueError(
        f"{excess}: see all of them in {place}, mend the file or give --allow-bad-lines"
    )
