"""Titles cut short where they agree, so that what sets them apart stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from calrec.records import Attributes

GAP = "…"
"""Stands for the words left out."""


def names(things: Sequence[Attributes]) -> list[str]:
    """Their titles; behind equal ones stand brand, category and price where these differ."""
    titles = [thing.title or "Untitled" for thing in things]
    often = Counter(titles)
    found = []
    for title, thing in zip(titles, things, strict=True):
        alike = [one for one, other in zip(things, titles, strict=True) if other == title]
        more = [
            getattr(thing, name) or f"no {name}"
            for name in ("brand", "category", "price")
            if often[title] > 1 and len({getattr(one, name) for one in alike}) > 1
        ]
        found.append(" · ".join([title, *more]))
    return found


def told_apart(titles: Sequence[str], longest: int) -> list[str]:
    """Each title within `longest` characters, unequal ones unequal still.

    Of a longer title those words stay first that others lack, the rarest before all; then its
    first words, as far as there is room. A title may be longer if only so it differs.
    """
    words = {title: title.split() for title in titles}
    lacking = {title: frozenset(of) for title, of in words.items()}
    cut = {
        title: title
        if len(title) <= longest
        else _cut(of, [lacking[other] for other in words if other != title], longest)
        for title, of in words.items()
    }
    often = Counter(cut.values())
    return [cut[title] if often[cut[title]] == 1 else title for title in titles]


def _cut(words: Sequence[str], others: Sequence[frozenset[str]], longest: int) -> str:
    kept = _telling(words, others)
    for place in range(len(words)):
        more = kept | {place}
        if len(_joined(words, more)) > longest:
            break
        kept = more
    return _joined(words, kept)


def _telling(words: Sequence[str], others: Sequence[frozenset[str]]) -> set[int]:
    """Places of a few words such that each of the others lacks one of them, where it lacks any."""
    kept: set[int] = set()
    left = [other for other in others if not other.issuperset(words)]
    while left:
        lack = [sum(word not in other for other in left) for word in words]
        best = lack.index(max(lack))
        kept.add(best)
        left = [other for other in left if words[best] in other]
    return kept


def _joined(words: Sequence[str], kept: set[int]) -> str:
    parts, before = [], -1
    for place in sorted(kept):
        parts += [GAP] * (place > before + 1) + [words[place]]
        before = place
    return " ".join([*parts, *[GAP] * (before + 1 < len(words))])
