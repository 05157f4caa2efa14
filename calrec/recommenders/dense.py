"""Dense retrieval: what the contrastive alignment is worth without any generated text.

The towers' vectors are compared directly, as the losses of training compare them: v_U · v_T, both
of length 1, of the history and of each item (paper, section 3.4). An item needs a text and no
purchase, so that cold ones are ranked like all others.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from calrec.generation.model import GenerativeModel
from calrec.model.item_vectors import VectorFile
from calrec.recommenders.calrec import fits
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.protocol import Shop, StoredShop
from calrec.records import Item, Ranking, Recommendation, check_history

if TYPE_CHECKING:
    from calrec.model.embeddings import Embedder

ALONE = 1
"""Tokens of a batch: so few that each history is one, whose vector no other one changes."""


class Dense:
    """Ranks the items by v_U · v_T of unit vectors: cosines in [-1, 1], higher is better.

    Items of equal texts have equal vectors, and tie.
    """

    name = "dense"
    reads = None

    def __init__(
        self,
        embedder: Embedder,
        items: Sequence[Item],
        vectors: Float[np.ndarray, "N D"],
        settings: Mapping[str, Any],
    ) -> None:
        """Takes what embeds histories, N items, and their vectors by the same model.

        Args:
          embedder: its batches hold one history each, for scores that do not depend on others.
          items: in item-index order.
          vectors: v_T of each, of any length.
          settings: every setting of the model that shapes the vectors, JSON-able.
        """
        self._embedder = embedder
        self._items = items
        self._item_ids = tuple(item.item_id for item in items)
        self._vectors = _unit(vectors)
        self.settings = settings

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Scores after each of Q histories of item indices, none of them empty."""
        return self._scores([[self._items[i] for i in history] for history in histories])

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """Ranks every item for one history, oldest item first, of this shop or any other.

        Raises:
          CalrecError: if the history is empty.
        """
        check_history(history)
        start = time.perf_counter()
        scores = self._scores([history])[0]
        seconds = time.perf_counter() - start
        return Recommendation(
            history=tuple(history),
            ranking=Ranking.of_scores(self.name, self._item_ids, scores, self.settings, seconds),
        )

    def _scores(self, histories: Sequence[Sequence[Item]]) -> Float[np.ndarray, "Q N"]:
        users = _unit(self._embedder.histories(histories))
        # One product a history: sums over many at once may end in other last bits.
        return np.stack([self._vectors @ user for user in users])


def _unit(vectors: Float[np.ndarray, "A D"]) -> Float[np.ndarray, "A D"]:
    """In float64; a zero vector stays one."""
    exact = vectors.astype(np.float64)
    return exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-8)


def item_vectors(model: GenerativeModel, shop: Shop) -> Float[np.ndarray, "N D"]:
    """v_T of the shop's items, kept with the shop where that lies on disk."""
    if not isinstance(shop, StoredShop):
        return model.embedder().items(shop.items)
    file = VectorFile.of(
        shop.workspace,
        domain=shop.domain,
        fingerprint=shop.fingerprint,
        items=len(shop.items),
        record=model.description.to_text().encode(),
    )
    vectors = file.read()
    if vectors is None:
        vectors = model.embedder().items(shop.items)
        file.write(vectors)
    return vectors


def _build(inputs: Inputs) -> Dense:
    shop = inputs.shop
    model = inputs.model
    if model is None:
        name = inputs.required_checkpoint(ENTRY)
        models = shop.workspace / "models" if isinstance(shop, StoredShop) else None
        model = GenerativeModel.from_checkpoint(name, models=models)
    settings = {
        "similarity": "cosine",
        "text": asdict(model.text),
        "max_prompt_tokens": model.description.max_prompt_tokens,
        "max_item_tokens": model.sampling.max_new_tokens,
    }
    embedder = model.embedder(batch_tokens=ALONE)
    return Dense(embedder, shop.items, item_vectors(model, shop), settings)


ENTRY = Entry(
    id="dense",
    label="Dense",
    name="Dense retrieval",
    sentence="Compares the model's vectors of the history and of each item; writes no text.",
    needs=frozenset({"checkpoint", "texts"}),
    build=_build,
    fits=fits,
    reads_model=True,
)
