"""Catalogues and recommenders, loaded once and read by every visitor; nothing of a visitor."""

from __future__ import annotations

import dataclasses
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calrec.errors import CalrecError
from calrec.evaluation.leaks import leaks, of_training
from calrec.generation.model import GenerativeModel
from calrec.model.compilation import keep_compiled
from calrec.ranking.hierarchical import AttributeIndex
from calrec.ranking.rules import DEFAULT, Rules
from calrec.recommenders import register
from calrec.recommenders.calrec import CALRec
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.protocol import Recommender
from calrec.recommenders.ruled import Ruled
from calrec.records import Item
from calrec.text import DEFAULT_TEXT, TextSettings
from catalog.store import Catalogue, DomainInfo, domains
from catalog.workspace import FILE
from demo.inspect.bounded import Bounded
from demo.inspect.evaluations import Evaluations

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
      CalrecError: if the workspace holds no domain, or not the first one, or that is damaged.
    """

    def __init__(
        self,
        workspace: Path,
        checkpoint: str,
        *,
        first: str | None = None,
        evaluations: Sequence[Path] = (),
        load_model: Callable[[str], Any] = GenerativeModel.from_checkpoint,
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
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._shops: dict[str, _Shop] = {}
        self._model_lock = threading.Lock()
        self._model: Any = None
        self.catalogue(next(iter(self.domains)))  # pages without a first shop cannot be drawn

    def catalogue(self, domain: str) -> Catalogue:
        """The shop's catalogue, opened on first use and again when the shop was rebuilt.

        Raises:
          CalrecError: if there is no such shop, or it can no longer be read.
        """
        return self._shop(domain).catalogue

    def fingerprint(self, domain: str) -> str:
        """Of the shop's data; another one after it was rebuilt with other data."""
        return self.catalogue(domain).info.fingerprint

    def _shop(self, domain: str) -> _Shop:
        with self._lock:
            self._notice_rebuilt()
            if domain not in self._shops:
                if domain not in self.domains:
                    raise CalrecError(
                        f"expected a shop of {', '.join(self.domains)}, found {domain!r}: "
                        "choose one of them"
                    )
                self._shops[domain] = _Shop(Catalogue.open(self.workspace, domain))
            return self._shops[domain]

    def _notice_rebuilt(self) -> None:
        """Forgets the shops whose data are no longer those that were read, or that are gone."""
        try:
            state = os.stat(self.workspace / FILE)
            stamp = (state.st_mtime_ns, state.st_ino)
            if stamp == self._stamp:
                return
            now = {info.domain: info for info in domains(self.workspace)}
        except (OSError, CalrecError):
            return  # what is open goes on; opening anything says what is wrong
        kept = {domain: now[domain] for domain in self.domains if domain in now}
        self.domains = kept | {domain: info for domain, info in now.items() if domain not in kept}
        self._shops = {
            domain: shop
            for domain, shop in self._shops.items()
            if domain in now and now[domain].fingerprint == shop.catalogue.info.fingerprint
        }
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

    def model(self) -> GenerativeModel:
        """The generative model, which knows no shop; loaded when it is first needed.

        Raises:
          CalrecError: if the checkpoint cannot be loaded.
        """
        with self._model_lock:
            if self._model is None:
                keep_compiled()
                self._model = self._load_model(self.checkpoint)
            return self._model

    def calrec(self, domain: str, rules: Rules = DEFAULT, first_stage: str = "lir") -> CALRec:
        """The generative recommender over the shop's items.

        Args:
          domain: the shop.
          rules: of its first stage; its own ranking is for whoever asks to put under them.
          first_stage: id of the recommender whose best items the retrieval `rerank` ranks.

        Raises:
          CalrecError: if the checkpoint cannot be loaded, or there is no such first stage.
        """
        model, shop = self.model(), self._shop(domain)
        recommender = shop.made(
            "calrec", lambda: CALRec.over(model, shop.catalogue.corpus(), shop.catalogue.items)
        )
        first = self.recommender(domain, first_stage, rules)
        return dataclasses.replace(recommender, first_stage=first)

    def leaks(self, domain: str, split: str = "test") -> tuple[str, ...]:
        """How the loaded model may know held-out purchases (`calrec.evaluation.leaks`)."""
        info = self.catalogue(domain).info
        return leaks(
            of_training(self._model.description.training),
            domain=domain,
            split=split,
            fingerprint=info.fingerprint,
            role=info.role,
        )

    def recommenders(self, domain: str, rules: Rules = DEFAULT) -> dict[str, Recommender]:
        """The recommenders of the register that write no texts, over the shop's items, by id.

        They count what the shop's users bought before their held-out purchases, by the rules. A
        trained one is among them where the workspace's `checkpoints` hold one for this shop.
        """
        made = self._shop(domain).recommenders(rules, self._checkpoints_for)
        return {name: Ruled(recommender=one, rules=rules) for name, one in made.items()}

    def recommender(self, domain: str, name: str, rules: Rules = DEFAULT) -> Recommender:
        """One of `recommenders`.

        Raises:
          CalrecError: if there is no such one, or no checkpoint of it for this shop.
        """
        known = self.recommenders(domain, rules)
        if name in known:
            return known[name]
        entry = register.entry(name)
        raise CalrecError(
            f"expected a recommender of {domain} ({', '.join(known)}), found {name}, which has no "
            f"checkpoint for this shop; train one with: calrec-train {entry.id} --domain {domain} "
            f"--out {self.workspace.name}/checkpoints/{entry.id}-{domain}"
        )

    def _checkpoints_for(self, entry: Entry, catalogue: Catalogue) -> Path | None:
        """The newest checkpoint of the workspace for a shop; `None` where there is none."""
        folders = (self.workspace / "checkpoints").glob("*/")
        fitting = [folder for folder in folders if entry.fits(folder, catalogue)]
        return max(fitting, key=lambda folder: folder.stat().st_mtime, default=None)

    def attributes(self, domain: str, text: TextSettings = DEFAULT_TEXT) -> AttributeIndex:
        """The shop's items by their attributes, as these settings cut them: which a text names."""
        shop = self._shop(domain)
        return shop.made(text.limits(), lambda: AttributeIndex(shop.catalogue.items, text))

    def corpus(self, domain: str, k1: float, b: float) -> Corpus:
        """BM25 of the shop's items with these parameters."""
        shop = self._shop(domain)
        default = shop.catalogue.corpus()
        settings = dataclasses.replace(default.settings, k1=k1, b=b)
        if settings == default.settings:
            return default
        return shop.corpora.get(settings, lambda: shop.catalogue.corpus(settings))


class _Shop:
    """A shop as it was read, and all that is made of it; once rebuilt it is another one."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.corpora: Bounded[Any, Corpus] = Bounded(CORPORA)
        self._lock = threading.RLock()
        self._made: dict[Any, Any] = {}

    def made(self, key: Any, make: Callable[[], Any]) -> Any:
        """What is made of the shop once, when it is first needed."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]

    def recommenders(
        self, rules: Rules, checkpoint_of: Callable[[Entry, Catalogue], Path | None]
    ) -> dict[str, Recommender]:
        """See `Application.recommenders`; a trained one is looked for until it is found."""
        made = {}
        for entry in map(register.entry, register.rivals()):
            folder = checkpoint_of(entry, self.catalogue) if entry.trained else None
            if entry.trained and folder is None:
                continue
            count = rules.count if "purchases" in entry.needs else None
            inputs = Inputs(shop=self.catalogue, rules=rules, checkpoint=folder)
            made[entry.id] = self.made((entry.id, count, folder), partial(entry.build, inputs))
        return made
