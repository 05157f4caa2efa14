"""Tokens that a pretrained model has not: rows behind its embedding's, and behind its head's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from calrec.model.backbone.decoder import Decoder
from calrec.model.backbone.lora import TOKEN_ROWS


def widened(model: Decoder, tokens: int, added: Sequence[Sequence[int]]) -> Decoder:
    """The model with further tokens, each starting as the mean of those that it stands for.

    Args:
      model: a decoder.
      tokens: how many its tokenizer has; rows behind these, which some models have, belong to no
        token and make room.
      added: for each further token the ids of the model's own that it stands for.
    """
    if not added:
        return model
    wider = replace(model.config, vocab_size=tokens + len(added))

    def rows(matrix: Float[Array, "V D"]) -> Float[Array, "W D"]:
        means = [matrix[jnp.asarray(ids)].astype(jnp.float32).mean(axis=0) for ids in added]
        return jnp.concatenate([matrix[:tokens], jnp.stack(means).astype(matrix.dtype)])

    weights = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    weights |= {name: rows(weights[name]) for name in TOKEN_ROWS if name in weights}
    graph, state = nnx.split(nnx.eval_shape(lambda: Decoder(wider, rngs=nnx.Rngs(0))))
    nnx.replace_by_pure_dict(state, weights)
    return nnx.merge(graph, state)
