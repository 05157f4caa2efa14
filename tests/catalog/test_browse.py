import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calrec.records import Item
from catalog import browse
from catalog.browse import facets
from catalog.browse.facets import POPULARITY_BANDS, price_bands
from catalog.browse.filters import EVERYTHING, Band, Filters
from catalog.browse.selection import selected
from catalog.errors import CatalogueError
from catalog.search import Hits
from catalog.workspace import SCHEMA

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Row:
    title: str | None = None
    path: tuple[str, ...] | None = None
    brand: str | None = None
    price_low: float | None = None
    popularity: int = 0
    bought_by: frozenset[str] = frozenset()


@cache
def _tables() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("ATTACH ':memory:' AS store; USE store")
    connection.execute(SCHEMA)
    return connection


def store(rows: list[Row], users: tuple[str, ...] = ()) -> duckdb.DuckDBPyConnection:
    """The tables of a workspace with the domain `x`, and another with an item of every kind."""
    connection = _tables().cursor()
    connection.execute("USE store; DELETE FROM items; DELETE FROM users; DELETE FROM events")
    items = [
        ("x", i, str(i), r.title, None, r.brand, None, r.popularity, r.path, r.price_low)
        for i, r in enumerate(rows)
    ]
    items += [("y", i, "other", "a", None, "A", None, i, ["Music"], 5.0) for i in range(30)]
    connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", items)
    for u, user in enumerate(users):
        bought = [i for i, row in enumerate(rows) if user in row.bought_by]
        connection.execute("INSERT INTO users VALUES ('x', ?, ?, ?)", [u, user, len(bought)])
        connection.execute("INSERT INTO users VALUES ('y', ?, ?, 30)", [u, f"{user} of y"])
        connection.execute("INSERT INTO events SELECT 'y', ?, i, i, 0, 5 FROM range(30) r(i)", [u])
        for position, i in enumerate(bought):
            row = ["x", u, position, i, 0, None]
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", row)
    return connection


def page(connection, *, hits=None, filters=EVERYTHING, sort="relevance", offset=0, limit=50):
    number = connection.execute("SELECT count(*) FROM items WHERE domain = 'x'").fetchone()[0]
    items = [Item(item_id=str(i)) for i in range(number)]
    with selected(connection, "x", filters, hits) as selection:
        return browse.page(selection, items, hits, sort=sort, offset=offset, limit=limit)


def count(connection, *, hits=None, filters=EVERYTHING, bands=(), limit=50):
    with selected(connection, "x", filters, hits) as selection:
        return facets.facets(selection, filters, bands, limit)


def bands_of(prices):
    with (
        store([Row(price_low=price) for price in prices]) as connection,
        selected(connection, "x", EVERYTHING, None) as everything,
    ):
        return price_bands(everything)


def hits_of(scores: dict[int, float]) -> Hits:
    return Hits(
        items=np.array(sorted(scores), np.int64),
        scores=np.array([scores[i] for i in sorted(scores)]),
    )


PATHS = [None, (), ("Music",), ("Music", "Drums"), ("Music", "Strings"), ("Home", "Drums"),
         ("Music", "Strings", "Nylon"), ("Music", "Strings' OR '1'='1")]  # fmt: skip
USERS = ("u", "u'; --")
PRICE_BANDS = (Band(None, 5.0), Band(5.0, 20.0), Band(20.0, None))
rows_ = st.lists(
    st.builds(
        Row,
        title=st.none() | st.sampled_from(["amp", "Amp", "box", "Zither"]),
        path=st.sampled_from(PATHS),
        brand=st.sampled_from([None, "A", "b", "C", "É"]),
        price_low=st.none() | st.sampled_from([0.0, 4.99, 5.0, 19.99, 20.0, 1e9]),
        popularity=st.sampled_from([0, 0, 1, 4, 5, 9, 10, 49, 50, 1000]),
        bought_by=st.frozensets(st.sampled_from(USERS)),
    ),
    min_size=1,
    max_size=15,
)
filters_ = st.builds(
    Filters,
    category=st.sampled_from([(), *PATHS[2:5], PATHS[-1], ("No",)]),
    brand=st.sampled_from([None, None, "A", "b", "No"]),
    price=st.sampled_from([None, None, *PRICE_BANDS, Band(4.0, 6.0)]),
    popularity=st.sampled_from([None, None, *POPULARITY_BANDS]),
    bought_by=st.sampled_from([None, None, *USERS, "nobody"]),
)  # fmt: skip


