from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.recommenders.markov import Markov
from calrec.records import Item

IDS = ("a", "b", "c", "d")


def items(text):
    return [Item(item_id=item_id) for item_id in text]


@given(
    histories=st.lists(st.lists(st.integers(0, 3), max_size=8), max_size=8),
    popularity=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    last=st.integers(0, 3),
)
def test_orders_by_transitions_then_by_popularity(histories, popularity, last):
    counts = Counter(
        (before, after) for history in histories for before, after in pairwise(history)
    )
    expected = sorted(range(4), key=lambda item: (-counts[last, item], -popularity[item], item))
    chain = Markov(IDS, [np.array(h, dtype=np.int32) for h in histories], np.array(popularity))
    found = chain.recommend(items("ab" + IDS[last]))
    assert found.ranking.order().tolist() == expected
    histories = [np.array([last]), np.array([0]), np.array([], dtype=int)]
    np.testing.assert_array_equal(chain.scores(histories)[0], found.ranking.scores)


def test_popularity_never_outweighs_one_transition():
    chain = Markov(IDS, [np.array([0, 1])], np.array([0, 0, 1_000_000, 0]))
    assert chain.recommend(items("a")).ranking.order().tolist() == [1, 2, 0, 3]


def test_a_last_item_of_another_catalogue_is_ranked_by_popularity():
    chain = Markov(IDS, [np.array([0, 1])], np.array([1, 0, 3, 2]))
    assert chain.recommend(items(["elsewhere"])).ranking.order().tolist() == [2, 3, 0, 1]


def test_the_record_has_scores_and_no_columns():
    found = Markov(IDS, [], np.zeros(4, dtype=int)).recommend(items("a"))
    assert found.recommender == "markov"
    assert (
        found.ranking.raw.shape
        == found.ranking.scaled.shape
        == found.ranking.modulated.shape
        == (4, 0)
    )
    assert found.ranking.item_ids == IDS
    assert found.ranking.winner(0) is None
    assert found.ranking.ranks("b") == (1, 4)


def test_an_empty_history_is_refused_in_one_line():
    with pytest.raises(CalrecError, match="at least one item, found an empty one"):
        Markov(IDS, [], np.zeros(4, dtype=int)).recommend([])
