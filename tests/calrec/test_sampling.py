import itertools

import decoding
import jax
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, softmax
from scipy.stats import chisquare
from tiny import tiny_decoder

from calrec.errors import CalrecError
from calrec.generation.sampler import Sampler, bucket
from calrec.generation.sampling import draw
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from calrec.records.settings import SamplingSettings

V, END = 12, 0


@pytest.fixture(scope="module")
def model():
    return tiny_decoder(V, scale=3.0)


@pytest.fixture(scope="module")
def sampler(model):
    return Sampler(model, END)


jitted_draw = jax.jit(draw)


def last(sampler, prompt, seed, **settings):
    *_, drawn = sampler.stream(prompt, seed, SamplingSettings(**settings))
    return drawn


PROMPT = [3, 1, 4, 1, 5]
TOKENS = 12
"""New tokens of nearly all samples here: each other number would be compiled by itself."""


def test_scores_equal_a_fresh_forward_pass(model, sampler):
    drawn = last(sampler, PROMPT, 7, samples=6, max_new_tokens=TOKENS, temperature=0.5)
    width = len(PROMPT) + TOKENS
    for n in range(6):
        length = drawn.lengths[n]
        row = np.array([*PROMPT, *drawn.tokens[n]])  # padded to one width: compiled once
        mask = np.arange(width) < len(PROMPT) + length
        logits = decoding.run_compiled(model, row[None], mask[None])[1][0]
        for kind, temperature in ((drawn.log_probs, 1.0), (drawn.tempered, 0.5)):
            log_probs = log_softmax(logits / temperature, axis=-1)[len(PROMPT) - 1 : -1]
            fresh = np.take_along_axis(log_probs, row[len(PROMPT) :, None], 1)[:, 0]
            np.testing.assert_allclose(kind[n, :length], fresh[:length], atol=1e-4)


def test_a_sample_ends_with_its_first_end_token(sampler):
    drawn = last(sampler, PROMPT, 0, samples=32, max_new_tokens=TOKENS, temperature=2.0)
    assert 0 < drawn.finished.sum() <= 32
    for n in range(32):
        tokens = drawn.tokens[n, : drawn.lengths[n]].tolist()
        assert tokens.count(END) == int(drawn.finished[n])
        assert not drawn.finished[n] or tokens[-1] == END
        assert (drawn.tokens[n, drawn.lengths[n] :] == 0).all()
        assert (drawn.log_probs[n, drawn.lengths[n] :] == 0).all()


def assert_same(one, other):
    """The same tokens; their log-probabilities up to the last bit of a float."""
    for field in ("tokens", "lengths", "finished", "step"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    for field in ("log_probs", "tempered"):
        np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=3e-7)


def test_the_same_seed_gives_the_same_samples(sampler):
    one = last(sampler, PROMPT, 5, samples=4, max_new_tokens=TOKENS)
    again = last(sampler, PROMPT, 5, samples=4, max_new_tokens=TOKENS, stride=3)
    other = last(sampler, PROMPT, 6, samples=4, max_new_tokens=TOKENS)
    assert_same(one, again)
    assert (one.tokens != other.tokens).any()


@pytest.fixture(scope="module")
def regular():
    """With sizes that fill vector registers, as real models' do."""
    config = DecoderConfig(
        vocab_size=256,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
    )
    return Sampler(Decoder(config, rngs=nnx.Rngs(0)), END)


@pytest.mark.slow
@pytest.mark.parametrize(("samples", "width"), [(1, 2), (4, 5), (40, 2)])
def test_alone_and_in_a_batch_of_users_samples_are_the_same(regular, samples, width):
    """More users than places, over two length buckets, ending at different steps; one prompt with
    several seeds, which is read once."""
    rng = np.random.default_rng(0)
    prompts = [rng.integers(1, 256, n).tolist() for n in (5, 200, 3, 60, 7, 150, 9)]
    prompts += prompts[-1:] * 3
    seeds = [3, 5, 2**40, 8, 13, 3, 1, 2, 3, 4]
    settings = SamplingSettings(samples=samples, max_new_tokens=40, temperature=1.0)
    drawn = dict(regular.many(prompts, seeds, settings, width=width))
    assert sorted(drawn) == list(range(10))
    assert len({d.step for d in drawn.values()}) > 1 or samples > 1, "places free up in turn"
    for user, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True)):
        *_, alone = regular.stream(prompt, seed, settings)
        assert_same(drawn[user], alone)


