import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.ranking.hierarchical import AttributeIndex, Matched, hierarchical
from calrec.records import Attributes, Item
from calrec.records.ranks import TIE, ranks_of
from calrec.text import TextSettings, item_text, parse

NAMES = ("title", "category", "brand", "price")
VALUE = st.sampled_from([None, "a", "b"])
ROW = st.tuples(VALUE, VALUE, VALUE, VALUE)


def attributes(row):
    return Attributes(**dict(zip(NAMES, row, strict=True)))


def index_of(rows):
    return AttributeIndex([attributes(row) for row in rows])


def matching(rows, wanted):
    """The level and the places of the rows that match, by the text of the method."""
    for level in (4, 3, 2, 1):
        places = [i for i, row in enumerate(rows) if wanted and row[:level] == wanted[:level]]
        if places:
            return level, places
    return 0, []


def probabilities(found, scores, n_items):
    """Each item's share of exp(s), which Decimal takes down to s of minus a million."""
    p = [Decimal(0)] * n_items
    for (_, places), score in zip(found, scores, strict=True):
        for place in places:
            p[place] += Decimal(score).exp() / len(places)
    return p


def on_the_scale(p):
    return [1 / (1 + float((max(p) / x).ln())) if x else 0.0 for x in p]


@pytest.mark.slow
@given(rows=st.lists(ROW, min_size=1, max_size=9), data=st.data())
def test_equals_the_text_of_the_method(rows, data):
    texts = data.draw(st.lists(st.none() | ROW, max_size=6))
    scores = data.draw(st.lists(st.floats(-2000, 0), min_size=len(texts), max_size=len(texts)))
    index = index_of(rows)
    found = [index.find(text and attributes(text)) for text in texts]
    oracle = [matching(rows, text) for text in texts]
    assert [(level, sorted(items.tolist())) for level, items in found] == oracle

    match = hierarchical(found, scores, len(rows))
    p = probabilities(oracle, scores, len(rows))
    np.testing.assert_allclose(match.scores, on_the_scale(p), rtol=1e-9)
    for column, ((level, places), score) in enumerate(zip(oracle, scores, strict=True)):
        inside = np.isin(np.arange(len(rows)), places)
        np.testing.assert_array_equal(match.raw[:, column], level * inside)
        assert match.scaled[:, column].sum() == pytest.approx(1.0 if level else 0.0)
        assert len({*match.scaled[inside, column]}) <= 1
        assert not match.scaled[~inside, column].any()
        if level:
            own = Decimal(score).exp() / len(places)
            expected = 1 / (1 + float((max(p) / own).ln()))
            np.testing.assert_allclose(match.modulated[:, column], expected * inside, rtol=1e-9)
        assert (match.modulated[:, column] <= match.scores + 1e-12).all()


@pytest.mark.slow
@given(
    scores=st.lists(st.floats(-5000, 0), min_size=1, max_size=6),
    shift=st.floats(-1000, 1000),
    data=st.data(),
)
def test_the_scale_knows_differences_only_and_keeps_every_match_off_zero(scores, shift, data):
    items = st.lists(st.integers(0, 7), unique=True, max_size=8).map(np.array)
    found = [
        Matched(4 if len(which) else 0, which.astype(np.int64))
        for which in (data.draw(items) for _ in scores)
    ]
    match = hierarchical(found, scores, 9)
    shifted = hierarchical(found, [score + shift for score in scores], 9)
    np.testing.assert_allclose(match.scores, shifted.scores, rtol=1e-9)
    hit = {place for _, which in found for place in which.tolist()}
    for item in range(9):
        assert (match.scores[item] > TIE) == (item in hit)
        assert match.modulated[item].any() == (item in hit)
    assert match.scores[8] == 0
    assert match.scores.max() == (1 if hit else 0)


def test_improbable_texts_keep_their_order_where_the_exponential_is_zero():
    rows = [("a", None, None, None), ("b", None, None, None), ("c", None, None, None)]
    found = [index_of(rows).find(attributes(row)) for row in rows[:2]]
    best = Matched(0, np.zeros(0, dtype=np.int64))
    scores = hierarchical([best, *found], [-5.0, -800.0, -801.0], 3).scores
    assert math.exp(-800) < TIE
    assert [ranks_of(scores, i) for i in range(3)] == [(1, 1), (2, 2), (3, 3)]


