"""What people note about cases: the one file that the page writes.

`workspace/annotations.sqlite` holds a star, a note and labels per case, the reasons offered as
labels, and saved slices. Several pages may share it. Each write is one transaction on one field:
two people at one case do not undo each other's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from calrec.errors import CalrecError
from demo.inspect.annotations_file import checked, create, opened
from demo.inspect.earlier_annotations import take_over

FILE = "annotations.sqlite"
"""Of a workspace."""
LONGEST_NOTE = 4_000
LONGEST_NAME = 60
"""Characters of a note, and of a label or a slice's name."""
MOST_LABELS = 20
MOST_REASONS = 60
MOST_SLICES = 50
"""Saved slices of a domain; each is measured whenever the page is shown."""
REASONS = (
    "right item, other edition",
    "accessory of the last purchase",
    "popular item",
    "history too short",
    "format error",
    "data problem",
)
"""Offered as labels until somebody changes them."""


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
_CASE = "domain, data, split, user_id, star, note, labels"
"""The columns that a case's digest covers."""


def labels_in_use(noted: Mapping[str, Annotation]) -> list[str]:
    """The labels of these cases, each once, in the order of the cases."""
    return list(dict.fromkeys(label for note in noted.values() for label in note.labels))


def joined_note(written: str, stored: str, seen: str | None) -> str:
    """The note to store where somebody writes over one that another may have changed meanwhile.

    Args:
      written: what is written now.
      stored: what is stored.
      seen: the stored note as the writer last read it; `None` to replace whatever is stored.
    """
    if seen is None or seen == stored or stored in written:
        return written
    return f"{stored}\n{written}".strip()


class Annotations:
    """Reads and writes the file; safe for several threads and processes.

    Every method raises `CalrecError`, one line, if the file is damaged, of a newer format, cannot
    be written, or stays in another process's hands for too long.

    Args:
      path: the file; made by the first write, or of an earlier release's `.duckdb` of that name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._earlier = path.with_suffix(".duckdb")

    # Cases

    def of(self, place: Place) -> Mapping[str, Annotation]:
        """All annotations of these purchases, by user."""
        rows = self._read(
            f"SELECT {_CASE}, digest FROM cases WHERE domain = ? AND data = ? AND split = ?", place
        )
        return {
            user_id: Annotation(star=bool(star), note=note, labels=tuple(json.loads(labels)))
            for *_, user_id, star, note, labels in rows
        }

    def set_star(self, place: Place, user_id: str, star: bool) -> None:
        """Stars a case, or takes the star away."""
        self._set(place, user_id, "star", int(star))

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
        key = _texts([*place, user_id])
        here = "WHERE domain = ? AND data = ? AND split = ? AND user_id = ?"

        def put(connection: sqlite3.Connection) -> None:
            # A damaged row gets no digest that says it is whole.
            checked(connection.execute(f"SELECT {_CASE}, digest FROM cases {here}", key), self.path)
            # `field` is one of our own three words.
            connection.execute(
                f"INSERT INTO cases (domain, data, split, user_id, {field}) VALUES (?, ?, ?, ?, ?)"
                f" ON CONFLICT DO UPDATE SET {field} = excluded.{field},"
                " updated = excluded.updated",
                [*key, value],
            )
            connection.execute(f"UPDATE cases SET digest = digest({_CASE}) {here}", key)

        self._write(put)

    # Reasons

    def reasons(self) -> tuple[str, ...]:
        """The labels on offer."""
        rows = self._read("SELECT name, place, digest FROM reasons ORDER BY place", [])
        return tuple(name for name, _ in rows) or REASONS

    def set_reasons(self, names: Iterable[str]) -> None:
        """Replaces them; none brings the first ones back. Labels already given stay.

        Raises:
          CalrecError: if one is too long, or there are more than `MOST_REASONS`.
        """
        found = _names(names, "reason", MOST_REASONS)

        def replace(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM reasons")
            connection.executemany(
                "INSERT INTO reasons VALUES (?1, ?2, digest(?1, ?2))",
                [(name, place) for place, name in enumerate(found)],
            )

        self._write(replace)

    # Slices

    def slices(self, domain: str) -> Mapping[str, str]:
        """The saved slices of a domain, the first `MOST_SLICES`: their queries by name."""
        rows = self._read(
            "SELECT domain, name, query, digest FROM slices WHERE domain = ? ORDER BY name"
            f" LIMIT {MOST_SLICES}",
            [domain],
        )
        return {name: query for _, name, query in rows}

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

        def save(connection: sqlite3.Connection) -> None:
            (count,) = connection.execute(others, values[:2]).fetchone()
            if count >= MOST_SLICES:
                raise CalrecError(
                    f"expected fewer than {MOST_SLICES} saved slices, found {count}; forget one, "
                    "then save again"
                )
            connection.execute(
                "INSERT INTO slices (domain, name, query, digest)"
                " VALUES (?1, ?2, ?3, digest(?1, ?2, ?3)) ON CONFLICT DO UPDATE SET"
                " query = excluded.query, digest = excluded.digest, updated = excluded.updated",
                values,
            )

        self._write(save)

    def drop_slice(self, domain: str, name: str) -> None:
        """Forgets a slice; one that is not there is no error."""
        key = _texts([domain, name])
        self._write(lambda c: c.execute("DELETE FROM slices WHERE domain = ? AND name = ?", key))

    # The file

    def _read(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Rows without their digest, the last column asked for."""
        if not self._is_there():
            return []
        with opened(self.path, write=False) as connection:
            return checked(connection.execute(sql, _texts(values)), self.path)

    def _write(self, what: Callable[[sqlite3.Connection], object]) -> None:
        if not self._is_there():
            create(self.path, lambda connection: None)
        with opened(self.path, write=True) as connection:
            what(connection)

    def _is_there(self) -> bool:
        """Whether there is a file; an earlier release's is taken over first."""
        if not self.path.exists() and self._earlier.exists():
            take_over(self.path, self._earlier)
        return self.path.exists()


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
