"""Segments in rows: none lost, none cut, none mixed, and little padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.packing import Layout, batch_of, fit, record_segments

SIZES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60)), min_size=1, max_size=60)


@given(SIZES, st.integers(60, 90))
def test_every_segment_has_a_row_with_room_for_it(sizes, tokens):
    sizes = [(size, min(predicted, size - 1)) for size, predicted in sizes]
    rows, count = fit(sizes, tokens, 70)
    assert set(rows) == set(range(count))
    for row in range(count):
        inside = [size for size, at in zip(sizes, rows, strict=True) if at == row]
        assert sum(size for size, _ in inside) <= tokens
        assert sum(predicted for _, predicted in inside) <= 70


@given(st.integers(0, 10_000), st.sampled_from([(1, 0), (1, 2), (4, 1), (3, 0)]))
def test_rows_hold_the_records_token_by_token(seed, form):
    shards, microbatch = form
    rng = np.random.default_rng(seed)
    users = int(rng.integers(1, 9))
    records = [
        (rng.integers(1, 99, rng.integers(1, 30)).tolist(), rng.integers(1, 99, 5).tolist())
        for _ in range(users)
    ]
    segments = [s for u, r in enumerate(records) for s in record_segments(u, users, *r)]
    layout = Layout(tokens=48, places=24, shards=shards, microbatch=microbatch)
    batch = batch_of(segments, users, layout)
    rows = batch.rows
    found = {}
    for row in range(len(rows.tokens)):
        for number in range(1, rows.segment[row].max() + 1):
            inside = rows.segment[row] == number
            np.testing.assert_array_equal(rows.position[row, inside], np.arange(inside.sum()))
            pools = rows.pool[row, inside]
            kinds = [int(pool) // users for pool in pools]
            found[(kinds[0] != 0, int(pools[0]) % users)] = rows.tokens[row, inside].tolist(), kinds
    for user, (prompt, target) in enumerate(records):
        joint, kinds = found[(True, user)]
        assert joint == prompt + target
        assert kinds == [1] * len(prompt) + [2] * len(target)
        assert found[(False, user)] == (target, [0] * len(target))
        # What the loss predicts: the target's tokens, each from the place before it.
        mine = rows.owner == user
        assert sorted(rows.next[mine].tolist()) == sorted(target)
        at_rows, _ = np.nonzero(mine)
        np.testing.assert_array_equal(rows.tokens[at_rows, rows.at[mine] + 1], rows.next[mine])
    np.testing.assert_array_equal(batch.predicted, [5] * users + [0])
    np.testing.assert_array_equal(batch.pooled[0], [5] * users)
    np.testing.assert_array_equal(batch.pooled[1], [len(prompt) for prompt, _ in records])
    if microbatch:
        # Rows that hold something stand in the microbatches that are run.
        each = rows.tokens.reshape(shards, -1, microbatch, 48)
        assert not each[:, int(batch.used) :].any()


def test_a_process_makes_its_own_shards_of_the_same_batch():
    segments = [
        s
        for u in range(20)
        for s in record_segments(u, 20, [u + 1] * (5 + u), [7, 8, 9])
    ]  # fmt: skip
    whole = batch_of(segments, 20, Layout(tokens=40, places=16, shards=4, microbatch=1))
    parts = [
        batch_of(
            segments, 20, Layout(tokens=40, places=16, shards=4, microbatch=1, mine=range(n, n + 2))
        )
        for n in (0, 2)
    ]
    for name in ("tokens", "segment", "owner", "row"):
        together = np.concatenate([getattr(part.rows, name) for part in parts])
        np.testing.assert_array_equal(together, getattr(whole.rows, name))
    np.testing.assert_array_equal(parts[0].pooled, whole.pooled)


def test_a_segment_that_no_row_can_hold_is_an_error():
    with pytest.raises(ValueError, match="longer than a row"):
        batch_of(record_segments(0, 1, [1] * 9, [1, 2]), 1, Layout(tokens=10, places=8))


def test_at_most_a_tenth_is_computed_in_vain():
    """512 users of real lengths: a median of 250 tokens, some at the limit."""
    rng = np.random.default_rng(0)
    computed = real = 0
    for _ in range(10):
        lengths = np.clip(rng.lognormal(5.5, 0.7, 512), 40, 1068).astype(int)
        segments = [
            s for u, n in enumerate(lengths) for s in record_segments(u, 512, [1] * n, [2] * 36)
        ]
        batch = batch_of(segments, 512, Layout(tokens=1152, places=512, microbatch=4))
        computed += int(batch.used) * 4 * 1152
        real += int((batch.rows.segment > 0).sum())
    assert computed / real < 1.1
