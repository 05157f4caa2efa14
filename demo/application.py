"""Catalogues and recommenders, loaded once and read by every visitor; nothing of a visitor."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calrec.compilation import keep_compiled
from calrec.errors import CalrecError
from calrec.hierarchical import AttributeIndex
from calrec.item_knn import ItemKNN
from calrec.lir import LastItemRepeater
from calrec.markov import Markov
from calrec.popularity import MostPopular
from calrec.protocol import Recommender
from calrec.recommender import CALRec
from calrec.text import DEFAULT_TEXT, Item, TextSettings
from catalog.store import Catalogue, DomainInfo, domain_info, domains
from catalog.workspace import FILE
from demo.bounded import Bounded
from demo.evaluations import Evaluations

if TYPE_CHECKING:
    from catalog.bm25 import Corpus

CORPORA = 16
"""BM25 matrices kept besides the default ones; a shop of 17,000 items takes 5 MB each."""


class Application:
    """The read-only half of the page: the shops of one workspace and one model.

    Safe for several threads. A shop that is built again meanwhile is read anew, with all that was
    made of it; `fingerprint` tells.

    Args:
      workspace: a folder with at least one built domain.
      checkpoint: name or folder of the model.
      first: the domain shown first.
      evaluations: folders of finished runs; `workspace/evaluations` where none are given.
      load_model: makes the model from `checkpoint`; called once, when first needed.

    Attributes:
      workspace: the folder.
      checkpoint: as given.
      domains: the shops by name, the first one first.
      evaluations: the finished runs.

    Raises:
      CalrecError: if the workspace holds no domain, or not the first one.
    """

    def __init__(
        self,
        workspace: Path,
        checkpoint: str,
        *,
        first: str | None = None,
        evaluations: Sequence[Path] = (),
        load_model: Callable[[str], Any] = CALRec.from_checkpoint,
    ) -> None:
        found = domains(workspace)
        if not found:
            raise CalrecError(
                f"expected a built catalogue in {workspace}, found none; "
                "run `calrec-catalog build` or start with an empty workspace"
            )
        names = [info.domain for info in found]
        if first is not None and first not in names:
            raise CalrecError(
                f"expected a domain of {workspace} ({', '.join(names)}), found {first!r}; "
                "choose one of them or build it with `calrec-catalog build`"
            )
        # Then shops with held-out purchases: they show whether a recommendation was right.
        found = sorted(
            found, key=lambda info: (info.domain != first, info.role != "evaluation", info.domain)
        )
        self.domains: dict[str, DomainInfo] = {info.domain: info for info in found}
        self.checkpoint = checkpoint
        self.workspace = workspace
        self.evaluations = Evaluations(evaluations or (workspace / "evaluations",))
        self._load_model = load_model
        self._lock = threading.RLock()
        self._stamp: tuple[int, int] | None = None
        self._catalogues: dict[str, Catalogue] = {}
        self._model_lock = threading.Lock()
        self._model: Any = None
        self._models: dict[str, Any] = {}
        self._baselines: dict[str, dict[str, Recommender]] = {}
        self._attributes: dict[str, dict[tuple[int, ...], AttributeIndex]] = {}
        self._corpora: Bounded[tuple[str, float, float], Corpus] = Bounded(CORPORA)

    def catalogue(self, domain: str) -> Catalogue:
        """The shop's catalogue, opened on first use and again when the shop was rebuilt.

        Raises:
          CalrecError: if there is no such shop, or it can no longer be read.
        """
        with self._lock:
            self._notice_rebuilt()
            if domain not in self._catalogues:
                if domain not in self.domains:
                    raise CalrecError(
                        f"expected a shop of {', '.join(self.domains)}, found {domain!r}: "
                        "choose one of them"
                    )
                self._catalogues[domain] = Catalogue.open(self.workspace, domain)
            return self._catalogues[domain]

    def fingerprint(self, domain: str) -> str:
        """Of the shop's data; another one after it was rebuilt with other data."""
        return self.catalogue(domain).info.fingerprint

    def _notice_rebuilt(self) -> None:
        """Forgets the shops whose data are no longer those that were read."""
        try:
            state = os.stat(self.workspace / FILE)
        except OSError:
            return  # what is open goes on; opening anything says what is wrong
        stamp = (state.st_mtime_ns, state.st_ino)
        if stamp == self._stamp:
            return
        for domain, catalogue in list(self._catalogues.items()):
            info = domain_info(self.workspace, domain)
            if info.fingerprint != catalogue.info.fingerprint:
                self.domains[domain] = info
                for kept in (self._catalogues, self._models, self._baselines, self._attributes):
                    kept.pop(domain, None)
                self._corpora.forget(lambda key, gone=domain: key[0] == gone)
        self._stamp = stamp

    def items(self, domain: str, item_ids: Sequence[str]) -> list[Item]:
        """The items of some ids.

        Raises:
          CalrecError: if the shop has no such item.
        """
        catalogue = self.catalogue(domain)
        index = catalogue.index
        for item_id in item_ids:
            if item_id not in index:
                raise CalrecError(
                    f"expected an item of {domain}, found {item_id!r}: choose one from the "
                    "catalogue"
                )
        return [catalogue.items[index[item_id]] for item_id in item_ids]

    def random_shopper(self, domain: str) -> str:
        """A shopper whose last purchase is held out.

        Raises:
          CalrecError: if the shop has none.
        """
        sequences = self.catalogue(domain).sequences()
        cases = sequences.cases("test")
        if len(cases) == 0:
            raise CalrecError(
                f"{domain} holds no shopper with a held-out purchase; "
                "pick items from its catalogue instead"
            )
        return sequences.user_ids[int(secrets.choice(cases))]

    @property
    def model_is_loaded(self) -> bool:
        """Whether the next recommendation starts without waiting for the model."""
        return self._model is not None

    def model(self, domain: str) -> Any:
        """The generative recommender over the shop's items; loads the model if need be.

        Raises:
          CalrecError: if the checkpoint cannot be loaded.
        """
        with self._model_lock:
            if self._model is None:
                keep_compiled(self.workspace)
                self._model = self._load_model(self.checkpoint)
            catalogue = self.catalogue(domain)
            if domain not in self._models:
                self._models[domain] = self._model.with_corpus(
                    catalogue.corpus(),
                    catalogue.items,
                    first_stage=self.recommenders(domain)["lir"],
                )
            return self._models[domain]

    def recommenders(self, domain: str) -> dict[str, Recommender]:
        """The simple recommenders over the same items, by name; LIR first.

        They know all that the shop's users bought before their held-out purchases.
        """
        catalogue = self.catalogue(domain)
        with self._lock:
            known = self._baselines.get(domain)
        if known is not None:
            return known
        sequences = catalogue.sequences()
        histories = [sequences.history(u, "test") for u in sequences.cases("test")]
        ids, popularity = catalogue.item_ids, catalogue.popularity
        known = {
            "lir": LastItemRepeater(catalogue.corpus(), DEFAULT_TEXT),
            "item-knn": ItemKNN(ids, histories, popularity),
            "markov": Markov(ids, histories, popularity),
            "popular": MostPopular(ids, popularity),
        }
        with self._lock:
            return self._baselines.setdefault(domain, known)

    def attributes(self, domain: str, text: TextSettings = DEFAULT_TEXT) -> AttributeIndex:
        """The shop's items by their attributes, as these settings cut them: which a text names."""
        catalogue = self.catalogue(domain)
        with self._lock:
            of_shop = self._attributes.setdefault(domain, {})
            if text.limits() not in of_shop:
                of_shop[text.limits()] = AttributeIndex(catalogue.items, text)
            return of_shop[text.limits()]

    def corpus(self, domain: str, k1: float, b: float) -> Corpus:
        """BM25 of the shop's items with these parameters."""
        from catalog.bm25 import BM25Settings

        catalogue = self.catalogue(domain)
        settings = BM25Settings(k1=k1, b=b)
        if settings == BM25Settings():
            return catalogue.corpus()
        return self._corpora.get((domain, k1, b), lambda: catalogue.corpus(settings))
