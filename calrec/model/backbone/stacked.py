"""The decoder as it is trained: all layers' weights in one stack, run in one loop over packed rows.

One program for a layer, however many there are: it compiles fast, and what the backward pass
keeps of a layer is a choice (`calrec.model.backbone.forward.Remat`). Weights and hidden states are
those of `calrec.model.backbone.decoder`.

Beside a decoder's own weights there may be `adapters` (`calrec.model.backbone.lora`) and
`new_tokens`: rows, by the name of the matrix, that stand in place of the last ones of the embedding
and of the head.

Shapes, further to the decoder's: L layers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from calrec.model.backbone import lora
from calrec.model.backbone.attention import turn
from calrec.model.backbone.config import DecoderConfig, LayerKind
from calrec.model.backbone.decoder import Decoder, Drop, Ends, Layer
from calrec.model.backbone.forward import Dropout, Forward, Remat
from calrec.model.backbone.lora_settings import LoraSettings
from calrec.model.backbone.mixing import Mix, packed
from calrec.model.backbone.splash import splash

Weights = dict[str, Any]
"""Arrays by the decoder's names; those of all layers stacked, under `layers`."""
PLACES = 64
"""Numbers of a layer's dropouts: what is added to the stream, weights of attention by blocks, and
from 32 on the adapters' inputs."""
APART = ("layers", "adapters", "new_tokens")
"""Names that are no weights of the decoder's two ends."""
Ints = Int[Array | np.ndarray, "B T"]
Gather = Callable[[Weights], Weights]


def stack(model: Decoder) -> Weights:
    """The decoder's weights, each kind of its layers' as one array, [L, ...]."""
    weights = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    layers = weights["layers"]
    together = jax.tree.map(lambda *each: jnp.stack(each), *(layers[i] for i in sorted(layers)))
    return {**weights, "layers": together}


def unstack(config: DecoderConfig, weights: Weights) -> Decoder:
    """The inverse of `stack`."""
    layers = {
        i: jax.tree.map(lambda each, i=i: each[i], weights["layers"])
        for i in range(config.num_hidden_layers)
    }
    return _merged(lambda: Decoder(config, rngs=nnx.Rngs(0)), {**weights, "layers": layers})


def outline(config: DecoderConfig) -> Weights:
    """Shapes and types of a decoder's stacked weights, without any memory."""
    return jax.eval_shape(lambda: stack(Decoder(config, rngs=nnx.Rngs(0))))


def hidden(
    config: DecoderConfig,
    weights: Weights,
    tokens: Ints,
    position: Ints,
    segment: Ints,
    keys: Key[Array, " B"] | None = None,
    *,
    forward: Forward,
    gather: Gather = lambda layer: layer,
) -> Float[Array, "B T D"]:
    """Final hidden states of packed rows; a token sees those before it in its own segment.

    Args:
      config: the decoder's.
      weights: stacked, float32.
      tokens: ids; any where the segment is padding.
      position: of each token in its segment, from 0.
      segment: number of each token's segment.
      keys: of each row's dropout; None drops nothing.
      forward: how to run.
      gather: makes a layer's weights whole, where each device holds a part of them.
    """
    tokens, position, segment = map(jnp.asarray, (tokens, position, segment))
    dtype = jnp.dtype(forward.dtype)
    ends = _ends(config, weights, dtype)
    rates = forward.dropout if keys is not None else Dropout()
    x = _dropped(ends.embed(tokens, position), keys, 0, rates.embedding)
    kinds = list(dict.fromkeys(config.layer_kinds))
    turns = [turn(position, kind.rope, config) for kind in kinds]

    def one(kind: int, x: Array, number: Array, layer: Weights, adapters: Any) -> Array:
        def thinned(values: Array, place: int) -> Array:
            rate = rates.residual if place < 2 else rates.attention
            return _dropped(values, keys, 1 + PLACES * number + place, rate)

        def thinned_input(values: Array, adapter: int) -> Array:
            return _dropped(values, keys, 1 + PLACES * number + 32 + adapter, forward.lora.dropout)

        mix = _mix(kinds[kind], segment, config, forward, thinned if rates.attention else None)
        made = _merged(lambda: Layer(config, rngs=nnx.Rngs(0)), _cast(layer, dtype))
        if adapters is not None:
            lora.attach(made, _cast(adapters, dtype), forward.lora, thinned_input)
        return made(x, turns[kind], mix, thinned)[0]

    def body(x: Array, inputs: tuple[Array, Array, Weights, Any]) -> tuple[Array, None]:
        number, kind, layer, adapters = inputs
        branches = [partial(one, k) for k in range(len(kinds))]
        arguments = (x, number, gather(layer), adapters)
        if len(branches) == 1:
            return branches[0](*arguments), None
        return jax.lax.switch(kind, branches, *arguments), None

    of_layer = jnp.asarray([kinds.index(kind) for kind in config.layer_kinds])
    return ends.norm(_through(weights, of_layer, x, _remat(body, forward.remat), forward.unroll))


