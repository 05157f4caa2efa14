"""Lines of a source that could not be used: counted, kept with number and reason, and a limit.

So are values of which nothing could be made; their lines are good otherwise, and count for no
limit. They stand in the workspace's table `bad_lines`, committed with the domain, and are copied
from there to `reports/<domain>.csv`. Where there are too many, nothing is built, and
`reports/<domain>.stopped.csv` names them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import duckdb

from calrec.records.files import whole_file
from catalog.errors import CatalogueError
from catalog.ingest import Loaded
from catalog.ingest.events import CONTENT_CHARACTERS
from catalog.database import one_row, quoted_text
from catalog.workspace import open_for_reading, reading

LIMIT = 0.01  # of the lines of a file; more means that the file is not what it was taken for

_log = logging.getLogger("catalog")

_COLLECT = """
INSERT INTO bad_lines
  SELECT $domain, {file}, line, problem, content FROM {table}
  WHERE problem IS NOT NULL ORDER BY line
"""
# A file of events with the number of its lines staged and of the bad ones, and the first of those.
_FILES = """
SELECT {file} AS file, count(*), count(problem), arg_min(line, line) FILTER (problem IS NOT NULL),
  arg_min(problem, line) FILTER (problem IS NOT NULL)
FROM {table} GROUP BY file ORDER BY min(rowid)
"""
# Where a source has several files, each row says which is its own.
_FILE = {"items": "$file", "events": "coalesce(file, $file)"}

_COLLECT_LOST = """
INSERT INTO bad_lines
  SELECT $domain, coalesce(file, $file), line,
    attribute || ': not all of it is text; the item is kept', left(value, {characters})
  FROM raw_lost ORDER BY file, line
"""
# What a spreadsheet takes for the beginning of a formula, in full width as well.
_FORMULA = r"^ *[=+@\t\r\n＝＋－＠-]"


def collect(connection: duckdb.DuckDBPyConnection, domain: str, loaded: Loaded) -> dict[str, int]:
    """Replaces the domain's bad lines by those of the staged tables.

    Returns:
      How many there are in `items` and in `events`.
    """
    connection.execute("DELETE FROM bad_lines WHERE domain = $domain", {"domain": domain})
    return {
        name: one_row(
            connection.execute(
                _COLLECT.format(table=f"raw_{name}", file=_FILE[name]),
                {"domain": domain, "file": file},
            )
        )[0]
        for name, file in (("items", loaded.items_from), ("events", loaded.events_from))
    }


def collect_lost(
    connection: duckdb.DuckDBPyConnection, domain: str, loaded: Loaded
) -> dict[str, int]:
    """Adds the values of which nothing could be made to the domain's bad lines.

    Returns:
      How many there are of each attribute that has any.
    """
    connection.execute(
        _COLLECT_LOST.format(characters=CONTENT_CHARACTERS),
        {"domain": domain, "file": loaded.items_from},
    )
    rows = connection.execute(
        "SELECT attribute, count(*) FROM raw_lost GROUP BY attribute ORDER BY attribute"
    )
    return dict(rows.fetchall())


def stop_if_too_many(
    connection: duckdb.DuckDBPyConnection, workspace: Path, domain: str, loaded: Loaded
) -> None:
    """Raises `CatalogueError` if more than `LIMIT` of a file's lines are bad, and lists them."""
    for name, from_, unused in (
        ("items", loaded.items_from, {loaded.items_from: loaded.items_unused}),
        ("events", loaded.events_from, loaded.events_unused),
    ):
        files = connection.execute(
            _FILES.format(table=f"raw_{name}", file=_FILE[name]), {"file": from_}
        ).fetchall()
        for file, rows, bad, line, reason in files:
            lines = rows + unused.get(file, 0)
            if bad <= LIMIT * lines:
                continue
            place = report_path(workspace, domain, stopped=True)
            _write_csv(connection, "bad_lines", domain, place)
            mend = "save the file as UTF-8" if reason.startswith("not UTF-8") else "mend the file"
            raise CatalogueError(
                f"expected at most {LIMIT:.0%} bad lines in {file}, found {bad:,} of "
                f"{lines:,} (the first is line {line:,}: {reason}): see all of them in "
                f"{place}, {mend} or give --allow-bad-lines"
            )


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
    with connection, reading(workspace):
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


def publish(connection: duckdb.DuckDBPyConnection, workspace: Path, domain: str) -> None:
    """Makes `reports/` say what is committed; as that is done already, a failure is only logged.

    Args:
      connection: of `open_for_reading` with `files`.
      workspace: the folder.
      domain: its name.
    """
    place = report_path(workspace, domain)
    count = "SELECT count(*) FROM store.bad_lines WHERE domain = $domain"
    try:
        if one_row(connection.execute(count, {"domain": domain}))[0]:
            _write_csv(connection, "store.bad_lines", domain, place)
        else:
            place.unlink(missing_ok=True)
        report_path(workspace, domain, stopped=True).unlink(missing_ok=True)
    except (OSError, duckdb.Error) as error:
        _log.warning(
            "%s is built, but %s could not be written (%s): "
            "calrec-catalog report --domain %s shows the bad lines",
            domain,
            place,
            getattr(error, "strerror", None) or str(error).splitlines()[0],
            domain,
        )


def _write_csv(connection: duckdb.DuckDBPyConnection, table: str, domain: str, place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    file, reason, content = (
        f"CASE WHEN regexp_matches({name}, '{_FORMULA}') THEN chr(39) || {name} ELSE {name} END"
        f" AS {name}"
        for name in ("file", "reason", "content")
    )
    with whole_file(place) as made:
        connection.execute(
            f"COPY (SELECT {file}, line, {reason}, {content} FROM {table} AS bad_lines"
            f" WHERE domain = '{domain}' ORDER BY bad_lines.file, line)"
            f" TO {quoted_text(str(made))} (FORMAT csv, HEADER)"
        )
