"""The exact log-probabilities of a trie's texts, against a plain forward pass of each."""

import dataclasses

import numpy as np
import pytest
from flax import nnx
from texts import END, PROMPT, V, by_brute_force, random_texts
from tiny import tiny_config, tiny_decoder

from calrec.errors import CalrecError
from calrec.generation.trie.likelihood import likelihoods
from calrec.generation.trie.reading import BLOCKS, SLOTS, TrieReader
from calrec.generation.trie.trie import Trie
from calrec.model.backbone.config import Rope
from calrec.model.backbone.decoder import Decoder


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
    some = [3, 7, 20]
    alone = likelihoods(reader, PROMPT, Trie.of([texts[i] for i in some], END))
    np.testing.assert_allclose(alone.totals, totals[some], atol=1e-5)


def test_positions_that_the_model_does_not_have_are_refused():
    reader = TrieReader(tiny_decoder(V))
    with pytest.raises(CalrecError, match="within the model's 1152 positions, found 1150 and 4"):
        reader.begin([1] * 1150, Trie.of([[1, 2, 3]], END))


def test_a_reading_serves_one_search():
    """A node that stood in the cache twice would count twice."""
    reading = TrieReader(tiny_decoder(V)).begin(PROMPT, Trie.of([[1, 2, 3]], END))
    first = np.array([1])
    reading.read(first, first[:0])
    with pytest.raises(ValueError, match="a node is read once"):
        reading.read(first, first[:0])


def test_weights_that_are_no_numbers_are_one_line():
    reader = TrieReader(tiny_decoder(V, scale=float("nan")))
    with pytest.raises(CalrecError, match="weights are damaged or its training diverged"):
        reader.begin(PROMPT, Trie.of([[1, 2, 3]], END))
