"""Last Item Repeater: the last item's text is the one BM25 query (paper, section 4)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from calrec.ranking.algorithm import scale
from calrec.ranking.corpus import words_rule
from calrec.records import Attributes, Item
from calrec.records.recommendation import Recommendation, check_history
from calrec.text import DEFAULT_TEXT, TextSettings, document_words, item_text

if TYPE_CHECKING:
    from calrec.ranking.corpus import Corpus


class LastItemRepeater:
    """Ranks the corpus by raw BM25 against the text of the history's last item."""

    name = "lir"

    def __init__(self, corpus: Corpus, text_settings: TextSettings = DEFAULT_TEXT) -> None:
        self._corpus = corpus
        self._text = text_settings
        self.settings: Mapping[str, Any] = {
            "text": asdict(text_settings),
            "bm25": asdict(corpus.settings),
        }

    def scores(self, last_items: Sequence[Attributes]) -> Float[np.ndarray, "N Q"]:
        """Raw BM25 scores of the N items of the corpus after each of Q last items."""
        rule = words_rule(self._corpus)
        return self._corpus.scores([document_words(item, self._text, rule) for item in last_items])

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """Ranks every item of the corpus for one history, oldest item first.

        Raises:
          CalrecError: if the history is empty.
        """
        check_history(history)
        start = time.perf_counter()
        raw = self.scores(history[-1:])
        seconds = time.perf_counter() - start
        scaled = scale(raw)
        return Recommendation(
            recommender=self.name,
            settings=self.settings,
            history=tuple(history),
            columns=(item_text(history[-1], self._text),),
            column_scores=(0.0,),
            rows=np.arange(len(raw)),
            item_ids=self._corpus.item_ids,
            raw=raw,
            scaled=scaled,
            modulated=scaled,
            scores=raw[:, 0],
            corpus_size=len(raw),
            timings={"match": seconds},
        )
