"""The held-out cases of a domain: which users are evaluated, what they bought before and next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.recommenders.popularity import purchases
from catalog.store import Catalogue

DAY = 24 * 60 * 60
"""Seconds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOutCases:
    """C cases by item index, in order of user id.

    Attributes:
      available: how many the split has; C where all are evaluated.
      user_ids: whose case.
      histories: items bought before the target, oldest first.
      targets: the item really bought next.
    """

    available: int
    user_ids: tuple[str, ...]
    histories: tuple[Int[np.ndarray, " _"], ...]
    targets: Int[np.ndarray, " C"]


def chosen_users(count: int, users: int | None, seed: int) -> Int[np.ndarray, " C"]:
    """Places of the cases to evaluate among `count`, ascending: the same for any recommender."""
    if users is None or users >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, size=users, replace=False))


def load_cases(catalogue: Catalogue, split: str, users: int | None, seed: int) -> HeldOutCases:
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
    available = len(positions)
    positions = positions[chosen_users(available, users, seed)]
    return HeldOutCases(
        available=available,
        user_ids=tuple(sequences.user_ids[u] for u in positions),
        histories=tuple(sequences.history(u, split) for u in positions),
        targets=np.array([sequences.target(u, split) for u in positions]),
    )


def facts(catalogue: Catalogue, cases: HeldOutCases, split: str) -> dict[str, Any]:
    """What is known of C cases whatever the recommender: arguments of an evaluation's `Cases`.

    A target is cold if nobody's purchases before the targets of the split hold it: at the test
    split no training and no validation part, at the validation split no training part.
    """
    before = purchases(catalogue.sequences().counted(split, "all"), len(catalogue.item_ids))
    pairs = list(zip(cases.histories, cases.targets.tolist(), strict=True))
    return {
        "user_ids": pa.array(cases.user_ids),
        "target_item_ids": pa.array([catalogue.item_ids[i] for i in cases.targets]),
        "history_length": np.array([len(history) for history in cases.histories]),
        "target_in_history": np.array([target in history for history, target in pairs]),
        "target_is_last": np.array([target == history[-1] for history, target in pairs]),
        "target_cold": before[cases.targets] == 0,
        "target_popularity": catalogue.popularity[cases.targets],
        "target_category": tuple(catalogue.categories[i] for i in cases.targets),
        "target_age": _ages(catalogue, cases, split),
    }


def _ages(catalogue: Catalogue, cases: HeldOutCases, split: str) -> Int[np.ndarray, " C"] | None:
    """See `calrec.evaluation.cases.Cases.target_age`."""
    sequences, times = catalogue.sequences(), catalogue.times
    if times is None:
        return None
    never = np.iinfo(np.int64).max
    first_sold, trained = np.full(len(catalogue.item_ids), never), sequences.in_training()
    np.minimum.at(first_sold, sequences.items[trained], times[trained])
    user_index = {user_id: u for u, user_id in enumerate(sequences.user_ids)}
    events = [sequences.target_event(user_index[user_id], split) for user_id in cases.user_ids]
    since = first_sold[cases.targets]
    return np.where(since == never, -1, np.maximum(times[events] - since, 0) // DAY)
