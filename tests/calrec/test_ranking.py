import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calrec.errors import CalrecError
from calrec.ranking.algorithm import keep, match, modulate, pool, scale
from calrec.records.ranks import ranks_of
from calrec.records.settings import RankingSettings

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


@pytest.mark.slow
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


@pytest.mark.slow
@given(samples=SAMPLES, data=st.data())
def test_the_order_drawn_changes_nothing(samples, data):
    shuffled = data.draw(st.permutations(samples))

    def columns(drawn):
        kept, _ = keep([text for text, _ in drawn], [score for _, score in drawn], 5)
        return [drawn[i] for i in kept]

    assert columns(shuffled) == columns(samples)


@pytest.mark.slow
@given(samples=SAMPLES.filter(len), data=st.data())
def test_a_repeat_that_scores_no_better_changes_nothing(samples, data):
    text, score = data.draw(st.sampled_from(samples))
    repeated = [*samples, (f" {text}\t", score - data.draw(st.floats(0, 5)))]
    texts, scores = zip(*samples, strict=True)
    more_texts, more_scores = zip(*repeated, strict=True)
    kept, why_not = keep(texts, scores, 10)
    assert keep(more_texts, more_scores, 10)[0] == kept
    assert keep(more_texts, more_scores, 10)[1][: len(samples)] == why_not


def item_scores(samples, bm25, settings):
    """Samples to item scores; `bm25` maps a text to a list."""
    texts, scores = [text for text, _ in samples], [score for _, score in samples]
    kept, _ = keep(texts, scores, settings.n_pred)
    n_items = len(next(iter(bm25.values())))
    raw = np.array([bm25[texts[i].strip()] for i in kept]).reshape(len(kept), n_items).T
    return match(raw, [scores[i] for i in kept], settings).scores


@st.composite
def cases(draw):
    """Samples, BM25 scores of five items and settings."""
    column = st.lists(st.floats(0, 60), min_size=5, max_size=5)
    settings = RankingSettings(
        n_pred=draw(st.integers(1, 12)),
        epsilon=draw(st.floats(0, 0.1)),
        pooling=draw(st.sampled_from(["max", "mean", "min"])),
        modulation=draw(st.booleans()),
    )
    return draw(SAMPLES), {text: draw(column) for text in "abcdefghijkl"}, settings


@pytest.mark.slow
@given(case=cases(), data=st.data())
def test_neither_the_order_drawn_nor_repeats_change_a_score(case, data):
    samples, bm25, settings = case
    repeats = data.draw(st.lists(st.sampled_from(samples), max_size=9)) if samples else []
    more = samples + [(f" {text}\n", score - 1) for text, score in repeats]
    np.testing.assert_array_equal(
        item_scores(data.draw(st.permutations(more)), bm25, settings),
        item_scores(samples, bm25, settings),
    )


def test_fewer_texts_than_columns_wanted_are_all_there_is():
    bm25 = {"a": [1.0, 0, 0], "b": [0, 3.0, 1.0], "c": [2.0, 2.0, 0]}
    samples = [("a", -1.0), ("b", -2.0), ("c", -3.0), ("a", -4.0)]
    for pooling in ("max", "mean", "min"):
        three, ten = (RankingSettings(n_pred=n, pooling=pooling, epsilon=0.01) for n in (3, 10))
        expected = algorithm_1(*zip(*samples, strict=True), bm25, 10, 0.01, pooling)
        np.testing.assert_allclose(item_scores(samples, bm25, ten), expected)
        np.testing.assert_array_equal(
            item_scores(samples, bm25, ten), item_scores(samples, bm25, three)
        )


@pytest.mark.slow
@given(raw=matrices(), constant=st.floats(0, 60), data=st.data())
def test_a_text_that_tells_no_item_apart_changes_nothing(raw, constant, data):
    scores = data.draw(st.lists(SCORES, min_size=raw.shape[1], max_size=raw.shape[1]))
    place = data.draw(st.integers(0, raw.shape[1]))
    more = match(
        np.insert(raw, place, constant, axis=1),
        [*scores[:place], data.draw(SCORES), *scores[place:]],
        RankingSettings(),
    )
    np.testing.assert_array_equal(more.scores, match(raw, scores, RankingSettings()).scores)


@pytest.mark.slow
@given(constants=st.lists(st.floats(0, 60), max_size=4), n_items=st.integers(1, 9), data=st.data())
def test_items_that_all_score_the_same_rank_first_and_last(constants, n_items, data):
    raw = np.tile(np.array(constants, dtype=float), (n_items, 1))
    settings = RankingSettings(pooling=data.draw(st.sampled_from(["max", "mean", "min"])))
    scores = match(raw, [-1.0] * len(constants), settings).scores
    assert ranks_of(scores, data.draw(st.integers(0, n_items - 1))) == (1, n_items)


@pytest.mark.parametrize("order", ["C", "F"])
def test_matrices_lie_in_memory_as_the_given_one_which_stays_as_it_was(order):
    raw = np.array([[1.0, 0.0, 2.0], [0.0, 4.0, 2.0]], order=order)
    before = raw.copy()
    found = match(raw, [-1.0, -2.0, -3.0], RankingSettings())
    np.testing.assert_array_equal(raw, before)
    assert found.raw is raw
    for matrix in (found.scaled, found.modulated):
        assert matrix.flags[f"{order}_CONTIGUOUS"]


@pytest.mark.slow
@given(samples=SAMPLES, n_pred=st.integers(1, 12))
def test_every_sample_is_kept_or_says_why_not(samples, n_pred):
    texts, scores = [text for text, _ in samples], [score for _, score in samples]
    kept, why_not = keep(texts, scores, n_pred)
    assert sorted(kept) == [i for i, why in enumerate(why_not) if not why]
    assert len(kept) == min(n_pred, len(set(texts)))
    assert [scores[i] for i in kept] == sorted((scores[i] for i in kept), reverse=True)


@pytest.mark.slow
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


@pytest.mark.slow
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
    "wrong",
    [
        {"n_pred": 0},
        {"epsilon": -0.1},
        {"epsilon": math.nan},
        {"pooling": "sum"},
        {"retrieval": "bm26"},
        {"candidates": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} must be"):
        RankingSettings(**wrong)


def test_settings_that_name_no_retrieval_are_algorithm_1():
    older = {"n_pred": 3, "epsilon": 0.1, "pooling": "min", "modulation": False}
    assert RankingSettings(**older).retrieval == "bm25"
    assert RankingSettings(**older).candidates == 10_000
