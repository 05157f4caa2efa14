"""The blend against plain sums, and its choice of weights against trying them all."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from calrec.errors import CalrecError
from calrec.ranking.rules import Rules
from calrec.recommenders import register
from calrec.recommenders.blend import choice
from calrec.recommenders.blend.choice import choose, grid
from calrec.recommenders.blend.parts import Parts, Weights, weights_of
from calrec.recommenders.blend.recommender import Blend
from calrec.recommenders.entry import Inputs
from calrec.recommenders.tfidf import tfidf
from calrec.records import Item
from calrec.records.ranks import ranks_of
from catalog.sequences import Sequences

N = 8
IDS = tuple(f"i{i}" for i in range(N))
WORDS = [["a"], ["a", "b"], ["b", "c"], ["a", "b"], ["c"], ["d", "a"], ["d"], []]
TEXTS = tfidf(WORDS)
COSINES = (TEXTS @ TEXTS.T).toarray()
HISTORIES = st.lists(st.lists(st.integers(0, N - 1), min_size=1, max_size=7), max_size=8)


def arrays(histories):
    return [np.array(history, dtype=np.int32) for history in histories]


def plain(histories, history, weights):
    """Each item's score, by loops."""
    buyers = [{u for u, one in enumerate(histories) if i in one} for i in range(N)]
    bought = [item for one in histories for item in one]

    def similar(i, j):
        both = len(buyers[i] & buyers[j]) if i != j else 0
        return both and both / math.sqrt(len(buyers[i]) * len(buyers[j]))

    def chance(i, j, gap):
        after = [b for one in histories for a, b in zip(one, one[gap:], strict=False) if a == i]
        return after.count(j) / (10 + len(after))

    back = history[::-1]
    return [
        sum(0.8**k * similar(i, j) for k, i in enumerate(back[:5]))
        + weights.a * sum(0.8**k * COSINES[i, j] for k, i in enumerate(back[: weights.n]))
        + weights.b * sum(chance(i, j, 1) for i in back[:1])
        + weights.c * sum(chance(i, j, 1) for i in back[1:2])
        + weights.c * sum(chance(i, j, 2) for i in back[:1])
        + 1e-3 * bought.count(j) / max(1, len(bought))
        for j in range(N)
    ]


@settings(max_examples=50)
@given(
    HISTORIES,
    st.lists(st.integers(0, N - 1), max_size=7),
    st.builds(
        Weights,
        a=st.sampled_from([0.0, 0.4]),
        b=st.sampled_from([0.0, 3.0]),
        c=st.sampled_from([0.0, 1.0]),
        n=st.sampled_from([1, 3, 10]),
    ),
)
def test_scores_are_those_of_plain_sums(histories, history, weights):
    blend = Blend(IDS, Parts(IDS, arrays(histories), TEXTS), weights)
    asked = arrays([history, [0, 1], []])
    found = blend.scores(asked)
    np.testing.assert_allclose(found[0], plain(histories, history, weights), atol=1e-12)
    np.testing.assert_array_equal(found[:1], blend.scores(asked[:1]))


@pytest.mark.parametrize("bought", ["ranked", "last"])
@pytest.mark.parametrize("seed", range(3))
def test_the_choice_is_the_best_of_all(monkeypatch, bought, seed):
    """Of a smaller grid, by ranking every user by every weight."""
    monkeypatch.setattr(choice, "OF_TEXTS", (0.2, 1.6))
    monkeypatch.setattr(choice, "OF_TRANSITIONS", (0.0, 0.3, 10.0))
    ranks_count = np.append(1 / np.arange(1.0, N), 0.0)  # all but the last: eight items are few
    monkeypatch.setattr(choice, "GAIN", ranks_count)
    generator = np.random.default_rng(seed)
    # The last two items are bought as targets alone: without texts they tie.
    histories = arrays(
        [*generator.integers(0, N - 2, length), generator.integers(0, N)]
        for length in generator.integers(0, 7, 20)
    )
    before = [history[:-1] for history in histories if len(history) > 1]
    targets = np.array([history[-1] for history in histories if len(history) > 1])
    parts, rules = Parts(IDS, before, TEXTS), Rules(bought=bought)

    def gain(weights):
        rows = Blend(IDS, parts, weights).scores(before)
        ruled = [rules.scores(*pair) for pair in zip(rows, before, strict=True)]
        _, ranks = ranks_of(np.stack(ruled), targets)
        return sum(ranks_count[rank - 1] for rank in ranks) / len(targets)

    gains = [gain(weights) for weights in grid()]
    rows = sparse.csr_array(np.stack([weights_of(weights, choice.LASTS) for weights in grid()]))
    each = choice._gains(parts, before, targets, rows, bought)
    np.testing.assert_allclose(each / len(targets), gains)
    found = choose(IDS, histories, TEXTS, bought)
    assert found.users == len(targets)
    assert found.ndcg == pytest.approx(max(gains))
    assert 0 < min(gains) < max(gains)
    assert gains[grid().index(found.weights)] == pytest.approx(max(gains))


