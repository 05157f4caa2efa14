"""Attribute values as HTML, with the words marked that a search found."""

from __future__ import annotations

import html
from collections.abc import Sequence, Set
from dataclasses import dataclass, fields

from calrec.records import Attributes
from calrec.text.words import places


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Words to mark.

    Attributes:
      word: by the rule `unicode`; or one character of those that it cuts into pairs.
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
    parts, done = [], 0
    for start, end in _spans(value, whole, beginnings):
        parts += [html.escape(value[done:start]), f"<mark>{html.escape(value[start:end])}</mark>"]
        done = end
    return "".join(parts) + html.escape(value[done:])


def _spans(value: str, whole: Set[str], beginnings: tuple[str, ...]) -> list[tuple[int, int]]:
    """From where to where the value is marked; what overlaps is one."""
    spans: list[tuple[int, int]] = []
    for word, start, end in places(value) if whole else ():
        if word in whole or word.startswith(beginnings):
            if spans and start < spans[-1][1]:
                start, end = spans[-1][0], max(end, spans.pop()[1])
            spans.append((start, end))
    return spans
