"""On the real Amazon data beside the project; skipped where it is not."""

from pathlib import Path

import numpy as np
import pytest

from calrec.text import document_words
from catalog.build import build
from catalog.ingest.amazon_2018 import AmazonReviews2018
from catalog.ingest.two_tables import TwoTables
from catalog.statistics import statistics
from catalog.store import Catalogue


def _two_tables(folder: Path) -> TwoTables:
    return TwoTables(items=folder / "items.parquet", interactions=folder / "interactions.parquet")


def test_all_beauty_loses_its_exact_repeats(tmp_path, shared_data):
    reviews = shared_data / "all_beauty_2018_raw" / "All_Beauty_5.json.gz"
    info = build(tmp_path, "beauty", AmazonReviews2018(reviews=reviews))
    assert info.report["events_read"] == 5269
    assert info.events == 4229
    assert info.report["items_without_metadata"] == info.items == 85


def test_gift_cards_have_clean_attributes(tmp_path, shared_data):
    folder = shared_data / "gift_cards_2018_raw"
    source = AmazonReviews2018(
        reviews=folder / "Gift_Cards_5.json.gz", meta=folder / "meta_Gift_Cards.json.gz"
    )
    info = build(tmp_path, "gifts", source)
    assert (info.users, info.items, info.events) == (458, 148, 2972)
    with Catalogue.open(tmp_path, "gifts") as catalogue:
        shown = [value for item in catalogue.items for value in item.values() if value]
        prices = [item.price for item in catalogue.items if item.price]
    assert prices
    assert all(price.startswith("$") for price in prices)
    for sign in ("&#", "&amp;", "</", "{", "\n", "  "):
        assert not [value for value in shown if sign in value]


def test_cds_lose_some_repeats_and_keep_repurchases(tmp_path, shared_data):
    info = build(tmp_path, "cds", _two_tables(shared_data / "cds_2018_recent_ts"), role="selection")
    assert info.report["compared"] == ["item_id", "rating", "timestamp"]
    assert 0 < info.report["repeats_removed"] < info.report["events_read"]
    assert info.events == info.report["events_read"] - info.report["repeats_removed"]


def test_scientific_has_the_published_sizes_and_scores_like_rank_bm25(tmp_path, shared_data):
    build(tmp_path, "scientific", _two_tables(shared_data / "scientific_2018"))
    with Catalogue.open(tmp_path, "scientific") as catalogue:
        columns = statistics(catalogue)
        assert (columns.users, columns.items, columns.purchases) == (8442, 4385, 59384)
        # Only the order is known there, so no two events have the same time.
        assert columns.duplicates_percent == 0
        # The paper's category, with 20 % more items, has 7.04, 0.0013, 22.82.
        assert columns.items_per_user == pytest.approx(7.03, abs=0.01)
        assert columns.density == pytest.approx(0.0016, abs=0.0001)
        assert columns.words_per_item == pytest.approx(22.67, abs=0.01)
        assert catalogue.sequences().cases("test").size == 8442
        assert int(catalogue.popularity.sum()) == 59384 - 2 * 8442

        from rank_bm25 import BM25Okapi

        documents = [document_words(item) for item in catalogue.items]
        oracle = BM25Okapi(documents)
        chosen = np.random.default_rng(0).choice(len(documents), 25, replace=False)
        scores = catalogue.corpus().scores([documents[i] for i in chosen])
        for column, item in enumerate(chosen):
            expected = oracle.get_scores(documents[item])
            np.testing.assert_allclose(scores[:, column], expected, rtol=0, atol=1e-10)
