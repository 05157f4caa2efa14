import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calrec.errors import CalrecError
from calrec.ranking import (
    AttributeIndex,
    RankingSettings,
    keep,
    match,
    modulate,
    pool,
    scale,
)
from calrec.text import Attributes, Item, TextSettings, item_text, parse

SCORES = st.floats(-500, 0)
SAMPLES = st.lists(st.tuples(st.sampled_from(list("abcdefghijkl")), SCORES), max_size=32)


@st.composite
def matrices(draw):
    shape = (draw(st.integers(1, 12)), draw(st.integers(1, 6)))
    return draw(hnp.arrays(np.float64, shape, elements=st.floats(0, 60)))


def algorithm_1(texts, scores, bm25, n_pred, epsilon, pooling="max"):
    """The paper's listing, line by line, in plain Python; `bm25` maps a text to a list."""
    ranked = sorted(zip(texts, scores, strict=True), key=lambda pair: -pair[1])
    distinct = []
    for text, score in ranked:
        if text not in [seen for seen, _ in distinct]:
            distinct.append((text, score))
    columns = []
    for text, score in distinct[:n_pred]:
        column = bm25[text]
        low, high = min(column), max(column)
        columns.append(
            [
                (x - low) / (high - low) * math.exp(epsilon * score) if high > low else 0.0
                for x in column
            ]
        )
    pooled = {"max": max, "min": min, "mean": lambda row: sum(row) / len(row)}[pooling]
    n = len(next(iter(bm25.values())))
    return [pooled([column[i] for column in columns]) if columns else 0.0 for i in range(n)]


@given(
    samples=SAMPLES,
    n_pred=st.integers(1, 12),
    pooling=st.sampled_from(["max", "mean", "min"]),
    data=st.data(),
)
def test_equals_the_listing_of_the_paper(samples, n_pred, pooling, data):
    texts = [text for text, _ in samples]
    # Distinct scores: the listing does not say in which order equal ones stand.
    scores = [-float(i) for i in data.draw(st.permutations(range(len(samples))))]
    column = st.lists(st.floats(0, 60), min_size=5, max_size=5)
    bm25 = {text: data.draw(column) for text in [*texts, "z"]}
    settings = RankingSettings(n_pred=n_pred, pooling=pooling, epsilon=0.01)

    kept, _ = keep(texts, scores, n_pred)
    raw = np.array([bm25[texts[i]] for i in kept]).reshape(len(kept), 5).T
    found = match(raw, [scores[i] for i in kept], settings)

    np.testing.assert_allclose(
        found.scores, algorithm_1(texts, scores, bm25, n_pred, 0.01, pooling), atol=1e-12
    )


def test_keeps_the_best_of_each_distinct_text():
    kept, why_not = keep(["a  b", "c", " a b\n", "d"], [-2.0, -3.0, -1.0, -4.0], 2)
    assert kept == (2, 1)
    assert why_not == ("duplicate of sample 2", "", "", "not among the best 2")


def test_a_repeat_of_a_text_beyond_the_best_is_called_a_repeat():
    _, why_not = keep(["a", "b", "b"], [-1.0, -2.0, -3.0], 1)
    assert why_not == ("", "not among the best 1", "duplicate of sample 1")


def test_fewer_distinct_texts_than_columns_give_fewer_columns():
    assert keep(["a", "a", "b"], [-1.0, -2.0, -3.0], 10)[0] == (0, 2)
    assert keep([], [], 10) == ((), ())


@pytest.mark.parametrize("score", [math.nan, -math.inf])
def test_a_score_that_is_no_number_is_refused_in_one_line(score):
    with pytest.raises(CalrecError, match=r"finite sample scores, found .* for sample 1") as caught:
        keep(["a", "b"], [-1.0, score], 10)
    assert "\n" not in str(caught.value)


@given(samples=SAMPLES, data=st.data())
def test_the_order_drawn_changes_nothing(samples, data):
    shuffled = data.draw(st.permutations(samples))

    def columns(drawn):
        kept, _ = keep([text for text, _ in drawn], [score for _, score in drawn], 5)
        return [drawn[i] for i in kept]

    assert columns(shuffled) == columns(samples)


@given(samples=SAMPLES.filter(len), data=st.data())
def test_a_repeat_that_scores_no_better_changes_nothing(samples, data):
    text, score = data.draw(st.sampled_from(samples))
    repeated = [*samples, (f" {text}\t", score - data.draw(st.floats(0, 5)))]
    texts, scores = zip(*samples, strict=True)
    more_texts, more_scores = zip(*repeated, strict=True)
    kept, why_not = keep(texts, scores, 10)
    assert keep(more_texts, more_scores, 10)[0] == kept
    assert keep(more_texts, more_scores, 10)[1][: len(samples)] == why_not


