"""One evaluation, ready to be done: its cases, and the recommender that ranks them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from calrec.compilation import keep_compiled
from catalog.store import Catalogue, workspace_path
from train.evaluation import baselines, fingerprints
from train.evaluation.cases import Cases
from train.evaluation.earlier import Earlier
from train.evaluation.settings import Evaluate


class Work(Protocol):
    """Ranks the targets of cases.

    Attributes:
      settings: every setting of the recommender, JSON-able.
    """

    settings: Mapping[str, Any]

    def results(self, cases: Cases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """Tables of `train.evaluation.results` over the cases at these places, in any order."""
        ...


class Scoring:
    """The work of a recommender that scores items from a history at once."""

    def __init__(self, scorer: baselines.Scorer) -> None:
        self._scorer = scorer
        self.settings = scorer.settings

    def results(self, cases: Cases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """See `Work`."""
        return baselines.rank_cases(self._scorer, cases, places)


def ready(settings: Evaluate, catalogue: Catalogue) -> Work:
    """Loads or counts what the recommender of the settings needs.

    Raises:
      CalrecError: if its checkpoint or the earlier run cannot be loaded.
    """
    if settings.recommender != "calrec":
        return Scoring(
            baselines.scorer(settings.recommender, catalogue, settings.split, settings.checkpoint)
        )
    from train.evaluation import generating

    if settings.calrec.samples_from is not None:
        return generating.Again(settings, catalogue, earlier(settings, catalogue))
    from calrec.recommender import CALRec  # brings in jax

    keep_compiled(workspace_path(settings.workspace))
    return generating.Drawing(settings, catalogue, CALRec.from_checkpoint(settings.checkpoint))


def earlier(settings: Evaluate, catalogue: Catalogue) -> Earlier:
    """The earlier run that the settings name.

    Raises:
      CalrecError: if it cannot be loaded or is of other data.
    """
    return Earlier.load(
        settings.calrec.samples_from,
        domain=settings.domain,
        split=settings.split,
        fingerprint=catalogue.info.fingerprint,
    )


def checkpoint_of(settings: Evaluate, catalogue: Catalogue) -> dict[str, Any] | None:
    """What `meta.json` says of the checkpoint; `None` for a recommender without one.

    Raises:
      CalrecError: if it cannot be read.
    """
    if settings.calrec.samples_from is not None:
        run = earlier(settings, catalogue)
        return {**run.meta["checkpoint"], "samples": run.digest}
    if settings.recommender == "calrec":
        return fingerprints.calrec_checkpoint(settings.checkpoint)
    if settings.recommender == "sasrec":
        return fingerprints.sasrec_checkpoint(Path(settings.checkpoint))
    return None
