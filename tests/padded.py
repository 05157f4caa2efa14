"""The towers and losses of a batch in their plain form: a row a record, padded, layer by layer.

What training computes from packed rows, in one loop over stacked layers, must equal it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from calrec.model.backbone.decoder import Decoder
from calrec.model.objective import Encoded, mean_over


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Batch:
    """Users as tokens, padded on the right; NumPy's as it is put together, jax's in a program.

    Attributes:
      tokens: prompt, then target with its end token.
      history_length: tokens of the prompt.
      target: the target's tokens alone, end token included: the item tower's input.
      target_length: its tokens, end token included.
    """

    tokens: Int[Array | np.ndarray, "B L"]
    history_length: Int[Array | np.ndarray, " B"]
    target: Int[Array | np.ndarray, "B M"]
    target_length: Int[Array | np.ndarray, " B"]


def encode(model: Decoder, batch: Batch) -> Encoded:
    """Runs both towers: v_T, v_U, v_TU and the summed negative log-likelihood of each target.

    Padding never counts. Log-likelihoods are in nats.
    """
    users, width = batch.tokens.shape
    length = batch.history_length + batch.target_length
    at = jnp.arange(width)[None]
    in_target = jnp.arange(batch.target.shape[1])[None] < batch.target_length[:, None]
    # Both towers as rows of one width: the model is compiled once.
    beside = ((0, 0), (0, width - batch.target.shape[1]))
    rows = jnp.concatenate([batch.tokens, jnp.pad(batch.target, beside)])
    mask = jnp.concatenate([at < length[:, None], jnp.pad(in_target, beside)])
    both = model.hidden(rows, mask)
    hidden, alone = both[:users], both[users:, : batch.target.shape[1]]

    # The state before a token predicts it: the last of the prompt predicts the target's first.
    before = batch.history_length[:, None] - 1 + jnp.arange(batch.target.shape[1])[None]
    before = jnp.minimum(before, batch.tokens.shape[1] - 1)
    logits = model.logits(jnp.take_along_axis(hidden, before[..., None], axis=1))
    nll = optax.softmax_cross_entropy_with_integer_labels(logits, batch.target)
    return Encoded(
        v_t=mean_over(alone, in_target),
        v_u=mean_over(hidden, at < batch.history_length[:, None]),
        v_tu=mean_over(hidden, (at >= batch.history_length[:, None]) & (at < length[:, None])),
        nll=jnp.where(in_target, nll, 0.0).sum(axis=1),
        target_length=jnp.asarray(batch.target_length),
    )


def collate(records: Sequence[tuple[list[int], list[int]]], width: int = 0) -> Batch:
    """Prompts and targets (end token included) as one right-padded batch."""
    width = max(width, *(len(prompt) + len(target) for prompt, target in records))
    tokens = np.zeros((len(records), width), np.int32)
    target = np.zeros((len(records), max(len(t) for _, t in records)), np.int32)
    for row, (prompt, answer) in enumerate(records):
        tokens[row, : len(prompt) + len(answer)] = prompt + answer
        target[row, : len(answer)] = answer
    return Batch(
        tokens=tokens,
        history_length=np.asarray([len(p) for p, _ in records], np.int32),
        target=target,
        target_length=np.asarray([len(t) for _, t in records], np.int32),
    )


def language_modelling(
    model: Decoder, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]
) -> Float[Array, ""]:
    """Mean negative log-likelihood of every token but the first of a row, in nats a token."""
    logits = model.logits(model.hidden(tokens, mask)[:, :-1])
    nll = optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:])
    return jnp.where(mask[:, 1:], nll, 0.0).sum() / mask[:, 1:].sum()
