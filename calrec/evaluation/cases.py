"""The cases of an evaluation: whose rank was measured, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from calrec.errors import CalrecError
from calrec.evaluation.metrics import METRICS

TEXT = ("user_id", "target_item_id")
WHOLE = (
    "optimistic_rank",
    "pessimistic_rank",
    "tie_width",
    "history_length",
    "target_popularity",
)
FLAGS = ("target_in_history", "target_is_last", "target_cold")
GENERATED = ("samples", "format_errors", "exact_matches", "title_matches")
"""Counts of a user's generated texts; only CALRec's runs have them."""


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
      generated: per name of `GENERATED` the counts; empty for runs without texts.
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
    generated: Mapping[str, Int[np.ndarray, " C"]]

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
            generated={name: counts[places] for name, counts in self.generated.items()},
            **{name: getattr(self, name)[places] for name in _ARRAYS},
        )

    @classmethod
    def from_table(cls, table: pa.Table, path: Path) -> Cases:
        """Reads `cases.parquet`.

        Args:
          table: its content.
          path: for the error's text.

        Raises:
          CalrecError: if a column is missing, of the wrong kind or has holes, a user stands in it
            twice, or the ranks contradict each other.
        """
        texts = {name: _column(table, name, pa.string(), path) for name in TEXT}
        whole = {name: _column(table, name, pa.int64(), path).to_numpy() for name in WHOLE}
        flags = {
            name: _column(table, name, pa.bool_(), path).to_numpy(zero_copy_only=False)
            for name in FLAGS
        }
        category = _column(table, "target_category", pa.string(), path, holes=True)
        generated = {}
        if set(GENERATED) & set(table.column_names):
            generated = {
                name: _column(table, name, pa.int64(), path).to_numpy() for name in GENERATED
            }
        if not len(table):
            raise _damaged(path, "no case")
        if len(texts["user_id"].unique()) != len(table):
            raise _damaged(path, "a user twice")
        optimistic, pessimistic = whole["optimistic_rank"], whole["pessimistic_rank"]
        if optimistic.min() < 1 or (pessimistic < optimistic).any():
            raise _damaged(path, "a rank below 1, or a pessimistic one above the optimistic")
        if (whole["tie_width"] != pessimistic - optimistic).any():
            raise _damaged(path, "a tie_width that is not the difference of the ranks")
        return cls(
            user_ids=texts["user_id"],
            target_item_ids=texts["target_item_id"],
            optimistic=optimistic,
            pessimistic=pessimistic,
            history_length=whole["history_length"],
            target_popularity=whole["target_popularity"],
            target_category=tuple(category.to_pylist()),
            generated=generated,
            **flags,
        )


_ARRAYS = ("optimistic", "pessimistic", "history_length", "target_popularity", *FLAGS)


def _column(
    table: pa.Table, name: str, kind: pa.DataType, path: Path, *, holes: bool = False
) -> pa.Array:
    if name not in table.column_names:
        raise _damaged(path, f"no column {name}")
    column = table[name]
    try:
        values = column.cast(kind).combine_chunks()
    except pa.ArrowException:
        raise _damaged(path, f"{name} of type {column.type}") from None
    if values.null_count and not holes:
        raise _damaged(path, f"{name} with holes")
    return values


def _damaged(path: Path, found: str) -> CalrecError:
    return CalrecError(
        f"expected the cases of an evaluation in {path}, found {found}; evaluate again"
    )
