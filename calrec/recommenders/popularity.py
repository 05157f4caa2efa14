"""Most popular: the same ranking for everybody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from calrec.recommenders.baseline import Baseline


class MostPopular(Baseline):
    """Ranks items by how often they were bought."""

    name = "popular"
    reads = 0

    def __init__(self, item_ids: Sequence[str], popularity: Int[np.ndarray, " N"]) -> None:
        """Takes the purchases per item; what is to be predicted is left out of them."""
        super().__init__(item_ids)
        self._scores = popularity.astype(np.float64)
        self.settings = {"purchases": int(popularity.sum())}

    def scores(self, histories: Sequence[Int[np.ndarray, " L"]]) -> Float[np.ndarray, "Q N"]:
        """Purchases of each item; see `Baseline.scores`."""
        return np.tile(self._scores, (len(histories), 1))
