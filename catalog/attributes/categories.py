"""The levels of a category that came as text: `Home > Kitchen`, `Home/Kitchen`, `Home; Kitchen`.

What separates levels is told by the text itself where it can be, and by all texts of the domain
where it cannot: a slash also stands within names (`Audio/Video`), and a comma within names as well
as between two paths (`Clothing > Shirts, Sale > Shirts`). Of several paths the first one counts.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

ARROW = re.compile(r"[-=]>|::|[>»›→⟶➔➜▸]")
"""What separates levels wherever it stands."""
_BAR = re.compile(r"[;|\n]")
_SLASH = re.compile(r"(?<!\d)/+|/+(?!\d)")  # not that of a fraction (`4-1/2 in`)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_FULL_WIDTH = str.maketrans("＞；｜／，、", ">;|/,,")
_TAG = re.compile(r"<(/?[A-Za-z][^<>]*)>")
_WITHIN = "\x02"  # stands for a comma that belongs to a name
_HIDDEN = str.maketrans({",": _WITHIN, "/": "\x03", ">": "\x04"})
_SHOWN = str.maketrans({_WITHIN: ",", "\x03": "/", "\x04": ">"})


@dataclass(frozen=True, kw_only=True)
class CategoryColumn:
    """What all categories of a domain tell together.

    Attributes:
      slashes: whether a slash separates levels where nothing else does.
      roots: names that stand at the top of a path.
      joined: whether a comma behind two levels separates paths: some text begins with the same
        level before and behind one, or has the commas of names as `\\,`.
    """

    slashes: bool
    roots: frozenset[str]
    joined: bool


def column_of(texts: Iterable[str]) -> CategoryColumn:
    """What the distinct categories of a domain tell together."""
    texts = list(texts)
    known = [_plain(text) for text in texts]
    weak = [text for text in known if not (ARROW.search(text) or _BAR.search(text))]
    slashed = sum(bool(_SLASH.search(text)) for text in weak)
    tops = {_top(path) for text in known for path in _BAR.split(text)}
    return CategoryColumn(
        # Most of them have one, and not only few names.
        slashes=0 < len(weak) <= 2 * slashed,
        roots=frozenset(top for top in tops if top and "," not in top),
        joined=any("\\," in text for text in texts) or any(map(_repeats_its_top, known)),
    )


def levels(text: str, column: CategoryColumn) -> tuple[list[str], bool]:
    """The levels of a category, top first, and whether it has further paths.

    There are none if the text holds nothing but separators.
    """
    text = _plain(text)
    parts = [part for part in _BAR.split(text) if part.strip()] or [""]
    path, several = parts[0], False
    for separator in (ARROW, _SLASH):
        if _separates(separator, parts, column):
            path = _first_path(parts[0], column)
            several = len(parts) > 1 or path != parts[0]
            parts = separator.split(path)
            break
    else:
        if len(parts) == 1:
            # A comma with a space behind it also stands within names (`Tapes, Adhesives &
            # Sealants`), so it separates only where no other does.
            parts = re.split(r",(?=\S)" if re.search(r",\S", path) else ", ", path)
    names = (" ".join(part.translate(_SHOWN).split()) for part in parts)
    return [name for name in names if name.strip("/,")], several


def _plain(text: str) -> str:
    text = html.unescape(text.translate(_FULL_WIDTH)).replace("\\,", _WITHIN)
    # The signs of a tag separate nothing.
    text = _TAG.sub(lambda tag: tag[0].translate(_HIDDEN), text)
    return _THOUSANDS.sub(_WITHIN, text)


def _top(path: str) -> str:
    separator = ARROW if ARROW.search(path) else _SLASH
    return next((name for part in separator.split(path) if (name := part.strip())), "")


def _first_path(text: str, column: CategoryColumn) -> str:
    """The text up to the comma behind which another path begins."""
    known = column.roots | {_top(text)}
    first, *names = text.split(",")
    starts = accumulate((len(name) + 1 for name in names), initial=len(first))
    separators = filter(None, (ARROW.search(text), _SLASH.search(text)))
    separated = min((found.start() for found in separators), default=len(text))
    for comma, name in zip(starts, names, strict=False):
        tight, has_levels = text[comma + 1 : comma + 2].strip(), separated < comma
        if tight or _top(name) in known or (column.joined and has_levels):
            return text[:comma]
    return text


def _has_levels(text: str) -> bool:
    return bool(ARROW.search(text) or _SLASH.search(text))


def _repeats_its_top(text: str) -> bool:
    first, *others = text.split(",")
    return _has_levels(first) and _top(first) in map(_top, others)


def _separates(separator: re.Pattern, parts: list[str], column: CategoryColumn) -> bool:
    """Whether it separates the levels of what bars, if any, separate."""
    if separator is ARROW:
        return any(map(ARROW.search, parts))
    if len(parts) == 1:
        return column.slashes and bool(_SLASH.search(parts[0]))
    depths = [len(_SLASH.split(part)) for part in parts]
    same_top = len({_top(part) for part in parts}) == 1
    return max(depths) > 1 and (same_top or max(depths) > 2 or (column.slashes and min(depths) > 1))
