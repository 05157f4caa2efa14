"""One text token by token: how sure the model was of each, and what might have stood there."""

from __future__ import annotations

import math

from calrec.records import Alternative, Sample
from demo.html.wording import escape

SURPRISING = 4.0
"""Nats below zero at which a token has the full colour: a chance of 2 %."""


def strip(sample: Sample) -> str:
    """The tokens as buttons, the less probable the stronger coloured; one shows its alternatives.

    A record that kept no tokens' texts or no alternatives says so.
    """
    if not sample.token_texts:
        return '<p class="cr-sub cr-wrap">The tokens\' texts were not kept with this record.</p>'
    places = list(zip(sample.token_texts, sample.log_probs, strict=True))
    tokens = "".join(_token(i, text, log_prob) for i, (text, log_prob) in enumerate(places))
    said = (
        "Press a token to see what else might have stood there."
        if sample.alternatives
        else "What else might have stood there was not kept with this record."
    )
    panels = "".join(
        _alternatives(i, sample.token_ids[i], *places[i], sample.alternatives[i])
        for i in range(len(sample.alternatives))
    )
    return (
        f'<div class="cr-strip-box"><p class="cr-sub cr-wrap">Each token with its chance: the '
        f"stronger the colour, the less the model expected it. {said}</p>"
        f'<div class="cr-strip">{tokens}</div>{panels}</div>'
    )


def _token(place: int, text: str, log_prob: float) -> str:
    surprise = min(-log_prob / SURPRISING, 1.0)
    shown = visible(text)
    tip = f"{shown}: {log_prob:.3f} nats, {_percent(log_prob)}"
    return (
        f'<button type="button" class="cr-token" data-token="{place}" aria-pressed="false" '
        f'style="--surprise:{surprise:.2f}" title="{escape(tip)}">{escape(shown)}</button>'
    )


def visible(token: str) -> str:
    """A token's text with its white space visible."""
    return token.replace("\n", "⏎").replace(" ", "·") or "∅"


def _alternatives(
    place: int, drawn: int, text: str, log_prob: float, known: tuple[Alternative, ...]
) -> str:
    rows = list(known)
    if all(one.token_id != drawn for one in rows):
        rows.append(Alternative(token_id=drawn, text=text, log_prob=log_prob))
    body = "".join(
        f'<li class="cr-line{" cr-drawn" if one.token_id == drawn else ""}">'
        f'<code class="cr-raw">{escape(visible(one.text))}</code>'
        f'<span class="cr-bar-track"><span style="width:{_chance(one.log_prob):.1%}"></span></span>'
        f'<span class="cr-nats">{_percent(one.log_prob)}</span>'
        f'<span class="cr-nats">{one.log_prob:.2f}</span>'
        f'<span class="cr-badges">{_DRAWN if one.token_id == drawn else ""}</span></li>'
        for one in rows
    )
    return (
        f'<div class="cr-alternatives" data-of="{place}" hidden><p class="cr-label">In place '
        f"{place + 1}: chance and log-probability (nats) of each</p>"
        f'<ul class="cr-list">{body}</ul></div>'
    )


_DRAWN = '<span class="cr-badge cr-good">drawn</span>'


def _chance(log_prob: float) -> float:
    return math.exp(min(log_prob, 0.0))


def _percent(log_prob: float) -> str:
    chance = _chance(log_prob)
    return f"{chance:.1%}" if chance >= 0.0005 else "< 0.05%"
