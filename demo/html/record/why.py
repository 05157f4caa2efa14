"""Why the first item stands first, and why another one does not: in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from calrec.ranking.corpus import Corpus
from calrec.ranking.hierarchical import AttributeIndex
from calrec.recommenders import register
from calrec.records import Item, Recommendation
from demo.html.record.tokens import strip, visible
from demo.html.templating import render
from demo.html.wording import count, listed, percent, probability, rank_range
from demo.inspect.own_text import OwnText
from demo.inspect.why import (
    Standing,
    Telling,
    Why,
    Words,
    found,
    namings,
    standing,
    unfound,
    why,
    words,
)

MOST_WORDS = 8
"""Words that are named."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What there is to be told of an item beside its place.

    Attributes:
      lines: sentences.
      strip: its own text token by token; empty without a model.
    """

    lines: Sequence[str]
    strip: Markup | str = ""


def view(
    record: Recommendation,
    items: Mapping[str, Item],
    attributes: AttributeIndex,
    target: Item | None,
    corpus: Corpus | None,
) -> Markup:
    """Why the first item is first, and what became of the item really bought.

    Args:
      record: with texts; its ranking whole.
      items: by id.
      attributes: of the shop's items, as the texts were cut.
      target: the item really bought, where it is known.
      corpus: what tells which words decide; `None` where no words do.
    """
    named = namings(record, attributes)
    one = why(record, named)
    if one is None:
        return render("record/why", "nothing")
    first = one.first
    behind = one.following
    bought = None
    if target is not None:
        own = standing(record, record.ranking.row(target.item_id), named)
        bought = _stands(record, own, one.written, corpus)
    return render(
        "record/why",
        "first",
        items[first.item_id],
        because(record, first, one.written, corpus),
        rival(record, one),
        items[behind.item_id] if behind is not None else None,
        None if target is None or target.item_id == first.item_id else (target, bought),
        target is not None and target.item_id == first.item_id,
    )


def why_not(
    records: Sequence[Recommendation],
    item: Item,
    attributes: AttributeIndex,
    corpus: Corpus | None,
    own: OwnText | None = None,
) -> Told:
    """Why an item stands where it stands and not first.

    Args:
      records: of the texts, then the other recommenders' over the same items.
      item: which.
      attributes: see `view`.
      corpus: see `view`.
      own: what the model makes of its text; `None` where that was not asked.
    """
    record, *others = records
    one = standing(record, record.ranking.row(item.item_id), namings(record, attributes))
    lines = [_upper(_stands(record, one, len(record.samples), corpus)) + "."]
    if own is not None:
        lines += _of_model(own)
    if others:
        lines.append(f"Elsewhere: {listed([placed(other, item.item_id) for other in others])}.")
    return Told(lines=lines, strip=strip(own.sample) if own else "")


def why_not_view(item: Item, told: Told, causes: Markup) -> Markup:
    """That as HTML, above what caused or hindered it."""
    return render("record/why", "why_not", item, told, causes)


def rival(record: Recommendation, one: Why) -> str:
    """What the next item has against the first; empty where that says nothing."""
    behind = one.following
    if behind is None:
        return ""
    if one.tied > 1:
        return f"{count(one.tied, 'item')} share the first place, as their scores are equal"
    if behind.probability > one.first.probability:
        several = "in several texts of which none alone is as probable"
        return f"the next has {percent(behind.probability)}, {several}"
    if not behind.is_named:
        return "no text names the next one" if found(record, behind) else ""
    return f"the next has {percent(behind.probability)}"


def because(record: Recommendation, one: Standing, written: int, corpus: Corpus | None) -> str:
    """Why an item stands where it stands, to follow the word."""
    if not found(record, one):
        return f"it was not found: {unfound(record.ranking, one.item_id) or 'no text matches it'}"
    if one.times and record.settings.get("decoder", "sample") != "sample":
        return f"the model gives its text {percent(one.probability)} of all probability"
    if one.times:
        verb = "names" if one.times == 1 else "name"
        return (
            f"{one.times} of {count(written, 'text')} {verb} it,"
            f" {percent(one.probability)} of the probability"
        )
    if one.column is None:
        return "of the texts that are not kept"
    tells = isinstance(corpus, Telling)
    shared = _shared(words(record, one.row, one.column, corpus)) if tells else "fits"
    return f"no text names it, and it {shared} text {one.column + 1}"


def _stands(record: Recommendation, one: Standing, written: int, corpus: Corpus | None) -> str:
    """An item's place and why, as a clause."""
    reason = because(record, one, written, corpus)
    if not found(record, one):
        return reason.removeprefix("it was ")
    place = f"place {rank_range(*one.ranks)} of {record.ranking.corpus_size:,}: {reason}"
    if one.column is None or not isinstance(corpus, Telling):
        return place
    lacking = words(record, one.row, one.column, corpus).lacking
    if not lacking:
        return place
    more = f" and {count(len(lacking) - MOST_WORDS, 'more')}" if len(lacking) > MOST_WORDS else ""
    named = listed([f"“{word}”" for word in lacking[:MOST_WORDS]])
    return f"{place}. Text {one.column + 1} decides for it; of its words it lacks {named}{more}"


def _shared(both: Words) -> str:
    return f"shares {len(both.shared)} of {len(both.shared) + len(both.lacking)} words with"


def _of_model(own: OwnText) -> list[str]:
    """What the model makes of the item's own text."""
    lines = [
        f"The model gives its own text {probability(own.sample.score)},"
        f" that of the first item {probability(own.first_score)}."
    ]
    if own.place is not None:
        lines.append(f"By that alone it would stand at place {own.place} of the shop.")
    elif own.lost is not None:
        instead = listed([f"“{visible(one)}”" for one in own.lost.instead], "or")
        led_on = f"the more probable items go on with {instead}" if own.lost.instead else ""
        lines.append(
            f"It lost at “{visible(own.lost.token)}”, part {own.lost.place + 1} of"
            f" {len(own.sample.token_ids)} of its text"
            + (f": {led_on}." if led_on else ": from there on too little probability is left.")
        )
    return lines


def placed(other: Recommendation, item_id: str) -> str:
    """Where a recommender has an item, as a clause."""
    name = register.title(other.recommender)
    reason = unfound(other.ranking, item_id)
    if reason:
        return f"{name} does not find it"
    return f"{name} has it at {rank_range(*other.ranking.ranks(item_id))}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
