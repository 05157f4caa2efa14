"""The held-out cases of a domain: which users are evaluated, what they bought before and next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from calrec.errors import CalrecError
from catalog.store import Catalogue


@dataclass(frozen=True, kw_only=True, eq=False)
class Cases:
    """C cases by item index, in order of user id.

    Attributes:
      user_ids: whose case.
      histories: items bought before the target, oldest first.
      targets: the item really bought next.
    """

    user_ids: tuple[str, ...]
    histories: tuple[Int[np.ndarray, " L"], ...]
    targets: Int[np.ndarray, " C"]


def chosen_users(count: int, users: int | None, seed: int) -> Int[np.ndarray, " C"]:
    """Places of the cases to evaluate among `count`, ascending: the same for any recommender."""
    if users is None or users >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, size=users, replace=False))


def load_cases(catalogue: Catalogue, split: str, users: int | None, seed: int) -> Cases:
    """The chosen cases of a split.

    Raises:
      CalrecError: if the domain has no case in this split.
    """
    sequences = catalogue.sequences()
    positions = sequences.cases(split)
    if len(positions) == 0:
        raise CalrecError(
            f"expected users with a {split} case in {catalogue.domain!r}, found none (its role is "
            f"{sequences.role!r}); choose another domain or split"
        )
    positions = positions[chosen_users(len(positions), users, seed)]
    return Cases(
        user_ids=tuple(sequences.user_ids[u] for u in positions),
        histories=tuple(sequences.history(u, split) for u in positions),
        targets=np.array([sequences.target(u, split) for u in positions]),
    )


def case_columns(
    catalogue: Catalogue,
    cases: Cases,
    optimistic: Int[np.ndarray, " C"],
    pessimistic: Int[np.ndarray, " C"],
) -> dict[str, Any]:
    """The columns of `cases.parquet`."""
    return {
        "user_id": cases.user_ids,
        "target_item_id": [catalogue.item_ids[i] for i in cases.targets],
        "optimistic_rank": optimistic,
        "pessimistic_rank": pessimistic,
        "tie_width": pessimistic - optimistic,
        "history_length": [len(history) for history in cases.histories],
        "target_in_history": [
            bool((history == target).any())
            for history, target in zip(cases.histories, cases.targets, strict=True)
        ],
        "target_cold": catalogue.popularity[cases.targets] == 0,
    }
