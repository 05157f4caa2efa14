"""A trained SASRec as a recommender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from calrec.errors import CalrecError
from calrec.recommenders.baseline import Baseline
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.protocol import Shop
from calrec.recommenders.sasrec.description import describe, items_digest
from calrec.recommenders.sasrec.settings import SASRecSettings

if TYPE_CHECKING:
    from calrec.recommenders.sasrec.model import SASRecModel

SHORTEST = 8
"""Places that the shortest histories are padded to; longer ones to the next power of two."""


class SASRec(Baseline):
    """Ranks items by the network's logits after the last item, in nats up to a constant.

    After an empty history every score is 0.
    """

    name = "sasrec"

    def __init__(
        self, item_ids: Sequence[str], model: SASRecModel, settings: SASRecSettings
    ) -> None:
        """Takes a network over these items, and the settings it was built with."""
        from flax import nnx

        super().__init__(item_ids)
        self.model = model
        self.reads = settings.max_length
        self.settings = asdict(settings)
        self._settings = settings
        self._graph, self._weights = nnx.split(model)

    @classmethod
    def load(cls, folder: Path, item_ids: Sequence[str]) -> SASRec:
        """Loads a folder that `calrec-train sasrec` wrote.

        Args:
          folder: where.
          item_ids: of the catalogue it is to rank, in item-index order.

        Raises:
          CalrecError: if the folder is no SASRec, damaged, or trained on other items.
        """
        from calrec.recommenders.sasrec.folder import read

        return cls(item_ids, *read(folder, item_ids))

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Writes the files into an existing folder; `about` goes into `sasrec.json` too."""
        from calrec.recommenders.sasrec.folder import write

        write(folder, self.item_ids, self.model, self._settings, about)

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Scores after each history; see `Baseline.scores`."""
        from calrec.model.backbone.layers import SAME_BITS

        last = [np.asarray(history)[-self._settings.max_length :] for history in histories]
        scores = np.zeros((len(last), len(self.item_ids)))
        widths = np.array([self._width(len(history)) for history in last], np.int64)
        for width in np.unique(widths[widths > 0]):
            rows = np.flatnonzero(widths == width)
            for start in range(0, len(rows), SAME_BITS):
                block = rows[start : start + SAME_BITS]
                scores[block] = self._logits([last[q] for q in block], SAME_BITS, width)
        return scores

    def _width(self, length: int) -> int:
        """Places that a history of this length is padded to; 0 for an empty one."""
        power = 1 << (length - 1).bit_length()
        return length and min(max(SHORTEST, power), self._settings.max_length)

    def _logits(
        self, histories: Sequence[Int[np.ndarray, " _"]], rows: int, width: int
    ) -> Float[np.ndarray, "Q N"]:
        """Logits after up to `rows` histories of up to `width` items.

        The number of rows is fixed, and the width that of the history itself: so its scores do
        not depend on the others.
        """
        items = np.zeros((rows, width), np.int32)
        position = np.full((rows, width), -1, np.int32)
        for row, history in enumerate(histories):
            items[row, : len(history)] = history
            position[row, : len(history)] = np.arange(len(history))
        logits = _compiled()(self._graph, self._weights, items, position)
        return np.asarray(logits)[: len(histories)]


@cache
def _compiled():
    """The jitted logits after each row's last item; jax is imported when it is first needed."""
    from functools import partial

    import jax
    import jax.numpy as jnp
    from flax import nnx

    @partial(jax.jit, static_argnames=("graph",))
    def last_logits(graph, weights, items, position):
        model = nnx.merge(graph, weights)
        last = jnp.argmax(position, axis=1)[:, None, None]
        hidden = jnp.take_along_axis(model.hidden(items, position), last, axis=1)
        return model.logits(hidden[:, 0])

    return last_logits


def _build(inputs: Inputs) -> SASRec:
    folder = Path(inputs.required_checkpoint(ENTRY))
    return SASRec.load(folder, inputs.shop.item_ids)


def _fits(folder: Path, shop: Shop) -> bool:
    try:
        return describe(folder)["items"] == items_digest(shop.item_ids)
    except CalrecError:
        return False


ENTRY = Entry(
    id="sasrec",
    label="SASRec",
    sentence="A trained network over item numbers; reads no text.",
    needs=frozenset({"checkpoint"}),
    build=_build,
    fits=_fits,
    describe=describe,
)
