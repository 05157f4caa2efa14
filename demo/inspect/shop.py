"""A shop as it was read at one moment, with all that is made of it.

An event takes one at its door (`Application.shop`) and hands it down: whatever is built anew
meanwhile, all that the event shows is of the same data.
"""

from __future__ import annotations

import dataclasses
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cachetools import LRUCache, cachedmethod
from jaxtyping import Float

from calrec.errors import CalrecError
from calrec.evaluation.leaks import leaks, of_training
from calrec.ranking.hierarchical import AttributeIndex
from calrec.ranking.rules import DEFAULT, Rules
from calrec.recommenders import register
from calrec.recommenders.calrec import CALRec
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.protocol import Recommender
from calrec.recommenders.ruled import Ruled
from calrec.records import Item
from calrec.text import DEFAULT_TEXT, TextSettings
from catalog import statistics
from catalog.store import Catalogue
from demo.inspect.projection import PCA, SpectralMap, project
from demo.inspect.served_model import ServedModel

if TYPE_CHECKING:
    from catalog.bm25 import BM25Settings, Corpus

CORPORA = 16
"""BM25 matrices kept besides the default ones; a shop of 17,000 items takes 5 MB each."""
FIRST_STAGE = "lir"
"""Id of the recommender before the retrieval `rerank` where none is named; it needs no training."""
MADE = 16
"""Recommenders and indices of attributes kept; settings of a link are without number."""
MAPS = 2
"""One a method."""


def _caches() -> dict[str, LRUCache[Any, Any]]:
    sizes = {
        "corpora": CORPORA,
        "calrec": 1,
        "recommenders": MADE,
        "attributes": MADE,
        "maps": MAPS,
        "tries": 1,
    }
    return {name: LRUCache(size) for name, size in sizes.items()}


def _kept(cache: str, key: Callable[..., Any] = lambda shop, *arguments: arguments) -> Any:
    """Keeps a method's results by its arguments; of several who ask at once, one computes."""
    return cachedmethod(lambda shop: shop._caches[cache], condition=attrgetter("_turn"), key=key)


