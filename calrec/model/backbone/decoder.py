"""One decoder-only transformer for all families, in flax.nnx; the differences are in the config.

Modules and weights are named as in Hugging Face's Llama (`layers.0.self_attn.q_proj.weight`), for
every family; `calrec.model.hf` knows each one's own names.

Shapes, here and in the caches:
  B rows, T tokens, D hidden_size, V vocab_size, U users, N samples of a user, P prompt slots,
  S sample slots, M slots of a tree, Q query heads, G key/value groups, R = Q / G, H head_dim,
  UGN = U x G x N rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from calrec.model.backbone.attention import Attention, Turn, turn
from calrec.model.backbone.cache import PromptCache, SampleCache, TreeCache
from calrec.model.backbone.config import DecoderConfig, LayerKind
from calrec.model.backbone.layers import MLP, Norm, normal, project
from calrec.model.backbone.mixing import Mix, dense

Drop = Callable[[Array, int], Array]
"""Dropout of what attention (0) or the MLP (1) adds to the residual stream."""


class Layer(nnx.Module):
    """Attention and MLP, each normalised before and added to the residual stream."""

    def __init__(self, config: DecoderConfig, *, rngs: nnx.Rngs) -> None:
        def output_norm() -> Norm | None:
            return Norm(config.hidden_size, config) if config.norm_outputs else None

        self.input_layernorm = Norm(config.hidden_size, config)
        self.self_attn = Attention(config, rngs=rngs)
        self.attention_output_norm = output_norm()
        self.post_attention_layernorm = Norm(config.hidden_size, config)
        self.mlp = MLP(config, rngs=rngs)
        self.mlp_output_norm = output_norm()

    def __call__(
        self, x: Float[Array, "B T D"], by: Turn | None, mix: Mix, drop: Drop = lambda x, _: x
    ) -> tuple[Float[Array, "B T D"], Float[Array, "B G T H"], Float[Array, "B G T H"]]:
        """Whole rows; see `Attention.__call__`. `drop` thins out what is added to the stream."""
        mixed, keys, values = self.self_attn(self.input_layernorm(x), by, mix)
        return self._added(x, mixed, drop), keys, values

    def step(
        self, x: Float[Array, "U N D"], *past: Any
    ) -> tuple[Float[Array, "U N D"], Float[Array, "UGN S H"], Float[Array, "UGN S H"]]:
        """One decoding step; see `Attention.step`."""
        mixed, keys, values = self.self_attn.step(self.input_layernorm(x), *past)
        return self._added(x, mixed), keys, values

    def branch(
        self, x: Float[Array, "T D"], *past: Any
    ) -> tuple[Float[Array, "T D"], Float[Array, "G M H"], Float[Array, "G M H"]]:
        """Tokens of a tree; see `Attention.branch`."""
        mixed, keys, values = self.self_attn.branch(self.input_layernorm(x), *past)
        return self._added(x, mixed), keys, values

    def _added(
        self,
        x: Float[Array, "*lead D"],
        mixed: Float[Array, "*lead D"],
        drop: Drop = lambda x, _: x,
    ) -> Float[Array, "*lead D"]:
        """The residual stream after attention's output and the MLP's."""
        if self.attention_output_norm is not None:
            mixed = self.attention_output_norm(mixed)
        x = x + drop(mixed, 0)
        out = self.mlp(self.post_attention_layernorm(x))
        return x + drop(out if self.mlp_output_norm is None else self.mlp_output_norm(out), 1)


class Ends(nnx.Module):
    """What stands below and above the layers: token embedding, final norm, vocabulary head."""

    def __init__(self, config: DecoderConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.embed_tokens = normal(rngs, config.vocab_size, config.hidden_size)
        learned = config.rope is None
        self.embed_positions = (
            normal(rngs, config.max_position_embeddings, config.hidden_size) if learned else None
        )
        self.norm = Norm(config.hidden_size, config)
        tied = config.tie_word_embeddings
        self.lm_head = None if tied else normal(rngs, config.vocab_size, config.hidden_size)

    def embed(
        self, tokens: Int[Array, "*lead"], position: Int[Array, "*lead"]
    ) -> Float[Array, "*lead D"]:
        """The residual stream below the first layer."""
        x = self.embed_tokens[...][tokens]
        if self.config.scale_embeddings:
            x *= jnp.asarray(self.config.hidden_size**0.5, x.dtype)
        return x if self.embed_positions is None else x + self.embed_positions[...][position]

    def logits(self, hidden: Float[Array, "*lead D"]) -> Float[Array, "*lead V"]:
        """Scores of the next token, in nats up to a constant; float32."""
        head = self.embed_tokens if self.lm_head is None else self.lm_head
        logits = project(hidden, head[...], jnp.float32)
        cap = self.config.logit_softcap
        return logits if cap is None else cap * jnp.tanh(logits / cap)


class Decoder(Ends):
    """Token embedding, layers, final norm, vocabulary head."""

    def __init__(self, config: DecoderConfig, *, rngs: nnx.Rngs) -> None:
        super().__init__(config, rngs=rngs)
        self.layers = nnx.List([Layer(config, rngs=rngs) for _ in config.layer_kinds])

    @property
    def dtype(self) -> jnp.dtype:
        """Of the weights, and of all that is computed from them but norms, softmaxes and logits."""
        return self.embed_tokens[...].dtype

    def _run(
        self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]
    ) -> tuple[
        Float[Array, "B T D"],
        tuple[Float[Array, "B G T H"], ...],
        tuple[Float[Array, "B G T H"], ...],
    ]:
        position = jnp.maximum(jnp.cumsum(mask, axis=1) - 1, 0)
        x = self.embed(tokens, position)
        behind = position[:, :, None] - position[:, None, :]
        visible = jnp.tril(jnp.ones((tokens.shape[1],) * 2, bool))[None] & mask[:, None, :]

        def sight(kind: LayerKind) -> tuple[Turn | None, Mix]:
            seen = visible if kind.window is None else visible & (behind < kind.window)
            return turn(position, kind.rope, self.config), dense(seen)

        kinds = self.config.layer_kinds
        sights = {kind: sight(kind) for kind in kinds}
        keys, values = [], []
        for layer, kind in zip(self.layers, kinds, strict=True):
            x, k, v = layer(x, *sights[kind])
            keys.append(k)
            values.append(v)
        return self.norm(x), tuple(keys), tuple(values)

    def hidden(self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        """Final hidden states, after the final norm. `mask` is False on padding, left or right."""
        return self._run(tokens, mask)[0]

    def prefill(
        self, tokens: Int[Array, "U P"], length: Int[Array, " U"]
    ) -> tuple[Float[Array, "U D"], PromptCache]:
        """Reads prompts padded on the right: the last token's hidden state, and the cache."""
        mask = jnp.arange(tokens.shape[1])[None] < length[:, None]
        hidden, keys, values = self._run(tokens, mask)
        last = jnp.take_along_axis(hidden, (length - 1)[:, None, None], axis=1)[:, 0]
        return last, PromptCache(keys=keys, values=values, length=length)

    def decode_step(
        self,
        tokens: Int[Array, "U N"],
        prompt: PromptCache,
        cache: SampleCache,
        step: Int[Array, " U"],
    ) -> tuple[Float[Array, "U N D"], SampleCache]:
        """Feeds each sample's token number `step` of its user (from 0).

        Returns:
          the tokens' final hidden states and the new cache.
        """
        now = (prompt.length + step)[:, None]
        position = jnp.broadcast_to(now, tokens.shape)
        x = self.embed(tokens, position)
        in_prompt = jnp.arange(prompt.keys[0].shape[2])[None]
        in_sample = jnp.arange(cache.keys[0].shape[1])[None]

        def sight(kind: LayerKind) -> tuple[Turn | None, Array, Array]:
            window = kind.window or self.config.max_position_embeddings
            see_prompt = (in_prompt < prompt.length[:, None]) & (in_prompt > now - window)
            see_sample = (in_sample <= step[:, None]) & (in_sample > step[:, None] - window)
            return turn(position, kind.rope, self.config), see_prompt, see_sample

        kinds = self.config.layer_kinds
        sights = {kind: sight(kind) for kind in kinds}
        keys, values = [], []
        for i, (layer, kind) in enumerate(zip(self.layers, kinds, strict=True)):
            past = (prompt.keys[i], prompt.values[i], cache.keys[i], cache.values[i])
            x, k, v = layer.step(x, *past, *sights[kind], step)
            keys.append(k)
            values.append(v)
        return self.norm(x), SampleCache(keys=tuple(keys), values=tuple(values))

    def decode_tree(
        self,
        tokens: Int[Array, " T"],
        number: Int[Array, " T"],
        behind: Int[Array, " T"],
        depth: Int[Array, " T"],
        prompt: PromptCache,
        cache: TreeCache,
        start: Int[Array, ""],
    ) -> tuple[Float[Array, "T D"], TreeCache]:
        """Feeds T tokens of a tree that continues one prompt, all of them at once.

        Args:
          tokens: ids; each one's ancestors stand before it, or in the cache.
          number, behind, depth: their places in the tree, as in the cache; a token whose `behind`
            is 0 fills the row up.
          prompt: of the one user.
          cache: what was fed before.
          start: the slot of the first of them; they need T.

        Returns:
          the tokens' final hidden states and the new cache.
        """

        def put(old: Array, new: Array) -> Array:
            return jax.lax.dynamic_update_slice_in_dim(old, new, start, axis=0)

        places = (put(cache.number, number), put(cache.behind, behind), put(cache.depth, depth))
        first, after, deep = (place[None] for place in places)
        ancestors = (first <= number[:, None]) & (number[:, None] < after)
        position = prompt.length[0] + depth - 1
        now = position[:, None]
        x = self.embed(tokens, position)
        in_prompt = jnp.arange(prompt.keys[0].shape[2])[None]

        def sight(kind: LayerKind) -> tuple[Turn | None, Array, Array]:
            window = kind.window or self.config.max_position_embeddings
            see_prompt = (in_prompt < prompt.length[:, None]) & (in_prompt > now - window)
            see_tree = ancestors & (deep > depth[:, None] - window)
            return turn(position, kind.rope, self.config), see_prompt, see_tree

        kinds = self.config.layer_kinds
        sights = {kind: sight(kind) for kind in kinds}
        keys, values = [], []
        for i, (layer, kind) in enumerate(zip(self.layers, kinds, strict=True)):
            past = (prompt.keys[i], prompt.values[i], cache.keys[i], cache.values[i])
            x, k, v = layer.branch(x, *past, *sights[kind], start)
            keys.append(k)
            values.append(v)
        number, behind, depth = places
        cache = TreeCache(
            keys=tuple(keys), values=tuple(values), number=number, behind=behind, depth=depth
        )
        return self.norm(x), cache
