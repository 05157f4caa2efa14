"""Amazon's files of both editions as shipped, and what is said of files that are not."""

import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path

import duckdb
import in_memory
import pytest

from catalog.build import build
from catalog.build.bad_lines import kept
from catalog.errors import CatalogueError
from catalog.ingest.sources.amazon import AmazonReviews
from catalog.store import Catalogue

REVIEWS_2018 = [
    {"reviewerID": "u", "asin": "B1", "overall": 5.0, "reviewText": "ok", "unixReviewTime": 20},
    {"reviewerID": "u", "asin": "B1", "overall": 5.0, "reviewText": "ok", "unixReviewTime": 20},
    {"reviewerID": "u", "asin": "B2", "overall": 4.0, "unixReviewTime": 10},
    {"reviewerID": "u", "asin": "B3", "overall": 4.0, "reviewText": "", "unixReviewTime": 30},
]
META_2018 = [
    {
        "asin": "B1",
        "title": "Salt &amp; Pepper",
        "category": ["Food", "Food", "Spice &amp; Co"],
        "brand": "  Acme\n",
        "price": "$1.50",
    },
    {"asin": "B2", "title": "", "category": [], "brand": "", "price": ".a{margin:0}"},
    {"asin": "B1", "title": "Listed again"},
    {"asin": "B9", "title": "Never reviewed"},
]
REVIEWS_2023 = [
    {"user_id": "u", "asin": "V1", "parent_asin": "B1", "rating": 5.0, "text": "ok",
     "timestamp": 1588687728923},
    {"user_id": "u", "asin": "V2", "parent_asin": "B1", "rating": 5.0, "text": "ok",
     "timestamp": 1588687728923},
    {"user_id": "u", "asin": "V2", "parent_asin": "B1", "rating": 5.0, "text": "ok",
     "timestamp": 1588687728924},
    {"user_id": "u", "asin": "V3", "parent_asin": "B2", "rating": 4.0, "text": "x",
     "timestamp": 1588687728900},
]  # fmt: skip
META_2023 = [
    {
        "main_category": "All Beauty",
        "title": "Salt &amp; Pepper",
        "store": "The Store",
        "categories": ["Food", "Spice"],
        "price": 1213.5,
        "details": {"Brand": "Acme", "Colour": "red"},
        "parent_asin": "B1",
    },
    {
        "main_category": "All Beauty",
        "title": "Soap",
        "store": "The Store",
        "categories": [],
        "price": None,
        "details": {},
        "parent_asin": "B2",
    },
]


@dataclass(frozen=True)
class Edition:
    reviews: list[dict]
    meta: list[dict]


EDITIONS = {
    2018: Edition(REVIEWS_2018, META_2018),
    2023: Edition(REVIEWS_2023, META_2023),
}


def _json_lines(path: Path, records: list[dict]) -> Path:
    data = "\n".join(map(json.dumps, records)).encode()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def _source(folder: Path, reviews: list[dict], meta: list[dict] | None = None) -> AmazonReviews:
    return AmazonReviews(
        reviews=_json_lines(folder / "reviews.json.gz", reviews),
        meta=None if meta is None else _json_lines(folder / "meta.json.gz", meta),
    )


def _items(source: AmazonReviews) -> list[tuple]:
    """`(item_id, title, category, path, brand, price)` of each row of items."""
    with in_memory.connection() as connection:
        source.load(connection)
        return connection.execute(
            "SELECT item_id, title, category, path, brand, price FROM raw_items ORDER BY rowid"
        ).fetchall()


def test_edition_2018(tmp_path):
    info = build(tmp_path / "w", "x", _source(tmp_path, REVIEWS_2018, META_2018))
    assert info.report["form"] == "amazon reviews 2018"
    assert info.report["compared"] == ["item_id", "rating", "review_text", "timestamp"]
    assert info.report["missing"] == []
    assert info.report["timestamp"] == "unix seconds"
    assert info.report["repeats_removed"] == 1
    assert info.report["metadata_rows_unreviewed"] == 1
    assert info.report["items_without_metadata"] == 1
    assert info.report["attributes_unusable"] == {"price": 1}
    (lost,) = kept(tmp_path / "w", "x", limit=9)
    assert (lost.line, lost.content) == (2, ".a{margin:0}")
    assert lost.reason == "price: not all of it is text; the item is kept"
    with Catalogue.open(tmp_path / "w", "x") as catalogue:
        assert catalogue.item_ids == ("B1", "B2", "B3")
        assert catalogue.items[0].values() == ("Salt & Pepper", "Food, Spice & Co", "Acme", "$1.50")
        assert catalogue.items[1].values() == (None,) * 4
        assert catalogue.sequences().items.tolist() == [1, 0, 2]