def in_band(value: float | None, band: Band | None) -> bool:
    if band is None:
        return True
    low, high = band
    return value is not None and (low is None or value >= low) and (high is None or value < high)


def passes(row: Row, filters: Filters) -> bool:
    return (
        (row.path or ())[: len(filters.category)] == filters.category
        and filters.brand in (None, row.brand)
        and in_band(row.price_low, filters.price)
        and in_band(row.popularity, filters.popularity)
        and (filters.bought_by is None or filters.bought_by in row.bought_by)
    )


ORDERS = {
    "relevance": lambda row, score: (-score, -row.popularity),
    "popularity": lambda row, score: -row.popularity,
    "title": lambda row, score: (row.title is None, (row.title or "").lower()),
    "price": lambda row, score: (row.price_low is None, row.price_low or 0.0),
}


@pytest.mark.slow
@settings(max_examples=40)
@given(rows_, filters_, st.data())
def test_pages_and_facets_are_those_of_a_count_by_hand(rows, filters, data):
    scores = data.draw(
        st.none() | st.dictionaries(st.integers(0, len(rows) - 1), st.sampled_from([0.0, 1.5, 2.0]))
    )
    hits = None if scores is None else hits_of(scores)
    scores = dict.fromkeys(range(len(rows)), 0.0) if scores is None else scores

    def left(filters: Filters) -> list[int]:
        return [i for i in sorted(scores) if passes(rows[i], filters)]

    with store(rows, USERS) as connection:
        for sort, order in ORDERS.items():
            wanted = sorted(left(filters), key=lambda i: (order(rows[i], scores[i]), i))
            found = page(connection, hits=hits, filters=filters, sort=sort, offset=1, limit=4)
            assert [int(item.item_id) for item in found.items] == wanted[1:5], sort
            assert found.popularity == tuple(rows[i].popularity for i in wanted[1:5])
            assert found.total == len(wanted)
        counted = count(connection, hits=hits, filters=filters, bands=PRICE_BANDS)

    depth = len(filters.category)
    below = Counter(rows[i].path[depth] for i in left(filters) if len(rows[i].path or ()) > depth)
    ordered = sorted(below.items(), key=lambda pair: (-pair[1], pair[0]))
    own = [(filters.category, len(left(filters)))] if depth else []
    assert [(f.value, f.count) for f in counted.categories] == own + [
        ((*filters.category, level), items) for level, items in ordered
    ]
    brands = Counter(rows[i].brand for i in left(replace(filters, brand=None)))
    del brands[None]
    if filters.brand is not None:
        brands[filters.brand] += 0
    ordered = sorted(brands.items(), key=lambda pair: (-pair[1], pair[0]))
    assert [(f.value, f.count) for f in counted.brands] == ordered
    for name, column, bands in (
        ("prices", "price_low", PRICE_BANDS),
        ("popularity", "popularity", POPULARITY_BANDS),
    ):
        field = name.removesuffix("s")
        chosen = getattr(filters, field)
        others = left(replace(filters, **{field: None}))
        bands = bands if chosen is None or chosen in bands else (*bands, chosen)
        expected = [(b, sum(in_band(getattr(rows[i], column), b) for i in others)) for b in bands]
        found = [(f.value, f.count) for f in getattr(counted, name)]
        assert found == [(b, n) for b, n in expected if n or b == chosen]


