import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.ranking.algorithm import match
from calrec.records import (
    Attributes,
    Generation,
    Item,
    Outcome,
    Ranking,
    Recommendation,
    Sample,
)
from calrec.records.ranks import ranks_of
from calrec.records.settings import RankingSettings

MATRICES = ("rows", "raw", "scaled", "modulated", "scores")


def record(n=30, k=3, seed=0, ties=False):
    generator = np.random.default_rng(seed)
    raw = generator.gamma(0.5, 10.0, (n, k))
    if ties:
        raw = np.round(raw / 8)
    scores = tuple(sorted(generator.normal(-20, 9, k).tolist(), reverse=True))
    found = match(raw, scores, RankingSettings())
    history = (Item(item_id="é\u2028", title="<b>Pen</b>", price="$2"), Item(item_id="b"))
    return Recommendation(
        history=history,
        generation=Generation(
            history=history,
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
                ),
            ),
            settings={"seed": 3},
            seconds=1.25,
        ),
        ranking=Ranking(
            recommender="calrec",
            settings={"ranking": {"epsilon": 1 / 5000}},
            columns=tuple(f"text {i}" for i in range(k)),
            column_scores=scores,
            outcomes=(
                Outcome(column=0 if k else None, match_level=4),
                Outcome(column=None, why_not="not among the best 10"),
            ),
            rows=np.arange(n),
            item_ids=tuple(f"i{i}" for i in range(n)),
            raw=raw,
            scaled=found.scaled,
            modulated=found.modulated,
            scores=found.scores,
            corpus_size=n,
            seconds=0.5,
        ),
        parts={"causes": [{"kind": "tie"}]},
    )


def changed(whole, **ranking):
    return dataclasses.replace(whole, ranking=dataclasses.replace(whole.ranking, **ranking))


def assert_same(left, right):
    for field in dataclasses.fields(Ranking):
        a, b = getattr(left.ranking, field.name), getattr(right.ranking, field.name)
        if field.name in (*MATRICES, "row_ranks"):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b, field.name
    assert (left.history, left.generation, left.target, left.parts) == (
        right.history,
        right.generation,
        right.target,
        right.parts,
    )


def test_the_matrices_keep_the_rows_of_the_top_items_and_of_the_true_item():
    whole = record()
    last = whole.ranking.item_ids[whole.ranking.order()[-1]]
    case = Recommendation.from_json(whole.to_json(top=5, target=last))

    kept = [*whole.ranking.order()[:5], whole.ranking.order()[-1]]
    assert case.target == last
    assert case.ranking.item_ids == tuple(whole.ranking.item_ids[row] for row in kept)
    for name in MATRICES:
        found, expected = getattr(case.ranking, name), getattr(whole.ranking, name)[kept]
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    for name in ("recommender", "settings", "columns", "column_scores", "outcomes", "corpus_size"):
        assert getattr(case.ranking, name) == getattr(whole.ranking, name), name
    assert (case.history, case.generation) == (whole.history, whole.generation)
    assert (case.parts, case.settings, case.timings) == (
        whole.parts,
        whole.settings,
        whole.timings,
    )


def test_a_true_item_among_the_top_has_one_row():
    whole = record()
    best = whole.ranking.item_ids[whole.ranking.order()[0]]
    assert len(Recommendation.from_json(whole.to_json(top=5, target=best)).ranking.rows) == 5


@pytest.mark.slow
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


@pytest.mark.slow
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_float_comes_back_exactly(value):
    whole = changed(record(2, 1), raw=np.array([[value], [0.0]]))
    found = Recommendation.from_json(whole.to_json()).ranking.raw[
        whole.ranking.order().tolist().index(0), 0
    ]
    assert found.hex() == value.hex()


@pytest.mark.slow
@given(seed=st.integers(0, 50))
def test_ranks_survive_the_cut(seed):
    whole = record(seed=seed, ties=True)
    case = Recommendation.from_json(whole.to_json(top=4, target="i7"))
    for item_id in case.ranking.item_ids:
        expected = ranks_of(whole.ranking.scores, whole.ranking.item_ids.index(item_id))
        assert whole.ranking.ranks(item_id) == expected
        assert case.ranking.ranks(item_id) == expected


@pytest.mark.parametrize("ask", ["ranks", "target"])
def test_an_item_without_a_row_is_refused_in_one_line(ask):
    whole = record()
    with pytest.raises(CalrecError, match=r"one of the 30 items .* found 'nowhere'") as caught:
        whole.ranking.ranks("nowhere") if ask == "ranks" else whole.to_json(target="nowhere")
    assert "\n" not in str(caught.value)


def test_order_is_best_first_and_stable():
    whole = changed(record(4, 1), scores=np.array([1.0, 3.0, 1.0, 3.0]))
    assert whole.ranking.order().tolist() == [1, 3, 0, 2]


def test_winner_is_the_column_with_the_highest_modulated_score():
    modulated = np.array([[0.2, 0.9], [0.9, 0.2], [0.5, 0.5], [0.0, 0.0]])
    whole = changed(record(4, 2), modulated=modulated)
    assert [whole.ranking.winner(row) for row in range(4)] == [1, 0, 0, None]
    assert record(4, 0).ranking.winner(0) is None


