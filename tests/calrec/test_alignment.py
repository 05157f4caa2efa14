import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.evaluation.alignment import QUANTILES, Alignment, cosine


def loop_cosine(a, b):
    dot = norm_a = norm_b = 0.0
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        dot, norm_a, norm_b = dot + x * y, norm_a + x * x, norm_b + y * y
    return dot / math.sqrt(norm_a * norm_b) if norm_a and norm_b else 0.0


@given(seed=st.integers(0, 999), a=st.integers(0, 5), b=st.integers(0, 5), size=st.integers(1, 9))
def test_cosines_are_those_of_plain_loops(seed, a, b, size):
    """Any number of rows of any length, zero vectors among them."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-9, 9, (1, size))
    left = (rng.normal(size=(a, size)) * scale).astype(np.float32)
    right = (rng.normal(size=(b, size)) * scale).astype(np.float32)
    left[rng.random(a) < 0.2] = 0
    right[rng.random(b) < 0.2] = 0
    ours = cosine(left, right)
    expected = np.array([[loop_cosine(x, y) for y in right] for x in left]).reshape(a, b)
    np.testing.assert_allclose(ours, expected, atol=1e-9)
    assert (np.abs(ours) <= 1).all()


def alignment_of(seed=0, users=6, items=5):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(users, 7)), rng.normal(size=(items, 7))
    return *vectors, rng.integers(0, items, users)


@given(seed=st.integers(0, 999), users=st.integers(1, 6), items=st.integers(2, 6))
def test_own_and_others_are_told_apart_user_by_user(seed, users, items):
    """Six users over a few items share targets: what one bought is not among its others."""
    v_u, v_t, target = alignment_of(seed, users, items)
    alignment = Alignment.of(v_u, v_t, target)
    optimistic, pessimistic = alignment.ranks()
    for user in range(users):
        own = loop_cosine(v_u[user], v_t[target[user]])
        others = [loop_cosine(v_u[user], v_t[i]) for i in range(items) if i != target[user]]
        np.testing.assert_allclose(alignment.own[user], own, atol=1e-9)
        np.testing.assert_allclose(alignment.others[user], others, atol=1e-9)
        assert optimistic[user] == pessimistic[user] == 1 + sum(other > own for other in others)


def test_the_summary_is_what_the_pairs_say():
    v_u, v_t, target = alignment_of()
    alignment = Alignment.of(v_u, v_t, target)
    shown = json.loads(json.dumps(alignment.summary()))
    own = [alignment.cosine[user, target[user]] for user in range(6)]
    others = [
        alignment.cosine[user, item]
        for user in range(6)
        for item in range(5)
        if item != target[user]
    ]
    assert (shown["users"], shown["items"]) == (6, 5)
    for name, values in (("own", own), ("others", others)):
        np.testing.assert_allclose(shown[name]["mean"], sum(values) / len(values))
        np.testing.assert_allclose(
            list(shown[name]["quantiles"].values()), np.quantile(values, QUANTILES)
        )
    assert list(shown["own"]["quantiles"]) == ["0.05", "0.25", "0.5", "0.75", "0.95"]
    np.testing.assert_allclose(shown["gap"], shown["own"]["mean"] - shown["others"]["mean"])
    rank = [1 + sum(row > row[t]) for row, t in zip(alignment.cosine, target, strict=True)]
    expected = sum(1 / r for r in rank) / 6
    np.testing.assert_allclose(shown["metrics"]["mrr"]["pessimistic"], expected)


def test_items_of_equal_vectors_tie():
    rng = np.random.default_rng(3)
    for _ in range(20):
        items = rng.normal(size=(40, 33)).astype(np.float32)
        items[37] = items[2]
        users = items[[2, 37, 5]]
        optimistic, pessimistic = Alignment.of(users, items, np.array([2, 37, 5])).ranks()
        assert optimistic.tolist() == [1, 1, 1]
        assert pessimistic.tolist() == [2, 2, 1]


def test_nothing_to_compare_ends_in_one_line():
    for users, items in ((0, 3), (3, 1)):
        with pytest.raises(CalrecError, match=f"found {users} and {items}; bring more"):
            Alignment.of(np.ones((users, 4)), np.ones((items, 4)), np.zeros(users, int))