def test_edition_2023(tmp_path):
    info = build(tmp_path / "w", "x", _source(tmp_path, REVIEWS_2023, META_2023))
    assert info.report["form"] == "amazon reviews 2023"
    assert info.report["timestamp"] == "unix milliseconds"
    # A millisecond apart is no repeat.
    assert (info.report["events_read"], info.report["repeats_removed"]) == (4, 1)
    with Catalogue.open(tmp_path / "w", "x") as catalogue:
        assert catalogue.items[0].values() == ("Salt & Pepper", "Food, Spice", "Acme", "$1,213.50")
        assert catalogue.items[1].values() == ("Soap", "All Beauty", "The Store", None)
        assert catalogue.sequences().items.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ({"details": '{"Brand": "In a text"}'}, (None, None, None, "In a text", None)),
        ({"details": "{'Brand': 1}", "store": "S"}, (None, None, None, "S", None)),
        ({"details": {"Brand": " "}, "store": "S"}, (None, None, None, "S", None)),
        ({"details": None}, (None, None, None, None, None)),
        ({"price": "13.49"}, (None, None, None, None, "$13.49")),
        ({"price": "$5.99 - $12.99"}, (None, None, None, None, "$5.99 - $12.99")),
        ({"price": 7}, (None, None, None, None, "$7.00")),
        ({"price": "from 7"}, (None, None, None, None, None)),
        ({"categories": None, "main_category": "M"}, (None, "M", ["M"], None, None)),
        ({"categories": ["A", "A&amp;B", "</b>", "A"]}, (None, "A, A&B", ["A", "A&B"], None, None)),
        ({"title": "<b>T</b>"}, ("T", None, None, None, None)),
        ({"title": {"a": 1}, "store": ["S"]}, (None, None, None, "S", None)),
        ({"title": "NaN", "store": "None", "price": "null"}, (None, None, None, None, None)),
        ({"title": "[28]", "details": {"Brand": "NULL"}, "store": "S"},
         ("[28]", None, None, "S", None)),
        ({"title": "[New] T"}, ("[New] T", None, None, None, None)),
        ({"categories": [["A", "B"], {"c": 1}, "[D]"]},
         (None, "A, B, [D]", ["A", "B", "[D]"], None, None)),
    ],
)  # fmt: skip
def test_shapes_of_2023_metadata(tmp_path, record, row):
    review = {"user_id": "u", "parent_asin": "B1", "timestamp": 1588687728923}
    ((item_id, title, category, path, brand, price),) = _items(
        _source(tmp_path, [review], [{"parent_asin": "B1", **record}])
    )
    assert item_id == "B1"
    assert (title, category, path or None, brand, price) == row


META_2014 = [
    "{'asin': 'B1', 'title': \"It's\", 'price': 3.17, 'brand': nan,"
    " 'categories': [['Sports', 'Dance &amp; Co'], ['Clothing']], 'salesRank': {'Toys': 1}}",
    '{"asin": "B2", "title": "Two", "categories": [["Sports"], []]}',
    "{'asin': 'B3', 'title': u'Drei \\xdc', 'categories': [], 'price': None}",
]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["json", "json.gz"])
def test_edition_2014_as_python_printed_it(tmp_path, ending):
    reviews = [record | {"helpful": [0, 1]} for record in REVIEWS_2018]
    meta = tmp_path / f"meta.{ending}"
    data = "\n".join(META_2014).encode()
    meta.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    source = AmazonReviews(reviews=_json_lines(tmp_path / "r.json", reviews), meta=meta)
    assert _items(source) == [
        ("B1", "It's", "Sports, Dance & Co, Clothing", ["Sports", "Dance & Co"], None, "$3.17"),
        ("B2", "Two", "Sports", ["Sports"], None, None),
        ("B3", "Drei Ü", None, [], None, None),
    ]
    info = build(tmp_path / "w", "x", source)
    assert info.report["form"] == "amazon reviews 2014"
    assert info.report["bad_lines"] == {"items": 0, "events": 0}
    # Without metadata a key of the reviews tells.
    info = build(tmp_path / "w", "x", AmazonReviews(reviews=source.reviews))
    assert info.report["form"] == "amazon reviews 2014"


