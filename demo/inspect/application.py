"""The shops of a workspace, loaded once and read by every visitor; nothing of a visitor."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from calrec.errors import CalrecError
from calrec.generation.model import GenerativeModel
from catalog.store import Catalogue, DomainInfo, domains
from catalog.workspace import FILE
from demo.inspect.evaluations import Evaluations
from demo.inspect.item_vectors import ItemVectors
from demo.inspect.served_model import ServedModel
from demo.inspect.shop import Shop

CHECKPOINTS, MODELS = "checkpoints", "models"
"""Folders of a workspace: exported models, and pretrained ones beside which adapters stand."""


class Application:
    """The read-only half of the page: the shops of one workspace and one model.

    Safe for several threads. A shop that is built again meanwhile is read anew, as another `Shop`.

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
      served: the model that answers.
      item_vectors: of the shops' items by that model.

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
        load_model: Callable[[str], Any] | None = None,
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
        load = partial(GenerativeModel.from_checkpoint, models=workspace / MODELS)
        self.served = ServedModel(checkpoint, load_model or load)
        self.item_vectors = ItemVectors(workspace, checkpoint)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._shops: dict[str, Shop] = {}
        self.shop(next(iter(self.domains)))  # pages without a first shop cannot be drawn

    def shop(self, domain: str) -> Shop:
        """The shop as it is now: opened on first use, and again when it was rebuilt.

        Raises:
          CalrecError: if there is no such shop, or it can no longer be read.
        """
        with self._lock:
            self._notice_rebuilt()
            if domain not in self._shops:
                if domain not in self.domains:
                    raise CalrecError(
                        f"expected a shop of {', '.join(self.domains)}, found {domain!r}: "
                        "choose one of them"
                    )
                catalogue = Catalogue.open(self.workspace, domain)
                self._shops[domain] = Shop(
                    catalogue=catalogue,
                    served=self.served,
                    checkpoints=self.workspace / CHECKPOINTS,
                )
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
            if domain in now and now[domain].fingerprint == shop.fingerprint
        }
        self._stamp = stamp
