"""The workspace: where it is, its database file's tables and format, and the domains it has.

    format(version)
    domains(domain, role, fingerprint, items, users, events, report)    one row a domain
    items(domain, item_index, item_id, title, category, brand, price, popularity, path, price_low)
    users(domain, user_index, user_id, events)
    events(domain, user_index, position, item_index, timestamp, rating)
    bad_lines(domain, file, line, reason, content)

`path` holds the category's levels, top first, and `price_low` the lowest number that the price's
text means (see `catalog.attributes.prices`); both only serve browsing. `timestamp` is in whole
seconds since 1970.

A domain's index of words lies in `index/<domain>/<fingerprint>/`: its row names it, so that one
rename of the database file commits both.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from calrec.text.words import Rule
from catalog.database import connect, one_row, quoted_text
from catalog.errors import CatalogueError

FORMAT = 3
FILE = "catalog.duckdb"

SCHEMA = f"""
CREATE TABLE format (version INTEGER);
INSERT INTO format VALUES ({FORMAT});
CREATE TABLE domains (
  domain VARCHAR, role VARCHAR, fingerprint VARCHAR, items BIGINT, users BIGINT, events BIGINT,
  report VARCHAR);
CREATE TABLE items (
  domain VARCHAR, item_index INTEGER, item_id VARCHAR, title VARCHAR, category VARCHAR,
  brand VARCHAR, price VARCHAR, popularity BIGINT, path VARCHAR[], price_low DOUBLE);
CREATE TABLE users (domain VARCHAR, user_index INTEGER, user_id VARCHAR, events BIGINT);
CREATE TABLE events (
  domain VARCHAR, user_index INTEGER, position INTEGER, item_index INTEGER, timestamp BIGINT,
  rating DOUBLE);
CREATE TABLE bad_lines (
  domain VARCHAR, file VARCHAR, line BIGINT, reason VARCHAR, content VARCHAR);
"""

_DOMAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class DomainInfo:
    """What a domain is.

    Attributes:
      domain: its name.
      role: `evaluation`, `training` or `selection` (see `catalog.sequences`).
      items: how many items.
      users: how many users.
      events: how many purchases; without exact repeats, unless they were kept (see `report`).
      fingerprint: sha256 of the cleaned items and events, and of the rule of words where it is not
        the paper's; the same input gives the same one.
      report: what building it found and left out, JSON-able.
    """

    domain: str
    role: str
    items: int
    users: int
    events: int
    fingerprint: str
    report: Mapping[str, Any]

    @property
    def words(self) -> Rule:
        """BM25's rule of `calrec.text.words` (see `catalog.build.word_rule`)."""
        return self.report.get("words", {}).get("rule", "paper")


def workspace_path(given: Path | None) -> Path:
    """The folder given, else that of `$CALREC_WORKSPACE`, else `workspace`.

    Raises:
      CatalogueError: if its name is not UTF-8: DuckDB opens no such file.
    """
    path = given or Path(os.environ.get("CALREC_WORKSPACE") or "workspace")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise CatalogueError(
            f"expected a workspace with a name in UTF-8, found {os.fsencode(path)!r}: rename the "
            "folder, or name another"
        ) from None
    return path


def check_domain_name(domain: str) -> None:
    """Raises `CatalogueError` unless the name is made of letters, digits, `_` and `-`."""
    if not _DOMAIN.fullmatch(domain):
        raise CatalogueError(
            f"expected a domain name of letters, digits, '_' and '-', found {domain!r}: rename it"
        )


def index_folder(workspace: Path, domain: str, fingerprint: str) -> Path:
    """Where the index of that content of that domain lies."""
    return workspace / "index" / domain / fingerprint


def open_for_reading(workspace: Path, *, files: bool = False) -> duckdb.DuckDBPyConnection | None:
    """A connection with the workspace's tables as `store.*`; `None` where nothing is built yet.

    Each call sees the file as it is now and keeps seeing that state when a build replaces it.

    Args:
      workspace: the folder.
      files: whether queries may open other files, as a copy into one does.

    Raises:
      CatalogueError: if the file is damaged, locked, not to be read, or of another format version.
    """
    path = workspace / FILE
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise CatalogueError(
            f"expected a workspace at a path in UTF-8, found {workspace}: rename the folder"
        ) from None
    if not path.is_file():
        if workspace.is_file():
            raise CatalogueError(
                f"expected a workspace folder at {workspace}, found a file: name a folder"
            )
        return None
    # Attached to an instance of its own: connecting to the path would hand out the instance that
    # this process already has for it, and with it the state before the last build.
    connection = connect()
    try:
        with reading(workspace):
            connection.execute(f"ATTACH {quoted_text(str(path))} AS store (READ_ONLY)")
            if not files:
                # Its tables may be somebody's views: they read no file of this machine.
                connection.execute("SET enable_external_access = false")
            check_format(connection, "store.", path)
    except CatalogueError:
        connection.close()
        raise
    return connection


@contextmanager
def reading(workspace: Path) -> Iterator[None]:
    """Turns what DuckDB says of a file that it cannot read into a `CatalogueError` of one line.

    A damaged part is noticed only when it is needed, and DuckDB raises any of its errors for it.
    """
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise _unreadable(workspace / FILE, error) from error


def _unreadable(path: Path, error: duckdb.Error) -> CatalogueError:
    found = next(iter(str(error).splitlines()), type(error).__name__)
    remedy = "it is damaged, remove it and build its domains again"
    if isinstance(error, duckdb.OutOfMemoryException):
        found = f"too little memory to read it ({found})"
        remedy = "close other programs, or use a machine with more memory"
    elif "Could not set lock" in found:
        found, remedy = "another program writing it", "close that one and try again"
    elif "Permission denied" in found:
        found, remedy = "no right to read it", "ask its owner, or name another workspace"
    else:
        found = f"a file that cannot be read ({found})"
    return CatalogueError(f"expected a catalogue in {path}, found {found}: {remedy}")


def check_format(connection: duckdb.DuckDBPyConnection, prefix: str, path: Path) -> None:
    """Raises `CatalogueError` unless the database has this version's tables."""
    version = format_version(connection, prefix)
    if version == FORMAT:
        return
    remedy = (
        f"run calrec-catalog migrate --workspace {path.parent}"
        if 0 < version < FORMAT
        else "it was made by a newer version of calrec, update this one"
        if version > FORMAT
        else "no version of calrec makes such a file, name another folder"
    )
    raise CatalogueError(f"expected workspace format {FORMAT} in {path}, found {version}: {remedy}")


def format_version(connection: duckdb.DuckDBPyConnection, prefix: str = "") -> int:
    """The format that the database says it has; 0 where it says nothing."""
    latest = f"SELECT coalesce(max(version), 0) FROM {prefix}format"
    return one_row(connection.execute(latest))[0]


def domains(workspace: Path) -> list[DomainInfo]:
    """The workspace's domains by name; empty where nothing is built."""
    connection = open_for_reading(workspace)
    if connection is None:
        return []
    with connection:
        return list_domains(workspace, connection)


def list_domains(workspace: Path, connection: duckdb.DuckDBPyConnection) -> list[DomainInfo]:
    """The domains by name, over a connection of `open_for_reading`."""
    with reading(workspace):
        rows = connection.execute(
            "SELECT domain, role, items, users, events, fingerprint, report"
            " FROM store.domains ORDER BY domain"
        ).fetchall()
    return [
        DomainInfo(
            domain=domain,
            role=role,
            items=items,
            users=users,
            events=events,
            fingerprint=fingerprint,
            report=json.loads(report),
        )
        for domain, role, items, users, events, fingerprint, report in rows
    ]