@pytest.mark.slow
@given(
    st.lists(
        st.none() | st.sampled_from([0.0, 3.0, 9.99, 12.5, 480.0, 1e7, float("inf")]), max_size=9
    )
)
@settings(max_examples=25)
def test_every_price_is_in_exactly_one_band(prices):
    bands = bands_of(prices)
    for price in prices:
        held = sum(in_band(price, band) for band in bands)
        assert held == (price is not None and len(bands) > 0)
    assert len(bands) != 1
    known = [price for price in prices if price is not None]
    for band in (*bands[:1], *bands[-1:]):
        assert any(in_band(price, band) for price in known)


@pytest.mark.parametrize("currency", [1, 0.01, 1000])
def test_price_bands_suit_the_prices_and_have_round_ends(currency):
    prices = [5.99, 7.5, 9.99, 12.0, 19.99, 24.5, 29.0, 79.0, 240.0, 399.0]
    bands = bands_of([currency * price for price in prices])
    assert [band.high for band in bands] == pytest.approx(
        [10 * currency, 25 * currency, 100 * currency, None]
    )


@pytest.mark.parametrize("sort", ["relevance", "popularity", "title", "price"])
def test_pages_of_equal_items_follow_each_other(sort):
    with store([]) as connection:
        connection.execute(
            "INSERT INTO items SELECT 'x', i, i, 'amp', NULL, NULL, NULL, 3, NULL, 5"
            " FROM range(4000) r(i) ORDER BY hash(i)"
        )
        pages = [page(connection, sort=sort, offset=at, limit=1000) for at in range(0, 4000, 1000)]
    assert [int(item.item_id) for one in pages for item in one.items] == list(range(4000))


def test_labels_are_in_words():
    rows = [
        Row(price_low=price, popularity=n) for price, n in [(1, 0), (15, 2), (1500, 7), (3, 99)]
    ]
    bands = (Band(None, 2.5), Band(2.5, 1000.0), Band(1000.0, None))
    with store(rows) as connection:
        counted = count(connection, bands=bands)
        chosen = count(connection, filters=Filters(price=Band(1.0, 4.0)), bands=bands).prices[-1]
    assert [f.label for f in counted.prices] == ["under 2.5", "2.5 to 1,000", "1,000 and more"]
    assert [f.label for f in counted.popularity] == ["none", "1 to 4", "5 to 9", "50 and more"]
    assert (chosen.label, chosen.count) == ("1 to 4", 2)


@pytest.mark.parametrize("band", [Band(None, 1), Band(-3, 1), Band(0.0, 0.5), Band(-1e300, 1)])
def test_a_popularity_band_is_the_one_offered_with_the_same_numbers_in_it(band):
    with store([Row(popularity=n) for n in (0, 0, 1)]) as connection:
        counted = count(connection, filters=Filters(popularity=band)).popularity
    assert [(f.value, f.label, f.count) for f in counted] == [
        (Band(0, 1), "none", 2), (Band(1, 5), "1 to 4", 1)
    ]  # fmt: skip


HUGE = 10**5000
ODD_BANDS = [
    Band(None, None), Band(HUGE, None), Band(-HUGE, HUGE), Band(float("nan"), 1), Band(None, "1"),
    Band(float("-inf"), None), Band(True, None), Band(5, 5), Band(6, 5),
]  # fmt: skip


@pytest.mark.parametrize("name", ["price", "popularity"])
@pytest.mark.parametrize("band", ODD_BANDS, ids=range(len(ODD_BANDS)))
def test_a_band_of_odd_ends_is_refused_in_one_line(name, band):
    with pytest.raises(CatalogueError, match=f"^expected a {name} from .* found [^\n]*$"):
        Filters(**{name: band})


@pytest.mark.parametrize("name", ["price", "popularity"])
@pytest.mark.parametrize(
    "band", [Band(10**300, None), Band(-(10**300), 10**300), Band(1e308, None)]
)
def test_a_band_of_great_ends_is_counted(music, name, band):
    filters = Filters(**{name: band})
    total = music.page(filters=filters).total
    assert total == (0 if band.low > 0 else 4 if name == "price" else 8)
    counted = getattr(music.facets(filters=filters), {"price": "prices"}.get(name, name))
    assert [facet.count for facet in counted if facet.value == getattr(filters, name)] == [total]


