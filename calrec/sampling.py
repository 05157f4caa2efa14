"""N samples of the next item's text for each of U users (paper section 3.3).

A stateless core: `start` reads the prompts, `advance` adds some tokens, both return a new `State`.
The prompt's cache is computed once and read by all samples. Randomness is counter-based: the draw
of a token depends on (seed, sample, step) alone, so whatever else runs changes nothing.

Shapes: U users, N samples a user, S token slots a sample, P prompt slots, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, UInt32

from calrec.backbone.cache import PromptCache, SampleCache
from calrec.backbone.decoder import Decoder

BUCKET = 128
"""Prompts are padded to a multiple of this many tokens, so that few shapes are compiled."""


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How texts are drawn: the full softmax at a temperature, no top-k, no top-p.

    Attributes:
      samples: texts per user (N_gen).
      temperature: of the draw; scores are taken at temperature 1.
      max_new_tokens: the most tokens of a text, end token included.
      stride: tokens decoded between two looks at the state.
    """

    samples: int = 32
    temperature: float = 0.5
    max_new_tokens: int = 80
    stride: int = 8

    def __post_init__(self) -> None:
        if min(self.samples, self.max_new_tokens, self.stride) < 1:
            raise ValueError(f"samples, max_new_tokens and stride must be at least 1, found {self}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, found {self.temperature}")


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class State:
    """Everything that the next token depends on. Log-probabilities are in nats."""

    prompt: PromptCache
    cache: SampleCache
    logits: Float[Array, "U N V"]
    keys: UInt32[Array, "U N 2"]
    tokens: Int[Array, "U N S"]
    log_probs: Float[Array, "U N S"]
    tempered: Float[Array, "U N S"]
    finished: Bool[Array, "U N"]
    step: Int[Array, ""]


@partial(jax.jit, static_argnames=("graph", "samples", "slots"))
def start(
    graph: nnx.GraphDef,
    weights: nnx.State,
    tokens: Int[Array, "U P"],
    length: Int[Array, " U"],
    seeds: UInt32[Array, " U"],
    *,
    samples: int,
    slots: int,
) -> State:
    """Reads the prompts (padded right) and prepares N empty samples of S slots for each user."""
    model = nnx.merge(graph, weights)
    hidden, prompt = model.prefill(tokens, length)
    users = tokens.shape[0]
    logits = jnp.broadcast_to(
        model.logits(hidden)[:, None], (users, samples, model.config.vocab_size)
    )
    keys = jax.vmap(
        lambda seed: jax.vmap(partial(jax.random.fold_in, jax.random.PRNGKey(seed)))(
            jnp.arange(samples)
        )
    )(seeds)
    return State(
        prompt=prompt,
        cache=SampleCache.empty(model.config, users, samples, slots, hidden.dtype),
        logits=logits,
        keys=keys,
        tokens=jnp.zeros((users, samples, slots), jnp.int32),
        log_probs=jnp.zeros((users, samples, slots)),
        tempered=jnp.zeros((users, samples, slots)),
        finished=jnp.zeros((users, samples), bool),
        step=jnp.zeros((), jnp.int32),
    )


def _draw(probs: Float[Array, "U N V"], uniform: Float[Array, "U N"]) -> Int[Array, "U N"]:
    """Inverse of the cumulative distribution: one uniform number a row, in [0, 1)."""
    cumulative = jnp.cumsum(probs, axis=-1)
    below = cumulative <= uniform[..., None] * cumulative[..., -1:]
    return jnp.minimum(below.sum(axis=-1), probs.shape[-1] - 1).astype(jnp.int32)


