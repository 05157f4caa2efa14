"""Draws from a trie, against exact probabilities: by brute force over all texts."""

import itertools

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import binomtest, chisquare
from texts import END, PROMPT, V, by_brute_force, random_texts
from tiny import tiny_decoder

from calrec.generation.trie.drawing import sample, shares, unique
from calrec.generation.trie.reading import TrieReader
from calrec.generation.trie.trie import Trie

TEXTS = random_texts(12, longest=5)
TINY = [[1], [1, 2], [3], [3, 2, 4]]


@pytest.fixture(scope="module")
def model():
    return tiny_decoder(V, scale=1.5)


@pytest.fixture(scope="module")
def reader(model):
    return TrieReader(model)


def probabilities(model, texts, temperature):
    """Of each distinct text: at every token among those that lead on to a text."""
    whole = sorted({(*text, END) for text in texts})
    log_probs = {}
    for text, found in zip(
        whole, by_brute_force(model, PROMPT, [t[:-1] for t in whole]), strict=True
    ):
        log_probs |= {text[: place + 1]: value for place, value in enumerate(found)}
    exact = {}
    for text in whole:
        exact[text] = 1.0
        for place in range(len(text)):
            siblings = sorted(p for p in log_probs if p[:-1] == text[:place])
            drawn = log_softmax([log_probs[p] / temperature for p in siblings])
            exact[text] *= np.exp(drawn[siblings.index(text[: place + 1])])
    assert sum(exact.values()) == pytest.approx(1)
    return exact


def texts_of(trie, leaves):
    return [tuple(trie.tokens[trie.path(leaf)].tolist()) for leaf in leaves.tolist()]


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_texts_come_in_proportion_to_their_probability(model, reader, temperature):
    trie = Trie.of(TEXTS, END)
    drawn = sample(reader.begin(PROMPT, trie), seed=3, count=20_000, temperature=temperature)
    exact = probabilities(model, TEXTS, temperature)
    found = dict.fromkeys(exact, 0)
    for text in texts_of(trie, drawn):
        found[text] += 1
    expected = np.array(list(exact.values())) * len(drawn)
    counts, often = np.array(list(found.values()), float), expected >= 5
    expected = np.append(expected[often], expected[~often].sum() + 1e-9)
    counts = np.append(counts[often], counts[~often].sum())
    assert chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4


def test_the_same_seed_gives_the_same_texts_and_more_keep_the_first(reader):
    trie = Trie.of(TEXTS, END)

    def drawn(seed, count):
        return sample(reader.begin(PROMPT, trie), seed=seed, count=count, temperature=1.0).tolist()

    assert drawn(5, 20) == drawn(5, 20)
    assert drawn(5, 7) == drawn(5, 20)[:7]
    assert drawn(5, 20) != drawn(6, 20)
    assert drawn(2**32 + 5, 20) == drawn(5, 20)


def test_the_share_of_each_token_multiplies_to_the_text_s_probability(model, reader):
    trie = Trie.of(TEXTS, END)
    reading = reader.begin(PROMPT, trie)
    leaves = sample(reading, seed=0, count=5, temperature=0.5)
    exact = probabilities(model, TEXTS, 0.5)
    for leaf, text in zip(leaves.tolist(), texts_of(trie, leaves), strict=True):
        drawn = shares(reading, trie.path(leaf), 0.5)
        assert np.exp(drawn.sum()) == pytest.approx(exact[text], rel=1e-3)


def without_replacement(exact, count):
    """The probability of each order of the first `count` texts."""

    def probability(order):
        left = [1 - sum(exact[other] for other in order[:place]) for place in range(count)]
        return np.prod([exact[text] / rest for text, rest in zip(order, left, strict=True)])

    return {order: probability(order) for order in itertools.permutations(exact, count)}


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_without_replacement_orders_are_as_probable_as_by_brute_force(model, reader, temperature):
    trie, draws = Trie.of(TINY, END), 400
    expected = without_replacement(probabilities(model, TINY, temperature), 2)
    found = dict.fromkeys(expected, 0)
    for seed in range(draws):
        reading = reader.begin(PROMPT, trie)
        leaves = unique(reading, seed=seed, count=2, temperature=temperature).leaves
        found[tuple(texts_of(trie, leaves))] += 1
    for text in {t for order in expected for t in order}:
        inclusion = sum(p for order, p in expected.items() if text in order)
        count = sum(n for order, n in found.items() if text in order)
        assert binomtest(count, draws, min(inclusion, 1.0)).pvalue > 1e-4
    often = [order for order, p in expected.items() if p * draws >= 5]
    counts = np.array([found[order] for order in often] + [draws - sum(found[o] for o in often)])
    probable = np.array([expected[order] for order in often])
    probable = np.append(probable, max(1e-12, 1 - probable.sum()))
    assert chisquare(counts, probable / probable.sum() * draws).pvalue > 1e-4


def test_without_replacement_no_text_comes_twice_and_at_last_all(reader):
    trie = Trie.of(TEXTS, END)
    for seed in range(5):
        reading = reader.begin(PROMPT, trie)
        leaves = unique(reading, seed=seed, count=5, temperature=1.0).leaves.tolist()
        assert len(set(leaves)) == 5
        again = unique(reader.begin(PROMPT, trie), seed=seed, count=99, temperature=1.0)
        assert sorted(again.leaves.tolist()) == sorted(set(trie.leaves.tolist()))
        assert again.leaves[:5].tolist() == leaves
        assert again.exact
