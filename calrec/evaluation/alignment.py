"""How close users lie to what they bought next (paper, Fig. 2 and appendix B).

Vectors in, cosines out, in NumPy: a page can show them without an accelerator's library. Where the
vectors come from: `calrec.model.embeddings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calrec.errors import CalrecError
from calrec.evaluation import metrics
from calrec.records.ranks import ranks_of

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def cosine(a: Float[np.ndarray, "A D"], b: Float[np.ndarray, "B D"]) -> Float[np.ndarray, "A B"]:
    """Cosine of every row of `a` with every row of `b`, in [-1, 1]; 0 with a zero vector.

    In float64: vectors that are equal keep equal cosines, within `calrec.records.ranks.TIE`.
    """
    return np.clip(_unit(a) @ _unit(b).T, -1.0, 1.0)


def _unit(vectors: Float[np.ndarray, "A D"]) -> Float[np.ndarray, "A D"]:
    vectors = np.asarray(vectors, np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length == 0, 1.0, length)


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """C users against I distinct items, of which each user bought one next.

    Users with the same target share its column, so that no one's target is among its others.

    Attributes:
      cosine: of each user's vector with each item's.
      target: the column of each user's own target.
    """

    cosine: Float[np.ndarray, "C I"]
    target: Int[np.ndarray, " C"]

    @classmethod
    def of(
        cls,
        users: Float[np.ndarray, "C D"],
        items: Float[np.ndarray, "I D"],
        target: Int[np.ndarray, " C"],
    ) -> Alignment:
        """Compares users with items; the C x I cosines are held in memory.

        Args:
          users: v_U or v_TU of each user.
          items: v_T of distinct items: the whole catalogue, or what some user bought next.
          target: which of these items each user bought next.

        Raises:
          CalrecError: if there is no user, or no second item to compare with.
        """
        if len(users) < 1 or len(items) < 2:
            raise CalrecError(
                f"expected at least one user and two distinct items to compare, found {len(users)}"
                f" and {len(items)}; bring more cases, or the items of the whole catalogue"
            )
        return cls(cosine=cosine(users, items), target=np.asarray(target))

    @property
    def own(self) -> Float[np.ndarray, " C"]:
        """Each user's cosine with its own target."""
        return np.take_along_axis(self.cosine, self.target[:, None], axis=1)[:, 0]

    @property
    def others(self) -> Float[np.ndarray, "C others"]:
        """Each user's cosines with all other items, in the order of the columns."""
        other = np.arange(self.cosine.shape[1]) != self.target[:, None]
        return self.cosine[other].reshape(len(self.target), -1)

    def ranks(self) -> tuple[Int[np.ndarray, " C"], Int[np.ndarray, " C"]]:
        """Optimistic and pessimistic rank of each user's target among the I items, from 1.

        Items of equal text have equal vectors and tie; see `calrec.records.ranks.ranks_of`.
        """
        return ranks_of(self.cosine, self.target)

    def summary(self) -> dict[str, Any]:
        """The figures to show, JSON-able.

        Returns:
          `users` and `items`, their numbers; `own` and `others`, each with its `mean` and
          `quantiles`; `gap`, the mean of `own` less that of `others`, which appendix B reads off
          L_TT; `metrics` of the target's rank, as those of a recommender. For v_TU these tell how
          well the towers agree and are no recommendation: the user tower has read the target.
        """
        own, others = self.own, self.others
        return {
            "users": len(own),
            "items": self.cosine.shape[1],
            "own": _spread(own),
            "others": _spread(others),
            "gap": float(own.mean() - others.mean()),
            "metrics": metrics.summarise(*self.ranks()),
        }


def _spread(values: np.ndarray) -> dict[str, Any]:
    at = np.quantile(values, QUANTILES)
    return {
        "mean": float(values.mean()),
        "quantiles": {f"{q:g}": float(value) for q, value in zip(QUANTILES, at, strict=True)},
    }
