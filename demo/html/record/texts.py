"""The texts that the model wrote: while they grow, and at the end, equal ones folded together.

Pure functions of a `Recommendation`, or of the samples so far.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from markupsafe import Markup

from calrec.ranking.algorithm import fold
from calrec.ranking.hierarchical import AttributeIndex
from calrec.records import Attributes, Item, Recommendation, Sample
from demo.html.chances import against, axis_end, chance
from demo.html.record.tokens import strip
from demo.html.templating import render
from demo.html.widgets import empty_state
from demo.html.wording import count, title_of

_LABELS = re.compile(r"(?:^|\. )(?:Title|Category|Brand|Price): ?")
_LEVELS = {
    4: ("exact item", "good", "some item has exactly this title, category, brand and price"),
    3: ("all but price", "fair", "some item has exactly this title, category and brand"),
    2: ("title, category", "fair", "some item has exactly this title and category"),
    1: ("title", "fair", "some item has exactly this title"),
    0: ("no exact item", "plain", "no item has exactly this title; its words are compared"),
}


class Folded(NamedTuple):
    """Equal texts: the best of their samples, and how many there are."""

    sample: Sample
    times: int


def folded(samples: Sequence[Sample]) -> list[Folded]:
    """Equal texts together, most probable first; white space tells none apart."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(fold(sample.text), []).append(sample)
    best = [Folded(min(g, key=lambda s: (-s.score, s.order)), len(g)) for g in groups.values()]
    return sorted(best, key=lambda one: (-one.sample.score, one.sample.order))


@dataclass(frozen=True, kw_only=True)
class Line:
    """A text as a row of a list.

    Attributes:
      order: place in the order drawn.
      title: that it names; the whole text where it cannot be taken apart.
      details: its further attributes; `None` where it cannot be taken apart.
      tip: the whole text and what it matches.
      matched: in words, which item it names.
      badge: text, kind and tip.
      score: log-probability, nats.
      chance: the same as a probability.
      width: of its bar, percent; 100 is the end of the axis.
      times: how often it was drawn.
      number: of its column; `None` for one that is not kept.
    """

    order: int
    title: str
    details: str | None
    tip: str
    matched: str
    badge: tuple[str, str, str]
    score: float
    chance: float
    width: float
    times: int = 1
    number: int | None = None


def progress(step: int, limit: int, samples: Sequence[Sample]) -> Markup:
    """How far the decoding is: a bar over finished texts, and the step."""
    finished = sum(sample.finished for sample in samples)
    share = finished / len(samples) if samples else 0.0
    said = f"Decoding step {step} of at most {limit}, {finished} of {len(samples)} texts finished"
    return render("parts", "progress", share, 1, said)


def streaming(samples: Sequence[Sample], *, stopped: bool = False) -> Markup:
    """The samples while they are written, in the order drawn, so that none jumps about.

    Args:
      samples: so far.
      stopped: whether the model was stopped, so that the unfinished ones stay as they are.
    """
    state = "stopped" if stopped else "writing"
    ordered = sorted(samples, key=lambda sample: sample.order)
    end = _end(ordered)
    lines = [
        _line(one, ("finished" if one.finished else state, "plain", ""), end) for one in ordered
    ]
    return render("record/texts", "streaming", lines)


def view(
    record: Recommendation,
    items: Sequence[Item] = (),
    attributes: AttributeIndex | None = None,
    opened: int | None = None,
    *,
    pressed: bool = True,
) -> Markup:
    """The kept texts, best first and numbered as the columns are; the others folded away.

    Bars are probabilities on an axis from 0, so that what is as probable looks alike.

    Args:
      record: with samples.
      items: of the shop, in item-index order.
      attributes: of the same items: which one a text names; without them no row says so.
      opened: place in the order drawn of the text that is shown token by token.
      pressed: whether a row is a button that opens its text.
    """
    if not record.samples:
        return empty_state("No texts", f"{record.recommender} ranks without writing any.")
    numbers = {fold(text): k + 1 for k, text in enumerate(record.ranking.columns)}
    end, found = _end(record.samples), folded(record.samples)
    lines = [
        _line(
            one.sample,
            _match(one.sample, record.ranking.outcomes[one.sample.order].match_level),
            end,
            matched=_matched(one.sample, items, attributes),
            times=one.times,
            number=numbers.get(fold(one.sample.text)),
        )
        for one in found
    ]
    return render(
        "record/texts",
        "texts",
        len(record.samples),
        kept=[line for line in lines if line.number],
        rest=[line for line in lines if not line.number],
        columns=len(record.ranking.columns),
        end=end,
        order=order_words(found, record.settings),
        opened=opened,
        strip=next((strip(one) for one in record.samples if one.order == opened), ""),
        pressed=pressed,
    )


