"""What stands around an item in the histories, against a count by plain loops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.build import build_sample
from catalog.sequences import HELD_OUT, Sequences
from catalog.sequences.neighbours import Neighbours, neighbours
from catalog.store import Catalogue

N = 6
histories = st.lists(st.lists(st.integers(0, N - 1), max_size=8), max_size=8)


def sequences_of(bought: list[list[int]], role: str) -> Sequences:
    return Sequences(
        user_ids=tuple(f"u{i}" for i in range(len(bought))),
        offsets=np.cumsum([0, *map(len, bought)], dtype=np.int64),
        items=np.array([item for history in bought for item in history], np.int32),
        role=role,
    )


def counted(bought: list[list[int]], role: str, item: int) -> dict:
    held_out = HELD_OUT[role]
    seen = [history[: max(0, len(history) - held_out)] for history in bought]
    before, after, together, buyers = Counter(), Counter(), Counter(), []
    first = last = 0
    for u, history in enumerate(seen):
        for position, one in enumerate(history):
            if one != item:
                continue
            if position:
                before[history[position - 1]] += 1
            else:
                first += 1
            if position + 1 < len(history):
                after[history[position + 1]] += 1
            else:
                last += 1
        if item in history:
            together.update(set(history) - {item})
            latest = len(history) - history[::-1].index(item)
            buyers.append((f"u{u}", latest, len(history)))
    return {
        "purchases": sum(history.count(item) for history in seen),
        "buyers": len(buyers),
        "shoppers": sorted(buyers, key=lambda buyer: -buyer[2]),
        "before": sorted(before.items(), key=lambda pair: (-pair[1], pair[0])),
        "first": first,
        "after": sorted(after.items(), key=lambda pair: (-pair[1], pair[0])),
        "last": last,
        "together": sorted(together.items(), key=lambda pair: (-pair[1], pair[0])),
    }


@pytest.mark.slow
@given(bought=histories, role=st.sampled_from(sorted(HELD_OUT)), item=st.integers(0, N - 1))
def test_as_plain_loops_count_it(bought, role, item):
    found = neighbours(sequences_of(bought, role), item, limit=100)
    assert isinstance(found, Neighbours)
    for name, expected in counted(bought, role, item).items():
        value = getattr(found, name)
        assert (list(map(tuple, value)) if isinstance(value, tuple) else value) == expected, name


@pytest.mark.slow
@given(bought=histories, limit=st.integers(0, 4))
def test_a_limit_cuts_lists_and_no_counts(bought, limit):
    sequences = sequences_of(bought, "selection")
    whole, cut = neighbours(sequences, 0, limit=100), neighbours(sequences, 0, limit=limit)
    for name in ("shoppers", "before", "after", "together"):
        assert getattr(cut, name) == getattr(whole, name)[:limit]
    assert (cut.purchases, cut.buyers, cut.first, cut.last) == (
        whole.purchases,
        whole.buyers,
        whole.first,
        whole.last,
    )


def test_held_out_purchases_show_nowhere():
    # 1 and 2 are the last two of the only shopper.
    bought = [[0, 3, 0, 1, 2]]
    found = neighbours(sequences_of(bought, "evaluation"), 0)
    everything = (*found.before, *found.after, *found.together)
    assert {count.item for count in everything} == {3}
    assert found.shoppers[0].purchases == 3
    for held_out in (1, 2):
        assert neighbours(sequences_of(bought, "evaluation"), held_out).purchases == 0


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    workspace = tmp_path_factory.mktemp("neighbours")
    build_sample(workspace)
    with Catalogue.open(workspace, "sample-kitchen") as catalogue:
        yield catalogue


@pytest.mark.slow
def test_a_catalogue_agrees_with_its_popularity(kitchen):
    for item in range(0, len(kitchen.items), 25):
        sold = kitchen.popularity[item]
        times = kitchen.purchase_times(item)
        assert kitchen.neighbours(item).purchases == sold == len(times)
        assert (np.diff(times) >= 0).all()
        if sold:
            assert kitchen.time_span[0] <= times[0]
            assert times[-1] <= kitchen.time_span[1]


@pytest.mark.slow
def test_right_before_and_right_after_mirror_each_other(kitchen):
    everything = len(kitchen.items)
    item = int(np.argmax(kitchen.popularity))
    for other, count in kitchen.neighbours(item, limit=8).after:
        assert dict(kitchen.neighbours(other, limit=everything).before)[item] == count
