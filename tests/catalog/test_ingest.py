import gzip
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.build import build
from catalog.errors import CatalogueError
from catalog.ingest.amazon_2018 import AmazonReviews2018
from catalog.ingest.two_tables import TwoTables
from catalog.store import Catalogue

ITEMS = {name: ["i1"] for name in ("item_id", "title", "category", "brand", "price")}
EVENTS = {"user_id": ["u", "u"], "item_id": ["i1", "i1"], "timestamp": [1, 1]}

REVIEWS = [
    {"reviewerID": "u", "asin": "B1", "overall": 5.0, "reviewText": "ok", "unixReviewTime": 20},
    {"reviewerID": "u", "asin": "B1", "overall": 5.0, "reviewText": "ok", "unixReviewTime": 20},
    {"reviewerID": "u", "asin": "B2", "overall": 4.0, "unixReviewTime": 10},
    {"reviewerID": "u", "asin": "B3", "overall": 4.0, "reviewText": "", "unixReviewTime": 30},
]
META = [
    {
        "asin": "B1",
        "title": "Salt &amp; Pepper",
        "category": ["Food", "Food", "Spice"],
        "brand": "  Acme\n",
        "price": "$1.50",
    },
    {"asin": "B2", "title": "", "category": [], "brand": "", "price": ".a{margin:0}"},
    {"asin": "B1", "title": "Listed again"},
    {"asin": "B9", "title": "Never reviewed"},
]


def _build(tmp_path, items, interactions, **settings):
    source = TwoTables(items=pa.table(items), interactions=pa.table(interactions))
    return build(tmp_path / "w", "x", source, **settings)


def _json_lines(path, records):
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, records)).encode()))
    return path


def test_parquet_files_give_what_tables_in_memory_give(tmp_path):
    in_memory = _build(tmp_path, ITEMS, EVENTS)
    folder = tmp_path / "it's"
    folder.mkdir()
    pq.write_table(pa.table(ITEMS), folder / "items.parquet")
    pq.write_table(pa.table(EVENTS), folder / "interactions.parquet")
    source = TwoTables(items=folder / "items.parquet", interactions=folder / "interactions.parquet")
    assert build(tmp_path / "w", "x", source) == in_memory


def test_repeats_are_decided_by_the_columns_there_are(tmp_path):
    info = _build(tmp_path, ITEMS, EVENTS)
    assert (info.events, info.report["repeats_removed"]) == (1, 1)
    assert info.report["compared"] == ["item_id", "timestamp"]
    info = _build(tmp_path, ITEMS, EVENTS | {"rating": [1, 2]})
    assert info.events == 2
    assert info.report["compared"] == ["item_id", "rating", "timestamp"]


def test_where_positions_stand_in_for_times_nothing_repeats(tmp_path):
    order_only = {"user_id": ["u", "u"], "item_id": ["i1", "i1"], "position": [0, 1]}
    info = _build(tmp_path, ITEMS, order_only)
    assert (info.events, info.report["repeats_removed"]) == (2, 0)
    assert info.report["compared"] == ["item_id", "position"]


def test_other_types_are_understood(tmp_path):
    items = {
        "item_id": [2, 10],
        "title": ["two", "ten"],
        "category": [["A", "B"], None],
        "brand": pa.array([None, None], pa.null()),
        "price": [1.5, None],
    }
    events = {
        "user_id": [7, 7],
        "item_id": [10, 2],
        "timestamp": [datetime(2020, 1, 2, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)],
    }
    _build(tmp_path, items, events)
    with Catalogue.open(tmp_path / "w", "x") as catalogue:
        assert catalogue.item_ids == ("10", "2")
        assert catalogue.items[1].category == "A, B"
        assert catalogue.items[1].price == "1.5"
        assert catalogue.sequences().items.tolist() == [1, 0]


def test_blank_attributes_are_unknown_and_white_space_is_folded(tmp_path):
    _build(tmp_path, ITEMS | {"title": [" a\n  b "], "brand": [" \t "]}, EVENTS)
    with Catalogue.open(tmp_path / "w", "x") as catalogue:
        assert (catalogue.items[0].title, catalogue.items[0].brand) == ("a b", None)