@pytest.mark.parametrize(
    "chosen",
    [{"brand": "\udcff"}, {"category": ("Music", "\ud800")}, {"bought_by": "a\udfff"},
     {"brand": 7}, {"category": (None,)}, {"category": ("Music",) * 101}],
)  # fmt: skip
def test_what_no_item_can_have_is_refused_in_one_line(chosen):
    with pytest.raises(CatalogueError, match=r"^expected [^\n]* found [^\n]*: give [^\n]*$"):
        Filters(**chosen)


@pytest.mark.slow
def test_any_unicode_and_a_deep_category_can_be_asked_for(music):
    for text in ("\x00", "\U0001f3b8" * 10_000, "\u202e", ""):
        filters = Filters(brand=text, category=(text,) * 100, bought_by=text)
        assert music.page(filters=filters).total == 0
        assert music.facets(filters=filters).categories[0].count == 0


def test_the_largest_kinds_come_first_up_to_the_limit_and_the_chosen_one_stays():
    rows = [Row(brand=b, path=(b,)) for b in "AABBBCD"]
    with store(rows) as connection:
        counted = count(connection, limit=2)
        chosen = count(connection, filters=Filters(brand="D"), limit=2)
        inside = count(connection, filters=Filters(category=("C",)), limit=0)
    assert [(f.label, f.count) for f in counted.brands] == [("B", 3), ("A", 2)]
    assert [(f.label, f.count) for f in counted.categories] == [("B", 3), ("A", 2)]
    assert [(f.label, f.count) for f in chosen.brands] == [("B", 3), ("A", 2), ("D", 1)]
    assert [(f.label, f.count) for f in inside.categories] == [("C", 1)]


def test_items_that_a_user_bought(music):
    def bought(user: str, **asked) -> list[str]:
        found = music.page(filters=Filters(bought_by=user), **asked)
        assert found.note == ""
        return [item.item_id for item in found.items]

    assert sorted(bought("a")) == ["i1", "i2", "i3"]
    assert bought("a", query="tuner") == ["i3"]
    assert bought("c") == ["i9"]
    counted = music.facets(filters=Filters(bought_by="a"))
    assert [(f.label, f.count) for f in counted.brands] == [("Fender", 2), ("Korg", 1)]


def test_an_unknown_user_is_an_empty_page_that_says_so(music):
    found = music.page(query="guitra", filters=Filters(bought_by="no'body"))
    assert (found.items, found.total) == ((), 0)
    assert found.note.endswith("""; there is no user "no'body" in music""")
    assert music.facets(filters=Filters(bought_by="nobody")).brands == ()


def test_facets_follow_the_query(music):
    everything = music.facets()
    assert [(f.value, f.count) for f in everything.categories] == [(("Music",), 6)]
    found = music.facets(query="guitar", filters=Filters(category=("Music",)))
    assert [(f.label, f.count) for f in found.categories] == [
        ("Music", 3), ("Guitars", 1), ("Strings", 1), ("Tuners", 1)
    ]  # fmt: skip
    assert [(f.label, f.count) for f in found.brands] == [("Fender", 2), ("Korg", 1)]
    assert music.facets(query="***").brands == ()


def test_an_unknown_sort_is_refused():
    with pytest.raises(
        CatalogueError, match=r"relevance, popularity, title, price, found 'colour'"
    ):
        browse.check_sort("colour")


@pytest.mark.slow
def test_the_benchmark_runs_at_a_tiny_size():
    shown = subprocess.run(
        [sys.executable, "tests/benchmarks/search.py", "--items", "300", "--queries", "3"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert shown.returncode == 0, shown.stderr
    assert "facets" in shown.stdout
    assert "Whoosh" in shown.stdout
