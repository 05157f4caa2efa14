"""A decoding step of many users on a described chip."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx

from calrec.generation.sampling import decode, prefill
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from train.plan.compiled import Compiled, read
from train.plan.topology import Topology
from train.plan.traffic import moved_in_loop


def sampler_plan(
    config: DecoderConfig,
    topology: Topology,
    users: int,
    *,
    prompt: int = 1024,
    slots: int = 80,
    samples: int = 32,
    dtype: str = "bfloat16",
) -> tuple[Compiled, float, float]:
    """One decoding step of many users' samples on one described chip.

    Args:
      config: the decoder's.
      topology: whose first chip it is.
      users: decoded side by side.
      prompt: tokens of each one's prompt.
      slots: tokens of a sample.
      samples: of a user.
      dtype: of weights and caches.

    Returns:
      what the compiler says, the bytes that a step moves to and from the chip's memory, and those
      of weights and caches, each of which a step has to read once.
    """
    graph, weights = nnx.split(nnx.eval_shape(lambda: Decoder(config, rngs=nnx.Rngs(0))))
    weights = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, jnp.dtype(dtype)), weights)
    state = jax.eval_shape(
        partial(prefill, graph, samples=samples, slots=slots),
        weights,
        jax.ShapeDtypeStruct((users, prompt), jnp.int32),
        jax.ShapeDtypeStruct((users,), jnp.int32),
        jax.ShapeDtypeStruct((users,), jnp.uint32),
        jax.ShapeDtypeStruct((), jnp.int32),
    )
    chip = jax.sharding.SingleDeviceSharding(topology.devices()[0])
    placed = partial(jax.tree.map, lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=chip))
    scalar = jax.ShapeDtypeStruct((), jnp.float32, sharding=chip)
    steps = jax.ShapeDtypeStruct((), jnp.int32, sharding=chip)
    made = decode.lower(graph, placed(weights), placed(state), scalar, steps, end_id=0).compile()
    needed = sum(
        math.prod(x.shape) * x.dtype.itemsize
        for x in jax.tree.leaves((weights, state.prompt, state.cache))
    )
    return read(made), float(moved_in_loop(made.as_text() or "")), float(needed)
