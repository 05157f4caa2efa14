"""What people note about cases: the one file that the page writes.

`workspace/annotations.duckdb` holds a star, a note and labels per case, the reasons offered as
labels, and saved slices. DuckDB lets one process at a time have the file, so it is opened only for
the moment of a read or a write; a second page over the same workspace waits its turn, by a lock on
a file beside it that spans the whole of it: DuckDB's own lock ends before its last write does. Each
write is one statement on one field: two people at one case do not undo each other's.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import duckdb

from calrec.errors import CalrecError
from catalog.database import connect
from demo.inspect.file_turn import PATIENCE, alone, taken
from demo.inspect.local_paths import local

VERSION = 1
LONGEST_NOTE = 4_000
LONGEST_NAME = 60
"""Characters of a note, and of a label or a slice's name."""
MOST_LABELS = 20
MOST_REASONS = 60
MOST_SLICES = 50
"""Saved slices of a domain; each is measured whenever the page is drawn."""
REASONS = (
    "right item, other edition",
    "accessory of the last purchase",
    "popular item",
    "history too short",
    "format error",
    "data problem",
)
"""Offered as labels until somebody changes them."""

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE format (version INTEGER NOT NULL);
CREATE TABLE cases (
  domain VARCHAR, data VARCHAR, split VARCHAR, user_id VARCHAR,
  star BOOLEAN NOT NULL DEFAULT false,
  note VARCHAR NOT NULL DEFAULT '',
  labels VARCHAR NOT NULL DEFAULT '[]',
  updated TIMESTAMP NOT NULL DEFAULT current_localtimestamp(),
  PRIMARY KEY (domain, data, split, user_id)
);
CREATE TABLE reasons (place INTEGER NOT NULL, name VARCHAR PRIMARY KEY);
CREATE TABLE slices (
  domain VARCHAR, name VARCHAR, query VARCHAR NOT NULL,
  updated TIMESTAMP NOT NULL DEFAULT current_localtimestamp(),
  PRIMARY KEY (domain, name)
);
"""

# One connection of this process at a time: DuckDB refuses a second one that is opened otherwise.
_TURN = threading.Lock()


class Place(NamedTuple):
    """Which held-out purchases: a domain, the fingerprint of its data, and a split."""

    domain: str
    data: str
    split: str


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What was noted about one case."""

    star: bool = False
    note: str = ""
    labels: tuple[str, ...] = ()


NOTHING = Annotation()


