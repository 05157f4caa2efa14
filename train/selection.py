"""Which state of a run is the best: by texts drawn and ranked as in an evaluation.

The users are those of the selection domain alone where there is one among the trained domains, else
the validation users of all of them; never a test item.
"""

from __future__ import annotations

import dataclasses
import zlib
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from calrec.errors import CalrecError
from calrec.evaluation.metrics import ndcg
from calrec.generation.model import GenerativeModel
from calrec.generation.sampler import Sampler
from calrec.model.backbone.decoder import Decoder
from calrec.model.checkpoint import Description
from calrec.ranking.corpus import ItemCorpus
from calrec.ranking.rank import rank
from calrec.records import Item
from calrec.records.ranks import ranks_of
from calrec.records.settings import RankingSettings, SamplingSettings
from calrec.tokenizer import Tokenizer
from catalog.store import Catalogue
from train.data.prepared import Prepared
from train.data.records import permutation
from train.settings import StageSettings

AT = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class ValidationShop:
    """One domain's validation users, and the corpus that their texts are matched with."""

    corpus: ItemCorpus
    histories: list[list[Item]]
    targets: list[int]
    seeds: list[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelSelection:
    """Measures a model by pessimistic NDCG@10 of its sampled texts (bought items ranked).

    Attributes:
      shops: one a domain.
      tokenizer: the model's.
      settings: of the stage.
      data: what it is trained on.
    """

    shops: tuple[ValidationShop, ...]
    tokenizer: Tokenizer
    settings: StageSettings
    data: Prepared

    @classmethod
    def of(cls, workspace: Path, data: Prepared, settings: StageSettings) -> ModelSelection:
        """Up to `select_users` validation users, as many of each domain.

        Raises:
          CalrecError: if the workspace lacks a domain as it was prepared, or there is no user.
        """
        domains = [d.domain for d in data.choosing]
        each = max(1, settings.select_users // max(1, len(domains)))
        shops = tuple(_shop(workspace, data, domain, each) for domain in domains)
        if not any(shop.targets for shop in shops):
            raise CalrecError(
                "expected validation users to select by, found none in these domains; add a domain"
                " of the evaluation or selection role, or give --select-by nig"
            )
        return cls(shops=shops, tokenizer=data.tokenizer(), settings=settings, data=data)

    def ndcg(self, model: Decoder) -> float:
        """Mean NDCG@10 over all users, ties counted against the target.

        Of several processes each draws for its share of the users; all must call it.
        """
        writer = self._writer(model)
        parts = []
        for shop in self.shops:
            ranks = np.zeros(len(shop.targets), np.int32)
            mine = slice(jax.process_index(), None, jax.process_count())
            histories, seeds, targets = shop.histories[mine], shop.seeds[mine], shop.targets[mine]
            for user, generation in writer.generate_many(histories, seeds):
                scores = rank(generation, shop.corpus, writer.description.ranking).scores
                ranks[mine][user] = ranks_of(scores, targets[user])[1]
            parts.append(ranks)
        ranks = multihost_utils.process_allgather(np.concatenate(parts)).sum(axis=0)
        return float(ndcg(ranks, AT).mean())

    def _writer(self, model: Decoder) -> GenerativeModel:
        description = Description(
            decoder=model.config,
            dtype="float32",
            text=self.data.text,
            max_prompt_tokens=self.settings.max_prompt_tokens,
            sampling=dataclasses.asdict(SamplingSettings()),
            ranking=RankingSettings(),
        )
        return GenerativeModel(
            sampler=Sampler(model, self.tokenizer.end_id),
            tokenizer=self.tokenizer,
            description=description,
            sampling=SamplingSettings(),
            text=self.data.text,
        )


def _shop(workspace: Path, data: Prepared, domain: str, users: int) -> ValidationShop:
    with Catalogue.open(workspace, domain) as catalogue:
        prepared = data.meta["domains"][domain]["fingerprint"]
        if catalogue.info.fingerprint != prepared:
            raise CalrecError(
                f"expected the domain {domain} in {workspace} as it was prepared, found another"
                " state of it; prepare it again, or give --select-by nig"
            )
        sequences, items = catalogue.sequences(), catalogue.items
        cases = sequences.cases("validation")
        chosen = cases[permutation(0, 1, 0, len(cases))[:users]]
        return ValidationShop(
            corpus=ItemCorpus.of(catalogue.corpus(), items, data.text),
            histories=[
                [items[i] for i in sequences.history(user, "validation")] for user in chosen
            ],
            targets=[sequences.target(user, "validation") for user in chosen],
            seeds=[zlib.crc32(f"0:{sequences.user_ids[user]}".encode()) for user in chosen],
        )