@pytest.mark.slow
def test_samples_do_not_depend_on_the_bucket(monkeypatch, regular):
    from calrec.generation import sampler as module

    prompt = np.random.default_rng(1).integers(1, 256, 100).tolist()
    drawn = []
    for width in (128, 256, 1024):
        monkeypatch.setattr(module, "bucket", lambda length, width=width: width)
        drawn.append(last(regular, prompt, 4, samples=4, max_new_tokens=40))
    for other in drawn[1:]:
        np.testing.assert_array_equal(drawn[0].tokens, other.tokens)
        np.testing.assert_allclose(drawn[0].log_probs, other.log_probs, atol=1e-5)


def test_buckets_are_few_and_hold_the_prompt():
    widths = {bucket(length) for length in range(1, 1025)}
    assert len(widths) == 6
    assert all(
        length <= bucket(length) < length + 257 for length in range(1, 3000, 7) if length < 1024
    )
    assert bucket(1025) == 2048


def test_alternatives_are_the_most_probable_tokens(model, sampler):
    drawn = last(sampler, PROMPT, 7, samples=3, max_new_tokens=TOKENS, alternatives=4)
    assert_same(drawn, last(sampler, PROMPT, 7, samples=3, max_new_tokens=TOKENS))
    for n in range(3):
        row = np.array([[*PROMPT, *drawn.tokens[n]]])
        logits = decoding.run_compiled(model, row, np.ones(row.shape, bool))[1][0]
        for at in range(drawn.lengths[n]):
            log_probs = log_softmax(logits[len(PROMPT) - 1 + at])
            best = np.argsort(-log_probs)[:4]
            np.testing.assert_array_equal(drawn.top_tokens[n, at], best)
            np.testing.assert_allclose(drawn.top_log_probs[n, at], log_probs[best], atol=1e-4)
    assert (drawn.top_log_probs[0, drawn.lengths[0] :] == 0).all()


@pytest.mark.slow
@given(
    # Vocabularies of few sizes, as each is compiled: parts of a block, whole ones, and both.
    arrays(
        np.float32,
        st.sampled_from((1, 5, 64, 70, 200)),
        elements=st.floats(0, 1, width=32),
    ).filter(lambda weights: weights.sum() > 1e-3),
    st.floats(0, 1, exclude_max=True, width=32),
)
@settings(max_examples=200)
def test_a_token_is_drawn_where_the_cumulative_sum_passes(weights, uniform):
    """Against one cumulative sum in float64; never a token of no weight."""
    token = int(jitted_draw(weights[None], np.float32([uniform]))[0])
    exact = np.cumsum(weights.astype(np.float64))
    goal = uniform * exact[-1]
    assert weights[token] > 0
    before = exact[token - 1] if token else 0.0
    assert before - 1e-4 * exact[-1] <= goal <= exact[token] + 1e-4 * exact[-1]


def test_a_number_just_below_one_draws_a_token_that_there_is():
    weights = np.zeros((1, 70), np.float32)
    weights[0, :3] = [0.1, 0.2, 0.7]
    below_one = np.nextafter(np.float32(1), np.float32(0))
    assert jitted_draw(weights, below_one[None])[0] == 2


def test_positions_that_the_model_does_not_have_are_refused(sampler):
    with pytest.raises(CalrecError, match="within the model's 1152 positions, found 1100 and 80"):
        next(sampler.stream([1] * 1100, 0, SamplingSettings()))


def test_more_samples_keep_the_first_ones(sampler):
    few = last(sampler, PROMPT, 5, samples=2, max_new_tokens=TOKENS)
    more = last(sampler, PROMPT, 5, samples=6, max_new_tokens=TOKENS)
    np.testing.assert_array_equal(few.tokens, more.tokens[:2])


