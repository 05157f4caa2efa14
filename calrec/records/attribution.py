"""Which purchases caused a text: its log-probability with some of them left out, or in another
order.

Shapes: R purchases that the model reads, S = R - 1, T texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calrec.errors import CalrecError

PART = "attribution"
"""Its name among the parts of a `Recommendation`, and so of a case file."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """Log-probabilities of texts with their end token, at temperature 1, in nats.

    A model reads the newest purchases that fit its budget. Those that it does not read have no row
    here, and none of them moves up when another one is left out.

    Attributes:
      items_cut: how many of the oldest purchases are not read; row r is purchase `items_cut + r`.
      texts: the texts.
      totals: of each behind all that is read.
      without: of each, with one purchase left out.
      pairs: of each, with two purchases left out; on the diagonal it is `without`. `None` where it
        was not asked for.
      swapped: of each, with a purchase and the next one in each other's place. `None` where it was
        not asked for.
    """

    items_cut: int
    texts: tuple[str, ...]
    totals: Float[np.ndarray, " T"]
    without: Float[np.ndarray, "R T"]
    pairs: Float[np.ndarray, "R R T"] | None = None
    swapped: Float[np.ndarray, "S T"] | None = None

    @property
    def changes(self) -> Float[np.ndarray, "R T"]:
        """What leaving a purchase out does to each text: below 0 where it spoke for the text."""
        return self.without - self.totals

    @property
    def joint_changes(self) -> Float[np.ndarray, "R R T"] | None:
        """What leaving out two does beyond the sum of what each does; 0 on the diagonal.

        Below 0 where one can stand in for the other: only without both is the text lost.
        """
        if self.pairs is None:
            return None
        changes = self.changes
        joint = self.pairs - self.totals - changes[:, None] - changes[None]
        joint[np.diag_indices(len(changes))] = 0.0
        return joint

    @property
    def order_changes(self) -> Float[np.ndarray, "S T"] | None:
        """What swapping a purchase with the next one does to each text."""
        return None if self.swapped is None else self.swapped - self.totals

    def causes(self, text: int) -> Int[np.ndarray, " R"]:
        """The rows, the purchase that speaks most for a text first."""
        return np.argsort(self.changes[:, text], kind="stable")

    def part(self) -> dict[str, Any]:
        """As the part `PART` of a `Recommendation`: JSON-able, kept by case files as it is."""
        optional = {"pairs": self.pairs, "swapped": self.swapped}
        return {
            "items_cut": self.items_cut,
            "texts": list(self.texts),
            "totals": self.totals.tolist(),
            "without": self.without.tolist(),
            **{name: one.tolist() for name, one in optional.items() if one is not None},
        }

    @classmethod
    def of_parts(cls, parts: Mapping[str, Any]) -> Attribution | None:
        """That of a `Recommendation`'s parts; `None` where it has none.

        Raises:
          CalrecError: if what stands there is none.
        """
        if (part := parts.get(PART)) is None:
            return None
        try:
            texts = tuple(map(str, part["texts"]))
            rows, columns = len(part["without"]), len(texts)
            shapes = {
                "totals": (columns,),
                "without": (rows, columns),
                "pairs": (rows, rows, columns),
                "swapped": (max(rows - 1, 0), columns),
            }
            arrays = {name: np.array(part[name], float) for name in shapes if name in part}
            for name, array in arrays.items():
                if array.shape != shapes[name]:
                    raise ValueError(f"{name} of shape {array.shape} where {shapes[name]} belongs")
            return cls(items_cut=int(part["items_cut"]), texts=texts, **arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise CalrecError(
                f"expected what purchases changed as the part {PART} of a case, found something"
                f" else ({error}); leave the part out"
            ) from error