class Annotations:
    """Reads and writes the file; safe for several threads and processes.

    Every method raises `CalrecError`, one line, if the file is damaged, of a newer format, cannot
    be written, or stays in another process's hands for longer than `PATIENCE`.

    Args:
      path: the file; made by the first write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[Any, tuple[Any, Any]] = {}

    # Cases

    def of(self, place: Place) -> Mapping[str, Annotation]:
        """All annotations of these purchases, by user."""
        rows = self._read(
            ("cases", place),
            "SELECT user_id, star, note, labels FROM cases"
            " WHERE domain = ? AND data = ? AND split = ?",
            list(place),
        )
        return {
            user_id: Annotation(star=star, note=note, labels=tuple(json.loads(labels)))
            for user_id, star, note, labels in rows
        }

    def set_star(self, place: Place, user_id: str, star: bool) -> None:
        """Stars a case, or takes the star away."""
        self._set(place, user_id, "star", bool(star))

    def set_note(self, place: Place, user_id: str, note: str) -> None:
        """Replaces a case's note.

        Raises:
          CalrecError: if it is longer than `LONGEST_NOTE`.
        """
        note = clean(note)
        if len(note) > LONGEST_NOTE:
            raise CalrecError(
                f"expected a note of at most {LONGEST_NOTE:,} characters, found {len(note):,}; "
                "shorten it, the last stored one is kept"
            )
        self._set(place, user_id, "note", note)

    def set_labels(self, place: Place, user_id: str, labels: Iterable[str]) -> None:
        """Replaces a case's labels.

        Raises:
          CalrecError: if one is too long, or there are more than `MOST_LABELS`.
        """
        found = _names(labels, "label", MOST_LABELS)
        self._set(place, user_id, "labels", json.dumps(found, ensure_ascii=False))

    def _set(self, place: Place, user_id: str, field: str, value: Any) -> None:
        # `field` is one of our own three words.
        self._write(
            f"INSERT INTO cases (domain, data, split, user_id, {field}) VALUES (?, ?, ?, ?, ?)"
            f" ON CONFLICT DO UPDATE SET {field} = excluded.{field}, updated = excluded.updated",
            [*place, user_id, value],
        )

    # Reasons

    def reasons(self) -> tuple[str, ...]:
        """The labels on offer."""
        rows = self._read("reasons", "SELECT name FROM reasons ORDER BY place", [])
        return tuple(name for (name,) in rows) or REASONS

    def set_reasons(self, names: Iterable[str]) -> None:
        """Replaces them; none brings the first ones back. Labels already given stay.

        Raises:
          CalrecError: if one is too long, or there are more than `MOST_REASONS`.
        """
        found = _names(names, "reason", MOST_REASONS)

        def replace(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute("DELETE FROM reasons")
            for row in enumerate(found):
                connection.execute("INSERT INTO reasons VALUES (?, ?)", list(row))

        self._write(replace)

    # Slices

    def slices(self, domain: str) -> Mapping[str, str]:
        """The saved slices of a domain, the first `MOST_SLICES`: their queries by name."""
        rows = self._read(
            ("slices", domain),
            f"SELECT name, query FROM slices WHERE domain = ? ORDER BY name LIMIT {MOST_SLICES}",
            [domain],
        )
        return dict(rows)

    def save_slice(self, domain: str, name: str, query: str) -> None:
        """Keeps a query under a name, in the place of one of that name.

        Raises:
          CalrecError: if the name is empty or too long, or the domain has `MOST_SLICES` others.
        """
        found = _names([name], "name", 1)
        if not found:
            raise CalrecError("expected a name for the slice, found none; type one")
        others = "SELECT count(*) FROM slices WHERE domain = ? AND name <> ?"
        values = _texts([domain, found[0], query])

        def save(connection: duckdb.DuckDBPyConnection) -> None:
            (count,) = connection.execute(others, values[:2]).fetchone()
            if count >= MOST_SLICES:
                raise CalrecError(
                    f"expected fewer than {MOST_SLICES} saved slices, found {count}; forget one, "
                    "then save again"
                )
            connection.execute(
                "INSERT INTO slices (domain, name, query) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET query = excluded.query, updated = excluded.updated",
                values,
            )

        self._write(save)

    def drop_slice(self, domain: str, name: str) -> None:
        """Forgets a slice; one that is not there is no error."""
        self._write("DELETE FROM slices WHERE domain = ? AND name = ?", [domain, name])

    # The file

    def _read(self, key: Any, sql: str, values: Sequence[Any]) -> list[tuple]:
        """Rows; read again only when the file changed."""
        stamp = self._stamp()
        if stamp is None:
            return []
        known = self._known.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        rows = self._open(lambda c: c.execute(sql, _texts(values)).fetchall(), read_only=True)
        if len(self._known) > 64:
            self._known.clear()
        # The stamp of before: a write meanwhile only costs another read.
        self._known[key] = (stamp, rows)
        return rows

    def _write(
        self, what: str | Callable[[duckdb.DuckDBPyConnection], None], values: Sequence[Any] = ()
    ) -> None:
        def inside(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute("BEGIN")
            if isinstance(what, str):
                connection.execute(what, _texts(values))
            else:
                what(connection)
            connection.execute("COMMIT")

        if self._stamp() is None:
            self._create()
        self._open(inside, read_only=False)
        self._known.clear()

    def _stamp(self) -> tuple[int, ...] | None:
        """Changes with the file; `None` where there is none."""
        found: list[int] = []
        for path in (self.path, self.path.with_name(self.path.name + ".wal")):
            with suppress(OSError):
                state = path.stat()
                found += [state.st_mtime_ns, state.st_size, state.st_ino]
        return tuple(found) if found and self.path.exists() else None

    def _create(self) -> None:
        """Makes the file aside and moves it into place whole, unless somebody else was first."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                dir=self.path.parent, prefix=f".{self.path.name}-"
            ) as folder:
                new = Path(folder) / self.path.name
                with connect(new, files=False) as connection:
                    connection.execute(_SCHEMA)
                    connection.execute("INSERT INTO format VALUES (?)", [VERSION])
                with suppress(FileExistsError):
                    os.link(new, self.path)
        except (OSError, duckdb.Error) as error:
            raise CalrecError(
                f"expected to write {self.path.name}, found: {self._said(error)}; "
                "check the workspace's rights and free space"
            ) from error

    def _open(self, use: Callable[[duckdb.DuckDBPyConnection], T], *, read_only: bool) -> T:
        """The result of `use` on a connection that nobody else has meanwhile."""
        until = time.monotonic() + PATIENCE
        pause = 0.01
        while True:
            try:
                with (
                    _TURN,
                    alone(self.path, until),
                    # Small: the page's other work needs the machine.
                    connect(
                        self.path,
                        read_only=read_only,
                        files=False,
                        threads=1,
                        memory_limit="256MB",
                    ) as connection,
                ):
                    _check_format(connection, self.path)
                    return use(connection)
            except duckdb.Error as error:
                if not _in_use(error):
                    raise self._unreadable(error, read_only) from error
                if time.monotonic() > until:
                    raise taken(self.path) from error
            # Not in step with the other one.
            time.sleep(pause * (0.5 + random.random()))
            pause = min(2 * pause, 0.2)

    def _unreadable(self, error: duckdb.Error, read_only: bool) -> CalrecError:
        act = "read" if read_only else "written"
        space = "" if read_only else "check the free space, else "
        return CalrecError(
            f"expected annotations in {self.path.name} that can be {act}, found: "
            f"{self._said(error)}; {space}restore the file from a copy or move it away"
        )

    def _said(self, error: OSError | duckdb.Error) -> str:
        """An error's own words, on one line."""
        text = (isinstance(error, OSError) and error.strerror) or str(error)
        return local(" ".join(text.split()), self.path.parent)[:160]


