"""Attribute values as HTML, with the words marked that a search found."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from calrec.text import Attributes

# As `calrec.text.words` cuts; here it matters where a word stands.
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Words to mark.

    Attributes:
      word: in lower case.
      field: the only attribute to mark it in; `None` for all of them.
      beginning: whether longer words that begin so are marked too.
    """

    word: str
    field: str | None = None
    beginning: bool = False


def highlight_item(item: Attributes, marks: Sequence[Mark]) -> Attributes:
    """The item's attribute values as HTML; `None` where one is not known."""
    values = {field.name: getattr(item, field.name) for field in fields(Attributes)}
    return Attributes(
        **{
            name: value and highlight(value, [m for m in marks if m.field in (None, name)])
            for name, value in values.items()
        }
    )


def highlight(value: str, marks: Sequence[Mark]) -> str:
    """The value with everything escaped and the marked words within `<mark>` and `</mark>`."""
    whole = {mark.word for mark in marks}
    beginnings = tuple(mark.word for mark in marks if mark.beginning)
    places = _places(value)
    parts, done = [], 0
    for found in _WORD.finditer(value.lower()):
        if found[0] in whole or found[0].startswith(beginnings):
            start, end = max(done, places[found.start()]), places[found.end() - 1] + 1
            parts += [
                html.escape(value[done:start]),
                f"<mark>{html.escape(value[start:end])}</mark>",
            ]
            done = end
    return "".join(parts) + html.escape(value[done:])


def _places(value: str) -> Sequence[int]:
    """For each character of the value in lower case, which character of the value it comes from."""
    if len(value.lower()) == len(value):
        return range(len(value))
    return [i for i, character in enumerate(value) for _ in character.lower()]
