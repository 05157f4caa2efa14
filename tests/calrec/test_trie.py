"""The trie of texts: round trips, and what it says of nodes, against plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.generation.trie.trie import Trie, ranges

END = 0
TEXTS = st.lists(st.lists(st.integers(1, 4), max_size=6), min_size=1, max_size=12)


def prefixes(texts):
    """Every prefix of every text, end token included, in lexicographic order, () first."""
    whole = [(*text, END) for text in texts]
    return sorted({text[:length] for text in whole for length in range(len(text) + 1)})


@given(TEXTS)
def test_texts_come_back_and_equal_ones_share_a_leaf(texts):
    trie = Trie.of(texts, END)
    for item, text in enumerate(texts):
        leaf = int(trie.leaves[item])
        assert trie.tokens[trie.path(leaf)].tolist() == [*text, END]
        assert trie.items_at(leaf).tolist() == [i for i, t in enumerate(texts) if t == text]


@given(TEXTS)
def test_nodes_are_the_prefixes_in_preorder(texts):
    trie = Trie.of(texts, END)
    known = prefixes(texts)
    assert len(trie) == len(known)
    for node, prefix in enumerate(known):
        assert tuple(trie.tokens[trie.path(node)].tolist()) == prefix
        assert trie.depths[node] == len(prefix)
        assert known[trie.parents[node]] == prefix[:-1]
        subtree = [n for n, other in enumerate(known) if other[: len(prefix)] == prefix]
        assert subtree == list(range(node, trie.behind[node]))
        below = [n for n in subtree if len(known[n]) == len(prefix) + 1]
        children, counts = trie.children_of(np.array([node]))
        assert children.tolist() == below
        assert counts.tolist() == [len(below)]
        assert trie.is_leaf(np.array([node]))[0] == (not below)


@given(TEXTS)
def test_a_chain_goes_on_to_where_texts_part_or_end(texts):
    trie = Trie.of(texts, END)
    for node in range(len(trie)):
        stop = node
        while trie.degrees[stop] == 1:
            stop = int(trie.children_of(np.array([stop]))[0][0])
        assert trie.stops[node] == stop


@given(TEXTS)
def test_sums_over_paths(texts):
    trie = Trie.of(texts, END)
    values = np.random.default_rng(0).normal(size=len(trie))
    values[0] = 0
    sums = trie.sums(np.arange(len(trie)), values)
    plain = [values[trie.path(node)].sum() for node in range(len(trie))]
    np.testing.assert_allclose(sums, plain, atol=1e-12)


def test_children_stand_by_token_id_beyond_a_byte():
    """Ids whose bytes are in another order than their numbers."""
    ids = [1, 255, 256, 257, 65_536, 70_000]
    trie = Trie.of([[i] for i in reversed(ids)], END)
    assert trie.tokens[trie.children_of(np.array([0]))[0]].tolist() == ids
    assert [trie.tokens[trie.path(leaf)[0]] for leaf in trie.leaves] == ids[::-1]


def test_ranges_one_behind_the_other():
    found = ranges(np.array([5, 0, 9]), np.array([3, 0, 2]))
    assert found.tolist() == [5, 6, 7, 9, 10]


@pytest.mark.parametrize(
    ("texts", "message"),
    [([], "at least one item"), ([[1, END]], "without the end token 0, found one with it")],
)
def test_bad_texts_are_refused(texts, message):
    with pytest.raises(CalrecError, match=message):
        Trie.of(texts, END)