def test_items_of_equal_text_share_and_tie():
    rows = [("a", "x", None, None), ("a", "x", None, None), ("b", None, None, None)]
    index = index_of(rows)
    found = [index.find(attributes(row)) for row in (rows[0], rows[2])]
    match = hierarchical(found, [-1.0, -1.0 - math.log(2)], 3)
    np.testing.assert_allclose(match.scores, [1, 1, 1])
    assert match.scaled[:, 0].tolist() == [0.5, 0.5, 0]
    match = hierarchical(found, [-1.0, -1.1], 3)
    assert match.scores.argmax() == 2


def test_an_item_that_two_texts_match_collects_from_both():
    one = np.array([0], dtype=np.int64)
    match = hierarchical(
        [Matched(4, one), Matched(3, one), Matched(4, one + 1)], [-2.0, -2.0, -1.5], 2
    )
    assert match.raw[0].tolist() == [4, 3, 0]
    assert match.scores[0] == 1  # 2 exp(-2) > exp(-1.5)
    assert match.scores[1] == pytest.approx(1 / (1 + math.log(2) - 0.5))


@pytest.mark.parametrize("columns", [0, 3])
def test_no_match_scores_every_item_0(columns):
    none = Matched(0, np.zeros(0, dtype=np.int64))
    match = hierarchical([none] * columns, [-1.0] * columns, 4)
    assert match.raw.shape == match.scaled.shape == match.modulated.shape == (4, columns)
    assert ranks_of(match.scores, 2) == (1, 4)


def test_no_item_is_no_match():
    index = AttributeIndex([])
    assert index.level(Attributes(title="a")) == 0
    assert hierarchical([index.find(Attributes(title="a"))], [-1.0], 0).scores.shape == (0,)


def test_a_value_that_begins_like_another_is_another():
    index = index_of([("ab", "c", None, None), ("a", "bc", None, None), ("abc", None, None, None)])
    assert index.find(Attributes(title="a"))[1].tolist() == [1]
    assert index.level(Attributes(title="abcd")) == 0
    assert index.level(Attributes(title="a\nbc")) == 0
    assert index.level(Attributes()) == 0


ITEMS = [
    Item(item_id="1", title="Pen", category="Office", brand="Acme", price="$2"),
    Item(item_id="2", title="Pen", category="Art"),
    Item(item_id="3", title="one two three four"),
]


@pytest.mark.parametrize(
    ("wanted", "level"),
    [
        (Attributes(title="Pen", category="Office", brand="Acme", price="$2"), 4),
        (Attributes(title="Pen", category="Office", brand="Acme", price="$3"), 3),
        (Attributes(title="Pen", category="Office", brand="Acme"), 3),
        (Attributes(title="Pen", category="Office", brand="Bolt", price="$2"), 2),
        (Attributes(title="Pen", category="Garden", brand="Acme", price="$2"), 1),
        (Attributes(title="Pencil", category="Office", brand="Acme", price="$2"), 0),
        (Attributes(title="Pen", category="Art"), 4),
        (Attributes(title="Pen", category="Art", price="$2"), 3),
        (Attributes(title="pen", category="Art"), 0),
        (None, 0),
    ],
)
def test_match_level(wanted, level):
    assert AttributeIndex(ITEMS).level(wanted) == level


def test_match_level_compares_truncated_values():
    index = AttributeIndex(ITEMS, TextSettings(title_words=2))
    assert index.level(Attributes(title="one two")) == 4
    assert index.level(Attributes(title="one two three four")) == 0


VALUES = st.none() | st.text(
    st.sampled_from("ab .:U") | st.characters(exclude_categories=["Cs"]), max_size=12
)
VALUES |= st.sampled_from(["Unknown", "x. Category: y", "Price: 3", ". Brand: "])


@pytest.mark.slow
@given(
    items=st.lists(
        st.builds(
            Item, item_id=st.just("i"), title=VALUES, category=VALUES, brand=VALUES, price=VALUES
        ),
        min_size=1,
    )
)
def test_an_items_own_text_matches_on_all_four(items):
    index = AttributeIndex(items)
    for item in items:
        assert index.level(parse(item_text(item))) == 4


@given(rows=st.lists(ROW, max_size=6), wanted=ROW)
def test_match_level_equals_a_search_through_all_items(rows, wanted):
    expected = max(
        (sum(row[: k + 1] == wanted[: k + 1] for k in range(4)) for row in rows), default=0
    )
    assert index_of(rows).level(attributes(wanted)) == expected
