"""How much of a rank is the luck of one draw: the same cases ranked with several seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from calrec.evaluation.metrics import summarise


@dataclass(frozen=True, kw_only=True, eq=False)
class SeedRanks:
    """Ranks of the target of C cases with S seeds; the first column is the run's own.

    Attributes:
      optimistic: from 1, the target first among its ties.
      pessimistic: the same, last among its ties.
    """

    optimistic: Int[np.ndarray, "C S"]
    pessimistic: Int[np.ndarray, "C S"]

    @property
    def seeds(self) -> int:
        """S."""
        return self.optimistic.shape[1]

    def take(self, places: Int[np.ndarray, " D"]) -> SeedRanks:
        """Those of the cases at these places, in that order."""
        return SeedRanks(optimistic=self.optimistic[places], pessimistic=self.pessimistic[places])

    def span(self) -> tuple[Int[np.ndarray, " C"], Int[np.ndarray, " C"]]:
        """The best and the worst optimistic rank of each case over the seeds."""
        return self.optimistic.min(axis=1), self.optimistic.max(axis=1)

    def by_metric(self) -> dict[str, dict[str, Float[np.ndarray, " S"]]]:
        """Each metric's mean over the cases for each seed, by metric and side of the ties."""
        pairs = zip(self.optimistic.T, self.pessimistic.T, strict=True)
        each = [summarise(*pair) for pair in pairs]
        return {
            name: {side: np.array([one[name][side] for one in each]) for side in sides}
            for name, sides in each[0].items()
        }

    def summary(self) -> dict[str, dict[str, dict[str, float]]]:
        """Of each metric and side the mean and the standard deviation (n - 1) over the seeds.

        `{"ndcg@10": {"optimistic": {"mean": x, "sd": y}, "pessimistic": {...}}, ...}`, JSON-able.
        """
        return {
            name: {
                side: {"mean": float(values.mean()), "sd": float(values.std(ddof=1))}
                for side, values in sides.items()
            }
            for name, sides in self.by_metric().items()
        }
