"""An item's way down a trie, token by token: how sure the model was, and what stood beside.

Shapes: N nodes of the trie, K texts.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from jaxtyping import Float, Int

from calrec.generation.trie.grouping import Grouping
from calrec.generation.trie.writing import ItemTexts
from calrec.records import Attributes
from calrec.records.exploration import IN_TEXT, Attribute, Step, Turn
from calrec.text import LABELS, item_text, truncated
from calrec.text.item_text import UNKNOWN

TURNS = 5
"""Other tokens that are told of each place."""
_WORD = re.compile(r"[^\s,;:.](?:[^\s,;:]*[^\s,;:.])?")
_NEAR = 8
"""Tokens around one in which its word is looked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Teller:
    """Tells the ways of items after one prompt.

    Attributes:
      texts: of all items.
      grouping: of their texts.
      log_probs: of each node's token behind all before it, in nats; known for all children of what
        stands on the way to an item that is told of.
      leaves: last nodes of the texts that were found, most probable first.
    """

    texts: ItemTexts
    grouping: Grouping
    log_probs: Float[np.ndarray, " N"]
    leaves: Int[np.ndarray, " K"]

    def shown(self, item: int) -> Attributes:
        """An item's attributes as its text shows them."""
        first = self.grouping.items_at(
            int(np.searchsorted(self.grouping.leaves, self.texts.trie.leaves[item]))
        )[0]
        return truncated(self.texts.items[int(first)], self.texts.model.text)

    def steps(self, item: int) -> tuple[Step, ...]:
        """The tokens of an item's text, end token included."""
        path = self.texts.trie.path(int(self.texts.trie.leaves[item]))
        totals = accumulate(self.log_probs[path].astype(float).tolist())
        attributes = self._attributes(item, path)
        return tuple(
            self._step(path, place, attributes[place], total) for place, total in enumerate(totals)
        )

    def _step(
        self,
        path: Int[np.ndarray, " D"],
        place: int,
        attribute: Attribute | None,
        total: float,
    ) -> Step:
        trie, node = self.texts.trie, int(path[place])
        siblings, _ = trie.children_of(trie.parents[[node]])
        log_probs = self.log_probs[siblings].astype(float)
        order = siblings[np.argsort(-log_probs, kind="stable")]
        before = trie.tokens[path[:place]].tolist()
        turns = [self._turn(before, other) for other in order[order != node][:TURNS].tolist()]
        token = int(trie.tokens[node])
        return Step(
            token_id=token,
            text=self._piece(token),
            word=self._word(before, trie.tokens[path[place:]].tolist())[0],
            attribute=attribute,
            log_prob=float(self.log_probs[node]),
            total=total,
            items=self._items(node),
            turns=tuple(turns),
            others=len(siblings) - 1 - len(turns),
            outside=max(0.0, 1 - math.fsum(np.exp(log_probs))),
        )

    def _turn(self, before: list[int], node: int) -> Turn:
        trie, stop = self.texts.trie, int(self.texts.trie.stops[node])
        token, chain = int(trie.tokens[node]), trie.tokens[node : stop + 1].tolist()
        inside = (self.leaves >= node) & (self.leaves < trie.behind[node])
        best = trie.items_at(int(self.leaves[inside.argmax()]))[0] if inside.any() else None
        word, reaches_end = self._word(before, chain)
        following = trie.tokens[trie.children_of(np.array([stop]))[0]].tolist()
        goes_on = reaches_end and any(self._piece(one)[:1].isalnum() for one in following)
        return Turn(
            token_id=token,
            text=self._piece(token),
            word=f"{word}…" if goes_on else word,
            log_prob=float(self.log_probs[node]),
            items=self._items(node),
            best=None if best is None else self.texts.items[int(best)].item_id,
        )

    def _items(self, node: int) -> int:
        return self.grouping.below(node, int(self.texts.trie.behind[node]))

    def _piece(self, token: int) -> str:
        return self.texts.model.tokenizer.piece(token)

    def _word(self, before: list[int], chain: list[int]) -> tuple[str, bool]:
        """The whole word that the first token of a chain is part of, else the token alone; and
        whether it reaches to the end of the chain."""
        decode, before = self.texts.model.tokenizer.decode, before[-_NEAR:]
        start, end = len(decode(before)), len(decode([*before, chain[0]]))
        text = decode([*before, *chain[:_NEAR]])
        for word in _WORD.finditer(text):
            if word.end() > start and word.start() < end:
                return word.group(), word.end() == len(text)
        return self._piece(chain[0]).strip(), False

    def _attributes(self, item: int, path: Int[np.ndarray, " D"]) -> list[Attribute | None]:
        """Which attribute each token ends in; its label counts to it."""
        model, shown = self.texts.model, self.shown(item)
        text = item_text(shown, model.text)
        values = (getattr(shown, name) or UNKNOWN for name in IN_TEXT)
        lengths = [len(label) + len(value) for label, value in zip(LABELS, values, strict=True)]
        ends = np.cumsum(lengths)
        ids = self.texts.trie.tokens[path].tolist()
        upto = [len(model.tokenizer.decode(ids[: place + 1])) for place in range(len(ids) - 1)]
        places = np.searchsorted(ends, np.minimum(upto, len(text)))
        return [*(IN_TEXT[place] for place in places), None]
