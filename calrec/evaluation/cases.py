"""The cases of an evaluation: whose rank was measured, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int, Shaped

from calrec.evaluation.metrics import METRICS
from calrec.evaluation.seeds import SeedRanks


@dataclass(frozen=True, kw_only=True, eq=False)
class Cases:
    """C cases, one a user.

    Attributes:
      user_ids: whose case; each once.
      target_item_ids: the item really bought.
      optimistic: rank of the target, from 1, first among its ties.
      pessimistic: the same, last among its ties.
      history_length: items in the history.
      target_popularity: purchases of the target in training.
      target_in_history: whether the target was bought before.
      target_is_last: whether the target was bought last before.
      target_cold: whether the target is in nobody's training and in nobody's validation part.
      target_category: its top level; `None` where it has none.
      shortcuts: whether the target followed the last item, and whether their texts are alike, by
        column (`run_folder.schema.SHORTCUTS`); empty of runs of earlier releases.
      generated: of a recommender that writes texts, by column (`run_folder.schema.COUNTS` and
        `OF_THE_TEXTS`); empty for the others.
      target_age: whole days from the target's first sale in training parts to this purchase, 0
        where that sale came later, -1 where it was never sold; `None` in runs of releases that did
        not record it, and where no times are known.
      first_ten: what each first ten holds (`calrec.evaluation.first_ten.of_lists`); empty in runs
        of releases that did not record it.
      by_seed: the ranks with several seeds; `None` where the run has one.
    """

    user_ids: pa.Array
    target_item_ids: pa.Array
    optimistic: Int[np.ndarray, " C"]
    pessimistic: Int[np.ndarray, " C"]
    history_length: Int[np.ndarray, " C"]
    target_popularity: Int[np.ndarray, " C"]
    target_in_history: Bool[np.ndarray, " C"]
    target_is_last: Bool[np.ndarray, " C"]
    target_cold: Bool[np.ndarray, " C"]
    target_category: tuple[str | None, ...]
    generated: Mapping[str, Shaped[np.ndarray, " C"]]
    shortcuts: Mapping[str, Bool[np.ndarray, " C"]] = field(default_factory=dict)
    target_age: Int[np.ndarray, " C"] | None = None
    first_ten: Mapping[str, Float[np.ndarray, " C"]] = field(default_factory=dict)
    by_seed: SeedRanks | None = None

    def __len__(self) -> int:
        return len(self.optimistic)

    @property
    def tie_width(self) -> Int[np.ndarray, " C"]:
        """Items that tie with the target, without itself."""
        return self.pessimistic - self.optimistic

    @cached_property
    def values(self) -> Mapping[tuple[str, str], Float[np.ndarray, " C"]]:
        """Each user's value by `(metric, "optimistic" | "pessimistic")`."""
        sides = {"optimistic": self.optimistic, "pessimistic": self.pessimistic}
        return {
            (name, side): metric(ranks)
            for name, metric in METRICS.items()
            for side, ranks in sides.items()
        }

    def take(self, places: Int[np.ndarray, " D"]) -> Cases:
        """The cases at these places, in that order."""
        return Cases(
            user_ids=self.user_ids.take(pa.array(places)),
            target_item_ids=self.target_item_ids.take(pa.array(places)),
            target_category=tuple(self.target_category[i] for i in places),
            shortcuts={name: known[places] for name, known in self.shortcuts.items()},
            generated={name: counts[places] for name, counts in self.generated.items()},
            target_age=None if self.target_age is None else self.target_age[places],
            first_ten={name: values[places] for name, values in self.first_ten.items()},
            by_seed=None if self.by_seed is None else self.by_seed.take(places),
            **{name: getattr(self, name)[places] for name in _ARRAYS},
        )


_ARRAYS = (
    "optimistic",
    "pessimistic",
    "history_length",
    "target_popularity",
    "target_in_history",
    "target_is_last",
    "target_cold",
)
