"""What the recommenders did, as HTML: the samples, the prompt, both rankings, the ranks.

Pure functions of a `Recommendation`, or of the samples so far. All text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from calrec.recommendation import Recommendation, Sample
from calrec.text import Attributes, Item
from demo.widgets import empty_state, item_block, title_of
from demo.wording import count, escape, probability, rank_range, rank_sentence

_LABELS = re.compile(r"(?:^|\. )(?:Title|Category|Brand|Price): ?")

TOP = 10
"""Places shown of each ranking."""


def progress(step: int, limit: int, samples: Sequence[Sample]) -> str:
    """How far the decoding is: a bar over finished texts, and the step."""
    finished = sum(sample.finished for sample in samples)
    share = finished / len(samples) if samples else 0.0
    return (
        f'<div class="cr-progress" role="status"><div class="cr-track"><span style="width:'
        f'{share:.1%}"></span></div><p>Decoding step {step} of at most {limit}, '
        f"{finished} of {len(samples)} texts finished</p></div>"
    )


def streaming_samples(samples: Sequence[Sample]) -> str:
    """The samples while they are written, in the order drawn, so that none jumps about."""
    ordered = sorted(samples, key=lambda sample: sample.order)
    return _sample_list(ordered, ordered, {}, "cr-streaming")


def final_samples(recommendation: Recommendation) -> str:
    """The kept texts, best first and numbered as the columns are; the others folded away."""
    numbers = {text: k + 1 for k, text in enumerate(recommendation.columns)}
    samples = sorted(recommendation.samples, key=lambda s: (-s.score, s.order))
    kept = sorted((s for s in samples if s.kept), key=lambda s: numbers.get(s.text, 0))
    others = [s for s in samples if not s.kept]
    best = (
        _sample_list(kept, samples, numbers)
        if kept
        else empty_state(
            "No text to match", "The model wrote nothing that could be compared with the items."
        )
    )
    if not others:
        return best
    return (
        f'{best}<details class="cr-more"><summary>{count(len(others), "more text")} that '
        f"{'was' if len(others) == 1 else 'were'} not used</summary>"
        f"{_sample_list(others, samples, numbers)}</details>"
    )


def _sample_list(
    shown: Sequence[Sample],
    all_samples: Sequence[Sample],
    numbers: Mapping[str, int],
    style: str = "",
) -> str:
    scores = [sample.score for sample in all_samples]
    rows = "".join(_sample_row(s, min(scores), max(scores), numbers) for s in shown)
    return f'<ul class="cr-list cr-samples {style}">{rows}</ul>'


def _sample_row(sample: Sample, low: float, high: float, numbers: Mapping[str, int]) -> str:
    # Even the least likely text keeps a visible stub of a bar.
    width = 6 + 94 * ((sample.score - low) / (high - low) if high > low else 1.0)
    number = numbers.get(sample.text) if sample.kept else None
    label = "" if number is None else f'<span class="cr-number cr-accent">{number}</span>'
    score = f"sum of log-probabilities: {sample.score:.3f} nats, {probability(sample.score)}"
    return (
        f'<li class="cr-line">{label}'
        f'<span class="cr-item" title="{escape(sample.text)}">{_sample_text(sample)}</span>'
        f'<span class="cr-badges">{_badges(sample)}</span>'
        f'<span class="cr-score" title="{escape(score)}"><span class="cr-bar-track">'
        f'<span style="width:{width:.0f}%"></span></span>'
        f'<span class="cr-nats">{sample.score:.2f}</span></span></li>'
    )


def _sample_text(sample: Sample) -> str:
    parsed = sample.attributes
    if parsed is None and not sample.finished:
        parsed = _so_far(sample.text)
    if parsed is None:
        return f'<span class="cr-title cr-raw">{escape(sample.text)}</span>'
    details = " · ".join(escape(v) for v in (parsed.brand, parsed.category, parsed.price) if v)
    return (
        f'<span class="cr-title">{escape(parsed.title) or "Unknown title"}</span>'
        f'<span class="cr-sub">{details or "&nbsp;"}</span>'
    )


def _so_far(text: str) -> Attributes | None:
    """The attributes of a text that is still being written, the last one as far as it goes."""
    before, *values = _LABELS.split(text)
    if before or len(values) > 4:
        return None
    return Attributes(**dict(zip(("title", "category", "brand", "price"), values, strict=False)))


def _badges(sample: Sample) -> str:
    if sample.kept:
        use = _badge("kept", "good", "one of the texts compared with the items")
    elif sample.why_not.startswith("duplicate"):
        use = _badge("duplicate", "plain", sample.why_not)
    elif sample.why_not:
        use = _badge(sample.why_not, "plain", sample.why_not)
    else:
        return _badge("finished" if sample.finished else "writing", "plain", "")
    return use + match_badge(sample)


def match_badge(sample: Sample) -> str:
    """How exactly the text names some item of the catalogue."""
    if sample.attributes is None:
        return _badge("format error", "bad", "not the four labels in order; matched as plain words")
    level = sample.match_level
    names = {
        4: ("4/4 exact", "good", "some item has exactly this title, category, brand and price"),
        3: ("3/4", "fair", "some item has exactly this title, category and brand"),
        2: ("2/4", "fair", "some item has exactly this title and category"),
        1: ("1/4", "fair", "some item has exactly this title"),
        0: ("no exact item", "plain", "no item has exactly this title; BM25 compares the words"),
    }
    return _badge(*names[level])


def _badge(text: str, kind: str, tip: str) -> str:
    return f'<span class="cr-badge cr-{kind}" title="{escape(tip)}">{escape(text)}</span>'


def prompt_view(recommendation: Recommendation) -> str:
    """The text that the model read, with its length and what did not fit."""
    cut = recommendation.items_cut
    fits = "the whole history fits" if cut == 0 else f"{count(cut, 'oldest item')} did not fit"
    return (
        f'<p class="cr-sub">{count(recommendation.prompt_tokens, "token")}; {fits}.</p>'
        f'<pre class="cr-prompt">{escape(recommendation.prompt)}</pre>'
    )


def ranks_view(calrec: Recommendation, repeater: Recommendation, target: Item | None) -> str:
    """Both recommenders' rank of the item really bought, the ties in words."""
    if target is None:
        return (
            '<p class="cr-notice cr-info">Load a shopper to see where each recommender places '
            "the item that was really bought next.</p>"
        )
    cards = "".join(
        _rank_card(name, recommendation, target)
        for name, recommendation in (("CALRec", calrec), ("Last Item Repeater", repeater))
    )
    return (
        f'<p class="cr-label">Where the item really bought stands</p>'
        f'<div class="cr-target cr-truth">{item_block(target)}</div>'
        f'<div class="cr-cards">{cards}</div>'
    )


