import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.search.spelling import LONGEST, SHORTEST, correction, place


def _one_slip(a: str, b: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours makes b of a."""
    if len(a) == len(b):
        at = [i for i in range(len(a)) if a[i] != b[i]]
        swapped = (
            len(at) == 2 and at[1] == at[0] + 1 and (a[at[0]], a[at[1]]) == (b[at[1]], b[at[0]])
        )
        return len(at) == 1 or swapped
    longer, shorter = sorted((a, b), key=len, reverse=True)
    return len(longer) - len(shorter) == 1 and any(
        longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer))
    )


@given(
    st.text("abİ字", min_size=SHORTEST, max_size=6),
    st.dictionaries(st.text("abİ字", min_size=1, max_size=7), st.integers(0, 3), max_size=30),
)
def test_the_most_frequent_word_at_one_slip_is_taken(word, used):
    used.pop(word, None)
    vocabulary = sorted(used)
    near = [other for other in vocabulary if used[other] and _one_slip(word, other)]
    wanted = min(near, key=lambda other: (-used[other], other)) if near else None
    frequency = np.array([used[other] for other in vocabulary], int)
    assert correction(word, vocabulary, frequency) == wanted


@pytest.mark.parametrize("word", ["gui", "199", "x" * (LONGEST + 1), ""])
def test_short_and_endless_words_are_left_alone(word):
    vocabulary = sorted({f"{word}a", word[:-1] + "b", "guit", "1999"})
    assert correction(word, vocabulary, np.ones(len(vocabulary), int)) is None


def test_places():
    assert [place(["a", "b", "d"], word) for word in ("a", "b", "c", "d", "e")] == [0, 1, -1, 2, -1]
