"""What a model makes of a trie behind one prompt, node by node as it is asked for.

The prompt's cache is computed once. Nodes are read in blocks, many at a time, in which each token
attends to the prompt and to its ancestors (`Decoder.decode_tree`): a chain of only children is read
in one pass, and what two texts share is read once. What was read tells the exact log-probability of
all children. Numbers of tokens come in few sizes, so that few shapes are compiled.

Shapes: N nodes, C chosen nodes, T tokens of a block, Q pairs of a token and one that follows it, P
prompt slots, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from calrec.errors import CalrecError
from calrec.generation.sampler import bucket
from calrec.generation.trie.trie import Trie, ranges
from calrec.model.backbone.cache import PromptCache, TreeCache
from calrec.model.backbone.decoder import Decoder

BLOCKS = (32, 64, 128)
"""Tokens that are read at a time, padding included."""
SLOTS = 512
"""Places of the smallest cache of a tree; larger ones have a power of two as many."""


class TrieReader:
    """Reads tries with one model; holds no state between calls.

    Attributes:
      model: the decoder.
    """

    def __init__(self, model: Decoder) -> None:
        self.model = model
        self.parts = nnx.split(model)

    def begin(self, prompt: Sequence[int], trie: Trie) -> Reading:
        """A trie behind a prompt; of its nodes the root is read.

        Args:
          prompt: token ids, at least one.
          trie: of any texts.

        Raises:
          CalrecError: if prompt and texts need more positions than the model has, or the model
            gives no finite probabilities.
        """
        limit, longest = self.model.config.max_position_embeddings, int(trie.depths.max())
        if len(prompt) + longest > limit:
            raise CalrecError(
                f"expected prompt and item texts within the model's {limit} positions, found"
                f" {len(prompt)} and {longest}; lower max_prompt_tokens or max_new_tokens"
            )
        return Reading(self, trie, *read_prompt(self, prompt))


class Reading:
    """One prompt's trie, as far as it is read.

    Attributes:
      trie: of the texts.
      log_probs: natural-log probability of each node's token behind all tokens before it, at
        temperature 1, in nats; NaN where the parent was not read, and at the root.
      tokens_read: how many tokens the model has read, prompt aside.
    """

    def __init__(
        self, reader: TrieReader, trie: Trie, logits: Float[Array, "1 V"], prompt: PromptCache
    ) -> None:
        """Takes what `TrieReader.begin` computed."""
        self.trie = trie
        self.log_probs = np.full(len(trie), np.nan, np.float32)
        self.tokens_read = 0
        self._reader = reader
        self._prompt = prompt
        self._cache = TreeCache.empty(reader.model.config, SLOTS, prompt.keys[0].dtype)
        self._kept = np.zeros(0, np.int64)  # the nodes in the cache's slots
        self._note(np.zeros(1, np.int64), logits)

    def read(self, chains: Int[np.ndarray, " C"], waiting: Int[np.ndarray, " W"]) -> None:
        """Reads chains of only children, each from this node on to where texts part or end.

        Args:
          chains: first nodes; their parents are read.
          waiting: other nodes that may be read later; what only other ones need is forgotten.

        Raises:
          CalrecError: if the model gives no finite probabilities.
          ValueError: if one of them was read before: a reading serves one search.
        """
        nodes = self._nodes(chains)
        if not np.isnan(self.log_probs[self.trie.children[self.trie.offsets[nodes]]]).all():
            raise ValueError("a node is read once: begin another reading for another search")
        for start in range(0, len(nodes), BLOCKS[-1]):
            block = nodes[start : start + BLOCKS[-1]]
            self._make_room(len(block), nodes[start:], waiting)
            self._note(block, self._logits(block))
        self.tokens_read += len(nodes)

    def _nodes(self, chains: Int[np.ndarray, " C"]) -> Int[np.ndarray, " K"]:
        """The nodes that the model has to read for these chains: all but the ends of texts."""
        return ranges(chains, self.lengths(chains))

    def lengths(self, chains: Int[np.ndarray, " C"]) -> Int[np.ndarray, " C"]:
        """How many they are, chain by chain."""
        stops = self.trie.stops[chains]
        return (stops + ~self.trie.is_leaf(stops) - chains).astype(np.int64)

    def along(self, chains: Int[np.ndarray, " C"]) -> Float[np.ndarray, " C"]:
        """Sums of log-probabilities of the nodes behind each chain's first one, of read chains."""
        counts = self.trie.stops[chains] - chains
        sums = np.append(0.0, np.cumsum(self.log_probs[ranges(chains + 1, counts)], dtype=float))
        upto = np.cumsum(counts)
        return sums[upto] - sums[upto - counts]

    def _logits(self, block: Int[np.ndarray, " C"]) -> Float[Array, "T V"]:
        """Reads nodes into the cache; the logits of what follows each."""
        trie, padded = self.trie, np.zeros((4, _block(len(block))), np.int32)
        places = (trie.tokens[block], block, trie.behind[block], trie.depths[block])
        padded[:, : len(block)] = np.stack(places)
        logits, self._cache = _extend(
            *self._reader.parts, self._prompt, self._cache, padded, np.int32(len(self._kept))
        )
        self._kept = np.concatenate([self._kept, block])
        return logits

    def _note(self, nodes: Int[np.ndarray, " C"], logits: Float[Array, "T V"]) -> None:
        """Notes the log-probabilities of the children of these nodes."""
        children, counts = self.trie.children_of(nodes)
        pairs = np.zeros((2, padded_size(len(children))), np.int32)
        pairs[0, : len(children)] = np.repeat(np.arange(len(nodes)), counts)
        pairs[1, : len(children)] = self.trie.tokens[children]
        found = jax.device_get(_following(logits, pairs))[: len(children)]
        if not np.isfinite(found).all():
            raise CalrecError(
                "expected finite log-probabilities, found others: the checkpoint's weights are"
                " damaged or its training diverged; choose another checkpoint"
            )
        self.log_probs[children] = found

    def _make_room(self, count: int, *needed: Int[np.ndarray, " _"]) -> None:
        """Slots for so many nodes more; of those there, the ancestors of needed nodes stay."""
        room = _block(count)
        if len(self._kept) + room <= len(self._cache.number):
            return
        ahead = np.sort(np.concatenate(needed))
        upto = np.searchsorted(ahead, self._kept, side="right")
        kept = np.flatnonzero(upto < np.searchsorted(ahead, self.trie.behind[self._kept]))
        slots = SLOTS
        while len(kept) + room > slots * 3 // 4:
            slots *= 2
        places = np.zeros(slots, np.int32)
        places[: len(kept)] = kept
        self._cache = _compacted(self._cache, places, np.int32(len(kept)))
        self._kept = self._kept[kept]