def _rank_card(name: str, recommendation: Recommendation, target: Item) -> str:
    optimistic, pessimistic = recommendation.ranks(target.item_id)
    total = recommendation.corpus_size
    return (
        f'<div class="cr-card"><p class="cr-label">{name}</p><p class="cr-rank">'
        f"{rank_range(optimistic, pessimistic)}<small> of {total:,}</small></p>"
        f'<p class="cr-sub cr-wrap">{rank_sentence(optimistic, pessimistic, total)}</p></div>'
    )


def rankings_view(
    calrec: Recommendation,
    repeater: Recommendation,
    items: Mapping[str, Item],
    target: Item | None,
) -> str:
    """The first places of both rankings side by side, the true item marked in both."""
    return (
        '<div class="cr-cards cr-wide">'
        + _ranking("CALRec", "best text", calrec, items, target, decimals=5)
        + _ranking("Last Item Repeater", "", repeater, items, target, decimals=2)
        + "</div>"
    )


def shown_rows(recommendation: Recommendation, target: Item | None, top: int) -> list[int]:
    """The best `top` rows and, where it is not among them, the row of the true item."""
    rows = [int(row) for row in recommendation.order()[:top]]
    if target is not None:
        row = recommendation.item_ids.index(target.item_id)
        if row not in rows:
            rows.append(row)
    return rows


def _ranking(
    name: str,
    text_label: str,
    recommendation: Recommendation,
    items: Mapping[str, Item],
    target: Item | None,
    *,
    decimals: int,
) -> str:
    body, columns = "", 4 if text_label else 3
    for place, row in enumerate(shown_rows(recommendation, target, TOP)):
        item = items[recommendation.item_ids[row]]
        is_target = target is not None and item.item_id == target.item_id
        number = str(place + 1)
        if place >= TOP:
            number = rank_range(*recommendation.ranks(item.item_id))
            body += f'<tr class="cr-gap" aria-hidden="true"><td colspan="{columns}">⋯</td></tr>'
        mark = '<span class="cr-badge cr-true">really bought</span>' if is_target else ""
        winner = _winner(recommendation, row) if text_label else ""
        body += (
            f'<tr{" class=cr-hit" if is_target else ""}><td class="cr-number">{number}</td>'
            f"<td>{item_block(item)}{mark}</td>{winner}"
            f'<td class="cr-value">{recommendation.scores[row]:.{decimals}f}</td></tr>'
        )
    column = f"<th>{text_label}</th>" if text_label else ""
    last = (
        ""
        if text_label
        else (
            f'<p class="cr-sub cr-wrap">Compares every item with the last purchase: '
            f"{escape(title_of(recommendation.history[-1]))}</p>"
        )
    )
    return (
        f'<div class="cr-card"><p class="cr-label">{name}</p>{last}<table class="cr-table"><thead>'
        f"<tr><th>rank</th><th>item</th>{column}<th>score</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _winner(recommendation: Recommendation, row: int) -> str:
    column = recommendation.winner(row)
    if column is None:
        return '<td class="cr-value" title="no text shares a word with it">–</td>'
    text = escape(recommendation.columns[column])
    return (
        f'<td class="cr-value" title="{text}"><span class="cr-number cr-accent">{column + 1}'
        "</span></td>"
    )


def timings_line(recommendation: Recommendation) -> str:
    """The seconds of each step, in one line."""
    steps = ", ".join(f"{escape(k)} {v:.2f} s" for k, v in recommendation.timings.items())
    return f'<p class="cr-sub cr-wrap">Time taken: {steps}.</p>' if steps else ""
