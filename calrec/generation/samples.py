"""From what the sampler drew to the records that views show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calrec.records import Alternative, Sample
from calrec.text import TextSettings, parse

if TYPE_CHECKING:
    from calrec.generation.sampler import Drawn
    from calrec.tokenizer import Tokenizer


def samples_of(drawn: Drawn, tokenizer: Tokenizer, text: TextSettings) -> tuple[Sample, ...]:
    """A user's samples in the order drawn, finished or not; not yet ranked.

    Args:
      drawn: tokens and log-probabilities.
      tokenizer: the model's.
      text: how items became text, and texts are parsed.
    """
    return tuple(_sample(drawn, order, tokenizer, text) for order in range(len(drawn.lengths)))


def _sample(drawn: Drawn, order: int, tokenizer: Tokenizer, settings: TextSettings) -> Sample:
    here = (order, slice(int(drawn.lengths[order])))
    ids = drawn.tokens[here].tolist()
    log_probs = drawn.log_probs[here].astype(float)
    text = tokenizer.decode(ids)
    return Sample(
        text=text,
        token_ids=tuple(ids),
        token_texts=tuple(map(tokenizer.piece, ids)),
        log_probs=tuple(log_probs.tolist()),
        tempered_log_probs=tuple(drawn.tempered[here].astype(float).tolist()),
        alternatives=_alternatives(drawn, here, tokenizer),
        score=float(log_probs.sum()),
        order=order,
        finished=bool(drawn.finished[order]),
        attributes=parse(text, settings),
    )


def _alternatives(
    drawn: Drawn, here: tuple[int, slice], tokenizer: Tokenizer
) -> tuple[tuple[Alternative, ...], ...]:
    """Those of each token; none at all where none were kept."""
    if not drawn.top_tokens.shape[-1]:
        return ()
    places = zip(
        drawn.top_tokens[here].tolist(),
        drawn.top_log_probs[here].astype(float).tolist(),
        strict=True,
    )
    return tuple(
        tuple(
            Alternative(token_id=token, text=tokenizer.piece(token), log_prob=log_prob)
            for token, log_prob in zip(tokens, log_probs, strict=True)
        )
        for tokens, log_probs in places
    )