def test_metadata_of_another_department_is_refused_with_examples(tmp_path):
    meta = [{"asin": f"Z{n}", "title": "t", "category": ["A"]} for n in range(3)]
    with pytest.raises(
        CatalogueError, match=r"none of the 3 items bought in .*reviews.*'Z0', 'Z1'; bought: 'B1'"
    ):
        build(tmp_path / "w", "x", _source(tmp_path, REVIEWS_2018, meta))
    assert not (tmp_path / "w").exists()


@pytest.mark.slow
def test_objects_in_metadata_are_counted_or_named(tmp_path):
    meta = [
        {"asin": "B1", "title": "t", "brand": {"name": "Acme"}, "category": [{"name": "A"}]},
        {"asin": "B2", "title": "t", "brand": {"id": 5}, "category": "Books"},
        {"asin": "B9", "title": "t", "brand": {"id": 6}},
    ]
    source = _source(tmp_path, REVIEWS_2018, meta)
    assert [row[2:5] for row in _items(source)] == [
        ("A", ["A"], "Acme"),
        ("Books", None, None),
    ]
    info = build(tmp_path / "w", "x", source)
    assert info.report["attributes_unusable"] == {"brand": 1}  # that of B9 nobody asks for
    (lost,) = kept(tmp_path / "w", "x", limit=9)
    assert (lost.line, lost.content) == (2, '{"id":5}')


def test_rows_stay_in_the_order_of_the_file_through_cleaning(tmp_path):
    shuffled = random.Random(0).sample(range(5000), 5000)
    meta = [
        {"asin": f"B{n}", "title": f"{n} &amp; <i>{n}</i>" if n % 3 else str(n)} for n in shuffled
    ]
    reviews = [
        {"reviewerID": "u", "asin": f"B{n}", "unixReviewTime": 1} for n in range(0, 5000, 2)
    ]  # fmt: skip
    rows = _items(_source(tmp_path, reviews, meta))
    kept = [n for n in shuffled if n % 2 == 0]
    assert [row[0] for row in rows] == [f"B{n}" for n in kept]
    assert [row[1] for row in rows] == [f"{n} & {n}" if n % 3 else str(n) for n in kept]


@pytest.mark.parametrize("year", EDITIONS)
def test_reviews_alone_and_not_compressed(tmp_path, year):
    path = _json_lines(tmp_path / "reviews.json", EDITIONS[year].reviews)
    info = build(tmp_path / "w", "x", AmazonReviews(reviews=path))
    assert info.report["form"] == f"amazon reviews {year}"
    assert info.items == info.report["items_without_metadata"] > 0


def test_bad_lines_are_kept_with_number_reason_and_content(tmp_path):
    path = tmp_path / "reviews.json"
    good = json.dumps(REVIEWS_2018[0])
    bad = [
        '{"reviewerID": "u", ',
        '{"asin": "B1", "unixReviewTime": 1}',
        '{"reviewerID": "u", "unixReviewTime": 1}',
        '{"reviewerID": "u", "asin": "B1"}',
        '{"reviewerID": "u", "asin": "B1", "unixReviewTime": "09 1, 2016"}',
        '{"reviewerID": "u", "asin": "B1", "unixReviewTime": 1, "overall": "good"}',
        '{"reviewerID": "u", "asin": "B1", "unixReviewTime": 1588687728923}',
    ]
    path.write_text("\n".join([good, "", *bad, good]))
    with duckdb.connect() as connection:
        connection.execute("BEGIN")
        AmazonReviews(reviews=path).load(connection)
        rows = connection.execute(
            "SELECT line, problem, content FROM raw_events WHERE problem IS NOT NULL ORDER BY line"
        ).fetchall()
        assert connection.execute("SELECT count(*) FROM raw_events").fetchall() == [(9,)]
    assert [(line, content) for line, _, content in rows] == list(enumerate(bad, 3))
    expected = "unixReviewTime: expected unix seconds, as in the other lines, found "
    assert [problem for _, problem, _ in rows] == [
        "not JSON: breaks off before the end",
        "reviewerID is missing",
        "asin is missing",
        "unixReviewTime is missing",
        f"{expected}'09 1, 2016'",
        "overall: expected a number, found 'good'",
        f"{expected}'1588687728923'",
    ]


