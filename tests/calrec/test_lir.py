from dataclasses import dataclass

import numpy as np
import pytest
from rank_bm25 import BM25Okapi

from calrec.errors import CalrecError
from calrec.recommenders.lir import LastItemRepeater
from calrec.records import Item
from calrec.text import TextSettings, document_words

ITEMS = [
    Item(item_id="a", title="Steel ruler", category="Office, Rulers", brand="Acme"),
    Item(item_id="b", title="Steel pen, steel nib", category="Office, Pens", price="$3"),
    Item(item_id="c", title="Garden hose", brand="Unknown"),
    Item(item_id="d", title="Steel ruler", category="Office, Rulers", brand="Acme"),
    Item(item_id="e", title="Long garden gloves for roses", category="Garden"),
]


@dataclass(frozen=True)
class Settings:
    k1: float = 1.5
    b: float = 0.75


class RankBM25Corpus:
    """The independent implementation behind the interface of a corpus."""

    def __init__(self, items, text):
        self.item_ids = tuple(item.item_id for item in items)
        self.settings = Settings()
        self._bm25 = BM25Okapi([document_words(item, text) for item in items])

    def scores(self, queries):
        return np.stack([self._bm25.get_scores(query) for query in queries], axis=1)


@pytest.fixture
def lir():
    return LastItemRepeater(RankBM25Corpus(ITEMS, TextSettings()), ITEMS)


def test_scores_are_raw_bm25_of_the_last_item_alone(lir):
    found = lir.recommend([ITEMS[4], ITEMS[1]])
    documents = [document_words(item) for item in ITEMS]
    expected = BM25Okapi(documents).get_scores(documents[1])
    np.testing.assert_array_equal(found.ranking.scores, expected)
    np.testing.assert_array_equal(found.ranking.raw[:, 0], expected)
    assert found.ranking.order()[0] == 1
    np.testing.assert_array_equal(lir.scores([np.array([4, 1]), np.array([4])])[0], expected)


def test_the_record_says_what_was_asked(lir):
    found = lir.recommend([ITEMS[4], ITEMS[1]])
    assert found.recommender == "lir"
    assert found.history == (ITEMS[4], ITEMS[1])
    assert found.ranking.columns == (
        "Title: Steel pen, steel nib. Category: Office, Pens. Brand: Unknown. Price: $3",
    )
    assert found.ranking.item_ids == ("a", "b", "c", "d", "e")
    assert found.ranking.rows.tolist() == [0, 1, 2, 3, 4]
    assert found.ranking.corpus_size == 5
    assert found.settings["bm25"] == {"k1": 1.5, "b": 0.75}
    assert found.settings["text"]["title_words"] == 25
    assert (found.ranking.scaled.min(), found.ranking.scaled.max()) == (0, 1)
    np.testing.assert_array_equal(found.ranking.modulated, found.ranking.scaled)


def test_items_of_equal_text_tie(lir):
    assert lir.recommend([ITEMS[0]]).ranking.ranks("a") == (1, 2)
    assert lir.recommend([ITEMS[0]]).ranking.ranks("d") == (1, 2)


def test_words_beyond_the_limits_do_not_count():
    text = TextSettings(title_words=2)
    lir = LastItemRepeater(RankBM25Corpus(ITEMS, text), ITEMS, text)
    whole, cut = (Item(item_id="x", title=title) for title in ("Steel pen hose", "Steel pen"))
    np.testing.assert_array_equal(
        lir.recommend([whole]).ranking.scores, lir.recommend([cut]).ranking.scores
    )


def test_an_empty_history_is_refused_in_one_line(lir):
    with pytest.raises(CalrecError, match=r"at least one item, found an empty one") as caught:
        lir.recommend([])
    assert "\n" not in str(caught.value)