@dataclass(frozen=True, kw_only=True, eq=False)
class Shop:
    """Read-only and safe for several threads; one that was built anew is another `Shop`.

    Attributes:
      catalogue: its items, purchases and search.
      served: the model that answers.
      checkpoints: folder of the workspace's models, among them trained recommenders.
    """

    catalogue: Catalogue
    served: ServedModel
    checkpoints: Path
    _turn: threading.Condition = field(default_factory=threading.Condition, init=False, repr=False)
    _caches: dict[str, LRUCache[Any, Any]] = field(default_factory=_caches, init=False, repr=False)

    @property
    def domain(self) -> str:
        """Its name."""
        return self.catalogue.domain

    @property
    def fingerprint(self) -> str:
        """Of its data."""
        return self.catalogue.info.fingerprint

    @property
    def identity(self) -> tuple[str, str]:
        """Name and data, for what is kept of a shop without keeping the shop."""
        return self.domain, self.fingerprint

    @cached_property
    def by_id(self) -> Mapping[str, Item]:
        """Item id -> item."""
        return dict(zip(self.catalogue.item_ids, self.catalogue.items, strict=True))

    @cached_property
    def statistics(self) -> statistics.Statistics:
        """The shop in numbers; takes a moment for a large one."""
        return statistics.statistics(self.catalogue)

    def items(self, item_ids: Sequence[str]) -> list[Item]:
        """The items of some ids.

        Raises:
          CalrecError: if the shop has no such item.
        """
        index = self.catalogue.index
        for item_id in item_ids:
            if item_id not in index:
                raise CalrecError(
                    f"expected an item of {self.domain}, found {item_id!r}: choose one from the "
                    "catalogue"
                )
        return [self.catalogue.items[index[item_id]] for item_id in item_ids]

    def random_shopper(self) -> str:
        """A shopper whose last purchase is held out.

        Raises:
          CalrecError: if the shop has none.
        """
        sequences = self.catalogue.sequences()
        cases = sequences.cases("test")
        if len(cases) == 0:
            raise CalrecError(
                f"{self.domain} holds no shopper with a held-out purchase; "
                "pick items from its catalogue instead"
            )
        return sequences.user_ids[int(secrets.choice(cases))]

    def calrec(self, rules: Rules = DEFAULT, first_stage: str = FIRST_STAGE) -> CALRec:
        """The generative recommender over the items; loads the model if need be.

        Args:
          rules: of its first stage; its own ranking is for whoever asks to put under them.
          first_stage: id of the recommender whose best items the retrieval `rerank` ranks.

        Raises:
          CalrecError: if the checkpoint cannot be loaded, or there is no such first stage.
        """
        first = self.recommender(first_stage, rules)
        return dataclasses.replace(self._calrec(), first_stage=first)

    @_kept("calrec")
    def _calrec(self) -> CALRec:
        return CALRec.over(self.served.get(), self.catalogue.corpus(), self.catalogue.items)

    def trie(self, begin: Callable[[Callable[[], Any]], Future[Any]]) -> Future[Any]:
        """The items' texts as a trie, for decoders that are bound to them: being made, or there.

        Args:
          begin: has work done elsewhere; called the first time, and again after a failure.
        """
        with self._turn:
            kept = self._caches["tries"]
            found: Future[Any] | None = kept.get(())
            if found is None or (found.done() and found.exception() is not None):
                found = kept[()] = begin(lambda: self._calrec().texts.trie)
            return found

    def leaks(self, split: str = "test") -> tuple[str, ...]:
        """How the model may know held-out purchases (`calrec.evaluation.leaks`)."""
        info = self.catalogue.info
        return leaks(
            of_training(self.served.get().description.training),
            domain=info.domain,
            split=split,
            fingerprint=info.fingerprint,
            role=info.role,
        )

    def recommenders(self, rules: Rules = DEFAULT) -> dict[str, Recommender]:
        """The recommenders of the register that write no texts, over the items, by id.

        They count what the shop's users bought before their held-out purchases, by the rules. A
        trained one is among them where the workspace holds a checkpoint of it for this shop; one
        that reads the served model is not, as it may take long to be made.
        """
        entries = [register.entry(name) for name in register.rivals()]
        made = {one.id: self._made(one, rules) for one in entries if not one.reads_model}
        return {name: one for name, one in made.items() if one is not None}

    def find(self, name: str, rules: Rules = DEFAULT) -> Recommender | None:
        """One of `recommenders`; `None` where there is no such one, or no checkpoint of it."""
        return self._made(register.entry(name), rules) if name in register.rivals() else None

    def recommender(self, name: str, rules: Rules = DEFAULT) -> Recommender:
        """One of `recommenders`, or one that reads the served model: that loads it if need be.

        Raises:
          CalrecError: if there is no such one, or no checkpoint of it for this shop.
        """
        if name not in register.rivals():
            raise CalrecError(
                f"expected a recommender of {', '.join(register.rivals())}, found {name!r}; choose"
                " one of them"
            )
        if (made := self._made(register.entry(name), rules)) is not None:
            return made
        home = self.checkpoints
        raise CalrecError(
            f"expected a recommender of {self.domain} ({', '.join(self.recommenders(rules))}),"
            f" found {name}, which has no checkpoint for this shop; train one with: calrec-train"
            f" {name} --domain {self.domain} --out {home.parent.name}/{home.name}/{name}-"
            f"{self.domain}"
        )

    def _made(self, entry: Entry, rules: Rules) -> Recommender | None:
        """Nothing for a trained one without a checkpoint."""
        own = entry.trained and not entry.reads_model
        folder = self._checkpoint_of(entry) if own else None
        if own and folder is None:
            return None
        return Ruled(recommender=self._built(entry, rules, folder), rules=rules)

    @_kept(
        "recommenders",
        key=lambda shop, entry, rules, folder: (
            entry.id,
            rules if entry.chooses else rules.count if "purchases" in entry.needs else None,
            folder,
        ),
    )
    def _built(self, entry: Entry, rules: Rules, folder: Path | None) -> Recommender:
        model = self.served.get() if entry.reads_model else None
        return entry.build(Inputs(shop=self.catalogue, rules=rules, checkpoint=folder, model=model))

    def _checkpoint_of(self, entry: Entry) -> Path | None:
        """The newest one that fits the shop; looked for until it is found."""
        folders = self.checkpoints.glob("*/")
        fitting = [folder for folder in folders if entry.fits(folder, self.catalogue)]
        return max(fitting, key=lambda folder: folder.stat().st_mtime, default=None)

    @_kept("attributes", key=lambda shop, text=DEFAULT_TEXT: text.limits())
    def attributes(self, text: TextSettings = DEFAULT_TEXT) -> AttributeIndex:
        """The items by their attributes, as these settings cut them: which a text names."""
        return AttributeIndex(self.catalogue.items, text)

    def corpus(self, k1: float, b: float) -> Corpus:
        """BM25 of the items with these parameters."""
        default = self.catalogue.corpus()
        settings = dataclasses.replace(default.settings, k1=k1, b=b)
        return default if settings == default.settings else self._corpus(settings)

    @_kept("corpora")
    def _corpus(self, settings: BM25Settings) -> Corpus:
        return self.catalogue.corpus(settings)

    @_kept("maps", key=lambda shop, vectors, method: method)
    def projection(self, vectors: Float[np.ndarray, "N D"], method: str) -> PCA | SpectralMap:
        """The items' vectors by the served model on a map.

        Args:
          vectors: of all items, as `ItemVectors` gives them.
          method: a key of `demo.inspect.projection.METHODS`.
        """
        return project(vectors, method)
