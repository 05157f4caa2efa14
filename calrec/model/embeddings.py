"""The vectors of the two towers, for any number of items and histories (paper section 3.2).

v_T: an item read alone. v_U: a history. v_TU: a target read behind its history. Each is the mean,
over the tokens concerned, of the hidden states behind the final norm, as training pools them. The
begin token of models that have one stands in front of items and histories, and is one of theirs.

Shapes: I items, U users, D hidden size, B rows of a batch, T tokens of a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from calrec.errors import CalrecError
from calrec.model.backbone.decoder import Decoder
from calrec.model.objective import mean_over
from calrec.records import Item
from calrec.records.recommendation import check_history
from calrec.text import TextSettings, item_text
from calrec.text.prompt import Connectors, begun, prompt_tokens
from calrec.tokenizer import Tokenizer

NARROWEST = 32
"""Rows are padded to at least this many tokens."""

Tick = Callable[[int], None]
Row = tuple[tuple[int, ...], int]
"""Tokens, and how many of them are history."""


@dataclass(frozen=True, kw_only=True, eq=False)
class UserVectors:
    """What the user tower makes of U histories and their targets, in one pass."""

    v_u: Float[np.ndarray, "U D"]
    v_tu: Float[np.ndarray, "U D"]


@partial(jax.jit, static_argnames=("graph",))
def _means(
    graph: nnx.GraphDef,
    weights: nnx.State,
    tokens: Int[Array, "B T"],
    split: Int[Array, " B"],
    length: Int[Array, " B"],
) -> tuple[Float[Array, "B D"], Float[Array, "B D"]]:
    """Mean over the first `split` tokens of each row, and over those behind, up to `length`."""
    at = jnp.arange(tokens.shape[1])[None]
    real, history = at < length[:, None], at < split[:, None]
    hidden = nnx.merge(graph, weights).hidden(tokens, real)
    return mean_over(hidden, history), mean_over(hidden, real & ~history)


class Embedder:
    """Embeds items and histories with one model; holds no state between calls.

    Vectors are float32 and in the order of the input. What else is embedded in the same call
    changes them by float rounding at most, and equal texts get equal vectors.
    """

    def __init__(
        self,
        model: Decoder,
        tokenizer: Tokenizer,
        text: TextSettings,
        *,
        max_prompt_tokens: int = 1024,
        max_target_tokens: int = 80,
        batch_tokens: int = 2048,
    ) -> None:
        """Takes a model and how it reads.

        Args:
          model: the decoder; its weights are shared, not copied.
          tokenizer: its tokenizer.
          text: how items become text.
          max_prompt_tokens: the token budget of a history.
          max_target_tokens: the token budget of an item alone and of a target, end token included.
          batch_tokens: tokens of a batch, padding included: what bounds the memory. The default
            suits a CPU; an accelerator wants more.

        Raises:
          CalrecError: if the budget of a target has no room for the end token, or both need more
            positions than the model has.
        """
        positions = model.config.max_position_embeddings
        if max_prompt_tokens + max_target_tokens > positions:
            raise CalrecError(
                f"expected history and target within the model's {positions} positions, found"
                f" {max_prompt_tokens} and {max_target_tokens}; lower max_prompt_tokens"
            )
        if max_target_tokens < 1:
            raise CalrecError(
                f"expected at least 1 target token, for the end token, found {max_target_tokens};"
                " raise max_target_tokens"
            )
        self._graph, self._weights = nnx.split(model)
        self._size = model.config.hidden_size
        self._tokenizer = tokenizer
        self._text = text
        self._connectors = Connectors.of(tokenizer, text)
        self._max_prompt_tokens = max_prompt_tokens
        self._max_target_tokens = max_target_tokens
        self._batch_tokens = batch_tokens

    def items(self, items: Sequence[Item], *, tick: Tick | None = None) -> Float[np.ndarray, "I D"]:
        """v_T of each item: the item tower, over begin token, the item's text and the end token.

        Args:
          items: which; any number.
          tick: told now and then how many more are done.
        """
        rows = [(begun(self._tokenizer, target), 0) for target in self._targets(items)]
        return self._embed(rows, tick)[1]

    def histories(
        self, histories: Sequence[Sequence[Item]], *, tick: Tick | None = None
    ) -> Float[np.ndarray, "U D"]:
        """v_U of each history: over its whole prompt, as the model reads it to recommend.

        The model is causal: behind the prompt a target changes nothing of it.

        Args:
          histories: items, oldest first; any number of histories, none empty.
          tick: told now and then how many more are done.

        Raises:
          CalrecError: if a history is empty.
        """
        prompts = self._prompts(histories)
        return self._embed([(prompt, len(prompt)) for prompt in prompts], tick)[0]

    def pairs(
        self,
        histories: Sequence[Sequence[Item]],
        targets: Sequence[Item],
        *,
        tick: Tick | None = None,
    ) -> Float[np.ndarray, "U D"]:
        """v_TU of each target behind its history; see `user_tower`."""
        return self.user_tower(histories, targets, tick=tick).v_tu

    def user_tower(
        self,
        histories: Sequence[Sequence[Item]],
        targets: Sequence[Item],
        *,
        tick: Tick | None = None,
    ) -> UserVectors:
        """v_U and v_TU in one pass over history and target.

        Args:
          histories: items, oldest first; any number of histories, none empty.
          targets: the item that follows each; its end token counts.
          tick: told now and then how many more are done.

        Raises:
          CalrecError: if a history is empty, or there are not as many targets.
        """
        if len(histories) != len(targets):
            raise CalrecError(
                f"expected a target for each of {len(histories)} histories, found {len(targets)};"
                " give one item a history"
            )
        rows = [
            (prompt + target, len(prompt))
            for prompt, target in zip(self._prompts(histories), self._targets(targets), strict=True)
        ]
        v_u, v_tu = self._embed(rows, tick)
        return UserVectors(v_u=v_u, v_tu=v_tu)

    def _prompts(self, histories: Sequence[Sequence[Item]]) -> list[tuple[int, ...]]:
        for history in histories:
            check_history(history)
        budget = self._max_prompt_tokens
        return [
            tuple(prompt_tokens(texts, self._connectors, budget)[0])
            for texts in self._tokens(histories)
        ]

    def _targets(self, items: Sequence[Item]) -> list[tuple[int, ...]]:
        room = self._max_target_tokens - 1
        return [(*ids[:room], self._tokenizer.end_id) for ids in self._tokens([items])[0]]

    def _tokens(self, histories: Sequence[Sequence[Item]]) -> list[list[list[int]]]:
        """Token ids of each item's text; a text that occurs often is encoded once."""
        texts = [[item_text(item, self._text) for item in history] for history in histories]
        distinct = list(dict.fromkeys(text for history in texts for text in history))
        ids = dict(zip(distinct, self._tokenizer.encode(distinct), strict=True))
        return [[ids[text] for text in history] for history in texts]

    def _embed(
        self, rows: Sequence[Row], tick: Tick | None
    ) -> tuple[Float[np.ndarray, "rows D"], Float[np.ndarray, "rows D"]]:
        """Means over the history and over what follows it, of each row."""
        # Equal rows are run once: they then tie exactly, as their texts do.
        count = Counter(rows)
        # Longest first, so that what memory cannot hold fails at once.
        distinct = sorted(count, key=lambda row: -len(row[0]))
        means = np.zeros((2, len(distinct), self._size), np.float32)
        start = 0
        while start < len(distinct):
            width = _width(len(distinct[start][0]))
            size = max(1, self._batch_tokens // width)
            part = distinct[start : start + size]
            means[:, start : start + len(part)] = self._batch(part, size, width)
            start += len(part)
            if tick is not None:
                tick(sum(count[row] for row in part))
        place = {row: i for i, row in enumerate(distinct)}
        order = np.array([place[row] for row in rows], int)
        return means[0, order], means[1, order]

    def _batch(self, part: Sequence[Row], size: int, width: int) -> Float[np.ndarray, "2 rows D"]:
        """Means of up to `size` rows; rows without a token fill the batch up."""
        tokens = np.zeros((size, width), np.int32)
        split, length = np.zeros((2, size), np.int32)
        for i, (ids, history) in enumerate(part):
            tokens[i, : len(ids)] = ids
            split[i], length[i] = history, len(ids)
        means = _means(self._graph, self._weights, tokens, split, length)
        return np.stack(jax.device_get(means))[:, : len(part)]


def _width(length: int) -> int:
    """`length` rounded up to 32, 48, 64, 96, ...: few shapes, at most a third padding."""
    length = max(length, NARROWEST)
    power = 1 << (length - 1).bit_length()
    return power * 3 // 4 if length <= power * 3 // 4 else power
