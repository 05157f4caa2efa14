"""The tiny model over its items: a whole recommender."""

from dataclasses import dataclass

import numpy as np
from rank_bm25 import BM25Okapi
from tiny import ITEMS, tiny_decoder, tiny_tokenizer

from calrec.generation.model import GenerativeModel
from calrec.generation.sampler import Sampler
from calrec.model.checkpoint import Description
from calrec.recommenders.calrec import CALRec
from calrec.records.settings import RankingSettings, SamplingSettings
from calrec.text import TextSettings, document_words


@dataclass(frozen=True)
class Okapi:
    k1: float = 1.5


class PlainCorpus:
    """The corpus protocol over rank_bm25."""

    def __init__(self, items):
        self.item_ids = tuple(item.item_id for item in items)
        self.settings = Okapi()
        self._okapi = BM25Okapi([document_words(item) for item in items])

    def scores(self, queries):
        return np.stack([self._okapi.get_scores(q) for q in queries], axis=1)


def tiny_recommender(items=ITEMS, **sampling):
    tokenizer = tiny_tokenizer()
    model = tiny_decoder(tokenizer.vocab_size)
    described = Description(
        decoder=model.config,
        dtype="float32",
        text=TextSettings(),
        max_prompt_tokens=60,
        sampling={},
        ranking=RankingSettings(n_pred=3),
    )
    settings = {"samples": 6, "max_new_tokens": 12, "stride": 5} | sampling
    return CALRec.over(
        GenerativeModel(
            sampler=Sampler(model, tokenizer.end_id),
            tokenizer=tokenizer,
            description=described,
            sampling=SamplingSettings(**settings),
            text=described.text,
        ),
        PlainCorpus(items),
        items,
    )
