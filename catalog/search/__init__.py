"""Searching a domain: the items that match a query, and how well.

Whoosh reads the query; the tree is then worked out on the index's columns, which takes
milliseconds where Whoosh's own searcher takes half a second at 100,000 items. A word is a column, a
beginning a run of columns, `AND`, `OR` and `NOT` are operations on one truth value an item, and a
phrase is looked for in the items' own words.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import regex
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from calrec.records import Item
from calrec.text.words import units, words
from catalog.bm25 import Corpus
from catalog.highlight import Mark
from catalog.index import FIELDS, Index
from catalog.search.phrases import Phrases
from catalog.search.query import (
    ANYWHERE,
    ITEM_ID,
    And,
    Not,
    NullQuery,
    Or,
    Phrase,
    Prefix,
    Query,
    Term,
    clean,
    ends_open,
    found_terms,
    parse,
)
from catalog.search.spelling import correction, place

# Different words of one query that are corrected; each costs about a millisecond.
MAX_CORRECTED = 3

# What a word that only begins as asked scores; a whole word scores its BM25 impact.
_BEGINNING = 1.0

# A word of the query with its field; not a field's name, nor marked as the beginning of a word.
# Operators match too, but are too short to be corrected.
_INSIDE = r"[\p{L}\p{N}\p{M}\p{DI}_]"
_WORD = regex.compile(
    rf"\b{ITEM_ID}:\S+"
    rf"|(?:\b(?P<field>{ANYWHERE}|{'|'.join(FIELDS)}):)?(?P<word>{_INSIDE}++)(?![*:])"
)


@dataclass(frozen=True, kw_only=True)
class Hits:
    """What a query found.

    Attributes:
      items: item indices, ascending.
      scores: of each, higher is better: the sum of its words' BM25 impacts, those in the title
        counting twice.
      note: one plain line if the query was cut, corrected or not understood, else empty.
      did_you_mean: the query that was answered instead, if a word of it had a slip.
      marks: the words found by.
    """

    items: Int[np.ndarray, " H"]
    scores: Float[np.ndarray, " H"]
    note: str = ""
    did_you_mean: str = ""
    marks: tuple[Mark, ...] = ()


class Search:
    """Answers queries; safe for several threads.

    Args:
      index: of the domain.
      items: in item-index order.
      corpus: of the index by the rule `unicode`, for the scores.
    """

    def __init__(self, index: Index, items: Sequence[Item], corpus: Corpus):
        self._items = items
        self._words = index.words
        self._impacts = corpus.impacts
        self._columns_of: dict[str, sp.csc_array] = {**index.counts, ANYWHERE: corpus.impacts}
        self._phrases = Phrases(items, index.words)

    def search(self, query: str) -> Hits:
        """Items that hold all words of the query; its last word may be the beginning of one.

        Any text is a query: what is not understood is left out, and `note` says when nothing is
        left or when the text was cut. A word that no item has is taken for the most frequent one
        at one slip of the keyboard from it (see `catalog.search.spelling`), if that finds any.
        """
        query, cut = clean(query)
        corrected, unknown = self._corrected(query)
        if unknown:
            hits = self._found(corrected)
            if len(hits.items):
                named = " or ".join(f"“{word}”" for word in unknown)
                said = f"no item has {named}: these are the items for “{corrected}”"
                return replace(hits, note=_joined(cut, said, hits.note), did_you_mean=corrected)
        hits = self._found(query)
        return replace(hits, note=_joined(cut, hits.note))

    def matching(self, tree: Query) -> Bool[np.ndarray, " N"]:
        """Which items a tree of `catalog.search.query.parse` matches."""
        if isinstance(tree, And):
            return np.logical_and.reduce([self.matching(child) for child in tree])
        if isinstance(tree, Or):
            return np.logical_or.reduce([self.matching(child) for child in tree])
        if isinstance(tree, Not):
            return ~self.matching(tree.query)
        if isinstance(tree, Phrase):
            return self._matching_phrase(tree)
        found = np.zeros(len(self._items), bool)
        if isinstance(tree, Term | Prefix):
            found[self._holders(tree, tree.fieldname)] = True
        return found

    def _found(self, query: str) -> Hits:
        tree, note = parse(query)
        if tree == NullQuery:
            note = _joined(note, "nothing to search for: give a word or the start of one")
            return Hits(items=np.zeros(0, np.int64), scores=np.zeros(0), note=note)
        items = np.flatnonzero(self.matching(tree))
        terms = found_terms(tree)
        return Hits(
            items=items,
            scores=self._scores(terms)[items],
            note=note,
            marks=tuple(_mark(term) for term in terms if term.fieldname != ITEM_ID),
        )

    def _matching_phrase(self, phrase: Phrase) -> Bool[np.ndarray, " N"]:
        terms = [Term(phrase.fieldname, word) for word in phrase.words]
        among = np.flatnonzero(self.matching(And(terms)))
        found = np.zeros(len(self._items), bool)
        fields = FIELDS if phrase.fieldname == ANYWHERE else (phrase.fieldname,)
        # Without candidates there is nothing to read in.
        for field in fields if len(among) else ():
            found[self._phrases.holding(phrase.words, field, among)] = True
        return found

    def _columns(self, term: Term | Prefix) -> list[tuple[int, int]]:
        """The columns of a word, or of all words that begin so, as ranges.

        Of one character of those that are cut into pairs, also the pairs that end so.
        """
        if isinstance(term, Prefix):
            length = len(term.text)
            start = bisect_left(self._words, term.text)
            stop = bisect_right(self._words, term.text, key=lambda word: word[:length])
            return [(start, stop), *((i, i + 1) for i in self._pairs_ending.get(term.text, ()))]
        column = place(self._words, term.text)
        return [(column, column + 1)] if column >= 0 else []

    def _holders(self, term: Term | Prefix, field: str) -> Int[np.ndarray, " n"]:
        """The items with the word in that field; a beginning's once for each of its words."""
        if field == ITEM_ID:
            known = self._by_id.get(term.text)
            return np.asarray([] if known is None else [known], np.int64)
        return _entries(self._columns_of[field], self._columns(term))[0]

    def _scores(self, terms: Sequence[Term | Prefix]) -> Float[np.ndarray, " N"]:
        scores = np.zeros(len(self._items))
        worth = np.zeros(len(self._items))
        for term in dict.fromkeys(terms):
            having, impacts = _entries(self._impacts, self._columns(term))
            worth[having] = _BEGINNING if isinstance(term, Prefix) else impacts
            # An item that stands there more than once (a beginning) is added to once.
            for field in _scored_in(term.fieldname):
                holders = self._holders(term, field)
                scores[holders] += worth[holders]
        return scores

    def _corrected(self, query: str) -> tuple[str, list[str]]:
        """The query with words that no item has replaced, and the words that were."""
        parts, done = [], 0
        unknown: dict[tuple[str, str], str] = {}
        better: dict[tuple[str, str], str | None] = {}
        for found in _WORD.finditer(query):
            cut = words(found["word"] or "", "unicode")
            if len(cut) != 1 or units(cut[0]):
                continue
            asked = cut[0], found["field"] or ANYWHERE
            open_end = ends_open(query) and not query[found.end() :].strip()
            if open_end and self._begins_a_word(*asked):
                continue
            if asked not in better:
                if len(unknown) == MAX_CORRECTED:
                    continue
                better[asked] = self._correction(*asked)
            if better[asked] is not None:
                parts += [query[done : found.start("word")], better[asked]]
                done = found.end()
                unknown.setdefault(asked, found["word"])
        return "".join([*parts, query[done:]]), list(dict.fromkeys(unknown.values()))

    def _begins_a_word(self, word: str, field: str) -> bool:
        return any(start < end for start, end in self._columns(Prefix(field, word)))

    def _correction(self, word: str, field: str) -> str | None:
        if place(self._words, word) >= 0:
            return None
        return correction(word, self._words, np.diff(self._columns_of[field].indptr))

    @cached_property
    def _by_id(self) -> dict[str, int]:
        return {item.item_id: i for i, item in enumerate(self._items)}

    @cached_property
    def _pairs_ending(self) -> Mapping[str, list[int]]:
        """Character -> the columns of the pairs that end with it and do not begin with it."""
        found: dict[str, list[int]] = {}
        for column, word in enumerate(self._words):
            match units(word):
                case [first, last] if not first.startswith(last):
                    found.setdefault(last, []).append(column)
        return found


def _entries(
    matrix: sp.csc_array, ranges: Sequence[tuple[int, int]]
) -> tuple[Int[np.ndarray, " n"], np.ndarray]:
    """The items, and the values beside them, of those columns."""
    slices = [slice(matrix.indptr[start], matrix.indptr[stop]) for start, stop in ranges]
    if len(slices) == 1:
        return matrix.indices[slices[0]], matrix.data[slices[0]]
    items, values = (
        np.concatenate([part[:0], *(part[one] for one in slices)])
        for part in (matrix.indices, matrix.data)
    )
    return items, values


def _mark(term: Term | Prefix) -> Mark:
    return Mark(
        word=term.text,
        field=None if term.fieldname == ANYWHERE else term.fieldname,
        beginning=isinstance(term, Prefix) and len(units(term.text)) != 1,
    )


def _scored_in(field: str) -> tuple[str, ...]:
    if field == ITEM_ID:
        return ()
    return (ANYWHERE, "title") if field == ANYWHERE else (field,)


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
