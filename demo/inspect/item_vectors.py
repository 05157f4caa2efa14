"""The item vectors of the shops by the served model, kept in memory and on disk.

Files are those of `calrec.model.item_vectors`. The model is the one that answers: a checkpoint that
replaces it on disk counts after a restart.
"""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from calrec.errors import CalrecError
from calrec.model import checkpoint
from calrec.model.item_vectors import VectorFile

if TYPE_CHECKING:
    from catalog.store import DomainInfo
    from demo.inspect.shop import Shop

MEMORY = 512 * 2**20
"""Bytes of vectors held in memory; the shop looked at last always stays."""


class ItemVectors:
    """Vectors of all items of a shop by the served model; safe for several threads.

    Rows are in item-index order and not normalised.

    Args:
      workspace: where they are kept.
      checkpoint: name or folder of the served model.
      memory: bytes of vectors to hold; see `MEMORY`.
    """

    def __init__(self, workspace: Path, checkpoint: str, memory: int = MEMORY) -> None:
        self._workspace = workspace
        self._checkpoint = checkpoint
        self._memory = memory
        self._lock = threading.Lock()
        self._computing = threading.Lock()
        self._held: OrderedDict[tuple[str, str], Float[np.ndarray, "N D"]] = OrderedDict()
        # Of the model that answers; the folder may hold another one later on.
        self._record = self._recorded()
        self._is_loaded = False

    def known(self, shop: Shop) -> Float[np.ndarray, "N D"] | None:
        """The vectors if they were computed before; a damaged file counts as none."""
        if shop.served.is_loaded and not self._is_loaded:
            self._take(shop.served.get())
        return self._known(shop.catalogue.info)

    def compute(
        self, shop: Shop, tick: Callable[[int], None] | None = None
    ) -> Float[np.ndarray, "N D"]:
        """The vectors, computed and kept if they are not known.

        Who asks while another thread computes waits, and gets its result if it is the same shop.

        Args:
          shop: whose items.
          tick: told now and then how many more items are done; what it raises ends the work.

        Raises:
          CalrecError: if the checkpoint cannot be loaded.
        """
        with self._computing:
            info = shop.catalogue.info
            vectors = self._known(info)
            if vectors is None:
                model = shop.served.get()
                self._take(model)
                vectors = model.embedder().items(shop.catalogue.items, tick=tick)
                self._hold(info, vectors)
                if (file := self._file(info)) is not None:
                    file.write(vectors)
            return vectors

    def stream(self, shop: Shop) -> Generator[int, None, None]:
        """Computes, and yields how many items are done so far; closing it stops the work.

        Raises:
          CalrecError: as `compute`.
        """
        news: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()
        stopped = threading.Event()

        def tick(more: int) -> None:
            if stopped.is_set():
                raise _Stopped
            news.put(more)

        def work() -> None:
            try:
                self.compute(shop, tick)
                news.put(None)
            except BaseException as error:
                news.put(error)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        done = 0
        try:
            while (told := news.get()) is not None:
                if isinstance(told, BaseException):
                    raise told
                done += told
                yield done
        finally:
            stopped.set()
            worker.join()

    def _known(self, info: DomainInfo) -> Float[np.ndarray, "N D"] | None:
        key = (info.domain, info.fingerprint)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        file = self._file(info)
        vectors = None if file is None else file.read()
        if vectors is not None:
            self._hold(info, vectors)
        return vectors

    def _file(self, info: DomainInfo) -> VectorFile | None:
        """Where the vectors lie on disk; `None` if the model comes from no checkpoint folder."""
        record = self._record
        if record is None:
            return None
        return VectorFile.of(
            self._workspace,
            domain=info.domain,
            fingerprint=info.fingerprint,
            items=info.items,
            record=record,
        )

    def _recorded(self) -> bytes | None:
        """What the checkpoint says of itself, with the digests of all weights."""
        try:
            return (checkpoint.resolve(self._checkpoint) / "calrec.json").read_bytes()
        except (CalrecError, OSError):
            return None

    def _take(self, model: Any) -> None:
        """From now on the vectors are those of this loaded model, by its own record."""
        if self._is_loaded:
            return
        own = getattr(model, "description", None)
        record = own.to_text().encode() if own is not None else self._record
        with self._lock:
            if record != self._record:
                self._held.clear()
            self._record, self._is_loaded = record, True

    def _hold(self, info: DomainInfo, vectors: Float[np.ndarray, "N D"]) -> None:
        vectors.setflags(write=False)
        with self._lock:
            self._held[info.domain, info.fingerprint] = vectors
            while len(self._held) > 1 and self._bytes() > self._memory:
                self._held.popitem(last=False)

    def _bytes(self) -> int:
        return sum(vectors.nbytes for vectors in self._held.values())


class _Stopped(Exception):
    """Nobody waits for the vectors any more."""
