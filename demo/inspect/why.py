"""Why an item stands where it stands: what the texts of a recommendation say of it, in figures.

Pure functions of a `Recommendation`; the sentences and pictures are made of what they return.

Shapes: K columns of a ranking.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from calrec.ranking.algorithm import fold
from calrec.ranking.corpus import Corpus, words_rule
from calrec.ranking.hierarchical import AttributeIndex
from calrec.records import Ranking, Recommendation, Sample
from calrec.text import TextSettings, query_words


@runtime_checkable
class Telling(Corpus, Protocol):
    """A corpus that tells how much each word adds to a score."""

    def contributions(self, query: Sequence[str], item: int) -> Mapping[str, float]:
        """What each of the query's words that an item has adds to its score."""
        ...


@dataclass(frozen=True, kw_only=True)
class Naming:
    """What a text is the text of.

    Attributes:
      column: its column of the ranking; `None` where it is not kept.
      times: how often it was written.
      probability: of the text under the model, 0 to 1.
      items: indices of the items that it names: those of its title, and as many more attributes
        as any item has.
    """

    column: int | None
    times: int
    probability: float
    items: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where an item stands, and what the texts say of it.

    Attributes:
      row: of the ranking.
      item_id: its id.
      ranks: optimistic and pessimistic.
      column: of the text that decides its score; `None` where no kept text matches it.
      is_named: whether that text names it.
      times: how many of the written texts name it.
      probability: of the different ones of them together, 0 to 1.
    """

    row: int
    item_id: str
    ranks: tuple[int, int]
    column: int | None
    is_named: bool
    times: int
    probability: float


@dataclass(frozen=True, kw_only=True)
class Why:
    """Why one item is first.

    Attributes:
      written: how many texts there are.
      retrieval: how they became items.
      first: the first item; of several with the same score, the one that most texts name.
      tied: how many have that score.
      following: the one behind it, or beside it where several are first; `None` in a shop of one.
    """

    written: int
    retrieval: str
    first: Standing
    tied: int
    following: Standing | None


def namings(record: Recommendation, attributes: AttributeIndex) -> list[Naming]:
    """What each different text names, in the order drawn.

    Args:
      record: with texts.
      attributes: of the shop's items, as the texts were cut.
    """
    columns = {fold(text): k for k, text in enumerate(record.ranking.columns)}
    groups: dict[str, list[Sample]] = {}
    for sample in record.samples:
        groups.setdefault(fold(sample.text), []).append(sample)
    return [
        Naming(
            column=columns.get(text),
            times=len(group),
            probability=math.exp(min(0.0, max(one.score for one in group))),
            items=tuple(attributes.find(group[0].attributes).items.tolist()),
        )
        for text, group in groups.items()
    ]


def standing(record: Recommendation, row: int, named: Sequence[Naming]) -> Standing:
    """What the texts say of the item of a row.

    Args:
      record: with texts.
      row: of its ranking.
      named: of the record.
    """
    ranking = record.ranking
    item = int(ranking.rows[row])
    own = [one for one in named if item in one.items]
    column = ranking.winner(row) if ranking.columns else None
    return Standing(
        row=row,
        item_id=ranking.item_ids[row],
        ranks=ranking.ranks(ranking.item_ids[row]),
        column=column,
        is_named=column is not None and any(one.column == column for one in own),
        times=sum(one.times for one in own),
        probability=min(1.0, sum(one.probability for one in own)),
    )


def why(record: Recommendation, named: Sequence[Naming]) -> Why | None:
    """Why the first item is first; `None` where no text matches any item.

    Args:
      record: with texts, its ranking whole.
      named: of the record.
    """
    order = [int(row) for row in record.ranking.order()[:20]]
    best = [standing(record, row, named) for row in order]
    first = [one for one in best if one.ranks[0] == 1]
    if not first or not found(record, first[0]):
        return None
    tied = first[0].ranks[1]
    # Those with one score are first alike: the one that is spoken of is the one most spoken of.
    first.sort(key=lambda one: -one.probability)
    behind = [*first[1:], *best[len(first) :]]
    return Why(
        written=len(record.samples),
        retrieval=retrieval_of(record),
        first=first[0],
        tied=tied,
        following=behind[0] if behind else None,
    )


def retrieval_of(record: Recommendation) -> str:
    """How the texts became items: a value of `calrec.records.settings.Retrieval`."""
    return record.settings.get("ranking", {}).get("retrieval", "bm25")


def found(record: Recommendation, one: Standing) -> bool:
    """Whether any text that counts has to do with an item."""
    return one.times > 0 if retrieval_of(record) == "exact" else one.column is not None


def unfound(ranking: Ranking, item_id: str) -> str:
    """Why an item is not found, in a few words; empty where it is, or where no texts decide."""
    row, retrieval = ranking.row(item_id), ranking.settings.get("ranking", {}).get("retrieval")
    if not ranking.columns or ranking.winner(row) is not None:
        return ""
    if retrieval == "exact":
        # Texts that are no columns count, too.
        return "" if ranking.scores[row] > ranking.scores.min() else "its text was not written"
    if not ranking.is_ranked(item_id):
        return "no text names it"
    return "shares no word"


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words of the text that decides an item's score.

    Attributes:
      shared: those that the item has, too, the one that adds most first.
      lacking: those that it lacks, as they stand in the text.
    """

    shared: tuple[str, ...]
    lacking: tuple[str, ...]


def words(record: Recommendation, row: int, column: int, corpus: Telling) -> Words:
    """What an item shares with a text, and what it lacks of it."""
    text = TextSettings(**record.settings.get("text", {}))
    query = query_words(record.ranking.columns[column], text, words_rule(corpus))
    added = corpus.contributions(query, int(record.ranking.rows[row]))
    return Words(
        shared=tuple(sorted(added, key=lambda word: (-added[word], word))),
        lacking=tuple(word for word in dict.fromkeys(query) if word not in added),
    )
