"""Which targets a rule without training would point at: what followed, and what reads alike."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int
from scipy import sparse

from calrec.ranking.corpus import words_rule
from calrec.recommenders.counts import from_end, transitions
from calrec.recommenders.tfidf import alike, tfidf
from calrec.records.ranks import TIE
from calrec.text import document_words
from catalog.store import Catalogue
from train.evaluation.cases import HeldOutCases

NEAREST = 10
"""Texts that count as neighbours."""
BLOCK = 32
"""Last items compared with all others at once."""


def shortcuts(
    catalogue: Catalogue, cases: HeldOutCases, split: str
) -> dict[str, Bool[np.ndarray, " C"]]:
    """What may be known of C targets from the last item alone, by column of an evaluation's cases.

    Returns:
      `target_follows_last`, whether the target was bought right after the last item in a training
      part; `target_like_last`, whether its text is among the ten nearest to that of the last item,
      another one, by the cosine of their words, ties counted against it.
    """
    n = len(catalogue.item_ids)
    last = from_end(cases.histories, 1, n)
    before, after = transitions(catalogue.sequences().counted(split, "training"), n).nonzero()
    rule = words_rule(catalogue.corpus())
    texts = tfidf([document_words(item, rule=rule) for item in catalogue.items])
    return {
        "target_follows_last": np.isin(n * last + cases.targets, n * before.astype(int) + after),
        "target_like_last": _near(texts, last, cases.targets),
    }


def _near(
    texts: sparse.csr_array, last: Int[np.ndarray, " C"], targets: Int[np.ndarray, " C"]
) -> Bool[np.ndarray, " C"]:
    found = np.zeros(len(last), dtype=bool)
    alone = sparse.eye_array(texts.shape[0], format="csr")
    order = np.argsort(last, kind="stable")
    items, starts = np.unique(last[order], return_index=True)
    of_item = np.split(order, starts[1:])
    for start in range(0, len(items), BLOCK):
        block = items[start : start + BLOCK]
        cosines = alike(texts, alone[block])
        cosines[np.arange(len(block)), block] = -1.0  # an item is no neighbour of itself
        for row, places in zip(cosines, of_item[start : start + BLOCK], strict=True):
            for place in places:
                own = row[targets[place]]
                found[place] = own > TIE and np.count_nonzero(row >= own - TIE) <= NEAREST
    return found