def test_unreadable_times_are_counted(tmp_path):
    info = _build(tmp_path, ITEMS, EVENTS | {"timestamp": ["1", "yesterday"]})
    assert (info.events, info.report["events_incomplete"]) == (1, 1)


@pytest.mark.parametrize(
    ("items", "events", "line"),
    [
        ({"id": ["i1"]}, EVENTS, "found id: add item_id, title, category, brand, price"),
        (ITEMS, {"user": ["u"], "item_id": ["i"]}, "found user, item_id: add user_id"),
        (ITEMS, {"user_id": ["u"], "item_id": ["i"]}, "add timestamp"),
    ],
)
def test_wrong_columns_are_named(tmp_path, items, events, line):
    with pytest.raises(CatalogueError, match=line) as caught:
        _build(tmp_path, items, events)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w").exists()


def test_missing_empty_and_foreign_files_are_named(tmp_path):
    good = tmp_path / "good.parquet"
    pq.write_table(pa.table(ITEMS), good)
    bad = tmp_path / "bad.parquet"
    for content, line in ((None, "found nothing"), (b"", "an empty file"), (b"text" * 9, "read")):
        if content is not None:
            bad.write_bytes(content)
        for source in (
            TwoTables(items=bad, interactions=good),
            TwoTables(items=good, interactions=bad),
            AmazonReviews2018(reviews=bad),
        ):
            with pytest.raises(CatalogueError, match=f"bad.parquet.*{line}") as caught:
                build(tmp_path / "w", "x", source)
            assert "\n" not in str(caught.value)
            assert not (tmp_path / "w").exists()


def test_amazon_reviews_and_metadata(tmp_path):
    source = AmazonReviews2018(
        reviews=_json_lines(tmp_path / "reviews.json.gz", REVIEWS),
        meta=_json_lines(tmp_path / "meta.json.gz", META),
    )
    info = build(tmp_path / "w", "x", source)
    assert info.report["compared"] == ["item_id", "rating", "review_text", "timestamp"]
    assert info.report["repeats_removed"] == 1
    assert info.report["metadata_rows_unreviewed"] == 1
    assert info.report["items_without_metadata"] == 1
    with Catalogue.open(tmp_path / "w", "x") as catalogue:
        assert catalogue.item_ids == ("B1", "B2", "B3")
        assert catalogue.items[0].values() == ("Salt & Pepper", "Food, Spice", "Acme", "$1.50")
        assert catalogue.items[1].values() == (None,) * 4
        assert catalogue.sequences().items.tolist() == [1, 0, 2]


def test_amazon_reviews_alone_and_not_compressed(tmp_path):
    path = tmp_path / "reviews.json"
    path.write_text("\n".join(map(json.dumps, REVIEWS)))
    info = build(tmp_path / "w", "x", AmazonReviews2018(reviews=path))
    assert info.items == info.report["items_without_metadata"] == 3


@pytest.mark.parametrize("which", ["reviews", "meta"])
def test_truncated_gzip_is_named_and_leaves_nothing(tmp_path, which):
    files = {
        "reviews": _json_lines(tmp_path / "reviews.json.gz", REVIEWS * 200),
        "meta": _json_lines(tmp_path / "meta.json.gz", META * 200),
    }
    whole = files[which].read_bytes()
    for length in (len(whole) // 2, len(whole) - 4):
        files[which].write_bytes(whole[:length])
        with pytest.raises(CatalogueError, match=rf"{which}\.json\.gz.*fetch it again") as caught:
            build(tmp_path / "w", "x", AmazonReviews2018(**files))
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "w").exists()


def test_files_given_for_each_other_are_named(tmp_path):
    reviews = _json_lines(tmp_path / "reviews.json.gz", REVIEWS)
    meta = _json_lines(tmp_path / "meta.json.gz", META)
    with pytest.raises(CatalogueError, match=r"expected records with reviewerID.*found asin, ti"):
        build(tmp_path / "w", "x", AmazonReviews2018(reviews=meta))
    broken = _json_lines(tmp_path / "broken.json.gz", REVIEWS)
    broken.write_bytes(gzip.compress(b'{"reviewerID": "u"}\n{"reviewerID": \n'))
    with pytest.raises(CatalogueError, match=r"broken\.json\.gz.*cannot be read"):
        build(tmp_path / "w", "x", AmazonReviews2018(reviews=broken, meta=reviews))
