"""The texts that a run kept of a case; equal ones are folded together."""

from __future__ import annotations

from calrec.ranking import fold
from calrec.recommendation import Recommendation, Sample
from demo.record.texts import Folded, folded, match_badge
from demo.widgets import empty_state
from demo.wording import count, escape, probability


def texts(record: Recommendation) -> str:
    """The kept texts, best first and numbered as the columns are; the others folded away."""
    groups = folded(record.samples)
    numbers = {fold(text): k + 1 for k, text in enumerate(record.columns)}
    scores = [one.sample.score for one in groups]
    low, high = min(scores), max(scores)
    rows = [(fold(one.sample.text) in numbers, _row(one, numbers, low, high)) for one in groups]
    kept = "".join(row for is_kept, row in rows if is_kept)
    rest = [row for is_kept, row in rows if not is_kept]
    best = (
        f'<ul class="cr-list cr-samples">{kept}</ul>'
        if kept
        else empty_state(
            "No text to match", "The model wrote nothing that could be compared with the items."
        )
    )
    said = (
        f'<p class="cr-sub cr-wrap">{count(len(record.samples), "text")} written, {len(groups)} of '
        f"them different, {len(record.columns)} kept.</p>"
    )
    if not rest:
        return said + best
    return (
        f'{said}{best}<details class="cr-more"><summary>{count(len(rest), "more text")} that '
        f"{'was' if len(rest) == 1 else 'were'} not used</summary>"
        f'<ul class="cr-list cr-samples">{"".join(rest)}</ul></details>'
    )


def _row(one: Folded, numbers: dict[str, int], low: float, high: float) -> str:
    sample = one.sample
    number = numbers.get(fold(sample.text))
    label = "" if number is None else f'<span class="cr-number cr-accent">{number}</span>'
    times = (
        f'<span class="cr-badge" title="drawn {one.times} times">× {one.times}</span>'
        if one.times > 1
        else ""
    )
    # Even the least likely text keeps a visible stub of a bar.
    width = 6 + 94 * ((sample.score - low) / (high - low) if high > low else 1.0)
    tip = f"sum of log-probabilities: {sample.score:.3f} nats, {probability(sample.score)}"
    return (
        f'<li class="cr-line">{label}{_words(sample)}'
        f'<span class="cr-badges">{times}{match_badge(sample)}</span>'
        f'<span class="cr-score" title="{escape(tip)}"><span class="cr-bar-track">'
        f'<span style="width:{width:.0f}%"></span></span>'
        f'<span class="cr-nats">{sample.score:.2f}</span></span></li>'
    )


def _words(sample: Sample) -> str:
    parsed = sample.attributes
    if parsed is None:
        inside = f'<span class="cr-title cr-raw">{escape(sample.text)}</span>'
    else:
        details = " · ".join(escape(v) for v in (parsed.brand, parsed.category, parsed.price) if v)
        inside = (
            f'<span class="cr-title">{escape(parsed.title) or "Unknown title"}</span>'
            f'<span class="cr-sub">{details or "&nbsp;"}</span>'
        )
    return f'<span class="cr-item" title="{escape(sample.text)}">{inside}</span>'
