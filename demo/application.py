"""Catalogues and recommenders, loaded once and read by every visitor; nothing of a visitor."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calrec.compilation import keep_compiled
from calrec.errors import CalrecError
from calrec.lir import LastItemRepeater
from calrec.recommender import CALRec
from calrec.text import DEFAULT_TEXT, Item
from catalog.store import Catalogue, DomainInfo, domains

if TYPE_CHECKING:
    from catalog.store import Page


class Application:
    """The read-only half of the page: the shops of one workspace and one model.

    Args:
      workspace: a folder with at least one built domain.
      checkpoint: name or folder of the model.
      first: the domain shown first.
      load_model: makes the model from `checkpoint`; called once, when first needed.

    Raises:
      CalrecError: if the workspace holds no domain, or not the first one.
    """

    def __init__(
        self,
        workspace: Path,
        checkpoint: str,
        *,
        first: str | None = None,
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
        self._workspace = workspace
        self._load_model = load_model
        self._lock = threading.Lock()
        self._catalogues: dict[str, Catalogue] = {}
        self._model_lock = threading.Lock()
        self._model: Any = None
        self._models: dict[str, Any] = {}
        self._repeaters: dict[str, LastItemRepeater] = {}

    def catalogue(self, domain: str) -> Catalogue:
        """The shop's catalogue, opened on first use."""
        with self._lock:
            if domain not in self._catalogues:
                self._catalogues[domain] = Catalogue.open(self._workspace, domain)
            return self._catalogues[domain]

    def items(self, domain: str, item_ids: Sequence[str]) -> list[Item]:
        """The items of some ids."""
        catalogue = self.catalogue(domain)
        return [catalogue.items[catalogue.index[item_id]] for item_id in item_ids]

    def page(self, domain: str, **choice: Any) -> Page:
        """`Catalogue.page` of the shop."""
        return self.catalogue(domain).page(**choice)

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
                keep_compiled(self._workspace)
                self._model = self._load_model(self.checkpoint)
            if domain not in self._models:
                catalogue = self.catalogue(domain)
                self._models[domain] = self._model.with_corpus(catalogue.corpus(), catalogue.items)
            return self._models[domain]

    def repeater(self, domain: str) -> LastItemRepeater:
        """The Last Item Repeater over the same items."""
        with self._lock:
            known = self._repeaters.get(domain)
        if known is None:
            known = LastItemRepeater(self.catalogue(domain).corpus(), DEFAULT_TEXT)
            with self._lock:
                self._repeaters[domain] = known
        return known