@pytest.mark.parametrize("year", EDITIONS)
def test_the_edition_is_told_by_most_records(tmp_path, year):
    other = EDITIONS[2023 if year == 2018 else 2018]
    reviews = [{"asin": "B1"}, other.reviews[0], *EDITIONS[year].reviews]
    meta = [{"title": "no id"}, *EDITIONS[year].meta]
    with duckdb.connect() as connection:
        loaded = _source(tmp_path, reviews, meta).load(connection)
        bad = connection.execute("SELECT line FROM raw_events WHERE problem IS NOT NULL").fetchall()
        assert connection.execute("SELECT problem IS NULL FROM raw_items LIMIT 1").fetchall() == [
            (False,)
        ]
    assert loaded.form == f"amazon reviews {year}"
    assert bad == [(1,), (2,)]


def test_bad_lines_of_metadata_are_kept_too(tmp_path):
    path = tmp_path / "meta.json"
    path.write_text(
        "\n".join(
            [json.dumps(META_2018[0]), '{"title": "no asin"}', "{'asin': 'B1'}", "{'asin': B1}"]
        )
    )
    with duckdb.connect() as connection:
        connection.execute("BEGIN")
        reviews = _json_lines(tmp_path / "reviews.json", REVIEWS_2018)
        loaded = AmazonReviews(reviews=reviews, meta=path).load(connection)
        assert (loaded.items_from, loaded.events_from) == (str(path), str(reviews))
        assert connection.execute("SELECT line, problem, content FROM raw_items").fetchall() == [
            (1, None, None),
            (2, "asin is missing", '{"title": "no asin"}'),
            (3, None, None),
            (4, "not JSON: names in single quotes", "{'asin': B1}"),
        ]


@pytest.mark.parametrize("year", EDITIONS)
@pytest.mark.parametrize("which", ["reviews", "meta"])
def test_truncated_gzip_is_named_and_leaves_nothing(tmp_path, which, year):
    source = _source(tmp_path, EDITIONS[year].reviews * 200, EDITIONS[year].meta * 200)
    path = getattr(source, which)
    whole = path.read_bytes()
    for length in (len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:length])
        with pytest.raises(CatalogueError, match=rf"{which}\.json\.gz.*fetch it again") as caught:
            build(tmp_path / "w", "x", source)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "w").exists()


def test_files_given_for_each_other_or_of_two_editions_are_named(tmp_path):
    def refused(reviews: list[dict], meta: list[dict], line: str) -> None:
        with pytest.raises(CatalogueError, match=line) as caught:
            build(tmp_path / "w", "x", _source(tmp_path, reviews, meta))
        assert "\n" not in str(caught.value)

    refused(META_2018, REVIEWS_2018, r"with reviewerID, .* found asin, title")
    refused(META_2023, REVIEWS_2023, r"with reviewerID, .* found main_category, title")
    refused(REVIEWS_2018, REVIEWS_2018, r"expected records with asin, title.* found reviewerID")
    refused(REVIEWS_2018, META_2023, r"\(edition 2018\) in .* found main_category")
    refused(REVIEWS_2023, META_2018, r"\(edition 2023\) in .* found asin, title")


def test_missing_empty_and_foreign_files_are_named(tmp_path):
    bad = tmp_path / "bad.json"
    for content, line in (
        (None, "found nothing"),
        (b"", "an empty file"),
        (b"\x89P" * 9, "begins"),
    ):
        if content is not None:
            bad.write_bytes(content)
        for source in (
            AmazonReviews(reviews=bad),
            AmazonReviews(reviews=_json_lines(tmp_path / "r.json", REVIEWS_2018), meta=bad),
        ):
            with pytest.raises(CatalogueError, match=rf"bad\.json.*{line}") as caught:
                build(tmp_path / "w", "x", source)
            assert "\n" not in str(caught.value)
            assert not (tmp_path / "w").exists()
