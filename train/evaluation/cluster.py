"""Cases spread over the processes of a Ray cluster; each loads what it needs once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from calrec.errors import CalrecError
from catalog.store import Catalogue, workspace_path
from train.evaluation import fingerprints
from train.evaluation.cases import HeldOutCases, load_cases
from train.evaluation.settings import Evaluate
from train.evaluation.work import earlier_run, ready
from train.ray_cluster import connected

SHARES = 8
"""Parts of the cases that each worker gets at least: the last ones then end at about one time."""

MOST = 512
"""Cases of a part at most: what a lost worker has to do again."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """What a worker says of itself: an error of one line, or what it works with."""

    error: str | None = None
    fingerprint: str = ""
    code: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    device: str | None = None


class Worker:
    """One process: the catalogue and the recommender, loaded when it starts."""

    def __init__(self, settings: Evaluate) -> None:
        try:
            self._catalogue = Catalogue.open(workspace_path(settings.workspace), settings.domain)
            self._cases = load_cases(self._catalogue, settings.split, settings.users, settings.seed)
            earlier = earlier_run(settings, self._catalogue)
            self._work, self._error = ready(settings, self._catalogue, earlier), None
        except CalrecError as error:
            self._error = str(error)  # an actor that fails to start ends in pages of traces

    def described(self) -> Described:
        """What it has loaded, or what prevents the work."""
        if self._error is not None:
            return Described(error=self._error)
        return Described(
            fingerprint=self._catalogue.info.fingerprint,
            code=fingerprints.code().digest,
            settings=dict(self._work.settings),
            device=self._work.device,
        )

    def results(self, places: Int[np.ndarray, " P"]) -> pa.Table:
        """Results of the cases at these places."""
        return pa.concat_tables(self._work.results(self._cases, places))


class Cluster:
    """`train.evaluation.work.Work` by several workers."""

    def __init__(self, workers: list[Any], described: Described, least: int) -> None:
        """Use `cluster`."""
        self._workers = workers
        self._least = least
        self.settings = described.settings
        self.device = described.device

    def results(self, cases: HeldOutCases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """See `Work`; a table a part, in the order of finishing."""
        from ray.util import ActorPool  # pyright: ignore[reportMissingImports] -- an extra

        size = min(MOST, -(-len(places) // (SHARES * len(self._workers))))
        size = max(size, self._least)
        parts = [places[start : start + size] for start in range(0, len(places), size)]
        yield from ActorPool(self._workers).map_unordered(
            lambda worker, part: worker.results.remote(part), parts
        )


@contextmanager
def cluster(settings: Evaluate, fingerprint: str) -> Iterator[Cluster]:
    """Workers on a Ray cluster, or on one started on this machine.

    The workspace, and a checkpoint given as a folder, must lie at the same path on every machine.

    Args:
      settings: what to evaluate.
      fingerprint: of the data that the workers must have.

    Raises:
      CalrecError: if Ray is not installed or not reached, or a worker cannot load what it needs or
        has other data or code than this process.
    """
    with connected(settings.address, "--engine ray") as ray:
        from ray.exceptions import RayError  # pyright: ignore[reportMissingImports]

        try:
            count = settings.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
            absolute = _for_workers(settings)
            # A worker that dies is started again, and what it was doing is done again.
            actor = ray.remote(Worker).options(max_restarts=3, max_task_retries=3)
            workers = [actor.remote(absolute) for _ in range(count)]
            described = ray.get([worker.described.remote() for worker in workers])
            for one in described:
                check_worker(one, settings.domain, fingerprint)
            # Users of a part are drawn side by side.
            least = settings.calrec.width if settings.recommender == "calrec" else 1
            yield Cluster(workers, described[0], least)
        except RayError as error:
            told = " ".join(str(error).split())[-200:]
            raise CalrecError(
                f"expected workers that last, found: {told}; try fewer --workers, or --engine local"
            ) from None


def check_worker(worker: Described, domain: str, fingerprint: str) -> None:
    """Refuses a worker that would compute something else than this process.

    Raises:
      CalrecError: if it could not load what it needs, or has other data or code.
    """
    if worker.error is not None:
        raise CalrecError(worker.error)
    if worker.fingerprint != fingerprint:
        raise CalrecError(
            f"expected {domain} on every machine of the cluster as it is here, found another state "
            "of it; share one workspace, and do not build in it meanwhile"
        )
    if worker.code != fingerprints.code().digest:
        raise CalrecError(
            "expected the same code of calrec on every machine of the cluster, found other code; "
            "install one version everywhere"
        )


def _for_workers(settings: Evaluate) -> Evaluate:
    """The settings with paths that hold in any process."""
    given = settings.calrec
    earlier = given.samples_from and given.samples_from.resolve()
    named = settings.checkpoint
    if named is not None and os.path.isdir(named):
        named = os.path.abspath(named)
    return dataclasses.replace(
        settings,
        workspace=workspace_path(settings.workspace).resolve(),
        checkpoint=named,
        calrec=dataclasses.replace(given, samples_from=earlier),
    )
