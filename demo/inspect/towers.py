"""What the two towers of a checkpoint make of test users and their targets, kept for everybody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from cachetools import LRUCache
from jaxtyping import Float, Int

from calrec.errors import CalrecError
from calrec.evaluation.alignment import Alignment
from calrec.generation.model import GenerativeModel
from calrec.model.checkpoint import Description, describe
from demo.inspect import checkpoints
from demo.inspect.application import MODELS, Application

if TYPE_CHECKING:
    from calrec.records import Item
    from demo.inspect.shop import Shop

KEPT = 16
"""Samples of users kept: some shops, checkpoints and seeds, at most 6 MB each."""
CHUNK = 10
"""Users, or items, embedded between two reports of progress."""


class Progress(NamedTuple):
    """How many of all the users that there are to embed are done."""

    done: int
    of: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Towers:
    """U test users.

    Attributes:
      v_u: of each history.
      v_tu: of each target read behind its history.
      v_t: of the distinct targets.
      target: place of each user's target among these.
    """

    v_u: Float[np.ndarray, "U D"]
    v_tu: Float[np.ndarray, "U D"]
    v_t: Float[np.ndarray, "I D"]
    target: Int[np.ndarray, " U"]

    @cached_property
    def history(self) -> Alignment:
        """Histories against targets: what L_UT compares."""
        return Alignment.of(self.v_u, self.v_t, self.target)

    @cached_property
    def read(self) -> Alignment:
        """Targets read behind their histories against targets: what L_TT compares."""
        return Alignment.of(self.v_tu, self.v_t, self.target)


@dataclass(frozen=True, kw_only=True, eq=False)
class Visitor:
    """The vectors of one history, and of its target where that is known.

    Attributes:
      v_u: of the history.
      v_tu: of the target behind the history, or `None`.
      v_t: of the target alone, or `None`.
    """

    v_u: Float[np.ndarray, " D"]
    v_tu: Float[np.ndarray, " D"] | None = None
    v_t: Float[np.ndarray, " D"] | None = None

    @classmethod
    def of(cls, embedder: Any, history: Sequence[Item], target: Item | None) -> Visitor:
        """Embeds them.

        Raises:
          CalrecError: if the history is empty.
        """
        if target is None:
            return cls(v_u=embedder.histories([history])[0])
        both = embedder.user_tower([history], [target])
        return cls(v_u=both.v_u[0], v_tu=both.v_tu[0], v_t=embedder.items([target])[0])


class Models:
    """The embedders of the served checkpoint and of others, and the test users' vectors.

    Args:
      app: shops and the served model.
      load: makes a model from a folder; of other checkpoints one is held at a time.
    """

    def __init__(self, app: Application, load: Callable[[Path], Any] | None = None) -> None:
        self._app = app
        models = app.workspace / MODELS
        self._load = load or partial(GenerativeModel.from_checkpoint, models=models)
        self._loading = threading.Lock()
        self._others: LRUCache[tuple[str, int], Any] = LRUCache(1)
        self._lock = threading.Lock()
        self._kept: LRUCache[tuple[Any, ...], Towers] = LRUCache(KEPT)

    def embedder(self, name: str = "") -> Any:
        """The embedder of a checkpoint.

        Args:
          name: of the checkpoint; empty for the served one.

        Raises:
          CalrecError: if there is no such checkpoint, or it cannot be loaded.
        """
        if not name:
            return self._app.served.get().embedder()
        folder = self.folder(name)
        with self._loading:
            key = str(folder), _written(folder)
            if key not in self._others:
                self._others[key] = self._load(folder)
            return self._others[key].embedder()

    def folder(self, name: str) -> Path:
        """Where a checkpoint lies.

        Raises:
          CalrecError: if there is none of that name.
        """
        known = checkpoints.known(self._app)
        if name not in known:
            raise CalrecError(
                f"expected a checkpoint of {', '.join(known) or 'this workspace, which has none'},"
                f" found {name!r}; choose another"
            )
        return known[name]

    def description(self, name: str = "") -> Description | None:
        """What a checkpoint records of itself; `None` where it cannot be read."""
        try:
            folder = self.folder(name) if name else checkpoints.served(self._app)
            return describe(folder) if folder is not None else None
        except CalrecError:
            return None

    def title(self, name: str = "") -> str:
        """What a checkpoint is called where two are compared."""
        if name:
            return name
        folder = checkpoints.served(self._app)
        return f"The served model ({folder.name if folder else self._app.checkpoint})"

    def known(self, shop: Shop, name: str, users: int, seed: int) -> Towers | None:
        """The vectors of test users if they were computed before."""
        key = self._key(shop, name, users, seed)
        with self._lock:
            return self._kept.get(key)

    def stream(
        self, shop: Shop, name: str, users: int, seed: int
    ) -> Generator[Progress | Towers, None, None]:
        """Computes them: yields how far it is, last the result; closing it stops the work.

        A shop with fewer test users than asked for gives all that it has.

        Raises:
          CalrecError: if the checkpoint cannot be loaded, or the shop has fewer than two users
            with a purchase held out.
        """
        key = self._key(shop, name, users, seed)
        cases = _cases(shop, users, seed)
        targets = list(dict.fromkeys(target for _, target in cases))
        if len(targets) < 2:
            raise CalrecError(
                f"expected shoppers of {shop.domain} with two different purchases held out, found"
                f" {len(targets)}; choose a shop with test cases"
            )
        embedder = self.embedder(name)
        items = shop.catalogue.items
        v_t, v_u, v_tu = [], [], []
        for start in range(0, len(targets), CHUNK):
            # Not yet a user done, but the work can be stopped here.
            yield Progress(0, len(cases))
            v_t.append(embedder.items([items[t] for t in targets[start : start + CHUNK]]))
        for start in range(0, len(cases), CHUNK):
            part = cases[start : start + CHUNK]
            both = embedder.user_tower(
                [[items[i] for i in history] for history, _ in part],
                [items[target] for _, target in part],
            )
            v_u.append(both.v_u)
            v_tu.append(both.v_tu)
            yield Progress(start + len(part), len(cases))
        place = {target: k for k, target in enumerate(targets)}
        towers = Towers(
            v_u=np.concatenate(v_u),
            v_tu=np.concatenate(v_tu),
            v_t=np.concatenate(v_t),
            target=np.array([place[target] for _, target in cases]),
        )
        with self._lock:
            self._kept[key] = towers
        yield towers

    def _key(self, shop: Shop, name: str, users: int, seed: int) -> tuple[Any, ...]:
        model = (name, _written(self.folder(name)) if name else 0)
        return (*model, shop.identity, users, seed)


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """What one checkpoint makes of the test users, and of the visitor's own history.

    Attributes:
      name: of the checkpoint; empty for the served one.
      towers: of the test users.
      visitor: of the visitor; `None` without a history.
    """

    name: str
    towers: Towers
    visitor: Visitor | None


def _cases(shop: Shop, users: int, seed: int) -> list[tuple[list[int], int]]:
    """Histories and targets, as item indices, of test users drawn by the seed."""
    sequences = shop.catalogue.sequences()
    every = sequences.cases("test")
    drawn = np.random.default_rng(seed).permutation(every)[:users]
    return [
        (sequences.history(u, "test").tolist(), sequences.target(u, "test"))
        for u in sorted(drawn.tolist())
    ]


def _written(folder: Path) -> int:
    """When a checkpoint was written: another one under the same name is another model."""
    try:
        return (folder / "calrec.json").stat().st_mtime_ns
    except OSError:
        return 0