def _line(
    sample: Sample,
    badge: tuple[str, str, str],
    end: float,
    *,
    matched: str = "",
    **more: Any,
) -> Line:
    """A text by its attributes, as far as it is written."""
    parsed = sample.attributes
    if parsed is None and not sample.finished:
        parsed = _so_far(sample.text)
    title, details = sample.text, None
    if parsed is not None:
        title = parsed.title or "Unknown title"
        details = " · ".join(v for v in (parsed.brand, parsed.category, parsed.price) if v)
    return Line(
        order=sample.order,
        title=title,
        details=details,
        tip=f"{sample.text}\n{matched}" if matched else sample.text,
        matched=matched,
        badge=badge,
        score=sample.score,
        chance=chance(sample.score),
        width=100 * chance(sample.score) / end,
        **more,
    )


def _matched(sample: Sample, items: Sequence[Item], attributes: AttributeIndex | None) -> str:
    """In words, which item the text names."""
    if attributes is None:
        return ""
    found = attributes.find(sample.attributes)
    if not found.level:
        return ""
    first = items[int(found.items[0])]
    more = f" and {count(len(found.items) - 1, 'more item')}" if len(found.items) > 1 else ""
    # The title of an exact match stands in the line above.
    named = f"item {first.item_id}" if found.level == 4 else title_of(first)
    return named + more


def _end(samples: Sequence[Sample]) -> float:
    """Where the axis of the bars ends."""
    return axis_end(max((chance(sample.score) for sample in samples), default=1.0))


def order_words(found: Sequence[Folded], settings: Mapping[str, Any]) -> str:
    """Why a text that was drawn far less often stands above another; empty where none does.

    Args:
      found: most probable first.
      settings: of the record; says at which temperature texts were drawn.
    """
    pairs = [(a, b) for a, b in pairwise(found) if b.times >= max(2 * a.times, a.times + 3)]
    if not pairs:
        return ""
    above, below = max(pairs, key=lambda pair: pair[1].times - pair[0].times)
    one, other = against(chance(above.sample.score), chance(below.sample.score))
    temperature = settings.get("sampling", {}).get("temperature", 1.0)
    drawn, why = sum(each.times for each in found), "drawing is chance"
    if above.sample.tempered_log_probs and below.sample.tempered_log_probs:
        few, many = (
            drawn * math.exp(sum(each.sample.tempered_log_probs)) for each in (above, below)
        )
        why += f": at temperature {temperature:g} about {few:.0f} and {many:.0f} of {drawn}"
        why += " were to be expected"
    elif temperature != 1:
        why += f", and temperature {temperature:g} favours other texts than the model does"
    return (
        "Texts stand in the order of their probability under the model, as the method ranks them,"
        f" not of how often they were drawn: one with {one}, drawn {count(above.times, 'time')},"
        f" stands above one with {other}, drawn {count(below.times, 'time')}; {why}."
    )


def _so_far(text: str) -> Attributes | None:
    """The attributes of a text that is still being written, the last one as far as it goes."""
    before, *values = _LABELS.split(text)
    if before or len(values) > 4:
        return None
    return Attributes(**dict(zip(("title", "category", "brand", "price"), values, strict=False)))


def _match(sample: Sample, level: int) -> tuple[str, str, str]:
    if sample.attributes is None:
        return "format error", "bad", "not the four labels in order; matched as plain words"
    return _LEVELS[level]
