"""What became of an item in a search over the catalogue: in words, by turning points, by token.

Pure functions of a `Way`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calrec.records import Item
from calrec.records.exploration import Exploration, Step, Turn, Way
from calrec.text import LABELS
from demo.html.record.tokens import SURPRISING, visible
from demo.html.wording import LEAST, count, percent, rank_range, spelled, title_of

OUTSIDE = 0.03
"""What leads to no item is told of from this probability on."""
SURE = math.log(0.9)
"""A word whose log-probability is below this is a turning point."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of an item.

    Attributes:
      item: the item.
      name: what it is here.
      sentences: in words.
      parts: attribute, value, chance and its width in percent, and what is alive behind it.
      turns: the places where the model was not sure.
      tokens: as `record/tokens.html` draws them.
      panels: of each token, what stood beside.
    """

    item: Item
    name: str
    sentences: Sequence[str]
    parts: Sequence[tuple[str, str, str, float, str]]
    turns: Sequence[TurningPoint]
    tokens: Sequence[tuple[str, str, str, float]]
    panels: Sequence[Sequence[tuple[str, str, float, str, bool]]]


@dataclass(frozen=True, kw_only=True)
class TurningPoint:
    """A place where the model was not sure of the item.

    Attributes:
      attribute: of which it is part.
      word: that the item has there.
      chance: in words.
      width: the same, percent.
      alive: what is left of the item behind it.
      instead: words in its place, each with its chance, its width and a title that it leads to.
      is_lost: whether the item fell out of the first ones here.
    """

    attribute: str
    word: str
    chance: str
    width: float
    alive: str
    instead: Sequence[tuple[str, str, float, str]]
    is_lost: bool


def told(found: Exploration, items: Mapping[str, Item], way: Way, name: str) -> Told:
    """What a page says of an item's way.

    Args:
      found: the search.
      items: of the shop, by id.
      way: of the item.
      name: what the item is called, at the beginning of a sentence.
    """
    return Told(
        item=way.item,
        name=name,
        sentences=_sentences(found, items, way, name),
        parts=[
            (
                part.attribute.capitalize(),
                part.value or "none",
                percent(math.exp(part.log_prob)),
                100 * math.exp(part.log_prob),
                percent(math.exp(part.total)),
            )
            for part in way.parts()
        ],
        turns=[
            _turning_point(way, place, items)
            for place, step in enumerate(way.steps)
            if step.log_prob < SURE or place == way.lost
        ],
        tokens=[
            (
                visible(step.text),
                percent(math.exp(step.log_prob)),
                percent(math.exp(step.total)),
                min(1.0, -step.log_prob / SURPRISING),
            )
            for step in way.steps
        ],
        panels=[_panel(step, items) for step in way.steps],
    )


def _sentences(found: Exploration, items: Mapping[str, Item], way: Way, name: str) -> list[str]:
    """Where the item stands, what cost it most, and where it fell out of the first ones."""
    total, first = found.tree.items, spelled(found.first)
    name = f"{name}, “{title_of(way.item)}”,"
    chance = percent(math.exp(way.log_prob))
    if way.ranks is not None:
        said = [f"{name} has {chance}: place {rank_range(*way.ranks)} of {total:,}."]
    elif found.exact:
        last = count(sum(len(one.item_ids) for one in found.found), "item")
        said = [f"{name} has {chance}, less than each of the {last} found."]
    else:
        said = [f"{name} has {chance}. The search was cut short, so its place is not known."]
    dearest = way.dearest
    step = way.steps[dearest]
    if step.log_prob < SURE and step.turns:
        best = step.turns[0]
        led_to = items.get(best.best or "")
        leads = f" (as in {title_of(led_to)})" if led_to else ""
        said.append(
            f"It lost most in its {_attribute(way, dearest)}, where {_word(way, dearest)} had"
            f" {percent(math.exp(step.log_prob))} and {_turn(best)}"
            f" {percent(math.exp(best.log_prob))}{leads}."
        )
    needed = percent(math.exp(found.needed))
    if way.lost is not None and way.lost == dearest:
        said.append(f"There it fell out of the first {first}: the last of them has {needed}.")
    elif way.lost is not None:
        at = f"{_word(way, way.lost)} in its {_attribute(way, way.lost)}"
        left = percent(math.exp(way.steps[way.lost].total))
        said.append(
            f"It fell out of the first {first} at {at}: {left} was left, and the last of them has"
            f" {needed}."
        )
    elif way.ranks is not None and way.ranks[0] <= found.first:
        said.append(f"It is among the first {first}.")
    return said


def _turning_point(way: Way, place: int, items: Mapping[str, Item]) -> TurningPoint:
    step = way.steps[place]
    return TurningPoint(
        attribute=_attribute(way, place),
        word=_word(way, place),
        chance=percent(math.exp(step.log_prob)),
        width=100 * math.exp(step.log_prob),
        alive=percent(math.exp(step.total)),
        instead=_instead(step, items),
        is_lost=place == way.lost,
    )


def _instead(step: Step, items: Mapping[str, Item]) -> list[tuple[str, str, float, str]]:
    """The likeliest words in a place, and what leads to no item where that is worth a line."""
    words = [
        (_turn(turn), percent(share), 100 * share, _leads_to(turn, items))
        for turn in step.turns[:3]
        if (share := math.exp(turn.log_prob)) >= LEAST
    ]
    if step.outside >= OUTSIDE:
        words.append(("others", percent(step.outside), 100 * step.outside, "no item of this shop"))
    return words


def _leads_to(turn: Turn, items: Mapping[str, Item]) -> str:
    if (best := items.get(turn.best or "")) is not None:
        title = title_of(best)
        return title if turn.items == 1 else f"{title} and {count(turn.items - 1, 'more item')}"
    return count(turn.items, "item")


def _panel(step: Step, items: Mapping[str, Item]) -> list[tuple[str, str, float, str, bool]]:
    """The tokens in a place: text, chance, width, where it leads to, and whether it is its own."""
    own = (step.log_prob, visible(step.text), count(step.items, "item"), True)
    others = [(t.log_prob, visible(t.text), _leads_to(t, items), False) for t in step.turns]
    ordered = sorted([own, *others], key=lambda one: -one[0])
    return [
        (text, percent(math.exp(log_prob)), 100 * math.exp(log_prob), leads, is_own)
        for log_prob, text, leads, is_own in ordered
    ]


def _attribute(way: Way, place: int) -> str:
    """The attribute that is written in a place; a label ends the one before it."""
    step = way.steps[place]
    if step.attribute is None or _is_label(step.text):
        before = [one.attribute for one in way.steps[:place] if one.attribute]
        return before[-1] if before else "title"
    return step.attribute


def _word(way: Way, place: int) -> str:
    step = way.steps[place]
    return "the end" if step.attribute is None or _is_label(step.text) else f"“{step.word}”"


def _turn(turn: Turn) -> str:
    return "the end" if _is_label(turn.text) or not turn.word else f"“{turn.word}”"


def _is_label(text: str) -> bool:
    return text in LABELS[1:]
