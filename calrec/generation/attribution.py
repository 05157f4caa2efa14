"""How probable texts are behind a prompt and behind variants of it, all of them at once.

A variant lacks a purchase, or has two in each other's place. What it has in common with the prompt
from the first token on stands at the same positions, and a token sees only earlier ones: so that
much of the prompt's cache is the variant's own, and only the rest is read, many variants side by
side, each with the texts as a tree behind it (`Decoder.decode_tree`).

Shapes: W variants, N nodes of the trie, B variants read together, T tokens of one in a batch, K
nodes with a token behind them, padded, V vocabulary.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from calrec.errors import CalrecError
from calrec.generation.sampler import bucket
from calrec.generation.trie.reading import TrieReader, padded_size, read_prompt
from calrec.generation.trie.trie import Trie
from calrec.model.backbone.cache import PromptCache, TreeCache
from calrec.records import Item, Sample
from calrec.records.attribution import Attribution
from calrec.text import item_text
from calrec.text.prompt import Connectors, prompt_tokens

if TYPE_CHECKING:
    from calrec.generation.model import GenerativeModel

TOKENS = 1024
"""Tokens that are read together, padding included, where one variant has no more."""
LOGITS = 2**25
"""Scores of tokens that are computed together, unless one variant has more."""


def orders(purchases: int, *, pairs: bool = False, swaps: bool = False) -> list[tuple[int, ...]]:
    """The variants of a history of so many purchases, as places in it, oldest first.

    The whole; then each one left out; then each pair of them, and each swap of neighbours, as asked
    for.
    """
    whole = tuple(range(purchases))
    found = [whole, *(_left_out(whole, {one}) for one in whole)]
    if pairs:
        found += [_left_out(whole, set(two)) for two in itertools.combinations(whole, 2)]
    if swaps:
        found += [(*whole[:i], i + 1, i, *whole[i + 2 :]) for i in whole[:-1]]
    return found


def _left_out(whole: tuple[int, ...], gone: set[int]) -> tuple[int, ...]:
    return tuple(place for place in whole if place not in gone)


def behind_variants(
    reader: TrieReader, prompts: Sequence[Sequence[int]], trie: Trie
) -> Float[np.ndarray, "W N"]:
    """The log-probability of each node's token behind each variant and all nodes above it.

    Args:
      reader: of the model.
      prompts: token ids of each variant; the first is the one whose cache the others share.
      trie: of the texts.

    Returns:
      in nats, at temperature 1; 0 at the root.

    Raises:
      CalrecError: if prompt and texts need more positions than the model has, or the model gives no
        finite probabilities.
    """
    limit, longest = reader.model.config.max_position_embeddings, int(trie.depths.max())
    if max(map(len, prompts)) + longest > limit:
        raise CalrecError(
            f"expected prompt and texts within the model's {limit} positions, found"
            f" {max(map(len, prompts))} and {longest}; lower max_prompt_tokens or max_new_tokens"
        )
    _, cache = read_prompt(reader, prompts[0])
    inner = np.flatnonzero(~trie.is_leaf(np.arange(len(trie))))[1:]
    # Nodes whose children are looked up: the root, which is the variant's last token, and these.
    parents = np.searchsorted(np.append(0, inner), trie.parents[1:])
    pairs = np.zeros((2, padded_size(len(parents))), np.int32)
    pairs[:, : len(parents)] = parents, trie.tokens[1:]
    found = np.zeros((len(prompts), len(trie)), np.float32)
    room = padded_size(len(inner) + 1)
    for rows, batch in _batches(reader, prompts, trie, inner, room):
        log_probs = jax.device_get(_log_probs(*reader.parts, cache, *batch, pairs, room=room))
        found[rows, 1:] = log_probs[: len(rows), : len(parents)]
    if not np.isfinite(found).all():
        raise CalrecError(
            "expected finite log-probabilities, found others: the checkpoint's weights are"
            " damaged or its training diverged; choose another checkpoint"
        )
    return found


Batch = tuple[
    Int[np.ndarray, "B 4 T"],  # ids, numbers, `behind` and depths
    Int[np.ndarray, " B"],  # tokens shared with the prompt
    Int[np.ndarray, " B"],  # where the variant's last token stands in the row
]


def _batches(
    reader: TrieReader,
    prompts: Sequence[Sequence[int]],
    trie: Trie,
    inner: Int[np.ndarray, " K"],
    room: int,
) -> Iterator[tuple[list[int], Batch]]:
    """Numbers of variants, and what the model reads of them; the longest first."""
    shared = [_shared(prompts[0], prompt) for prompt in prompts]
    tails = [len(prompt) - known for prompt, known in zip(prompts, shared, strict=True)]
    order = sorted(range(len(prompts)), key=lambda i: -tails[i])
    most = max(1, LOGITS // (room * reader.model.config.vocab_size))
    start = 0
    while start < len(order):
        # Behind the last token stands room for as many nodes as are looked up.
        width = bucket(tails[order[start]] - 1 + room)
        size = max(1, min(TOKENS // width, most))
        rows = order[start : start + size]
        blocks = np.zeros((size, 4, width), np.int32)
        known, last = np.zeros((2, size), np.int32)
        for row, i in enumerate(rows):
            known[row], last[row] = shared[i], tails[i] - 1
            blocks[row, :, : tails[i] + len(inner)] = _row(prompts[i][shared[i] :], trie, inner)
        yield rows, (blocks, known, last)
        start += size


def _shared(whole: Sequence[int], prompt: Sequence[int]) -> int:
    """How many first tokens they share; all but the last one at most, which has to be read."""
    pairs = zip(whole, prompt[:-1], strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _row(
    tail: Sequence[int], trie: Trie, inner: Int[np.ndarray, " K"]
) -> Int[np.ndarray, "4 tokens"]:
    """A tree: the variant's own tokens as a chain, the texts behind it."""
    own = np.arange(1, len(tail) + 1)
    return np.stack(
        [
            np.append(tail, trie.tokens[inner]),
            np.append(own, len(tail) + inner),
            np.append(np.full(len(tail), len(tail) + len(trie)), len(tail) + trie.behind[inner]),
            np.append(own, len(tail) + trie.depths[inner]),
        ]
    )


