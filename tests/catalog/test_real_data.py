"""On the real Amazon data beside the project; skipped where it is not."""

import gzip
import json
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from calrec.text import document_words
from catalog.build import build
from catalog.ingest.sources.amazon import AmazonReviews
from catalog.ingest.sources.two_tables import TwoTables
from catalog.statistics import statistics
from catalog.store import Catalogue

pytestmark = pytest.mark.slow


def _two_tables(folder: Path) -> TwoTables:
    return TwoTables(items=folder / "items.parquet", interactions=folder / "interactions.parquet")


def _raw(folder: Path) -> AmazonReviews:
    (reviews,) = folder.glob("[A-Z]*_5.json.gz")
    return AmazonReviews(reviews=reviews, meta=next(folder.glob("meta_*"), None))


@pytest.fixture(scope="module")
def built(shared_data, tmp_path_factory):
    """Builds a domain of the data, once; gives its workspace and what the build found."""
    workspace = tmp_path_factory.mktemp("real")

    @cache
    def build_once(name: str):
        folder = shared_data / name
        source = _raw(folder) if name.endswith("_raw") else _two_tables(folder)
        return workspace, build(workspace, name, source)

    return build_once


def _histories(folder: Path) -> tuple[dict[str, list[str]], int]:
    """Each user's items in order without exact repeats, and how many were repeats: plain Python."""
    if (folder / "interactions.parquet").exists():
        rows = pq.read_table(folder / "interactions.parquet").to_pylist()
        events = [
            (row["user_id"], row["timestamp"], row["position"], row["item_id"], row.get("rating"))
            for row in rows
        ]
    else:
        (reviews,) = folder.glob("[A-Z]*_5.json.gz")
        with gzip.open(reviews, "rt") as lines:
            rows = [json.loads(line) for line in lines]
        events = [
            (row["reviewerID"], row["unixReviewTime"], 0, row["asin"],
             (row["overall"], row.get("reviewText")))
            for row in rows
        ]  # fmt: skip
    by_user = defaultdict(list)
    for event in events:
        by_user[str(event[0])].append(event[1:])
    kept = {}
    for user, bought in by_user.items():
        bought.sort(key=lambda event: event[:2])
        same = [
            (one[0], one[2], one[3]) == (two[0], two[2], two[3]) for one, two in pairwise(bought)
        ]
        pairs = zip(bought, [False, *same], strict=True)
        kept[user] = [str(event[2]) for event, repeats in pairs if not repeats]
    return kept, len(events) - sum(map(len, kept.values()))


@pytest.mark.parametrize(
    ("name", "repeats", "missing"),
    [
        ("scientific_2018", 0, ["rating", "review_text"]),
        ("games_2018", 0, ["rating", "review_text"]),
        ("electronics_2018_sampled", 0, ["rating", "review_text"]),
        ("clothing_2014", 0, ["rating", "review_text"]),
        ("cds_2018_recent_ts", None, ["review_text"]),
        ("gift_cards_2018_raw", None, []),
        ("all_beauty_2018_raw", 1040, []),
    ],
)
def test_table_1_and_the_splits_of_every_domain(built, shared_data, name, repeats, missing):
    workspace, info = built(name)
    histories, removed = _histories(shared_data / name)
    assert info.report["repeats_removed"] == removed
    assert info.report["missing"] == missing
    assert info.report["bad_lines"] == {"items": 0, "events": 0}
    if repeats is not None:
        assert removed == repeats
    with Catalogue.open(workspace, name) as catalogue:
        columns = statistics(catalogue)
        items = catalogue.items
        sequences = catalogue.sequences()
        popularity = catalogue.popularity
        cases = sequences.cases("test")
        targets = [sequences.target(u, "test") for u in cases]
        validation = [sequences.target(u, "validation") for u in sequences.cases("validation")]
    purchases = sum(map(len, histories.values()))
    words = Counter(
        word
        for item in items
        for value, limit in zip(item.values(), (25, 15, 15, 15), strict=True)
        if value and value != "Unknown"
        for word in " ".join(value.split()[:limit]).lower().split()
    )
    assert columns.as_dict() == pytest.approx(
        {
            "domain": name,
            "users": len(histories),
            "duplicates_percent": 100 * removed / (purchases + removed),
            "items": len(items),
            "purchases": purchases,
            "items_per_user": purchases / len(histories),
            "purchases_per_item": purchases / len(items),
            "density": purchases / len(histories) / len(items),
            "words_per_item": words.total() / len(items),
            "vocabulary": len(words),
            "word_frequency": words.total() / max(1, len(words)),
        }
    )
    # Items 1..n-2 train, n-1 validates, n tests.
    ordered = [histories[user] for user in sequences.user_ids]
    ids = [item.item_id for item in items]
    assert [ids[i] for i in targets] == [bought[-1] for bought in ordered if len(bought) > 1]
    assert [ids[i] for i in validation] == [bought[-2] for bought in ordered if len(bought) > 2]
    trained = Counter(item for bought in ordered for item in bought[:-2])
    assert {ids[i]: n for i, n in enumerate(popularity.tolist()) if n} == trained


def test_all_beauty_loses_its_exact_repeats(built):
    _, info = built("all_beauty_2018_raw")
    assert info.report["events_read"] == 5269
    assert info.events == 4229
    assert info.report["items_without_metadata"] == info.items == 85


def test_gift_cards_have_clean_attributes(built):
    workspace, info = built("gift_cards_2018_raw")
    assert (info.users, info.items, info.events) == (458, 148, 2972)
    with Catalogue.open(workspace, "gift_cards_2018_raw") as catalogue:
        shown = [value for item in catalogue.items for value in item.values() if value]
        prices = [item.price for item in catalogue.items if item.price]
    assert prices
    assert all(price.startswith("$") for price in prices)
    for sign in ("&#", "&amp;", "</", "{", "\n", "  "):
        assert not [value for value in shown if sign in value]


def test_cds_lose_some_repeats_and_keep_repurchases(built):
    _, info = built("cds_2018_recent_ts")
    assert info.report["compared"] == ["item_id", "rating", "timestamp"]
    assert 0 < info.report["repeats_removed"] < info.report["events_read"]
    assert info.events == info.report["events_read"] - info.report["repeats_removed"]


def test_scientific_has_the_published_sizes_and_scores_like_rank_bm25(built):
    workspace, _ = built("scientific_2018")
    with Catalogue.open(workspace, "scientific_2018") as catalogue:
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