@partial(jax.jit, static_argnames=("graph", "steps", "end_id"), donate_argnames=("state",))
def advance(
    graph: nnx.GraphDef,
    weights: nnx.State,
    state: State,
    temperature: Float[Array, ""],
    *,
    steps: int,
    end_id: int,
) -> State:
    """Decodes up to `steps` tokens more of every unfinished sample; stops at S slots."""
    model = nnx.merge(graph, weights)
    slots = state.tokens.shape[2]

    def one(state: State) -> State:
        log_probs = jax.nn.log_softmax(state.logits)
        tempered = jax.nn.log_softmax(state.logits / temperature)
        step_keys = jax.vmap(jax.vmap(lambda key: jax.random.fold_in(key, state.step)))(state.keys)
        uniform = jax.vmap(jax.vmap(jax.random.uniform))(step_keys)
        token = _draw(jnp.exp(tempered), uniform)

        def put(array, value):
            value = jnp.where(state.finished, 0, value)
            return jax.lax.dynamic_update_index_in_dim(array, value, state.step, axis=2)

        def of_token(values):
            return jnp.take_along_axis(values, token[..., None], axis=-1)[..., 0]

        hidden, cache = model.decode_step(token, state.prompt, state.cache, state.step)
        return replace(
            state,
            cache=cache,
            logits=model.logits(hidden),
            tokens=put(state.tokens, token),
            log_probs=put(state.log_probs, of_token(log_probs)),
            tempered=put(state.tempered, of_token(tempered)),
            finished=state.finished | (token == end_id),
            step=state.step + 1,
        )

    def unfinished(carry):
        state, left = carry
        return (left > 0) & (state.step < slots) & ~state.finished.all()

    return jax.lax.while_loop(unfinished, lambda c: (one(c[0]), c[1] - 1), (state, steps))[0]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The samples of U users so far, on the host.

    Attributes:
      tokens, log_probs, tempered: [U, N, S]; slots behind a sample's length hold zeros.
      lengths: tokens of each sample so far, end token included, [U, N].
      finished: whether the end token was drawn, [U, N].
      step: steps decoded.
    """

    tokens: Int[np.ndarray, "U N S"]
    log_probs: Float[np.ndarray, "U N S"]
    tempered: Float[np.ndarray, "U N S"]
    lengths: Int[np.ndarray, "U N"]
    finished: Bool[np.ndarray, "U N"]
    step: int


def _drawn(state: State, end_id: int) -> Drawn:
    tokens, log_probs, tempered, finished, step = jax.device_get(
        (state.tokens, state.log_probs, state.tempered, state.finished, state.step)
    )
    first_end = np.argmax(tokens == end_id, axis=2) + 1
    return Drawn(
        tokens=tokens,
        log_probs=log_probs,
        tempered=tempered,
        lengths=np.where(finished, first_end, int(step)),
        finished=finished,
        step=int(step),
    )


class Sampler:
    """Draws samples from one model; holds no state between calls."""

    def __init__(self, model: Decoder, end_id: int) -> None:
        self._graph, self._weights = nnx.split(model)
        self._end_id = end_id

    def stream(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        settings: SamplingSettings,
    ) -> Iterator[Drawn]:
        """Yields all users' samples every `stride` tokens, the last time complete.

        Closing the iterator stops the work and frees the caches.

        Args:
          prompts: token ids of each user's prompt, none empty.
          seeds: one per user; the same seed and prompt give the same samples.
          settings: how to draw.
        """
        width = -(-max(map(len, prompts)) // BUCKET) * BUCKET
        tokens = np.zeros((len(prompts), width), np.int32)
        for row, prompt in zip(tokens, prompts, strict=True):
            row[: len(prompt)] = prompt
        state = start(
            self._graph,
            self._weights,
            tokens,
            np.asarray([len(p) for p in prompts], np.int32),
            np.asarray([seed % 2**32 for seed in seeds], np.uint32),
            samples=settings.samples,
            slots=settings.max_new_tokens,
        )
        while True:
            state = advance(
                self._graph,
                self._weights,
                state,
                np.float32(settings.temperature),
                steps=settings.stride,
                end_id=self._end_id,
            )
            drawn = _drawn(state, self._end_id)
            yield drawn
            if drawn.finished.all() or drawn.step >= settings.max_new_tokens:
                return
