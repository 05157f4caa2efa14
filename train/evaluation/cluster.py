"""Cases spread over the processes of a Ray cluster; each loads what it needs once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from calrec.errors import CalrecError
from catalog.store import Catalogue, workspace_path
from train.evaluation.cases import Cases, load_cases
from train.evaluation.settings import Evaluate
from train.evaluation.work import ready

SHARES = 8
"""Parts of the cases that each worker gets at least: the last ones then end at about one time."""

MOST = 512
"""Cases of a part at most: what a lost worker has to do again."""


class Worker:
    """One process: the catalogue and the recommender, loaded when it starts."""

    def __init__(self, settings: Evaluate) -> None:
        try:
            self._catalogue = Catalogue.open(workspace_path(settings.workspace), settings.domain)
            self._cases = load_cases(self._catalogue, settings.split, settings.users, settings.seed)
            self._work, self._error = ready(settings, self._catalogue), None
        except CalrecError as error:
            self._error = str(error)  # an actor that fails to start ends in pages of traces

    def described(self) -> tuple[str | None, str, Mapping[str, Any]]:
        """What prevents the work; else the data's fingerprint and the recommender's settings."""
        if self._error is not None:
            return self._error, "", {}
        return None, self._catalogue.info.fingerprint, dict(self._work.settings)

    def results(self, places: Int[np.ndarray, " P"]) -> pa.Table:
        """Results of the cases at these places."""
        return pa.concat_tables(self._work.results(self._cases, places))


class Cluster:
    """`train.evaluation.work.Work` by several workers."""

    def __init__(self, workers: list[Any], settings: Mapping[str, Any]) -> None:
        """Use `cluster`."""
        self._workers = workers
        self.settings = settings

    def results(self, cases: Cases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """See `Work`; a table a part, in the order of finishing."""
        from ray.util import ActorPool

        size = max(1, min(MOST, -(-len(places) // (SHARES * len(self._workers)))))
        parts = [places[start : start + size] for start in range(0, len(places), size)]
        yield from ActorPool(self._workers).map_unordered(
            lambda worker, part: worker.results.remote(part), parts
        )


@contextmanager
def cluster(settings: Evaluate) -> Iterator[Cluster]:
    """Workers on a Ray cluster, or on one started on this machine.

    The workspace, and a checkpoint given as a folder, must lie at the same path on every machine.

    Raises:
      CalrecError: if Ray is not installed or not reached, or a worker cannot load what it needs.
    """
    try:
        import ray
    except ImportError:
        raise CalrecError(
            "expected Ray for --engine ray, found none; install it with: "
            "pip install 'calrec[ray]', or leave --engine out"
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone
    try:
        ray.init(
            address=settings.address,
            logging_level="ERROR",
            log_to_driver=False,
            configure_logging=False,
            **({} if settings.address else {"include_dashboard": False}),
        )
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        told = " ".join(str(error).split())[:200]
        raise CalrecError(
            f"expected a Ray cluster at {settings.address or 'this machine'}, found: {told}; "
            "start one with: ray start --head"
        ) from None
    try:
        count = settings.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        absolute = _for_workers(settings)
        # A worker that dies is started again, and what it was doing is done again.
        actor = ray.remote(Worker).options(max_restarts=3, max_task_retries=3)
        workers = [actor.remote(absolute) for _ in range(count)]
        described = ray.get([worker.described.remote() for worker in workers])
        if errors := [error for error, _, _ in described if error is not None]:
            raise CalrecError(errors[0])
        if len({fingerprint for _, fingerprint, _ in described}) > 1:
            raise CalrecError(
                f"expected the same {settings.domain} on every machine of the cluster, found "
                "different ones; share one workspace"
            )
        yield Cluster(workers, described[0][2])
    except ray.exceptions.RayError as error:
        told = " ".join(str(error).split())[-200:]
        raise CalrecError(
            f"expected workers that last, found: {told}; try fewer --workers, or --engine local"
        ) from None
    finally:
        ray.shutdown()


def _for_workers(settings: Evaluate) -> Evaluate:
    """The settings with paths that hold in any process."""
    given = settings.calrec
    earlier = given.samples_from and given.samples_from.resolve()
    named = settings.checkpoint
    is_path = named is not None and os.path.isdir(named)
    return dataclasses.replace(
        settings,
        workspace=workspace_path(settings.workspace).resolve(),
        checkpoint=os.path.abspath(named) if is_path else named,
        calrec=dataclasses.replace(given, samples_from=earlier),
    )
