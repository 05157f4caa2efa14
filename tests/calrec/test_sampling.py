import itertools

import jax
import numpy as np
import pytest
from flax import nnx
from scipy.stats import chisquare
from tiny import tiny_decoder

from calrec.sampling import Sampler, SamplingSettings

V, END = 12, 0


@pytest.fixture(scope="module")
def model():
    return tiny_decoder(V, scale=3.0)


@pytest.fixture(scope="module")
def sampler(model):
    return Sampler(model, END)


def last(sampler, prompts, seeds, **settings):
    *_, drawn = sampler.stream(prompts, seeds, SamplingSettings(**settings))
    return drawn


PROMPT = [3, 1, 4, 1, 5]


def test_scores_equal_a_fresh_forward_pass(model, sampler):
    drawn = last(sampler, [PROMPT], [7], samples=6, max_new_tokens=20, temperature=0.5)
    width = len(PROMPT) + 20
    for n in range(6):
        length = drawn.lengths[0, n]
        row = np.array([*PROMPT, *drawn.tokens[0, n]])  # padded to one width: compiled once
        mask = np.arange(width) < len(PROMPT) + length
        logits = model.logits(model.hidden(row[None], mask[None]))[0]
        for kind, temperature in ((drawn.log_probs, 1.0), (drawn.tempered, 0.5)):
            log_probs = jax.nn.log_softmax(logits / temperature)[len(PROMPT) - 1 : -1]
            fresh = np.take_along_axis(np.asarray(log_probs), row[len(PROMPT) :, None], 1)[:, 0]
            np.testing.assert_allclose(kind[0, n, :length], fresh[:length], atol=1e-4)


def test_a_sample_ends_with_its_first_end_token(sampler):
    drawn = last(sampler, [PROMPT], [0], samples=32, max_new_tokens=24, temperature=2.0)
    assert 0 < drawn.finished.sum() <= 32
    for n in range(32):
        tokens = drawn.tokens[0, n, : drawn.lengths[0, n]].tolist()
        assert tokens.count(END) == int(drawn.finished[0, n])
        assert not drawn.finished[0, n] or tokens[-1] == END
        assert (drawn.tokens[0, n, drawn.lengths[0, n] :] == 0).all()
        assert (drawn.log_probs[0, n, drawn.lengths[0, n] :] == 0).all()


def test_the_same_seed_gives_the_same_samples_alone_or_in_a_batch(sampler):
    alone = last(sampler, [PROMPT], [5], samples=4, max_new_tokens=12)
    again = last(sampler, [PROMPT], [5], samples=4, max_new_tokens=12, stride=3)
    other = last(sampler, [PROMPT], [6], samples=4, max_new_tokens=12)
    many = last(sampler, [[2] * 150, PROMPT, [9]], [1, 5, 2], samples=4, max_new_tokens=12)
    np.testing.assert_array_equal(alone.tokens[0], again.tokens[0])
    np.testing.assert_array_equal(alone.tokens[0], many.tokens[1])
    assert (alone.tokens[0] != other.tokens[0]).any()


def test_more_samples_keep_the_first_ones(sampler):
    few = last(sampler, [PROMPT], [5], samples=2, max_new_tokens=12)
    more = last(sampler, [PROMPT], [5], samples=6, max_new_tokens=12)
    np.testing.assert_array_equal(few.tokens[0], more.tokens[0, :2])


def test_the_stream_grows_and_stops_where_it_should(sampler):
    settings = SamplingSettings(samples=3, max_new_tokens=10, stride=4, temperature=0.01)
    seen = list(sampler.stream([PROMPT], [0], settings))
    assert [d.step for d in seen][:-1] == [4, 8][: len(seen) - 1]
    for early, late in itertools.pairwise(seen):
        np.testing.assert_array_equal(
            early.tokens[0, :, : early.step], late.tokens[0, :, : early.step]
        )
    assert seen[-1].finished.all() or seen[-1].step == 10


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_the_distribution_is_right(model, sampler, temperature):
    """Pairs of first tokens against exact probabilities: chi-square over 20,000 samples."""
    draws = [
        last(sampler, [PROMPT], [seed], samples=2000, max_new_tokens=2, temperature=temperature)
        for seed in range(10)
    ]
    pairs = np.concatenate([d.tokens[0] for d in draws])

    def tempered(row):
        logits = model.logits(model.hidden(np.array([row]), np.ones((1, len(row)), bool)))[0, -1]
        return np.asarray(jax.nn.softmax(logits / temperature), np.float64)

    first = tempered(PROMPT)
    exact = {}
    for a in range(V):
        second = tempered([*PROMPT, a]) if a != END else np.eye(V)[0]
        exact |= {(a, b): first[a] * second[b] for b in range(V)}
    counts = {pair: 0 for pair in exact}
    for a, b in pairs.tolist():
        counts[a, b] += 1
    expected = np.array(list(exact.values())) * len(pairs)
    found = np.array(list(counts.values()), float)
    assert found[expected == 0].sum() == 0
    often = expected >= 5
    expected = np.append(expected[often], expected[~often].sum() + 1e-9)
    found = np.append(found[often], found[~often].sum())
    assert chisquare(found, expected * found.sum() / expected.sum()).pvalue > 1e-4


@pytest.mark.parametrize(
    "bad", [{"samples": 0}, {"temperature": 0.0}, {"temperature": float("nan")}, {"stride": 0}]
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=r"at least 1|must be positive"):
        SamplingSettings(**bad)


def test_closing_the_stream_stops_the_work(sampler):
    stream = sampler.stream([PROMPT], [0], SamplingSettings(samples=2, stride=1))
    assert next(stream).step == 1
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)


def test_no_recompilation_between_requests_of_a_bucket(model):
    from calrec import sampling

    sampler = Sampler(model, END)
    last(sampler, [[1] * 3], [0], samples=3, max_new_tokens=7)
    before = sampling.start._cache_size(), sampling.advance._cache_size()
    last(sampler, [[1] * 100], [0], samples=3, max_new_tokens=7, temperature=0.9)
    assert (sampling.start._cache_size(), sampling.advance._cache_size()) == before


def test_the_state_is_a_plain_tree(model):
    graph, weights = nnx.split(model)
    from calrec.sampling import start

    state = start(
        graph,
        weights,
        np.array([[1, 2]], np.int32),
        np.array([2], np.int32),
        np.array([0], np.uint32),
        samples=2,
        slots=3,
    )
    assert state.tokens.shape == (1, 2, 3)
    assert state.prompt.keys[0].shape == (1, 2, 2, 6), "one prompt cache for all samples"
    assert jax.tree.structure(jax.tree.map(lambda x: x, state)) == jax.tree.structure(state)
