"""Random texts as token ids, and their log-probabilities by brute force."""

import decoding
import numpy as np
from scipy.special import log_softmax

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
