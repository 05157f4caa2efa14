"""Last Item Repeater: the last item's text is the one BM25 query (paper, section 4)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calrec.ranking.algorithm import scale
from calrec.ranking.corpus import Corpus, words_rule
from calrec.recommenders.entry import Entry, Inputs
from calrec.records import Attributes, Item, Ranking, Recommendation, check_history
from calrec.text import DEFAULT_TEXT, TextSettings, document_words, item_text


class LastItemRepeater:
    """Ranks the items by raw BM25 against the text of the history's last one."""

    name = "lir"
    reads = 1

    def __init__(
        self, corpus: Corpus, items: Sequence[Item], text: TextSettings = DEFAULT_TEXT
    ) -> None:
        """Takes BM25 of the N items, the items, and how they become text."""
        self._corpus = corpus
        self._items = items
        self._text = text
        self.settings: Mapping[str, Any] = {
            "text": asdict(text),
            "bm25": asdict(corpus.settings),
        }

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Raw BM25 after each of Q histories of item indices, none of them empty."""
        last = [self._items[history[-1]] for history in histories]
        # One row a history: a rank is a count along it.
        return np.ascontiguousarray(self._bm25(last).T)

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """Ranks every item of the corpus for one history, oldest item first.

        Raises:
          CalrecError: if the history is empty.
        """
        check_history(history)
        start = time.perf_counter()
        raw = self._bm25(history[-1:])
        scaled = scale(raw)
        ranking = Ranking(
            recommender=self.name,
            settings=self.settings,
            columns=(item_text(history[-1], self._text),),
            column_scores=(0.0,),
            rows=np.arange(len(raw)),
            item_ids=self._corpus.item_ids,
            raw=raw,
            scaled=scaled,
            modulated=scaled,
            scores=raw[:, 0],
            corpus_size=len(raw),
            seconds=time.perf_counter() - start,
        )
        return Recommendation(history=tuple(history), ranking=ranking)

    def _bm25(self, items: Sequence[Attributes]) -> Float[np.ndarray, "N Q"]:
        rule = words_rule(self._corpus)
        return self._corpus.scores([document_words(item, self._text, rule) for item in items])


def _build(inputs: Inputs) -> LastItemRepeater:
    return LastItemRepeater(inputs.shop.corpus(), inputs.shop.items)


ENTRY = Entry(
    id="lir",
    label="LIR",
    name="Last Item Repeater",
    sentence="Looks for items worded like the last purchase.",
    needs=frozenset({"texts"}),
    build=_build,
    decimals=2,
)
