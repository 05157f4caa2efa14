"""The rankings side by side: who puts what where, what decided it, and which words did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup

from calrec.ranking.corpus import Corpus, words_rule
from calrec.ranking.rules import Rules
from calrec.recommenders import register
from calrec.records import Item, Recommendation
from calrec.text import TextSettings, query_words
from demo.html.record import decided
from demo.html.record.compared import Explaining
from demo.html.record.decided import Factors, Reason
from demo.html.record.titles import told_apart
from demo.html.templating import render
from demo.html.wording import rank_range, title_of
from demo.inspect.why import unfound

TOP = 20
"""Places shown of each ranking."""
_TITLE = 72
"""Characters of a title; it is cut where it agrees with the others."""


@dataclass(frozen=True, kw_only=True)
class RankedItem:
    """A row of a ranking.

    Attributes:
      item: that stands there.
      title: its title, cut where it agrees with those of the other rows.
      number: its rank in words; a dash where it is not found.
      score: as it is written.
      is_target: whether it is the item really bought.
      is_bought: whether the history has it.
      is_moved: whether it stands behind all others because of that.
      is_beyond: whether it stands below the places shown.
      text: number and text of the column that decides; `None` without any.
      reason: what decided its place beside the one above; `None` where no text has a say.
      factors: its score as a product, where it is one.
      words: shared with that text, each with its part of BM25, the largest first.
      place: its optimistic rank.
      there: its optimistic rank by each recommender beside.
    """

    item: Item
    title: str
    number: str
    score: str
    is_target: bool
    is_bought: bool
    is_moved: bool
    is_beyond: bool = False
    text: tuple[int, str] | None = None
    reason: Reason | None = None
    factors: Factors | None = None
    words: Sequence[tuple[str, float]] = ()
    place: int = 0
    there: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Table:
    """A ranking as it is shown.

    Attributes:
      name: of the recommender.
      rows: its places.
      rule: by which it ranks, in words.
      has_texts: whether texts decide.
      beside: name and label of the recommenders whose places stand beside.
      top: places shown of each; an arrow says something only of an item that stands in both.
    """

    name: str
    rows: Sequence[RankedItem]
    rule: str = ""
    has_texts: bool = False
    beside: Sequence[tuple[str, str]] = ()
    top: int = TOP


def ranks_view(
    records: Sequence[Recommendation],
    target: Item | None,
    rules: Rules | None = None,
    known: Sequence[str] = (),
) -> Markup:
    """Each recommender's rank of the item really bought, the ties in words.

    Args:
      records: over the same items.
      target: the item really bought, where it is known.
      rules: by which all of them rank.
      known: how the model may know the item already (`calrec.evaluation.leaks`).
    """
    if target is None:
        return render("record/ranking", "no_target")
    cards = [
        (
            register.title(one.recommender),
            one.ranking.ranks(target.item_id),
            one.ranking.corpus_size,
            one.ranking.is_ranked(target.item_id),
            unfound(one.ranking, target.item_id),
        )
        for one in records
    ]
    words = rules.words if rules else ""
    return render("record/ranking", "ranks", target, cards, words, known)


def rankings_view(
    record: Recommendation,
    others: Sequence[Recommendation],
    items: Mapping[str, Item],
    target: Item | None,
    corpora: Sequence[Corpus | None] = (),
    top: int = TOP,
) -> Markup:
    """The first places of all rankings side by side, the true item marked in each.

    Args:
      record: the first; beside its items stands where the others put them.
      others: over the same items.
      items: by id.
      target: the item really bought, where it is known.
      corpora: of each record in turn, what tells how much each word adds to its BM25 scores;
        `None` for one without such scores.
      top: places shown.
    """
    own, *of_others = corpora or [None] * (1 + len(others))
    tables = [
        _table(record, others, items, target, own, top),
        *(
            _table(other, [record], items, target, of_other, top)
            for other, of_other in zip(others, of_others, strict=True)
        ),
    ]
    return render("record/ranking", "rankings", tables)


def shown_rows(record: Recommendation, target: Item | None, top: int) -> list[int]:
    """The best `top` rows and, where it is not among them, the row of the true item."""
    rows = [int(row) for row in record.ranking.order()[:top]]
    if target is not None:
        row = record.ranking.item_ids.index(target.item_id)
        if row not in rows:
            rows.append(row)
    return rows


def moved(record: Recommendation) -> frozenset[str]:
    """Ids of the items that stand behind all others because they were bought before."""
    if record.settings.get("bought") != "last":
        return frozenset()
    return frozenset(item.item_id for item in record.history)


def _table(
    record: Recommendation,
    beside: Sequence[Recommendation],
    items: Mapping[str, Item],
    target: Item | None,
    corpus: Corpus | None,
    top: int,
) -> Table:
    entry = register.entries().get(record.recommender)
    decimals = entry.decimals if entry else 3
    order = record.ranking.order()
    rows = []
    for row, place in zip(
        ranked_items(record, items, target, top, decimals),
        shown_rows(record, target, top),
        strict=True,
    ):
        column = record.ranking.winner(place) if record.ranking.columns else None
        before = order[: int(np.flatnonzero(order == place)[0])]
        ranks = record.ranking.ranks(row.item.item_id)
        rows.append(
            replace(
                row,
                number="–" if unfound(record.ranking, row.item.item_id) else rank_range(*ranks),
                text=None if column is None else (column + 1, record.ranking.columns[column]),
                reason=None
                if row.is_moved
                else decided.reason(record, place, int(before[-1]) if len(before) else None),
                factors=decided.factors(record, place),
                words=_words(record, place, column, corpus),
                place=ranks[0],
                there=[other.ranking.ranks(row.item.item_id)[0] for other in beside],
            )
        )
    return Table(
        name=register.title(record.recommender),
        rows=rows,
        rule=_rule(record),
        has_texts=bool(record.samples),
        top=top,
        beside=[(register.title(o.recommender), register.label(o.recommender)) for o in beside],
    )


def ranked_items(
    record: Recommendation,
    items: Mapping[str, Item],
    target: Item | None,
    top: int,
    decimals: int = 3,
) -> list[RankedItem]:
    """The first `top` places and that of the true item, numbered by place; nothing of why."""
    ranking, last = record.ranking, moved(record)
    bought = {item.item_id for item in record.history}
    shown = shown_rows(record, target, top)
    titles = told_apart([title_of(items[ranking.item_ids[row]]) for row in shown], _TITLE)
    found = []
    for place, (row, title) in enumerate(zip(shown, titles, strict=True)):
        item = items[ranking.item_ids[row]]
        is_moved = item.item_id in last
        ranks = ranking.ranks(item.item_id)
        found.append(
            RankedItem(
                item=item,
                title=title,
                number=str(place + 1) if place < top else rank_range(*ranks),
                score="–" if is_moved else f"{ranking.scores[row]:,.{decimals}f}",
                is_target=target is not None and item.item_id == target.item_id,
                is_bought=item.item_id in bought,
                is_moved=is_moved,
                is_beyond=place >= top,
            )
        )
    return found


def _rule(record: Recommendation) -> str:
    entry = register.entries().get(record.recommender)
    rule = entry.sentence if entry else ""
    if record.recommender == "lir":
        rule = f"{rule} Here: {title_of(record.history[-1])}"
    return rule


def _words(
    record: Recommendation, row: int, column: int | None, corpus: Corpus | None
) -> list[tuple[str, float]]:
    """The words that the item shares with the text that won it, each with its part of BM25."""
    if column is None or not isinstance(corpus, Explaining):
        return []
    text = TextSettings(**record.settings.get("text", {}))
    query = query_words(record.ranking.columns[column], text, words_rule(corpus))
    shared = corpus.contributions(query, int(record.ranking.rows[row]))
    return sorted(shared.items(), key=lambda pair: (-pair[1], pair[0]))


def timings_line(record: Recommendation) -> Markup:
    """The seconds of each step, in one line."""
    return render("record/ranking", "timings", record.timings)
