"""Attention of packed rows by the splash kernel for TPUs, which never holds all scores of a row.

Shapes as in `calrec.model.backbone.decoder`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.pallas.ops.tpu.splash_attention import (
    CausalMask,
    LocalMask,
    MultiHeadMask,
    SegmentIds,
    make_splash_mha_single_device,
)
from jaxtyping import Array, Int

from calrec.model.backbone.mixing import Mix


def splash(segment: Int[Array, "B T"], window: int | None, *, interpret: bool = False) -> Mix:
    """As `calrec.model.backbone.mixing.packed`; T is a multiple of 128."""

    def mix(q, k, v, softcap, /):
        rows, tokens, groups, repeats, width = q.shape
        size = (tokens, tokens)
        mask = CausalMask(size) if window is None else LocalMask(size, (window - 1, 0), 0)
        kernel = make_splash_mha_single_device(
            MultiHeadMask([mask] * (groups * repeats)),
            attn_logits_soft_cap=softcap,
            interpret=interpret,
        )
        heads = jnp.moveaxis(q.reshape(rows, tokens, groups * repeats, width), 1, 2)
        ids = SegmentIds(q=segment, kv=segment)
        mixed: Any = jax.vmap(kernel)(heads, k, v, ids)
        return jnp.moveaxis(mixed, 1, 2).reshape(q.shape).astype(q.dtype)

    return mix