def read_prompt(
    reader: TrieReader, prompt: Sequence[int]
) -> tuple[Float[Array, "1 V"], PromptCache]:
    """The logits behind a prompt of at least one token, and its cache."""
    tokens = np.zeros((1, bucket(len(prompt))), np.int32)
    tokens[0, : len(prompt)] = prompt
    return _prefill(*reader.parts, tokens, np.asarray([len(prompt)], np.int32))


def _block(count: int) -> int:
    """The padded number of tokens."""
    return next(size for size in BLOCKS if size >= count)


def padded_size(pairs: int) -> int:
    """The number that so many pairs are padded to: a power of four times the smallest block."""
    size = BLOCKS[0]
    while size < pairs:
        size *= 4
    return size


@partial(jax.jit, static_argnames=("graph",))
def _prefill(
    graph: nnx.GraphDef, weights: nnx.State, tokens: Int[Array, "1 P"], length: Int[Array, " 1"]
) -> tuple[Float[Array, "1 V"], PromptCache]:
    """The logits behind a prompt, and its cache."""
    model = nnx.merge(graph, weights)
    hidden, prompt = model.prefill(tokens, length)
    return model.logits(hidden), prompt


@partial(jax.jit, static_argnames=("graph",), donate_argnames=("cache",))
def _extend(
    graph: nnx.GraphDef,
    weights: nnx.State,
    prompt: PromptCache,
    cache: TreeCache,
    block: Int[Array, "4 T"],
    start: Int[Array, ""],
) -> tuple[Float[Array, "T V"], TreeCache]:
    """The logits behind each token of a block: id, number, `behind` and depth."""
    model = nnx.merge(graph, weights)
    hidden, cache = model.decode_tree(*block, prompt, cache, start)
    return model.logits(hidden), cache


@jax.jit
def _following(logits: Float[Array, "T V"], pairs: Int[Array, "2 Q"]) -> Float[Array, " Q"]:
    """Log-probabilities of tokens, each by its row of the logits."""
    row, token = pairs
    return logits[row, token] - jax.nn.logsumexp(logits, axis=-1)[row]


@jax.jit
def _compacted(cache: TreeCache, slots: Int[Array, " K"], count: Int[Array, ""]) -> TreeCache:
    return cache.kept(slots, count)
