import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.ranking.algorithm import match
from calrec.records import Attributes, Item
from calrec.records.ranks import ranks_of
from calrec.records.recommendation import Recommendation, Sample
from calrec.records.settings import RankingSettings

MATRICES = ("rows", "raw", "scaled", "modulated", "scores")


def record(n=30, k=3, seed=0, ties=False):
    generator = np.random.default_rng(seed)
    raw = generator.gamma(0.5, 10.0, (n, k))
    if ties:
        raw = np.round(raw / 8)
    scores = tuple(sorted(generator.normal(-20, 9, k).tolist(), reverse=True))
    found = match(raw, scores, RankingSettings())
    return Recommendation(
        recommender="calrec",
        settings={"ranking": {"epsilon": 1 / 5000}, "seed": 3},
        history=(Item(item_id="é\u2028", title="<b>Pen</b>", price="$2"), Item(item_id="b")),
        prompt="This is\n…",
        prompt_tokens=17,
        items_cut=1,
        samples=(
            Sample(
                text="Title: Pen. Category: Unknown. Brand: Unknown. Price: $2",
                token_ids=(4, 9),
                log_probs=(-0.1, -1 / 3),
                tempered_log_probs=(-0.01, -1e-300),
                score=-0.1 - 1 / 3,
                order=0,
                finished=True,
                attributes=Attributes(title="Pen", price="$2"),
                match_level=4,
                kept=True,
            ),
            Sample(
                text="?",
                token_ids=(),
                log_probs=(),
                tempered_log_probs=(),
                score=0.0,
                order=1,
                finished=False,
                attributes=None,
                why_not="not among the best 10",
            ),
        ),
        columns=tuple(f"text {i}" for i in range(k)),
        column_scores=scores,
        rows=np.arange(n),
        item_ids=tuple(f"i{i}" for i in range(n)),
        raw=raw,
        scaled=found.scaled,
        modulated=found.modulated,
        scores=found.scores,
        corpus_size=n,
        timings={"sample": 1.25},
    )


def assert_same(left, right):
    for field in dataclasses.fields(Recommendation):
        a, b = getattr(left, field.name), getattr(right, field.name)
        if field.name in (*MATRICES, "row_ranks"):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b, field.name


def test_the_matrices_keep_the_rows_of_the_top_items_and_of_the_true_item():
    whole = record()
    last = whole.item_ids[whole.order()[-1]]
    case = Recommendation.from_json(whole.to_json(top=5, target=last))

    kept = [*whole.order()[:5], whole.order()[-1]]
    assert case.target == last
    assert case.item_ids == tuple(whole.item_ids[row] for row in kept)
    assert case.corpus_size == 30
    for name in MATRICES:
        found, expected = getattr(case, name), getattr(whole, name)[kept]
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    for field in dataclasses.fields(Recommendation):
        if field.name not in (*MATRICES, "item_ids", "target", "row_ranks"):
            assert getattr(case, field.name) == getattr(whole, field.name), field.name


def test_a_true_item_among_the_top_has_one_row():
    whole = record()
    best = whole.item_ids[whole.order()[0]]
    assert len(Recommendation.from_json(whole.to_json(top=5, target=best)).rows) == 5


@given(
    n=st.integers(1, 40),
    k=st.integers(0, 4),
    seed=st.integers(0, 50),
    top=st.integers(0, 50),
    target=st.none() | st.integers(0, 39),
)
def test_a_case_file_round_trips_exactly(n, k, seed, top, target):
    whole = record(n, k, seed, ties=bool(seed % 2))
    target = None if target is None else f"i{target % n}"
    text = whole.to_json(top=top, target=target)
    case = Recommendation.from_json(text)
    again = case.to_json(top=top)
    assert again == text
    assert_same(Recommendation.from_json(again), case)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_float_comes_back_exactly(value):
    whole = dataclasses.replace(record(2, 1), raw=np.array([[value], [0.0]]))
    found = Recommendation.from_json(whole.to_json()).raw[whole.order().tolist().index(0), 0]
    assert found.hex() == value.hex()


