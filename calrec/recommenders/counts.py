"""What was bought after what, as sparse matrices over N items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int
from scipy import sparse


def transitions(
    histories: Iterable[Int[np.ndarray, " _"]], n_items: int, *, gap: int = 1
) -> sparse.csr_array:
    """How often each item was bought `gap` places after each other one.

    Args:
      histories: item indices in the order bought, one array a user.
      n_items: N.
      gap: 1 for what was bought right after.

    Returns:
      (N + 1) x N, float64. The row behind the last item is empty: see `from_end`.
    """
    sequences = [np.zeros(0, dtype=np.int64), *histories]
    before = np.concatenate([sequence[:-gap] for sequence in sequences])
    after = np.concatenate([sequence[gap:] for sequence in sequences])
    # csr_array adds up the entries of equal place.
    return sparse.csr_array((np.ones(len(before)), (before, after)), shape=(n_items + 1, n_items))


def from_end(
    histories: Sequence[Int[np.ndarray, " _"]], back: int, n_items: int
) -> Int[np.ndarray, " Q"]:
    """The item `back` places from the end of each of Q histories, 1 for the last.

    Where a history is shorter it is N, which has an empty row in `transitions`.
    """
    items = [history[-back] if len(history) >= back else n_items for history in histories]
    return np.array(items, dtype=np.int64)


def decayed(
    histories: Sequence[Int[np.ndarray, " _"]], n_items: int, *, last: int, decay: float
) -> sparse.csr_array:
    """Weights of the last few items of each of Q histories, as a Q x N matrix.

    An item's weight is the sum of decay^(places before the last) over the places where it stands.
    """
    ends = [history[-last:][::-1] for history in histories]
    lengths = [len(items) for items in ends]
    return sparse.csr_array(
        (
            np.concatenate([np.zeros(0), *(decay ** np.arange(n) for n in lengths)]),
            np.concatenate([np.zeros(0, np.int64), *ends]),
            np.cumsum([0, *lengths]),
        ),
        shape=(len(histories), n_items),
    )
