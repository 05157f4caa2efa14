"""A result told in five stops: one sentence each, made of the result's own figures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from calrec.ranking.algorithm import fold
from calrec.ranking.hierarchical import AttributeIndex
from calrec.recommenders import register
from calrec.records import Item, Recommendation, Sample
from calrec.records.attribution import Attribution
from demo.html.chances import chance, percent
from demo.html.record import decoding
from demo.html.record.causes import NOTHING, said
from demo.html.record.texts import folded
from demo.html.record.why import because, placed, rival
from demo.html.templating import render
from demo.html.wording import count, rank_range, spelled, title_of
from demo.inspect.side_by_side import SideBySide
from demo.inspect.telling import FIRST
from demo.inspect.why import Telling, namings, retrieval_of, unfound, why, words

_LONGEST = 80
"""Characters of a title."""
_AGREES = ("", "title", "title and category", "title, category and brand", "all four attributes")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a story is told of.

    Attributes:
      made: the rankings.
      items: of the shop, by id.
      attributes: of the same items, as the texts were cut.
      target: the item really bought next, where it is known.
      shopper: whose history it is; empty for one that was put together.
      asked: texts that were asked for, where the model was stopped before all were finished.
      attribution: of the texts' columns, in their order, where it was computed.
    """

    made: SideBySide
    items: Mapping[str, Item]
    attributes: AttributeIndex
    target: Item | None = None
    shopper: str = ""
    asked: int | None = None
    attribution: Attribution | None = None


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A stop of the story.

    Attributes:
      step: of the walkthrough where it is seen.
      part: id of what is seen there.
      title: in a few words.
      sentence: what is to be said.
    """

    step: int
    part: str
    title: str
    sentence: str


def stops(told: Told) -> tuple[Stop, ...]:
    """The five stops."""
    parts = (
        (1, "history", "What was bought", _bought),
        (3, "samples", "What the model wrote", _wrote),
        (4, "matrix", "How a text becomes an item", _matched),
        (5, "why", "What comes first, and why", _first),
        (5, "ranks", "Whether it was right", _right),
    )
    return tuple(
        Stop(step=step, part=part, title=title, sentence=f"{of(told)}.")
        for step, part, title, of in parts
    )


def view(told: Told) -> Markup:
    """The button that tells it, and what it tells, for the script."""
    record = told.made.calrec
    generation = record.generation
    read = len(record.history) - (generation.items_cut if generation else 0)
    asks = told.attribution is None and read > 1
    return render("record/story", "story", stops(told), asks, told.asked is not None)


def told_view(told: Told) -> Markup:
    """The sentences below each other."""
    return render("record/story", "told", stops(told))


def bar() -> Markup:
    """Where the sentences are shown one by one; the script fills it."""
    return render("record/story", "bar")


def _bought(told: Told) -> str:
    record = told.made.calrec
    number, last = len(record.history), _named(record.history[-1])
    cut = record.generation.items_cut if record.generation else 0
    if told.shopper:
        what = f"Shopper {told.shopper} bought {count(number, 'item')}"
    else:
        what = f"This history holds {count(number, 'purchase')}"
    line = f"{what}, the last one {last}" if number > 1 else f"{what}: {last}"
    return f"{line}; the model reads only the last {number - cut:,}" if cut else line


def _wrote(told: Told) -> str:
    record = told.made.calrec
    texts = folded(record.samples)
    best, written = texts[0], len(record.samples)
    name, share = _text(best.sample), percent(chance(best.sample.score))
    kind = decoding.of(record)
    if kind is not None and kind.id == "likelihood":
        whose = "candidates" if record.settings.get("candidates") else "items"
        whole = f"The model computed how probable the texts of {written:,} {whose} are"
        return f"{whole}: the most probable is {name} with {share}"
    if kind is not None and kind.id == "trie-beam":
        whole = f"The model searched for the {count(written, 'item')} with the most probable texts"
        return f"{whole}: the first of them is {name} with {share}"
    what = count(written, "text")
    verb, of = "wrote", "of what might come next"
    if kind is not None and kind.bound:
        verb, of = "drew", "from those of the shop's own items"
    if told.asked is not None:
        lead = f"Stopped early, the model had finished {written} of {count(told.asked, 'text')}"
    else:
        lead = f"From these purchases the model {verb} {what} {of}"
    if written == 1:
        return f"{lead}: {name}, with a probability of {share}"
    if len(texts) == 1:
        return f"{lead}, all the same: {name}, with a probability of {share}"
    differ = "all different" if len(texts) == written else f"{len(texts)} of them different"
    often = "once" if best.times == 1 else count(best.times, "time")
    return f"{lead}, {differ}; the most probable one, {name} with {share}, came {often}"


def _matched(told: Told) -> str:
    record, retrieval = told.made.calrec, retrieval_of(told.made.calrec)
    ranking = record.ranking
    if not ranking.columns:
        return "No text could be compared with the items"
    raw = ranking.raw[:, 0]
    level = float(raw.max(initial=0.0))
    rows = np.flatnonzero(raw == level).tolist() if level > 0 else []
    rows.sort(key=lambda row: ranking.ranks(ranking.item_ids[row]))
    best = _named(told.items[ranking.item_ids[rows[0]]]) if rows else ""
    others = count(len(rows) - 1, "other") if len(rows) > 1 else ""
    kept = fold(folded(record.samples)[0].sample.text) == fold(ranking.columns[0])
    text = "the most probable one" if kept else "the most probable one that is kept"
    if retrieval == "exact":
        kind = decoding.of(record)
        if kind is not None and kind.bound:
            own = "Each text is an item's own, so that nothing has to be matched"
        else:
            own = "A text counts only where it is an item's own, word for word"
        whose = f"that of {best}" if rows else "no item's"
        return f"{own}: {text} is {whose}{f' and of {others}' if others else ''}"
    if retrieval == "hierarchical":
        how = "A text becomes the item of the same title, then category, brand and price"
        if not rows:
            return f"{how}: {text} has no item's title"
        agrees = f"{how}: {text} agrees in {_AGREES[round(level)]} with {best}"
        return f"{agrees} and {others}" if others else agrees
    how = f"Each text is compared with {_compared(record)} by the words they share"
    if not rows:
        return f"{how}; {text} shares no word with any of them"
    if others:
        return f"{how}; {text} fits {best} and {others} equally well"
    corpus = told.made.corpora[0]
    if not isinstance(corpus, Telling):
        return f"{how}; {text} fits {best} best"
    both = words(record, rows[0], 0, corpus)
    shared, total = len(both.shared), len(both.shared) + len(both.lacking)
    has = f"all {total}" if shared == total else f"{shared} of the {total}"
    return f"{how}; {text} fits {best} best, which has {has} of its words"


def _compared(record: Recommendation) -> str:
    first = record.settings.get("first_stage")
    if retrieval_of(record) == "rerank" and first:
        return f"the best items of {register.title(first['recommender'])}"
    return f"all {count(record.ranking.corpus_size, 'item')}"


def _first(told: Told) -> str:
    record = told.made.calrec
    one = why(record, namings(record, told.attributes))
    if one is None:
        return "No item comes first, as no text has anything in common with one"
    name = _named(told.items[one.first.item_id])
    reason = because(record, one.first, one.written, told.made.corpora[0])
    line = f"{name} comes first because {reason}"
    cause = _cause(told, one.first.column)
    more = cause if cause and one.tied == 1 else rival(record, one)
    return f"{line}; {more}" if more else line


def _cause(told: Told, column: int | None) -> str:
    """The purchase without which the text would be least probable; empty where it is not known."""
    found = told.attribution
    if found is None or column is None or column >= found.changes.shape[1]:
        return ""
    changes = found.changes[:, column]
    row = int(changes.argmin())
    if changes[row] > -NOTHING:
        return "leaving out any one purchase makes its text no less probable"
    place = found.items_cut + row
    purchase = _named(told.made.calrec.history[place])
    did = said(float(changes[row]))
    return f"of all purchases number {place + 1}, {purchase}, did most for its text: {did}"


def _right(told: Told) -> str:
    record, target = told.made.calrec, told.target
    if target is None:
        unknown = "What was really bought next is not known, so nobody can say whether it is right"
        return unknown + _others_first(told)
    name, total = _named(target), record.ranking.corpus_size
    best, worst = record.ranking.ranks(target.item_id)
    missed = unfound(record.ranking, target.item_id)
    if missed:
        line = f"Missed: {name}, really bought next, is not found, as {_missed(missed)}"
    elif worst == 1:
        line = f"Right: {name}, really bought next, comes first"
    elif best == 1:
        tied = f"is one of {spelled(worst)} items that share the first place"
        line = f"A tie decides: {name}, really bought next, {tied}"
    else:
        if worst <= FIRST:
            lead = f"Among the first {spelled(FIRST)}, not first"
        else:
            lead = "Missed" if best > FIRST else "A tie decides"
        place = f"place {rank_range(best, worst)} of {total:,}"
        line = f"{lead}: {name}, really bought next, stands at {place}"
    return line + _beside(told, target)


def _missed(reason: str) -> str:
    return f"it {reason}" if reason.startswith("shares") else reason


def _beside(told: Told, target: Item) -> str:
    """Where the best of the recommenders beside has the item really bought."""
    others, item_id = told.made.others, target.item_id
    if not others:
        return ""
    finding = [one for one in others if not unfound(one.ranking, item_id)] or others
    best = min(finding, key=lambda one: one.ranking.ranks(item_id)[::-1])
    where = f"; {placed(best, item_id)}"
    if len(others) == 1:
        return where
    if unfound(best.ranking, item_id):
        return f"; none of the {spelled(len(others))} beside it finds it"
    return f"{where}, the best of {spelled(len(others))} beside it"


def _others_first(told: Told) -> str:
    """What the recommender beside puts first; of several the first one named."""
    if not told.made.others:
        return ""
    other = told.made.others[0]
    both = (one.ranking for one in (told.made.calrec, other))
    own, its = (one.item_ids[int(one.order()[0])] for one in both)
    what = "the same item" if own == its else _named(told.items[its])
    return f"; {register.title(other.recommender)} has {what} first"


def _text(sample: Sample) -> str:
    title = sample.attributes.title if sample.attributes else None
    return _quoted(title or sample.text or "an empty text")


def _named(item: Item) -> str:
    return _quoted(title_of(item))


def _quoted(text: str) -> str:
    return f"“{textwrap.shorten(text, _LONGEST, placeholder='…') or text[:_LONGEST]}”"
