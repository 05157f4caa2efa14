"""The texts that the model wrote: while they grow, and at the end, equal ones folded together.

Pure functions of a `Recommendation`, or of the samples so far. All text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from calrec.ranking.algorithm import fold
from calrec.ranking.hierarchical import AttributeIndex
from calrec.records import Attributes, Item, Recommendation, Sample
from demo.html.record.tokens import strip
from demo.html.widgets import empty_state
from demo.html.wording import count, escape, probability, title_of

_LABELS = re.compile(r"(?:^|\. )(?:Title|Category|Brand|Price): ?")
_LEVELS = {
    4: ("4/4 exact", "good", "some item has exactly this title, category, brand and price"),
    3: ("3/4", "fair", "some item has exactly this title, category and brand"),
    2: ("2/4", "fair", "some item has exactly this title and category"),
    1: ("1/4", "fair", "some item has exactly this title"),
    0: ("no exact item", "plain", "no item has exactly this title; BM25 compares the words"),
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


def progress(step: int, limit: int, samples: Sequence[Sample]) -> str:
    """How far the decoding is: a bar over finished texts, and the step."""
    finished = sum(sample.finished for sample in samples)
    share = finished / len(samples) if samples else 0.0
    return (
        f'<div class="cr-progress" role="status"><div class="cr-track"><span style="width:'
        f'{share:.1%}"></span></div><p>Decoding step {step} of at most {limit}, '
        f"{finished} of {len(samples)} texts finished</p></div>"
    )


def streaming(samples: Sequence[Sample]) -> str:
    """The samples while they are written, in the order drawn, so that none jumps about."""
    ordered = sorted(samples, key=lambda sample: sample.order)
    low, high = _span(ordered)
    rows = "".join(
        f'<li class="cr-line">{_text_block(s)}<span class="cr-badges">{_state(s)}</span>'
        f"{_score(s, low, high)}</li>"
        for s in ordered
    )
    return f'<ul class="cr-list cr-samples cr-streaming">{rows}</ul>'


def view(
    record: Recommendation,
    items: Sequence[Item] = (),
    attributes: AttributeIndex | None = None,
    opened: int | None = None,
    *,
    pressed: bool = True,
) -> str:
    """The kept texts, best first and numbered as the columns are; the others folded away.

    Args:
      record: with samples.
      items: of the shop, in item-index order.
      attributes: of the same items: which one a text names; without them no row says so.
      opened: place in the order drawn of the text that is shown token by token.
      pressed: whether a row is a button that opens its text.
    """
    if not record.samples:
        return empty_state("No texts", f"{record.recommender} ranks without writing any.")
    groups = folded(record.samples)
    numbers = {fold(text): k + 1 for k, text in enumerate(record.ranking.columns)}
    rows = [
        (
            fold(one.sample.text) in numbers,
            _row(one, numbers, record, _matched(one.sample, items, attributes), opened, pressed),
        )
        for one in groups
    ]
    kept = "".join(row for is_kept, row in rows if is_kept)
    rest = [row for is_kept, row in rows if not is_kept]
    how = " Press one to see it token by token." if pressed else ""
    said = (
        f'<p class="cr-sub cr-wrap">{count(len(record.samples), "text")} written, '
        f"{len(groups)} of them different, {len(record.ranking.columns)} kept.{how}</p>"
    )
    best = (
        f'<ul class="cr-list cr-samples">{kept}</ul>'
        if kept
        else empty_state(
            "No text to match", "The model wrote nothing that could be compared with the items."
        )
    )
    if not rest:
        return said + best
    shown = any(
        fold(one.sample.text) not in numbers and one.sample.order == opened for one in groups
    )
    return (
        f'{said}{best}<details class="cr-more"{" open" if shown else ""}><summary>'
        f"{count(len(rest), 'more text')} that {'was' if len(rest) == 1 else 'were'} not used"
        f'</summary><ul class="cr-list cr-samples">{"".join(rest)}</ul></details>'
    )


def _row(
    one: Folded,
    numbers: dict[str, int],
    record: Recommendation,
    matched: str,
    opened: int | None,
    pressed: bool,
) -> str:
    sample = one.sample
    level = record.ranking.outcomes[sample.order].match_level
    number = numbers.get(fold(sample.text))
    label = (
        '<span class="cr-number"></span>'
        if number is None
        else f'<span class="cr-number cr-accent">{number}</span>'
    )
    is_open = opened == sample.order
    body = (
        f"{label}{_text_block(sample, matched)}"
        f'<span class="cr-badges">{_times_badge(one)}{match_badge(sample, level)}</span>'
        f"{_score(sample, *_span(record.samples))}"
    )
    if not pressed:
        return f'<li class="cr-line">{body}</li>'
    row = (
        f'<button type="button" class="cr-row" data-act="text" data-id="{sample.order}" '
        f'aria-expanded="{"true" if is_open else "false"}">{body}</button>'
    )
    inside = f'<div class="cr-opened">{strip(sample)}</div>' if is_open else ""
    return f"<li>{row}{inside}</li>"


def _times_badge(one: Folded) -> str:
    """How often a text was drawn; nothing for one that was drawn once."""
    if one.times == 1:
        return ""
    return f'<span class="cr-badge" title="drawn {one.times} times">× {one.times}</span>'


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


def _span(samples: Sequence[Sample]) -> tuple[float, float]:
    scores = [sample.score for sample in samples]
    return min(scores, default=0.0), max(scores, default=0.0)


def _score(sample: Sample, low: float, high: float) -> str:
    """A text's log-probability in nats, with a bar between the lowest and the highest one."""
    # Even the least likely text keeps a visible stub of a bar.
    width = 6 + 94 * ((sample.score - low) / (high - low) if high > low else 1.0)
    tip = f"sum of log-probabilities: {sample.score:.3f} nats, {probability(sample.score)}"
    return (
        f'<span class="cr-score" title="{escape(tip)}"><span class="cr-bar-track">'
        f'<span style="width:{width:.0f}%"></span></span>'
        f'<span class="cr-nats">{sample.score:.2f}</span></span>'
    )