def test_the_stream_grows_and_stops_where_it_should(sampler):
    settings = SamplingSettings(samples=3, max_new_tokens=TOKENS, stride=5, temperature=0.01)
    seen = list(sampler.stream(PROMPT, 0, settings))
    assert [d.step for d in seen][:-1] == [5, 10][: len(seen) - 1]
    for early, late in itertools.pairwise(seen):
        np.testing.assert_array_equal(early.tokens[:, : early.step], late.tokens[:, : early.step])
    assert seen[-1].finished.all() or seen[-1].step == TOKENS


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_the_distribution_is_right(model, sampler, temperature):
    """Pairs of first tokens against exact probabilities: chi-square over 20,000 samples."""
    draws = [
        last(sampler, PROMPT, seed, samples=2000, max_new_tokens=2, temperature=temperature)
        for seed in range(10)
    ]
    pairs = np.concatenate([d.tokens for d in draws])

    rows = np.array([[*PROMPT, a] for a in range(V)])
    logits = decoding.run_compiled(model, rows, np.ones(rows.shape, bool))[1].astype(np.float64)
    tempered = softmax(logits / temperature, axis=-1)
    first = tempered[0, -2]
    exact = {}
    for a in range(V):
        second = tempered[a, -1] if a != END else np.eye(V)[0]
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
    "bad",
    [
        {"samples": 0},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"temperature": 1e-38},
        {"temperature": 1e300},
        {"samples": 2.5},
        {"stride": 0},
        {"alternatives": -1},
    ],
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(
        ValueError, match=r"at least 1|at least 0|temperature must be from|whole numbers"
    ):
        SamplingSettings(**bad)


def test_the_lowest_temperature_takes_the_most_probable_token(model, sampler):
    given = {"samples": 3, "max_new_tokens": TOKENS, "alternatives": 4}
    drawn = last(sampler, PROMPT, 0, temperature=1e-3, **given)
    np.testing.assert_array_equal(drawn.tokens, drawn.top_tokens[..., 0])
    assert np.isfinite(drawn.tempered).all()


@pytest.mark.parametrize(("seeds", "width"), [([1, 2], 0), ([1, 2], -3), ([1], 2), ([1, 2, 3], 2)])
def test_as_many_seeds_as_users_and_a_place_at_least(sampler, seeds, width):
    with pytest.raises(CalrecError, match="a seed for each of 2 users and a width of at least 1"):
        list(sampler.many([[1], [2]], seeds, SamplingSettings(), width=width))


@pytest.mark.parametrize("seed", [1.5, None, "7", float("nan")])
def test_a_seed_is_a_whole_number(sampler, seed):
    with pytest.raises(CalrecError, match="expected a whole number as the seed"):
        next(sampler.stream(PROMPT, seed, SamplingSettings()))


def test_closing_the_stream_stops_the_work(sampler):
    settings = SamplingSettings(samples=2, max_new_tokens=TOKENS, stride=1)
    stream = sampler.stream(PROMPT, 0, settings)
    assert next(stream).step == 1
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)


def test_no_recompilation_between_requests_of_a_bucket(model):
    from calrec.generation import sampling

    def compiled():
        return [f._cache_size() for f in (sampling.prefill, sampling.decode, sampling.insert)]

    sampler = Sampler(model, END)
    settings = SamplingSettings(samples=3, max_new_tokens=TOKENS)
    last(sampler, [1] * 3, 0, samples=3, max_new_tokens=TOKENS)
    list(sampler.many([[1] * 9] * 5, range(5), settings, width=2))
    before = compiled()
    last(sampler, [1] * 100, 1, samples=9, max_new_tokens=TOKENS, temperature=0.9, stride=2)
    list(sampler.many([[1] * 90] * 9, range(9), settings, width=2))
    list(sampler.many([[1] * 90] * 3, range(3), settings, width=2))
    assert compiled() == before


def test_the_state_is_a_plain_tree_with_one_prompt_for_all_samples(model):
    from calrec.generation.sampling import prefill

    graph, weights = nnx.split(model)
    state = prefill(
        graph,
        weights,
        np.array([[1, 2]], np.int32),
        np.array([2], np.int32),
        np.array([0], np.uint32),
        np.int32(4),
        samples=5,
        slots=3,
    )
    assert state.tokens.shape == (1, 5, 3)
    assert state.prompt.keys[0].shape == (1, 2, 2, 6), "users, heads, tokens: samples share it"
    assert state.cache.keys[0].shape == (1 * 2 * 5, 3, 6)
    assert jax.tree.structure(jax.tree.map(lambda x: x, state)) == jax.tree.structure(state)
