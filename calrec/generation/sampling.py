"""N samples of the next item's text for each of U users (paper section 3.3): the stateless core.

`prefill` reads a prompt, `decode` adds some tokens, `insert` puts another user's state into a free
slot of a batch; each returns a new `State`. The prompt's cache is computed once and read by all
samples. Randomness is counter-based: the draw of a token depends on (seed, sample, step) alone.
`calrec.generation.sampler` drives it.

Shapes: U users, N samples a user, S token slots a sample, P prompt slots, V vocabulary, A
alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, UInt32

from calrec.model.backbone.cache import PromptCache, SampleCache

BLOCK = 64
"""Tokens of the vocabulary whose probabilities are summed first when a token is drawn."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class State:
    """Everything that the next token depends on, and what was drawn. Log-probabilities in nats.

    Attributes:
      prompt, cache: keys and values.
      logits: of the next token.
      keys: randomness of each sample.
      tokens: what was drawn; zeros behind a sample's end.
      log_probs, tempered: each token's log-probability at temperature 1 and at the sampling one.
      top_tokens, top_log_probs: the most probable tokens in its place, at temperature 1.
      finished: whether the end token was drawn.
      step: tokens drawn of each user's samples so far.
    """

    prompt: PromptCache
    cache: SampleCache
    logits: Float[Array, "U N V"]
    keys: UInt32[Array, "U N 2"]
    tokens: Int[Array, "U N S"]
    log_probs: Float[Array, "U N S"]
    tempered: Float[Array, "U N S"]
    top_tokens: Int[Array, "U N S A"]
    top_log_probs: Float[Array, "U N S A"]
    finished: Bool[Array, "U N"]
    step: Int[Array, " U"]

    def done(self) -> Bool[Array, " U"]:
        """Whether all samples of a user have ended, or have no slot left."""
        return self.finished.all(axis=1) | (self.step >= self.tokens.shape[2])


@partial(jax.jit, static_argnames=("graph", "samples", "slots", "alternatives"))
def prefill(
    graph: nnx.GraphDef,
    weights: nnx.State,
    tokens: Int[Array, "U P"],
    length: Int[Array, " U"],
    seeds: UInt32[Array, " U"],
    wanted: Int[Array, ""],
    *,
    samples: int,
    slots: int,
    alternatives: int = 0,
) -> State:
    """Reads the prompts (padded right) and prepares N empty samples of S slots for each user.

    Only the first `wanted` ones are drawn; the others count as finished.
    """
    model = nnx.merge(graph, weights)
    hidden, prompt = model.prefill(tokens, length)
    users = tokens.shape[0]
    drawn = (users, samples, slots)
    return State(
        prompt=prompt,
        cache=SampleCache.empty(model.config, users, samples, slots, hidden.dtype),
        # A row a sample, as in every later step: a product of few rows has other last bits.
        logits=model.logits(jnp.repeat(hidden[:, None], samples, axis=1)),
        keys=_keys(seeds, samples),
        tokens=jnp.zeros(drawn, jnp.int32),
        log_probs=jnp.zeros(drawn),
        tempered=jnp.zeros(drawn),
        top_tokens=jnp.zeros((*drawn, alternatives), jnp.int32),
        top_log_probs=jnp.zeros((*drawn, alternatives)),
        finished=jnp.broadcast_to(jnp.arange(samples) >= wanted, (users, samples)),
        step=jnp.zeros(users, jnp.int32),
    )


@partial(jax.jit, static_argnames=("samples",))
def _keys(seeds: UInt32[Array, " U"], samples: int) -> UInt32[Array, "U N 2"]:
    def of(seed):
        return jax.vmap(partial(jax.random.fold_in, jax.random.PRNGKey(seed)))(jnp.arange(samples))

    return jax.vmap(of)(seeds)


def reseed(state: State, seeds: UInt32[np.ndarray, " U"]) -> State:
    """What `prefill` gives with other seeds, of a state fresh from it; no prompt is read again."""
    return replace(state, keys=_keys(seeds, state.keys.shape[1]))


@partial(jax.jit, donate_argnames=("state",))
def insert(state: State, new: State, slot: Int[Array, ""]) -> State:
    """The state of U users with the one user of `new` in slot number `slot`."""

    def put(old, one):
        # As many rows a user as `one` has.
        return jax.lax.dynamic_update_slice_in_dim(old, one, slot * one.shape[0], axis=0)

    return jax.tree.map(put, state, new)


