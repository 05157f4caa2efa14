"""JSON files of our own: frozen dataclasses as text, with a format's name, version and digest.

    {"format": NAME, "version": NUMBER, ...the record's fields, "digest": sha256 of all the rest}

Reading is strict: JSON as its standard has it, numbers that are finite, fields of exactly their
types, and none that is unknown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from calrec.errors import CalrecError
from calrec.records import digests

T = TypeVar("T")

Number = int | float
"""A field's type where a whole number shall stay one: digests are of what was written."""


def encode(record: Any) -> dict[str, Any]:
    """A dataclass as a JSON-able object: its fields by name, tuples as lists.

    Raises:
      ValueError: if a number in it is not finite, which JSON cannot say.
    """
    content = msgspec.to_builtins(record, str_keys=True)
    _check_finite(content, "")
    return content


def decode(kind: type[T], content: Any) -> T:
    """The inverse of `encode`.

    Args:
      kind: a dataclass, or any type that msgspec knows.
      content: as it was read.

    Raises:
      ValueError: if a field is missing, unknown, of another type, not finite, or what the class
        itself says of a value.
      CalrecError: where the class says it so.
    """
    try:
        _check_finite(content, "")
        record = msgspec.convert(content, kind)
        _check_known(content, msgspec.to_builtins(record, str_keys=True), "")
    except RecursionError:
        raise ValueError("too many objects inside one another") from None
    return record


def to_text(content: Any, *, indent: int | None = 1, sort_keys: bool = False) -> str:
    """JSON-able content as a file says it, with the line's end.

    Raises:
      ValueError: if a number is not finite.
    """
    return json.dumps(content, indent=indent, sort_keys=sort_keys, allow_nan=False) + "\n"


def from_text(text: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
      ValueError: if it is no JSON, or a number in it is not finite.
    """
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise ValueError("too many objects inside one another") from None


@dataclass(frozen=True, kw_only=True)
class Format:
    """What a kind of file is called, and which version of it this release writes and reads.

    Attributes:
      name: such as `calrec-checkpoint`.
      version: raised with every change that an earlier release could not read.
      remedy: what to do with a file of another version or a damaged one.
      name_field: where a file says the name.
      version_field: where it says the version.
      earlier: versions that are read as well; what they do not say has its default.
    """

    name: str
    version: int
    remedy: str
    name_field: str = "format"
    version_field: str = "version"
    earlier: tuple[int, ...] = ()

    def seal(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The content with name and version before it and its digest behind it."""
        head = {self.name_field: self.name, self.version_field: self.version}
        whole = {**head, **content}
        return {**whole, "digest": digests.of_record(whole)}

    def read(self, path: Path) -> dict[str, Any]:
        """The content of a file, name, version and digest included.

        Raises:
          CalrecError: if the file is no JSON, or what `check` refuses.
          OSError: if it cannot be read.
        """
        try:
            content = from_text(path.read_bytes())
        except ValueError as error:
            raise CalrecError(
                f"{path}: expected JSON, found a damaged file ({error}); {self.remedy}"
            ) from None
        self.check(content, str(path))
        return content

    def check(self, content: Any, where: str) -> None:
        """Refuses what is not this version of this format.

        Args:
          content: as it was read.
          where: the file, for the error's text.

        Raises:
          CalrecError: if it is of another format, of a version that is not read, or was changed
            after it was written.
        """
        if not isinstance(content, dict):
            raise CalrecError(
                f"{where}: expected a JSON object, found {type(content).__name__}; {self.remedy}"
            )
        found = content.get(self.name_field), content.get(self.version_field)
        if found[0] != self.name or found[1] not in (self.version, *self.earlier):
            raise CalrecError(
                f"{where}: expected {self.name} {self.version}, found {found[0]} {found[1]};"
                f" {self.remedy}"
            )
        if content.get("digest") != digests.of_record(content):
            raise CalrecError(
                f"{where}: expected it as it was saved, found an edited or damaged one;"
                f" {self.remedy}"
            )

    def decode(self, kind: type[T], content: Any, where: str) -> T:
        """The record that a file's fields are, or what one of them holds.

        Args:
          kind: the record's class.
          content: the whole file, whose name, version and digest are left out, or a part of it.
          where: the file and the part, for the error's text.

        Raises:
          CalrecError: if one of them is missing, unknown or of another type.
        """
        own = (self.name_field, self.version_field, "digest")
        if isinstance(content, Mapping) and content.get(self.name_field) == self.name:
            content = {name: value for name, value in content.items() if name not in own}
        try:
            return decode(kind, content)
        except (CalrecError, ValueError) as error:
            raise CalrecError(
                f"{where}: expected the fields of {self.name} {self.version}, found one that is"
                f" missing or of the wrong form ({error}); {self.remedy}"
            ) from None


def _check_finite(content: Any, place: str) -> None:
    """Raises `ValueError` for the first number that is not finite."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            _check_finite(value, f"{place}.{name}")
    elif isinstance(content, list | tuple):
        for number, value in enumerate(content):
            _check_finite(value, f"{place}[{number}]")
    elif isinstance(content, float) and not math.isfinite(content):
        raise ValueError(f"expected a finite number at ${place}, found {content}")


def _check_known(content: Any, read: Any, place: str) -> None:
    """Raises `ValueError` for the first name of the content that its record does not have."""
    if isinstance(content, Mapping) and isinstance(read, Mapping):
        for name, value in content.items():
            if name not in read:
                raise ValueError(f"an unknown field {name!r} at ${place}")
            _check_known(value, read[name], f"{place}.{name}")
    elif isinstance(content, list) and isinstance(read, list):
        for number, (value, known) in enumerate(zip(content, read, strict=True)):
            _check_known(value, known, f"{place}[{number}]")
