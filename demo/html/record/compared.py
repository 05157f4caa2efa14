"""An item and a text word by word: which words they share, and what each adds to the score."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from calrec.ranking.corpus import Corpus, words_rule
from calrec.records import Attributes
from calrec.text import TextSettings, document_words, parse, query_words, truncated
from calrec.text.words import Rule, places

_WORD = re.compile(r"\w+")


@runtime_checkable
class Explaining(Corpus, Protocol):
    """A corpus that tells how much each word adds to a score."""

    def contributions(self, query: Sequence[str], item: int) -> Mapping[str, float]:
        """What each of the query's words adds for the item of that index."""
        ...


class Piece(NamedTuple):
    """A stretch of a text.

    Attributes:
      text: as it stands there.
      shared: whether both sides have it.
      part: what it adds to BM25, where the word stands first; `None` elsewhere or where no BM25
        is.
    """

    text: str
    shared: bool = False
    part: float | None = None


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Both sides in pieces, and how many words they share."""

    item: Sequence[Piece]
    text: Sequence[Piece]
    words: int


def compared(
    item: Attributes,
    index: int,
    text: str,
    settings: TextSettings,
    corpus: Explaining | None = None,
) -> Compared:
    """An item and a generated text, shared words marked.

    Args:
      item: as the catalogue has it.
      index: its item index.
      text: as it was written.
      settings: how items become text.
      corpus: BM25 of the items; without it words have no parts.
    """
    rule: Rule = "paper"
    if corpus is not None:
        rule = words_rule(corpus)
        parts = corpus.contributions(query_words(text, settings, rule), index)
        shared: Mapping[str, float | None] = dict(parts)
    else:
        shared = dict.fromkeys(
            {*document_words(item, settings, rule)} & {*query_words(text, settings, rule)}
        )
    parsed = parse(text, settings)
    written = text if parsed is None else joined(truncated(parsed, settings))
    return Compared(
        item=_runs(pieces(joined(truncated(item, settings)), dict.fromkeys(shared), rule)),
        text=pieces(written, shared, rule),
        words=len(shared),
    )


def joined(attributes: Attributes) -> str:
    """The values that are known, in their order."""
    return " · ".join(value for value in attributes.values() if value)


def pieces(text: str, shared: Mapping[str, float | None], rule: Rule) -> list[Piece]:
    """The text in pieces, which put together are the text.

    Args:
      text: any.
      shared: the words to mark, each with its part.
      rule: that cuts words.
    """
    found, done = [], 0
    told: set[str] = set()
    for start, end, words in _stretches(text, shared, rule):
        if start > done:
            found.append(Piece(text[done:start]))
        new = [part for word in words - told if (part := shared[word]) is not None]
        found.append(Piece(text[start:end], True, sum(new) if new else None))
        told |= words
        done = end
    return [*found, Piece(text[done:])] if done < len(text) else found


def _runs(found: Sequence[Piece]) -> list[Piece]:
    """Shared words with nothing but signs between them as one piece."""
    runs: list[Piece] = []
    for piece in found:
        if piece.shared and len(runs) > 1 and runs[-2].shared and not _WORD.search(runs[-1].text):
            between, before = runs.pop(), runs.pop()
            piece = Piece(before.text + between.text + piece.text, True)
        runs.append(piece)
    return runs


def _stretches(
    text: str, shared: Mapping[str, float | None], rule: Rule
) -> Iterator[tuple[int, int, set[str]]]:
    """From where to where shared words stand; those that overlap are one stretch."""
    places_of = (
        _plain(text) if rule == "paper" else ((p.start, p.end, p.word) for p in places(text))
    )
    open_: tuple[int, int, set[str]] | None = None
    for start, end, word in places_of:
        if word not in shared:
            continue
        if open_ and start < open_[1]:
            open_ = (open_[0], max(end, open_[1]), open_[2] | {word})
            continue
        if open_:
            yield open_
        open_ = (start, end, {word})
    if open_:
        yield open_


def _plain(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _WORD.finditer(text):
        yield (*found.span(), found[0].lower())