def _text_block(sample: Sample, matched: str = "") -> str:
    """A text by its attributes, as far as it is written; `matched` names the item it means."""
    parsed = sample.attributes
    if parsed is None and not sample.finished:
        parsed = _so_far(sample.text)
    if parsed is None:
        inside = f'<span class="cr-title cr-raw">{escape(sample.text)}</span>'
    else:
        details = " · ".join(escape(v) for v in (parsed.brand, parsed.category, parsed.price) if v)
        inside = (
            f'<span class="cr-title">{escape(parsed.title) or "Unknown title"}</span>'
            f'<span class="cr-sub">{details or "&nbsp;"}</span>'
        )
    tip = f"{sample.text}\n{matched}" if matched else sample.text
    match = f'<span class="cr-sub cr-matched">{escape(matched)}</span>' if matched else ""
    return f'<span class="cr-item" title="{escape(tip)}">{inside}{match}</span>'


def _so_far(text: str) -> Attributes | None:
    """The attributes of a text that is still being written, the last one as far as it goes."""
    before, *values = _LABELS.split(text)
    if before or len(values) > 4:
        return None
    return Attributes(**dict(zip(("title", "category", "brand", "price"), values, strict=False)))


def _state(sample: Sample) -> str:
    return _badge("finished" if sample.finished else "writing", "plain", "")


def match_badge(sample: Sample, level: int) -> str:
    """How exactly the text names some item of the catalogue: on how many attributes."""
    if sample.attributes is None:
        return _badge("format error", "bad", "not the four labels in order; matched as plain words")
    return _badge(*_LEVELS[level])


def _badge(text: str, kind: str, tip: str) -> str:
    return f'<span class="cr-badge cr-{kind}" title="{escape(tip)}">{escape(text)}</span>'