def test_halving_ends_with_a_figure_over_all_users(monkeypatch):
    generator = np.random.default_rng(0)
    histories = arrays(generator.integers(0, N, 5) for _ in range(64))
    monkeypatch.setattr(choice, "OF_TEXTS", (0.4,))
    whole = choose(IDS, histories, TEXTS, "ranked")
    monkeypatch.setattr(choice, "FEWEST", 4)
    assert choice._rounds(64) == [4, 8, 16, 32, 64]
    halved = choose(IDS, histories, TEXTS, "ranked")
    monkeypatch.setattr(choice, "grid", lambda: (halved.weights,))
    assert choose(IDS, histories, TEXTS, "ranked").ndcg == pytest.approx(halved.ndcg)
    assert halved.users == 64
    assert halved.ndcg <= whole.ndcg + 1e-12


def test_with_nobody_to_choose_on_the_weights_are_the_default():
    assert choose(IDS, arrays([[1], [2]]), TEXTS, "ranked").weights == Weights()


def test_the_grid_is_wide():
    assert {Weights(a=0, b=10, c=3, n=1), Weights(a=0.4, b=0.3, c=0.1, n=3)} <= set(grid())
    assert len(set(grid())) == len(grid())


def shop(last):
    """Twelve users whose test targets are all the same item."""
    generator = np.random.default_rng(0)
    bought = [[*generator.integers(0, N, 5).tolist(), last] for _ in range(12)]
    sequences = Sequences(
        user_ids=tuple(f"u{u:02}" for u in range(12)),
        offsets=np.arange(13) * 6,
        items=np.array(bought, dtype=np.int32).ravel(),
        role="evaluation",
    )
    items = tuple(Item(item_id=i, title=" ".join(w)) for i, w in zip(IDS, WORDS, strict=True))
    corpus = SimpleNamespace(settings=None)
    return SimpleNamespace(
        items=items, item_ids=IDS, sequences=lambda: sequences, corpus=lambda: corpus
    )


@pytest.mark.parametrize("recommender", ["blend", "tgh"])
@pytest.mark.parametrize("count", ["training", "all"])
def test_what_is_asked_for_has_no_say(recommender, count):
    rules = Rules(bought="last", count=count)
    first, other = (register.build(recommender, Inputs(shop=shop(i), rules=rules)) for i in (0, 5))
    assert first.settings == other.settings
    asked = arrays([[1, 2], [3]])
    np.testing.assert_array_equal(first.scores(asked), other.scores(asked))


def test_the_settings_say_how_the_weights_came_about():
    chosen = register.build("blend", Inputs(shop=shop(0), rules=Rules(bought="last"))).settings
    assert chosen["chosen"].keys() == {"on", "bought", "users", "ndcg@10"}
    assert (chosen["chosen"]["bought"], chosen["chosen"]["users"]) == ("last", 12)
    options = {"a": 0.0, "b": 10.0, "c": 3.0, "n": 1}
    given = register.build("blend", Inputs(shop=shop(0), options=options)).settings
    assert {**given, **options} == given
    assert given["chosen"] is None


@pytest.mark.parametrize("wrong", [{"a": -1.0}, {"b": math.inf}, {"c": math.nan}, {"n": 0}])
def test_weights_out_of_range_are_one_line(wrong):
    with pytest.raises(CalrecError, match=rf"^{next(iter(wrong))} must be .*; choose another$"):
        register.build("blend", Inputs(shop=shop(0), options=wrong))