@partial(jax.jit, static_argnames=("graph", "room"))
def _log_probs(
    graph: nnx.GraphDef,
    weights: nnx.State,
    prompt: PromptCache,
    blocks: Int[Array, "B 4 T"],
    known: Int[Array, " B"],
    last: Int[Array, " B"],
    pairs: Int[Array, "2 Q"],
    *,
    room: int,
) -> Float[Array, "B Q"]:
    """Log-probabilities of tokens, each behind a node by its place among those looked up."""
    model = nnx.merge(graph, weights)
    slots, dtype = blocks.shape[2], prompt.keys[0].dtype
    parents, tokens = pairs

    def one(
        block: Int[Array, "4 T"], known: Int[Array, ""], last: Int[Array, ""]
    ) -> Float[Array, " Q"]:
        shared = PromptCache(keys=prompt.keys, values=prompt.values, length=known[None])
        empty = TreeCache.empty(model.config, slots, dtype)
        hidden, _ = model.decode_tree(*block, shared, empty, jnp.int32(0))
        logits = model.logits(jax.lax.dynamic_slice_in_dim(hidden, last, room))
        return logits[parents, tokens] - jax.nn.logsumexp(logits, axis=-1)[parents]

    return jax.vmap(one)(blocks, known, last)


def attribute(
    model: GenerativeModel,
    history: Sequence[Item],
    texts: Sequence[Item | Sample | str],
    *,
    pairs: bool = False,
    swaps: bool = False,
) -> Attribution:
    """See `GenerativeModel.attribution`."""
    read = _read(model, history)
    if len(read) < 2 + pairs:
        raise CalrecError(
            f"expected at least {2 + pairs} purchases that the model reads, so that one is left"
            f" when {1 + pairs} are left out, found {len(read)}; add some"
        )
    if not texts:
        raise CalrecError("expected at least one text or item to explain, found none; name one")
    variants = orders(len(read), pairs=pairs, swaps=swaps)
    connectors = Connectors.of(model.tokenizer, model.text)
    budget = model.description.max_prompt_tokens
    prompts = [prompt_tokens([read[i] for i in one], connectors, budget)[0] for one in variants]
    trie, leaves = _trie_of(model, texts)
    log_probs = behind_variants(model.reader, prompts, trie)
    everywhere = np.arange(len(trie))
    totals = np.stack([trie.sums(everywhere, one)[leaves] for one in log_probs])
    count = len(read)
    _, without, two, other = np.split(totals, np.cumsum([1, count, _pairs(count) * pairs]))
    return Attribution(
        items_cut=len(history) - count,
        texts=tuple(_shown(model, one) for one in texts),
        totals=totals[0],
        without=without,
        pairs=_symmetric(without, two) if pairs else None,
        swapped=other if swaps else None,
    )


def _read(model: GenerativeModel, history: Sequence[Item]) -> list[list[int]]:
    """Token ids of the purchases that the model reads, oldest first."""
    cut = model.prompt(history).items_cut
    return model.tokenizer.encode([item_text(item, model.text) for item in history[cut:]])


def _trie_of(
    model: GenerativeModel, texts: Sequence[Item | Sample | str]
) -> tuple[Trie, Int[np.ndarray, " T"]]:
    """The texts as a trie, and the last node of each; one that was cut short has no end token."""
    end, room = model.tokenizer.end_id, model.sampling.max_new_tokens - 1
    ids, finished = [], []
    for one in texts:
        if isinstance(one, Sample):
            written = [token for token in one.token_ids if token != end]
        else:
            written = model.tokenizer.encode([_shown(model, one)])[0][:room]
        ids.append(written)
        finished.append(not isinstance(one, Sample) or one.finished)
    trie = Trie.of(ids, end)
    return trie, np.where(finished, trie.leaves, trie.parents[trie.leaves])


def _shown(model: GenerativeModel, one: Item | Sample | str) -> str:
    if isinstance(one, Sample):
        return one.text
    return one if isinstance(one, str) else item_text(one, model.text)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _symmetric(
    without: Float[np.ndarray, "R T"], two: Float[np.ndarray, "P T"]
) -> Float[np.ndarray, "R R T"]:
    """The pairs as a matrix, single ones on its diagonal."""
    count = len(without)
    matrix = np.zeros((count, count, without.shape[1]))
    matrix[np.diag_indices(count)] = without
    for (i, j), values in zip(itertools.combinations(range(count), 2), two, strict=True):
        matrix[i, j] = matrix[j, i] = values
    return matrix