def _through(
    weights: Weights, kinds: Int[Array, " L"], x: Array, body: Callable, unroll: int
) -> Array:
    """The stream behind all layers."""
    every = (jnp.arange(len(kinds)), kinds, weights["layers"])
    for first, last, adapters in _spans(len(kinds), weights.get("adapters")):
        inputs = jax.tree.map(lambda x, a=first, b=last: x[a:b], every)
        x, _ = jax.lax.scan(body, x, (*inputs, adapters), unroll=unroll)
    return x


def _spans(depth: int, adapters: Weights | None) -> list[tuple[int, int, Any]]:
    """The layers below those with adapters, which need no backward pass of their own; and these."""
    if adapters is None:
        return [(0, depth, None)]
    first = depth - len(jax.tree.leaves(adapters)[0])
    spans = [(0, first, None), (first, depth, adapters)]
    return [span for span in spans if span[0] < span[1]]


def logits(
    config: DecoderConfig, weights: Weights, x: Float[Array, "*lead D"]
) -> Float[Array, "*lead V"]:
    """Scores of the next token, in nats up to a constant; float32."""
    return _ends(config, weights, x.dtype).logits(x)


def _merged(make: Callable[[], Any], weights: Weights) -> Any:
    """The module of these weights."""
    graph, state = nnx.split(nnx.eval_shape(make))
    nnx.replace_by_pure_dict(state, weights)
    return nnx.merge(graph, state)


def _ends(config: DecoderConfig, weights: Weights, dtype: jnp.dtype) -> Ends:
    ends = {name: weight for name, weight in with_new_tokens(weights).items() if name not in APART}
    return _merged(lambda: Ends(config, rngs=nnx.Rngs(0)), _cast(ends, dtype))


def with_new_tokens(weights: Weights) -> Weights:
    """The weights with the rows of new tokens where they belong."""
    placed = {
        name: weights[name].at[-len(rows) :].set(rows.astype(weights[name].dtype))
        for name, rows in weights.get("new_tokens", {}).items()
    }
    return {**weights, **placed}


def merged(weights: Weights, settings: LoraSettings) -> Weights:
    """A decoder's own weights alone, with what adapters and new tokens add to them."""
    whole = with_new_tokens(weights)
    if "adapters" in weights:
        layers = lora.merged(weights["layers"], weights["adapters"], settings)
        whole = {**whole, "layers": layers}
    return {name: weight for name, weight in whole.items() if name not in APART[1:]}


def _cast(weights: Weights, dtype: jnp.dtype) -> Weights:
    return jax.tree.map(lambda weight: weight.astype(dtype), weights)


def _remat(body: Callable, remat: Remat) -> Callable:
    if remat == "none":
        return body
    kept = jax.checkpoint_policies.dots_with_no_batch_dims_saveable
    return jax.checkpoint(body, policy=kept if remat == "dots" else None, prevent_cse=False)


def _mix(
    kind: LayerKind,
    segment: Int[Array, "B T"],
    config: DecoderConfig,
    forward: Forward,
    drop: Drop | None,
) -> Mix:
    if forward.attention == "splash":
        return splash(segment, kind.window, interpret=forward.interpret)
    return packed(segment, kind.window, drop)


def _dropped(
    values: Float[Array, "B ..."], keys: Key[Array, " B"] | None, number: Any, rate: float
) -> Float[Array, "B ..."]:
    """Values thinned out by each row's own key, whatever rows stand beside it."""
    if keys is None or not rate:
        return values
    own = jax.vmap(jax.random.fold_in, (0, None))(keys, number)
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - rate, values.shape[1:]))(own)
    return jnp.where(kept, values / (1 - rate), 0).astype(values.dtype)
