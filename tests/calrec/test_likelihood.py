"""The exact log-probabilities of a trie's texts, against a plain forward pass of each."""

import dataclasses

import decoding
import numpy as np
import pytest
from flax import nnx
from scipy.special import log_softmax
from tiny import tiny_config, tiny_decoder

from calrec.errors import CalrecError
from calrec.generation.trie.likelihood import likelihoods
from calrec.generation.trie.reading import BLOCKS, SLOTS, TrieReader
from calrec.generation.trie.trie import Trie
from calrec.model.backbone.config import Rope
from calrec.model.backbone.decoder import Decoder

V, END, PROMPT = 12, 0, [3, 1, 4, 1, 5]


def random_texts(count, longest=10, seed=0, tokens=V):
    """Texts that share beginnings; some are equal, some begin others."""
    rng = np.random.default_rng(seed)
    texts = [[2]]
    while len(texts) < count:
        known = texts[rng.integers(len(texts))]
        cut = known[: rng.integers(1, len(known) + 1)]
        added = rng.integers(1, tokens, rng.integers(0, longest + 1 - len(cut)))
        texts.append([*cut, *added.tolist()])
    return texts


def by_brute_force(model, prompt, texts):
    """The log-probability of each token of each text, end token included."""
    width = len(prompt) + max(map(len, texts)) + 1
    rows = np.zeros((len(texts), width), int)
    for row, text in zip(rows, texts, strict=True):
        row[: len(prompt) + len(text) + 1] = [*prompt, *text, END]
    logits = decoding.run_compiled(model, rows, np.ones(rows.shape, bool))[1]
    log_probs = log_softmax(logits.astype(float), axis=-1)
    following = np.take_along_axis(log_probs[:, :-1], rows[:, 1:, None], axis=2)[..., 0]
    first = len(prompt) - 1
    return [row[first : first + len(t) + 1] for row, t in zip(following, texts, strict=True)]


def assert_exact(model, prompt, texts):
    found = likelihoods(TrieReader(model), prompt, Trie.of(texts, END))
    exact = by_brute_force(model, prompt, texts)
    for item, log_probs in enumerate(exact):
        assert found.tokens(item).tolist() == [*texts[item], END]
        np.testing.assert_allclose(found.of_tokens(item), log_probs, atol=1e-4)
        assert found.of_tokens(item).sum() == pytest.approx(found.totals[item], abs=1e-6)
    np.testing.assert_allclose(found.totals, [one.sum() for one in exact], atol=1e-4)


@pytest.mark.slow
def test_every_text_as_in_a_forward_pass_of_its_own():
    assert_exact(tiny_decoder(V, scale=3.0), PROMPT, random_texts(40))


@pytest.mark.slow
def test_more_tokens_than_the_cache_has_places():
    """Several blocks, and room made several times."""
    texts = random_texts(300, longest=14)
    assert len(Trie.of(texts, END)) > SLOTS + 2 * BLOCKS[-1]
    assert_exact(tiny_decoder(V, scale=3.0), PROMPT, texts)


@pytest.mark.parametrize(
    "change",
    [
        {"window": 3, "windowed": (True, False), "windowed_rope": Rope(theta=100.0)},
        {"rope": None, "norm": "layer"},
        {"attention_softcap": 2.0, "logit_softcap": 3.0, "norm_queries_and_keys": True},
    ],
    ids=["window", "learned positions", "caps"],
)
@pytest.mark.slow
def test_every_kind_of_attention(change):
    config = dataclasses.replace(tiny_config(V), **change)
    assert_exact(Decoder(config, rngs=nnx.Rngs(0)), PROMPT, random_texts(20))


@pytest.mark.slow
def test_equal_texts_tie_and_a_text_alone_is_the_same():
    model, texts = tiny_decoder(V, scale=3.0), random_texts(40)
    reader, trie = TrieReader(model), Trie.of([*texts, texts[7]], END)
    totals = likelihoods(reader, PROMPT, trie).totals
    assert totals[7] == totals[-1]
    some = np.array([3, 7, 20])
    np.testing.assert_allclose(
        likelihoods(reader, PROMPT, trie.only(some)).totals, totals[some], atol=1e-5
    )


def test_positions_that_the_model_does_not_have_are_refused():
    reader = TrieReader(tiny_decoder(V))
    with pytest.raises(CalrecError, match="within the model's 1152 positions, found 1150 and 4"):
        reader.begin([1] * 1150, Trie.of([[1, 2, 3]], END))