@partial(jax.jit, static_argnames=("graph", "end_id"), donate_argnames=("state",))
def decode(
    graph: nnx.GraphDef,
    weights: nnx.State,
    state: State,
    temperature: Float[Array, ""],
    steps: Int[Array, ""],
    *,
    end_id: int,
) -> State:
    """Decodes up to `steps` tokens more of every unfinished sample.

    Stops as soon as one more user is done, so that the slot can be given to another. The slots
    of users who are done stay as they are.
    """
    model = nnx.merge(graph, weights)
    already = state.done()

    def one(state: State) -> State:
        top = state.logits.max(axis=-1, keepdims=True)
        weight = jnp.exp((state.logits - top) / temperature)
        token = draw(weight, _uniforms(state))

        here = jnp.arange(state.tokens.shape[2])[None] == state.step[:, None]
        here = (here & ~state.done()[:, None])[:, None] & ~state.finished[..., None]

        def put(array, value):
            return jnp.where(here, value[..., None], array)

        # Read where they lie: their differences to the top are kept nowhere.
        logit = (jnp.take_along_axis(state.logits, token[..., None], axis=-1) - top)[..., 0]
        log_total = jnp.log(jnp.exp(state.logits - top).sum(axis=-1))
        finished = state.finished | (token == end_id)
        hidden, cache = model.decode_step(token, state.prompt, state.cache, state.step)
        return replace(
            _with_alternatives(state, top[..., 0] + log_total, here),
            cache=cache,
            logits=model.logits(hidden),
            tokens=put(state.tokens, token),
            log_probs=put(state.log_probs, logit - log_total),
            tempered=put(state.tempered, logit / temperature - jnp.log(weight.sum(axis=-1))),
            finished=jnp.where(already[:, None], state.finished, finished),
            step=jnp.where(already, state.step, state.step + 1),
        )

    def unfinished(carry):
        state, left = carry
        done = state.done()
        return (left > 0) & ~done.all() & (done == already).all()

    return jax.lax.while_loop(unfinished, lambda c: (one(c[0]), c[1] - 1), (state, steps))[0]


def _uniforms(state: State) -> Float[Array, "U N"]:
    """One number in [0, 1) for each sample, determined by its key and its step."""

    def of_user(keys, step):
        return jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, step)))(keys)

    return jax.vmap(of_user)(state.keys, state.step)


def _with_alternatives(
    state: State,
    log_total: Float[Array, "U N"],
    here: Bool[Array, "U N S"],
) -> State:
    """The most probable tokens of this step in their slots; nothing where none are asked for."""
    count = state.top_tokens.shape[3]
    if not count:
        return state
    top_logits, top = jax.lax.top_k(state.logits, count)

    def put(array, value):
        return jnp.where(here[..., None], value[:, :, None], array)

    return replace(
        state,
        top_tokens=put(state.top_tokens, top),
        top_log_probs=put(state.top_log_probs, top_logits - log_total[..., None]),
    )


def draw(weight: Float[Array, "*lead V"], uniform: Float[Array, "*lead"]) -> Int[Array, "*lead"]:
    """Tokens in proportion to their weights: the inverse of the cumulative distribution.

    First the block of tokens, then the token in it, which takes a quarter of the time of one
    cumulative sum on a CPU, and rounds less.

    Args:
      weight: of each token, at least 0 and not all 0; need not sum to 1.
      uniform: one number a row, in [0, 1).
    """
    *lead, size = weight.shape
    blocks = jnp.pad(weight, [(0, 0)] * len(lead) + [(0, -size % BLOCK)])
    blocks = blocks.reshape(*lead, -1, BLOCK)
    upto = jnp.cumsum(blocks.sum(axis=-1), axis=-1)
    goal = uniform[..., None] * upto[..., -1:]
    block = _first_above(upto, goal, upto > jnp.pad(upto, _shift(lead))[..., :-1])
    before = jnp.take_along_axis(jnp.pad(upto, _shift(lead)), block[..., None], axis=-1)
    inside = jnp.take_along_axis(blocks, block[..., None, None], axis=-2)[..., 0, :]
    token = _first_above(before + jnp.cumsum(inside, axis=-1), goal, inside > 0)
    return (block * BLOCK + token).astype(jnp.int32)


def _shift(lead: list[int]) -> list[tuple[int, int]]:
    return [(0, 0)] * len(lead) + [(1, 0)]


def _first_above(
    upto: Float[Array, "*lead K"], goal: Float[Array, "*lead 1"], possible: Bool[Array, "*lead K"]
) -> Int[Array, "*lead"]:
    """The first place whose sum exceeds the goal; by rounding there may be none: the last one
    that is possible at all."""
    last = upto.shape[-1] - 1 - jnp.argmax(possible[..., ::-1], axis=-1)
    return jnp.minimum((upto <= goal).sum(axis=-1), last)
