"""Which texts are near, by sorting all of them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from train.evaluation import shortcuts


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
@settings(max_examples=40)
def test_near_is_among_the_ten_best_of_the_others(seed, n):
    generator = np.random.default_rng(seed)
    # Exact in any order of sums, and with ties.
    texts = generator.choice([0, 0, 0.5, 1], (n, 5))
    last, targets = generator.integers(0, n, (2, 30))
    cosines = texts @ texts.T
    expected = []
    for item, target in zip(last, targets, strict=True):
        own = cosines[item, target]
        others = sorted((cosines[item, i] for i in range(n) if i != item), reverse=True)
        # With ties against it: nothing behind the tenth place is as near.
        near = item != target and own > 0 and own not in others[10:]
        expected.append(near and own >= others[:10][-1])
    found = shortcuts._near(sparse.csr_array(texts), last, targets)
    assert found.tolist() == expected
