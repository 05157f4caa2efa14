"""The transition-graph heuristic against a plain walk over the graph."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from calrec.recommenders.tgh import TransitionGraph

N = 12
# Products and sums of these are exact in any order, so that ties are ties.
TEXTS = np.random.default_rng(3).choice([0, 0.25, 0.5, 1], (N, 4))
COSINES = (TEXTS @ TEXTS.T).tolist()
HISTORY = st.lists(st.integers(0, N - 1), min_size=1, max_size=9)


def walked(histories, history):
    """The order of all items, by loops."""
    times = Counter(pair for one in histories for pair in pairwise(one))
    found = []
    for centre, places in zip(history[::-1], ((5, 1), (3, 1)), strict=False):
        near = COSINES[centre]
        followers = {after: n for (before, after), n in times.items() if before == centre}
        most = math.log1p(max(followers.values(), default=1))
        ring1 = {i: near[i] + 0.5 * math.log1p(n) / most for i, n in followers.items()}
        ring2 = {after: near[after] for before, after in times if before in followers}
        for ring, count in zip((ring1, ring2), places, strict=True):
            free = [i for i in ring if i not in history and i not in found]
            found += sorted(free, key=lambda i: (-ring[i], i))[:count]
    rest = [i for i in range(N) if i not in found]
    return found + sorted(rest, key=lambda i: (-COSINES[history[-1]][i], i))


def graph(histories):
    ids = [f"i{i}" for i in range(N)]
    return TransitionGraph(ids, [np.array(h) for h in histories], sparse.csr_array(TEXTS))


@settings(max_examples=70)
@given(st.lists(HISTORY, max_size=12), HISTORY, HISTORY)
def test_orders_as_a_walk_over_the_graph(histories, first, second):
    made = graph(histories)
    scores = made.scores([np.array(first), np.array(second)])
    for row, history in zip(scores, (first, second), strict=True):
        assert np.argsort(-row).tolist() == walked(histories, history)
        assert sorted(row) == list(range(N))  # no two tie


def test_what_was_bought_takes_no_place_in_the_rings():
    # 1 followed 0 most often, but is in the history: it stands where its text puts it.
    made = graph([[0, 1]] * 9 + [[0, 2]])
    (row,) = made.scores([np.array([1, 0])])
    assert row.argmax() == 2
    assert walked([[0, 1]] * 9 + [[0, 2]], [1, 0])[0] == 2


def test_after_no_known_item_the_order_is_that_of_the_items():
    (row,) = graph([[0, 1]]).scores([np.array([], dtype=int)])
    assert row.tolist() == list(range(N))[::-1]
