"""A file that is not whole yet: its bytes, which version they belong to, and who writes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from calrec.records import codec
from calrec.records.files import put_in_place
from calrec.records.locks import lock
from catalog.errors import CatalogueError


@dataclass(frozen=True, kw_only=True)
class Version:
    """Which version of a file a part belongs to; lies beside the part as JSON.

    Attributes:
      url: where it was asked for.
      validator: a strong ETag, else the date of the last change; "" if the server tells neither.
      size: bytes of the whole file; None if the server does not tell.
    """

    url: str
    validator: str
    size: int | None


@dataclass(frozen=True, kw_only=True)
class PartialFile:
    """`<target>.part`, open to append, and `<target>.part.json`, its `Version`.

    What stops in between, a kill included, leaves both for the next call.
    """

    target: Path
    file: BinaryIO

    @property
    def path(self) -> Path:
        """The part itself."""
        return Path(self.file.name)

    @property
    def note(self) -> Path:
        """Where its version is noted."""
        return self.path.with_suffix(".part.json")

    def size(self) -> int:
        """Bytes there are."""
        return self.file.seek(0, os.SEEK_END)

    def version(self, url: str) -> Version | None:
        """What the bytes belong to; None if that is unknown, so that they cannot be continued."""
        try:
            version = codec.decode(Version, codec.from_text(self.note.read_bytes()))
        except (FileNotFoundError, ValueError):
            return None
        return version if version.url == url and version.validator else None

    def empty(self) -> None:
        """Starts anew."""
        self.file.truncate(0)

    def begin(self, version: Version) -> None:
        """Starts anew with another version."""
        # In this order: a kill between the two must not give old bytes a new version.
        self.empty()
        self.note.write_text(codec.to_text(codec.encode(version), indent=None))

    def drop(self) -> None:
        """Deletes the part and its note."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Gives the part its name; an older file of this name is replaced."""
        self.file.flush()
        put_in_place(self.path, self.target)
        self.note.unlink(missing_ok=True)


@contextmanager
def open_part(target: Path) -> Iterator[PartialFile]:
    """The part of a target, for this process alone; an empty one does not stay behind.

    Raises:
      CatalogueError: another process writes it.
      OSError: it cannot be written.
    """
    path = target.with_name(f"{target.name}.part")
    with path.open("ab") as file:
        if not lock(file.fileno(), path):
            raise CatalogueError(
                f"expected to write {path} alone, found another download at it: wait for its end"
            )
        part = PartialFile(target=target, file=file)
        try:
            yield part
        finally:
            if path.exists() and not path.stat().st_size:
                part.drop()