@given(seed=st.integers(0, 50))
def test_ranks_survive_the_cut(seed):
    whole = record(seed=seed, ties=True)
    case = Recommendation.from_json(whole.to_json(top=4, target="i7"))
    for item_id in case.item_ids:
        expected = ranks_of(whole.scores, whole.item_ids.index(item_id))
        assert whole.ranks(item_id) == expected
        assert case.ranks(item_id) == expected


@pytest.mark.parametrize("ask", ["ranks", "target"])
def test_an_item_without_a_row_is_refused_in_one_line(ask):
    whole = record()
    with pytest.raises(CalrecError, match=r"one of the 30 items .* found 'nowhere'") as caught:
        whole.ranks("nowhere") if ask == "ranks" else whole.to_json(target="nowhere")
    assert "\n" not in str(caught.value)


def test_order_is_best_first_and_stable():
    whole = dataclasses.replace(record(4, 1), scores=np.array([1.0, 3.0, 1.0, 3.0]))
    assert whole.order().tolist() == [1, 3, 0, 2]


def test_winner_is_the_column_with_the_highest_modulated_score():
    modulated = np.array([[0.2, 0.9], [0.9, 0.2], [0.5, 0.5], [0.0, 0.0]])
    whole = dataclasses.replace(record(4, 2), modulated=modulated)
    assert [whole.winner(row) for row in range(4)] == [1, 0, 0, None]
    assert record(4, 0).winner(0) is None


def test_numpy_scalars_are_written_as_numbers():
    whole = dataclasses.replace(record(), column_scores=tuple(np.float32([-1.5, -2.25, -3.1])))
    found = Recommendation.from_json(whole.to_json())
    assert found.column_scores == tuple(float(x) for x in np.float32([-1.5, -2.25, -3.1]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_json_has_not_is_refused_when_writing(value):
    whole = dataclasses.replace(record(), column_scores=(value, 0.0, 0.0))
    with pytest.raises(CalrecError, match="expected finite numbers") as caught:
        whole.to_json()
    assert "\n" not in str(caught.value)


def damaged(change):
    case = json.loads(record().to_json(top=3))
    change(case)
    return json.dumps(case)


def drop(name):
    return damaged(lambda case: case.pop(name))


def put(name, value):
    return damaged(lambda case: case.update({name: value}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        "[" * 100_000,
        '{"format": "calrec-checkpoint", "version": 1}',
        drop("format"),
        drop("version"),
        put("version", 2),
        *(drop(name) for name in ("history", "rows", "raw", "scores", "row_ranks", "item_ids")),
        put("unexpected", 1),
        put("history", None),
        put("history", [{"item_id": "a", "titel": "x"}]),
        put("history", [{"title": "no id"}]),
        put("history", [["a"]]),
        put("samples", [{"text": "only"}]),
        put("recommender", 3),
        put("corpus_size", True),
        put("prompt_tokens", 1.5),
        put("settings", []),
        put("columns", ["one too few", "x"]),
        put("column_scores", [0.0]),
        put("column_scores", ["-1", 0.0, 0.0]),
        put("raw", [[1.0, 2.0, 3.0]]),
        put("raw", [[1.0, 2.0], [1.0], []]),
        put("raw", [[None] * 3] * 3),
        put("raw", [["1"] * 3] * 3),
        put("rows", [0.5, 1, 2]),
        put("item_ids", "abc"),
        put("target", "nowhere"),
        put("scores", [10**400, 1, 2]),
        put("column_scores", [10**400, 1, 2]),
        record().to_json().replace('"prompt_tokens": 17', '"prompt_tokens": NaN'),
        record().to_json().replace('"sample": 1.25', '"sample": Infinity'),
        record().to_json().replace('"sample": 1.25', '"sample": 1e999'),
    ],
)
def test_anything_but_a_whole_case_file_is_refused_in_one_line(text):
    with pytest.raises(
        CalrecError, match=r"^expected a case file \(calrec-case, version 1\), found "
    ) as caught:
        Recommendation.from_json(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