def test_numpy_scalars_are_written_as_numbers():
    whole = changed(record(), column_scores=tuple(np.float32([-1.5, -2.25, -3.1])))
    found = Recommendation.from_json(whole.to_json())
    assert found.ranking.column_scores == tuple(float(x) for x in np.float32([-1.5, -2.25, -3.1]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_json_has_not_is_refused_when_writing(value):
    whole = changed(record(), column_scores=(value, 0.0, 0.0))
    with pytest.raises(CalrecError, match="expected finite numbers") as caught:
        whole.to_json()
    assert "\n" not in str(caught.value)


def damaged(change):
    case = json.loads(record().to_json(top=3))
    change(case)
    return json.dumps(case)


def sample():
    return json.loads(record().to_json(top=3))["generation"]["samples"][0]


def part_of(case, path):
    *parts, name = path.split(".")
    for part in parts:
        case = case[part]
    return case, name


def drop(path):
    def change(case):
        part, name = part_of(case, path)
        part.pop(name)

    return damaged(change)


def put(path, value):
    def change(case):
        part, name = part_of(case, path)
        part[name] = value

    return damaged(change)


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
        put("version", 3),
        put("version", "2"),
        *(drop(name) for name in ("history", "generation", "ranking", "parts", "target")),
        *(drop(f"ranking.{name}") for name in ("rows", "raw", "scores", "row_ranks", "item_ids")),
        put("unexpected", 1),
        put("ranking.unexpected", 1),
        put("generation.unexpected", 1),
        put("history", None),
        put("history", [{"item_id": "a", "titel": "x"}]),
        put("history", [{"title": "no id"}]),
        put("history", [["a"]]),
        put("generation.samples", [{"text": "only"}]),
        put("generation.samples", []),
        put("generation", None),
        put("ranking.outcomes", []),
        put("ranking.recommender", 3),
        put("ranking.corpus_size", True),
        put("generation.prompt_tokens", 1.5),
        put("ranking.settings", []),
        put("parts", []),
        put("ranking.columns", ["one too few", "x"]),
        put("ranking.column_scores", [0.0]),
        put("ranking.column_scores", ["-1", 0.0, 0.0]),
        put("ranking.raw", [[1.0, 2.0, 3.0]]),
        put("ranking.raw", [[1.0, 2.0], [1.0], []]),
        put("ranking.raw", [[None] * 3] * 3),
        put("ranking.raw", [["1"] * 3] * 3),
        put("ranking.rows", [0.5, 1, 2]),
        put("ranking.item_ids", "abc"),
        put("ranking.item_ids", ["i1", "i1", "i2"]),
        put("ranking.corpus_size", 2),
        put("ranking.row_ranks", [[0, 1], [1, 1], [2, 2]]),
        *(
            put("ranking.outcomes", [{"column": column}, {"column": None}])
            for column in (3, -1, 10**30)
        ),
        put("generation.samples", [{**sample(), "log_probs": [-0.1]}, sample()]),
        put("generation.samples", [{**sample(), "token_texts": ["a"]}, sample()]),
        put("target", "nowhere"),
        put("ranking.scores", [10**400, 1, 2]),
        put("ranking.column_scores", [10**400, 1, 2]),
        record().to_json().replace('"prompt_tokens": 17', '"prompt_tokens": NaN'),
        record().to_json().replace('"seconds": 1.25', '"seconds": Infinity'),
        record().to_json().replace('"seconds": 1.25', '"seconds": 1e999'),
    ],
)
def test_anything_but_a_whole_case_file_is_refused_in_one_line(text):
    with pytest.raises(
        CalrecError, match=r"^expected a case file \(calrec-case, version 1 or 2\), found "
    ) as caught:
        Recommendation.from_json(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_file_of_version_1_is_read_and_written_as_version_2():
    text = (Path(__file__).parent / "golden" / "case-version-1.json").read_text()
    found, whole = Recommendation.from_json(text), record(8, 3)
    kept = [whole.ranking.item_ids.index(item_id) for item_id in found.ranking.item_ids]
    for name in MATRICES:
        np.testing.assert_array_equal(
            getattr(found.ranking, name), getattr(whole.ranking, name)[kept]
        )
    assert found.target == "i7"
    assert found.history == whole.history
    first, second = found.samples
    assert dataclasses.replace(first, text=whole.samples[0].text) == whole.samples[0]
    assert second == whole.samples[1]
    assert found.ranking.outcomes == whole.ranking.outcomes
    generated = {"text": {"title_words": 25}, "seed": 3}
    assert found.generation.settings == generated
    assert found.settings == {**generated, "ranking": {"epsilon": 1 / 5000}, "bought": "ranked"}
    assert found.timings == {"sample": 1.25, "match": 0.5}
    assert json.loads(found.to_json())["version"] == 2
    assert_same(Recommendation.from_json(found.to_json()), found)


@pytest.mark.parametrize(
    "name", ["settings", "samples", "columns", "history", "raw", "timings", "prompt"]
)
def test_a_damaged_file_of_version_1_is_refused_in_one_line(name):
    case = json.loads((Path(__file__).parent / "golden" / "case-version-1.json").read_text())
    without = {k: v for k, v in case.items() if k != name}
    for damaged_case in (without, *({**case, name: value} for value in (7, None, [7]))):
        with pytest.raises(CalrecError, match=r"^expected a case file") as caught:
            Recommendation.from_json(json.dumps(damaged_case))
        assert "\n" not in str(caught.value)