def _check_format(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    rows = connection.execute("SELECT version FROM format").fetchall()
    if rows != [(VERSION,)]:
        found = rows[0][0] if len(rows) == 1 else f"{len(rows)} entries"
        raise CalrecError(
            f"expected annotations of format {VERSION} in {path.name}, found {found}; "
            "use the release that wrote it, or move the file away"
        )


def _in_use(error: duckdb.Error) -> bool:
    text = str(error)
    return "Could not set lock" in text or "different configuration" in text


def clean(text: Any) -> str:
    """Text that a file can hold: no half characters, no zero character."""
    if not isinstance(text, str):
        return ""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _texts(values: Sequence[Any]) -> list[Any]:
    return [clean(value) if isinstance(value, str) else value for value in values]


def _names(texts: Iterable[str], what: str, most: int) -> list[str]:
    """Names with folded white space, each once, without empty ones."""
    found = list(dict.fromkeys(filter(None, (" ".join(clean(text).split()) for text in texts))))
    if len(found) > most:
        raise CalrecError(f"expected at most {most} {what}s, found {len(found)}; take some away")
    for name in found:
        if len(name) > LONGEST_NAME:
            raise CalrecError(
                f"expected a {what} of at most {LONGEST_NAME} characters, found {len(name)}; "
                "choose a shorter one"
            )
    return found
