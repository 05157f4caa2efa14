"""The model package: items as text, the decoder, the sampler, the ranking, the recommenders.

What most programs need of it can be imported from here: `from calrec import CALRec, Item`. A name's
module, and jax where that needs it, is loaded when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calrec.errors import CalrecError
    from calrec.generation.model import GenerativeModel
    from calrec.model.backbone.config import DecoderConfig
    from calrec.model.backbone.decoder import Decoder
    from calrec.model.embeddings import Embedder
    from calrec.recommenders.blend.recommender import Blend
    from calrec.recommenders.calrec import CALRec
    from calrec.recommenders.item_knn import ItemKNN
    from calrec.recommenders.lir import LastItemRepeater
    from calrec.recommenders.markov import Markov
    from calrec.recommenders.popularity import MostPopular
    from calrec.recommenders.protocol import Recommender
    from calrec.recommenders.sasrec.recommender import SASRec
    from calrec.recommenders.tgh import TransitionGraph
    from calrec.records import Generation, Item, Ranking, Recommendation, Sample
    from calrec.records.settings import RankingSettings, SamplingSettings
    from calrec.text import TextSettings
    from calrec.tokenizer import Tokenizer

_MODULES = {
    "Blend": "calrec.recommenders.blend.recommender",
    "CALRec": "calrec.recommenders.calrec",
    "CalrecError": "calrec.errors",
    "Decoder": "calrec.model.backbone.decoder",
    "DecoderConfig": "calrec.model.backbone.config",
    "Embedder": "calrec.model.embeddings",
    "Generation": "calrec.records",
    "GenerativeModel": "calrec.generation.model",
    "Item": "calrec.records",
    "ItemKNN": "calrec.recommenders.item_knn",
    "LastItemRepeater": "calrec.recommenders.lir",
    "Markov": "calrec.recommenders.markov",
    "MostPopular": "calrec.recommenders.popularity",
    "RankingSettings": "calrec.records.settings",
    "Ranking": "calrec.records",
    "Recommendation": "calrec.records",
    "Recommender": "calrec.recommenders.protocol",
    "SASRec": "calrec.recommenders.sasrec.recommender",
    "Sample": "calrec.records",
    "SamplingSettings": "calrec.records.settings",
    "TextSettings": "calrec.text",
    "Tokenizer": "calrec.tokenizer",
    "TransitionGraph": "calrec.recommenders.tgh",
}

__all__ = [
    "Blend",
    "CALRec",
    "CalrecError",
    "Decoder",
    "DecoderConfig",
    "Embedder",
    "Generation",
    "GenerativeModel",
    "Item",
    "ItemKNN",
    "LastItemRepeater",
    "Markov",
    "MostPopular",
    "Ranking",
    "RankingSettings",
    "Recommendation",
    "Recommender",
    "SASRec",
    "Sample",
    "SamplingSettings",
    "TextSettings",
    "Tokenizer",
    "TransitionGraph",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
