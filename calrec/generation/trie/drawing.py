"""Draws from a trie: texts with replacement, or without (stochastic beam search).

Where texts part, the next token is drawn in proportion to its probability at a temperature among
the tokens that lead on to an item; what else the model might have written has no part. Randomness
is counter-based, as in `calrec.generation.sampling`: with replacement a draw depends on (seed,
sample, place of the token) alone, without on (seed, node).

Shapes: N texts, S places of a text, C parents, Q children, R numbers of a node.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt32

from calrec.generation.trie.progress import Searching, outcome
from calrec.generation.trie.reading import Reading, padded_size
from calrec.generation.trie.search import Found, search


def sample(reading: Reading, *, seed: int, count: int, temperature: float) -> Int[np.ndarray, " N"]:
    """N texts with replacement: their last nodes, in the order drawn. More keep the first ones.

    Args:
      reading: of the trie behind a prompt.
      seed: a whole number, of which the lowest 32 bits count.
      count: N.
      temperature: of the draw.
    """
    return outcome(sampling(reading, seed=seed, count=count, temperature=temperature))


def sampling(
    reading: Reading, *, seed: int, count: int, temperature: float
) -> Generator[Searching, None, Int[np.ndarray, " N"]]:
    """`sample` step by step; closing the generator ends it."""
    trie = reading.trie
    uniforms = np.asarray(_uniforms(_seed(seed), samples=count, places=int(trie.depths.max())))
    at, going = np.zeros(count, dtype=np.int64), np.arange(count)
    while len(going):
        parents = at[going]
        goals = uniforms[going, trie.depths[parents]]
        children = _drawn(reading, parents, goals, temperature)
        chains = np.unique(children[~trie.is_leaf(children)])
        reading.read(chains, chains[:0])
        at[going] = trie.stops[children]
        going = going[~trie.is_leaf(at[going])]
        ended = count - len(going)
        yield Searching(found=ended, wanted=count, tokens_read=reading.tokens_read)
    return at


def unique(reading: Reading, *, seed: int, count: int, temperature: float) -> Found:
    """The first texts of a draw without replacement, in the order drawn.

    Args:
      reading: of the trie behind a prompt.
      seed: a whole number, of which the lowest 32 bits count.
      count: how many.
      temperature: of the draw.
    """
    rule = ByGumbel(seed=seed, temperature=temperature)
    return search(reading, rule, count=count)


def shares(
    reading: Reading, nodes: Int[np.ndarray, " Q"], temperature: float
) -> Float[np.ndarray, " Q"]:
    """The log-probability, in nats, of drawing each node's token: 0 for an only child.

    Args:
      reading: in which the parents are read.
      nodes: which.
      temperature: of the draw.
    """
    children, counts = reading.trie.children_of(reading.trie.parents[nodes])
    among = _log_shares(reading.log_probs[children] / temperature, counts)
    return among[children == np.repeat(nodes, counts)]


@dataclass(frozen=True, kw_only=True)
class ByGumbel:
    """A rule of `calrec.generation.trie.search`: the log-probability of a draw, perturbed.

    A node's perturbed number is the highest of the texts below it: Gumbel noise that is drawn on
    the way down, under the condition that the highest child has its parent's number. So the first
    texts by it are draws without replacement. The second number is the log-probability itself.

    Source: Kool, van Hoof and Welling 2019, Stochastic Beams and Where to Find Them. As the search
    is best first, no beam is cut short.

    Attributes:
      seed: of the noise.
      temperature: of the draw.
    """

    seed: int
    temperature: float

    def start(self) -> Float[np.ndarray, "1 R"]:
        """The root has all probability. Its own noise would move all numbers alike."""
        return np.zeros((1, 2))

    def along(
        self, values: Float[np.ndarray, "C R"], log_probs: Float[np.ndarray, " C"]
    ) -> Float[np.ndarray, "C R"]:
        """Only children are certain."""
        return values

    def below(
        self,
        values: Float[np.ndarray, "C R"],
        counts: Int[np.ndarray, " C"],
        children: Int[np.ndarray, " Q"],
        log_probs: Float[np.ndarray, " Q"],
    ) -> Float[np.ndarray, "Q R"]:
        """See `calrec.generation.trie.search.Rule`."""
        if not len(children):
            return np.zeros((0, 2))
        top, total = np.repeat(values, counts, axis=0).T
        own = total + _log_shares(log_probs / self.temperature, counts)
        noisy = own + _gumbels_of(self.seed, children)
        highest = np.repeat(np.maximum.reduceat(noisy, _starts(counts)), counts)
        # Moved so that the highest is the parent's (the source's appendix B.3).
        with np.errstate(divide="ignore"):
            shift = top - noisy + np.log1p(-np.exp(noisy - highest))
        moved = top - np.maximum(0, shift) - np.log1p(np.exp(-np.abs(shift)))
        return np.stack([moved, own], axis=1)


def _drawn(
    reading: Reading,
    parents: Int[np.ndarray, " C"],
    uniforms: Float[np.ndarray, " C"],
    temperature: float,
) -> Int[np.ndarray, " C"]:
    """A child of each parent: the inverse of the cumulative distribution."""
    children, counts = reading.trie.children_of(parents)
    upto = np.cumsum(np.exp(_log_shares(reading.log_probs[children] / temperature, counts)))
    lasts = np.cumsum(counts) - 1
    before = np.append(0.0, upto[lasts[:-1]])
    goals = before + uniforms * (upto[lasts] - before)
    # By rounding no sum may exceed a goal: the last child then.
    return children[np.minimum(np.searchsorted(upto, goals, side="right"), lasts)].astype(np.int64)


def _log_shares(
    weights: Float[np.ndarray, " Q"], counts: Int[np.ndarray, " C"]
) -> Float[np.ndarray, " Q"]:
    """Log-softmax among the children of each parent."""
    starts = _starts(counts)
    weights = weights.astype(float)
    weights = weights - np.repeat(np.maximum.reduceat(weights, starts), counts)
    return weights - np.repeat(np.log(np.add.reduceat(np.exp(weights), starts)), counts)


def _starts(counts: Int[np.ndarray, " C"]) -> Int[np.ndarray, " C"]:
    return np.cumsum(counts) - counts


def _seed(seed: int) -> np.uint32:
    return np.uint32(int(seed) % 2**32)


def _gumbels_of(seed: int, nodes: Int[np.ndarray, " Q"]) -> Float[np.ndarray, " Q"]:
    padded = np.zeros(padded_size(len(nodes)), np.int32)
    padded[: len(nodes)] = nodes
    return np.asarray(_gumbels(_seed(seed), padded))[: len(nodes)].astype(float)


@partial(jax.jit, static_argnames=("samples", "places"))
def _uniforms(seed: UInt32[Array, ""], *, samples: int, places: int) -> Float[Array, "N S"]:
    """A number in [0, 1) for each sample and place."""
    fold, key = jax.random.fold_in, jax.random.PRNGKey(seed)

    def of_sample(sample: Int[Array, ""]) -> Float[Array, " S"]:
        own = fold(key, sample)
        return jax.vmap(lambda place: jax.random.uniform(fold(own, place)))(jnp.arange(places))

    return jax.vmap(of_sample)(jnp.arange(samples))


@jax.jit
def _gumbels(seed: UInt32[Array, ""], nodes: Int[Array, " Q"]) -> Float[Array, " Q"]:
    """Standard Gumbel noise for each node."""
    key = jax.random.PRNGKey(seed)
    return jax.vmap(lambda node: jax.random.gumbel(jax.random.fold_in(key, node)))(nodes)
