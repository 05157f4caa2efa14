"""One text token by token: how sure the model was of each, and what might have stood there."""

from __future__ import annotations

from markupsafe import Markup

from calrec.records import Alternative, Sample
from demo.html.chances import chance
from demo.html.templating import render

SURPRISING = 4.0
"""Nats below zero at which a token has the full colour: a chance of 2 %."""


def strip(sample: Sample) -> Markup:
    """The tokens as buttons, the less probable the stronger coloured; one shows its alternatives.

    A record that kept no tokens' texts or no alternatives says so.
    """
    if not sample.token_texts:
        return render("record/tokens", "not_kept")
    places = list(zip(sample.token_ids, sample.token_texts, sample.log_probs, strict=True))
    tokens = [
        (visible(text), log_prob, _percent(log_prob), min(-log_prob / SURPRISING, 1.0))
        for _, text, log_prob in places
    ]
    panels = [
        _alternatives(*place, known)
        for place, known in zip(places, sample.alternatives, strict=False)
    ]
    return render("record/tokens", "strip", tokens, panels)


def visible(token: str) -> str:
    """A token's text with its white space visible."""
    return token.replace("\n", "⏎").replace(" ", "·") or "∅"


def _alternatives(
    drawn: int, text: str, log_prob: float, known: tuple[Alternative, ...]
) -> list[tuple[str, float, str, float, bool]]:
    """Text, log-probability, chance in words and as a share, and whether it is the drawn one."""
    rows = list(known)
    if all(one.token_id != drawn for one in rows):
        rows.append(Alternative(token_id=drawn, text=text, log_prob=log_prob))
    return [
        (
            visible(one.text),
            one.log_prob,
            _percent(one.log_prob),
            chance(one.log_prob),
            one.token_id == drawn,
        )
        for one in rows
    ]


def _percent(log_prob: float) -> str:
    share = chance(log_prob)
    return f"{share:.1%}" if share >= 0.0005 else "< 0.05%"
