"""One decoder-only transformer for all families, in flax.nnx; the differences are in the config.

Modules and weights are named as in Hugging Face's Llama (`layers.0.self_attn.q_proj.weight`), for
every family; `calrec.model.hf` knows each one's own names.

Shapes, here and in the caches:
  B rows, T tokens, D hidden_size, V vocab_size, U users, N samples of a user, P prompt slots,
  S sample slots, Q query heads, G key/value groups, R = Q / G, H head_dim, UGN = U x G x N rows.
"""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from calrec.model.backbone.attention import Attention
from calrec.model.backbone.cache import PromptCache, SampleCache
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.layers import MLP, Norm, normal, project


class Layer(nnx.Module):
    """Attention and MLP, each normalised before and added to the residual stream."""

    def __init__(self, config: DecoderConfig, layer: int, *, rngs: nnx.Rngs) -> None:
        def output_norm() -> Norm | None:
            return Norm(config.hidden_size, config) if config.norm_outputs else None

        self.input_layernorm = Norm(config.hidden_size, config)
        self.self_attn = Attention(config, layer, rngs=rngs)
        self.attention_output_norm = output_norm()
        self.post_attention_layernorm = Norm(config.hidden_size, config)
        self.mlp = MLP(config, rngs=rngs)
        self.mlp_output_norm = output_norm()

    def __call__(
        self,
        x: Float[Array, "B T D"],
        position: Int[Array, "B T"],
        visible: Bool[Array, "B T T"],
    ) -> tuple[Float[Array, "B T D"], Float[Array, "B G T H"], Float[Array, "B G T H"]]:
        """Whole rows; see `Attention.__call__`."""
        mixed, keys, values = self.self_attn(self.input_layernorm(x), position, visible)
        return self._added(x, mixed), keys, values

    def step(
        self, x: Float[Array, "U N D"], *past: Array
    ) -> tuple[Float[Array, "U N D"], Float[Array, "UGN S H"], Float[Array, "UGN S H"]]:
        """One decoding step; see `Attention.step`."""
        mixed, keys, values = self.self_attn.step(self.input_layernorm(x), *past)
        return self._added(x, mixed), keys, values

    def _added(
        self, x: Float[Array, "*lead D"], mixed: Float[Array, "*lead D"]
    ) -> Float[Array, "*lead D"]:
        """The residual stream after attention's output and the MLP's."""
        if self.attention_output_norm is not None:
            mixed = self.attention_output_norm(mixed)
        x = x + mixed
        out = self.mlp(self.post_attention_layernorm(x))
        return x + (out if self.mlp_output_norm is None else self.mlp_output_norm(out))


class Decoder(nnx.Module):
    """Token embedding, layers, final norm, vocabulary head."""

    def __init__(self, config: DecoderConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.embed_tokens = normal(rngs, config.vocab_size, config.hidden_size)
        learned = config.rope is None
        self.embed_positions = (
            normal(rngs, config.max_position_embeddings, config.hidden_size) if learned else None
        )
        self.layers = nnx.List(
            [Layer(config, i, rngs=rngs) for i in range(config.num_hidden_layers)]
        )
        self.norm = Norm(config.hidden_size, config)
        tied = config.tie_word_embeddings
        self.lm_head = None if tied else normal(rngs, config.vocab_size, config.hidden_size)

    @property
    def dtype(self) -> jnp.dtype:
        """Of the weights, and of all that is computed from them but norms, softmaxes and logits."""
        return self.embed_tokens[...].dtype

    def _embed(
        self, tokens: Int[Array, "*lead"], position: Int[Array, "*lead"]
    ) -> Float[Array, "*lead D"]:
        x = self.embed_tokens[...][tokens]
        if self.config.scale_embeddings:
            x *= jnp.asarray(self.config.hidden_size**0.5, x.dtype)
        return x if self.embed_positions is None else x + self.embed_positions[...][position]

    def _run(
        self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]
    ) -> tuple[
        Float[Array, "B T D"],
        tuple[Float[Array, "B G T H"], ...],
        tuple[Float[Array, "B G T H"], ...],
    ]:
        position = jnp.maximum(jnp.cumsum(mask, axis=1) - 1, 0)
        x = self._embed(tokens, position)
        causal = jnp.tril(jnp.ones((tokens.shape[1],) * 2, bool))
        visible = causal[None] & mask[:, None, :]
        keys, values = [], []
        for layer in self.layers:
            x, k, v = layer(x, position, visible)
            keys.append(k)
            values.append(v)
        return self.norm(x), tuple(keys), tuple(values)

    def hidden(self, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]) -> Float[Array, "B T D"]:
        """Final hidden states, after the final norm. `mask` is False on padding, left or right."""
        return self._run(tokens, mask)[0]

    def logits(self, hidden: Float[Array, "*lead D"]) -> Float[Array, "*lead V"]:
        """Scores of the next token, in nats up to a constant; float32."""
        head = self.embed_tokens if self.lm_head is None else self.lm_head
        logits = project(hidden, head[...], jnp.float32)
        cap = self.config.logit_softcap
        return logits if cap is None else cap * jnp.tanh(logits / cap)

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
        position = (prompt.length + step)[:, None]
        x = self._embed(tokens, jnp.broadcast_to(position, tokens.shape))
        keys, values = [], []
        for i, layer in enumerate(self.layers):
            past = (prompt.keys[i], prompt.values[i], cache.keys[i], cache.values[i])
            x, k, v = layer.step(x, *past, prompt.length, step)
            keys.append(k)
            values.append(v)
        return self.norm(x), SampleCache(keys=tuple(keys), values=tuple(values))
