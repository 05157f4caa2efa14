"""Our decoder over whole rows, and token by token behind its caches: as numpy arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from calrec.model.backbone.cache import SampleCache
from calrec.model.backbone.decoder import Decoder


def run(model: Decoder, tokens: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hidden states [B, T, D] and logits [B, T, V] of whole rows.

    An operation at a time: models of like sizes share most of them, and would share no program.
    """
    hidden = model.hidden(jnp.asarray(tokens), jnp.asarray(mask))
    return np.asarray(hidden.astype(jnp.float32)), np.asarray(model.logits(hidden))


def run_compiled(
    model: Decoder, tokens: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`run` as one program, as it is used: for many calls of one model, and in bfloat16."""
    return jax.tree.map(np.asarray, _whole(model, tokens, mask))


def run_cached(
    model: Decoder, prompts: np.ndarray, length: np.ndarray, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Hidden states and logits of drawn tokens, fed one by one behind their prompts.

    Args:
      model: the decoder.
      prompts: [U, P], padded right.
      length: [U], of the prompts.
      drawn: [U, N, S], tokens of N samples of each user.

    Returns:
      hidden [U, N, S + 1, D] and logits [U, N, S + 1, V], those of the prompt's last token first.
    """
    users, samples, steps = drawn.shape
    last, prompt = model.prefill(jnp.asarray(prompts), jnp.asarray(length))
    last, logits = last.astype(jnp.float32), model.logits(last)
    said = [tuple(np.repeat(np.asarray(x)[:, None], samples, axis=1) for x in (last, logits))]
    cache = SampleCache.empty(model.config, users, samples, steps, prompt.keys[0].dtype)
    for step in range(steps):
        now = jnp.full(users, step, jnp.int32)
        hidden, logits, cache = feed(model, drawn[:, :, step], prompt, cache, now)
        said.append((np.asarray(hidden), np.asarray(logits)))
    return tuple(np.stack(parts, axis=2) for parts in zip(*said, strict=True))


@nnx.jit
def feed(model, tokens, prompt, cache, step):
    """`Decoder.decode_step`, and the logits between its two results."""
    hidden, cache = model.decode_step(tokens, prompt, cache, step)
    return hidden.astype(jnp.float32), model.logits(hidden), cache


@nnx.jit
def _whole(model, tokens, mask):
    hidden = model.hidden(tokens, mask)
    return hidden.astype(jnp.float32), model.logits(hidden)
