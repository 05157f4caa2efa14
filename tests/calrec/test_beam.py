"""Beam search over a trie, against the order of all texts by brute force."""

import itertools

import numpy as np
import pytest
from texts import END, PROMPT, V, by_brute_force, random_texts
from tiny import tiny_decoder

from calrec.errors import CalrecError
from calrec.generation.trie.beam import beam
from calrec.generation.trie.reading import TrieReader
from calrec.generation.trie.search import Width
from calrec.generation.trie.trie import Trie

TEXTS = [*random_texts(120), random_texts(120)[50]]


@pytest.fixture(scope="module")
def model():
    return tiny_decoder(V, scale=3.0)


@pytest.fixture(scope="module")
def trie():
    return Trie.of(TEXTS, END)


@pytest.fixture(scope="module")
def reader(model):
    return TrieReader(model)


@pytest.fixture(scope="module")
def exact(model):
    """The log-probability of each text."""
    return np.array([log_probs.sum() for log_probs in by_brute_force(model, PROMPT, TEXTS)])


def searched(reader, trie, **settings):
    return beam(reader.begin(PROMPT, trie), **settings)


@pytest.mark.parametrize("count", [1, 5, 10, 40])
def test_the_first_ones_are_those_of_brute_force(reader, trie, exact, count):
    found = searched(reader, trie, count=count)
    totals = dict(zip(trie.leaves.tolist(), exact, strict=True))
    first = sorted(totals, key=lambda leaf: (-totals[leaf], leaf))[:count]
    assert found.exact
    assert found.leaves.tolist() == first
    np.testing.assert_allclose(found.totals, [totals[leaf] for leaf in first], atol=1e-4)


def test_it_stops_before_all_is_read(reader, trie):
    inner = np.count_nonzero(trie.degrees[1:])
    assert searched(reader, trie, count=1).tokens_read < inner / 3


def test_more_than_there_are_gives_all_of_them(reader, trie, exact):
    found = searched(reader, trie, count=1000)
    assert found.exact
    assert sorted(found.leaves.tolist()) == sorted(set(trie.leaves.tolist()))
    inside = np.exp(exact[np.unique(trie.leaves, return_index=True)[1]]).sum()
    least, most = found.explored.outside()
    assert least == pytest.approx(1 - inside, abs=1e-5)
    assert most == pytest.approx(1 - inside, abs=1e-5)


def test_the_share_outside_the_catalogue_lies_between_its_bounds(reader, trie, exact):
    inside = np.exp(exact[np.unique(trie.leaves, return_index=True)[1]]).sum()
    bounds = [searched(reader, trie, count=count).explored.outside() for count in (1, 5, 40)]
    for least, most in bounds:
        assert least - 1e-5 <= 1 - inside <= most + 1e-5
    assert all(b[0] >= a[0] and b[1] <= a[1] for a, b in itertools.pairwise(bounds))


def test_the_same_again(reader, trie):
    one, again = (searched(reader, trie, count=10) for _ in range(2))
    np.testing.assert_array_equal(one.leaves, again.leaves)
    np.testing.assert_array_equal(one.totals, again.totals)


def test_a_narrow_beam_says_that_it_may_have_lost_one(reader, trie):
    narrow = searched(reader, trie, count=10, width=Width(wide=2))
    wide = searched(reader, trie, count=10)
    assert not narrow.exact
    assert (narrow.totals <= wide.totals[: len(narrow.totals)]).all()


def test_a_beam_gets_narrow_where_much_was_read(reader, trie):
    wide, soon = (
        searched(reader, trie, count=10, width=Width(tokens=tokens, narrow=1))
        for tokens in (4096, 50)
    )
    assert wide.exact
    assert not soon.exact
    assert len(soon.leaves) == 10, "as many beams as texts are looked for"
    assert soon.tokens_read < wide.tokens_read
    with pytest.raises(CalrecError, match="widths from 1 up"):
        Width(narrow=0)


def test_where_an_item_left_the_beam(reader, trie, exact):
    found = searched(reader, trie, count=5)
    known = found.explored
    for item, leaf in enumerate(trie.leaves.tolist()):
        lost = found.lost(item)
        assert (lost is None) == (leaf in found.leaves)
        if lost is None:
            continue
        path = trie.path(leaf).tolist()
        assert path[lost.place] == lost.node
        assert exact[item] <= lost.total + 1e-4
        assert lost.total < lost.needed == found.totals[-1]
        if lost.node != leaf:
            assert path[lost.place + 1] not in known.nodes
        for other in lost.instead.tolist():
            assert trie.parents[other] == trie.parents[lost.node]
            below = (found.leaves >= other) & (found.leaves < trie.behind[other])
            assert below.any() or known.read[np.searchsorted(known.nodes, other)]


def test_a_trie_of_one_text(reader):
    found = searched(reader, Trie.of([[4, 2, 7]], END), count=10)
    assert (len(found.leaves), found.exact) == (1, True)