@given(samples=SAMPLES, n_pred=st.integers(1, 12))
def test_every_sample_is_kept_or_says_why_not(samples, n_pred):
    texts, scores = [text for text, _ in samples], [score for _, score in samples]
    kept, why_not = keep(texts, scores, n_pred)
    assert sorted(kept) == [i for i, why in enumerate(why_not) if not why]
    assert len(kept) == min(n_pred, len(set(texts)))
    assert [scores[i] for i in kept] == sorted((scores[i] for i in kept), reverse=True)


@given(raw=matrices())
def test_scaled_columns_reach_from_0_to_1_or_are_zero(raw):
    scaled = scale(raw)
    for before, after in zip(raw.T, scaled.T, strict=True):
        if before.min() == before.max():
            assert not after.any()
        else:
            assert (after.min(), after.max()) == (0, 1)
            assert after[before.argmax()] == 1


def test_a_constant_column_and_no_item_scale_without_a_warning():
    np.testing.assert_array_equal(scale(np.array([[3.0, 0.0], [3.0, 2.0]])), [[0, 0], [0, 1]])
    assert scale(np.zeros((0, 2))).shape == (0, 2)


@given(
    raw=matrices(),
    epsilon=st.floats(0, 1 / 1000),
    data=st.data(),
)
def test_the_top_item_of_the_best_text_stays_on_top(raw, epsilon, data):
    scores = sorted(data.draw(st.lists(SCORES, min_size=raw.shape[1], max_size=raw.shape[1])))[::-1]
    found = match(raw, scores, RankingSettings(epsilon=epsilon))
    best = raw[:, 0]
    if best.min() < best.max():
        assert found.scores[best.argmax()] == found.scores.max()
        assert found.scores.max() == pytest.approx(math.exp(epsilon * scores[0]))


def test_columns_take_turns_in_the_order_of_their_scores():
    raw = np.array([[9.0, 0, 0], [0, 5.0, 0], [0, 0, 7.0], [1, 1, 1]])
    found = match(raw, [-1.0, -50.0, -3.0], RankingSettings())
    assert list(np.argsort(-found.scores)) == [0, 2, 1, 3]


def test_without_modulation_the_scores_of_the_texts_have_no_say():
    raw = np.array([[1.0, 0.0], [0.0, 1.0]])
    off = RankingSettings(modulation=False)
    np.testing.assert_array_equal(match(raw, [-1.0, -900.0], off).scores, [1, 1])
    assert match(raw, [-1.0, -900.0], RankingSettings()).scores[1] < 0.9


def test_modulation_multiplies_by_the_exponential():
    np.testing.assert_allclose(
        modulate(np.array([[1.0, 0.5]]), np.array([-10.0, -20.0]), 0.1),
        [[math.exp(-1), 0.5 * math.exp(-2)]],
    )


@pytest.mark.parametrize("pooling", ["max", "mean", "min"])
def test_no_column_scores_every_item_0(pooling):
    np.testing.assert_array_equal(pool(np.zeros((3, 0)), pooling), [0, 0, 0])
    found = match(np.zeros((3, 0)), [], RankingSettings(pooling=pooling))
    np.testing.assert_array_equal(found.scores, [0, 0, 0])


@pytest.mark.parametrize(
    "wrong", [{"n_pred": 0}, {"epsilon": -0.1}, {"epsilon": math.nan}, {"pooling": "sum"}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} must be"):
        RankingSettings(**wrong)


ITEMS = [
    Item(item_id="1", title="Pen", category="Office", brand="Acme", price="$2"),
    Item(item_id="2", title="Pen", category="Art"),
    Item(item_id="3", title="one two three four"),
]


@pytest.mark.parametrize(
    ("attributes", "level"),
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
def test_match_level(attributes, level):
    assert AttributeIndex(ITEMS).level(attributes) == level


def test_match_level_compares_truncated_values():
    index = AttributeIndex(ITEMS, TextSettings(title_words=2))
    assert index.level(Attributes(title="one two")) == 4
    assert index.level(Attributes(title="one two three four")) == 0


VALUES = st.none() | st.text(
    st.sampled_from("ab .:U") | st.characters(exclude_categories=["Cs"]), max_size=12
)
VALUES |= st.sampled_from(["Unknown", "x. Category: y", "Price: 3", ". Brand: "])


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


@given(data=st.data())
def test_match_level_equals_a_search_through_all_items(data):
    value = st.sampled_from([None, "a", "b"])
    record = st.tuples(value, value, value, value)
    rows = data.draw(st.lists(record, max_size=6))
    wanted = data.draw(record)
    names = ("title", "category", "brand", "price")
    items = [
        Item(item_id=str(i), **dict(zip(names, row, strict=True))) for i, row in enumerate(rows)
    ]
    expected = max(
        (sum(row[: k + 1] == wanted[: k + 1] for k in range(4)) for row in rows), default=0
    )
    assert (
        AttributeIndex(items).level(Attributes(**dict(zip(names, wanted, strict=True)))) == expected
    )
