"""One evaluation, ready to be done: its cases, and the recommender that ranks them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from calrec.evaluation.run_folder.meta import CheckpointMeta
from calrec.model.compilation import keep_compiled
from calrec.recommenders import register
from calrec.recommenders.entry import Inputs
from catalog.store import Catalogue, workspace_path
from train.evaluation import baselines, fingerprints
from train.evaluation.cases import HeldOutCases
from train.evaluation.earlier import Earlier
from train.evaluation.settings import Evaluate


class Work(Protocol):
    """Ranks the targets of cases."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting of the recommender, JSON-able."""
        ...

    @property
    def device(self) -> str | None:
        """What computes, such as `cpu`; `None` where an earlier run does not say."""
        ...

    def results(self, cases: HeldOutCases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """Tables of `train.evaluation.results` over the cases at these places, in any order."""
        ...


class Scoring:
    """The work of a recommender that scores items from a history at once."""

    def __init__(self, scorer: baselines.RuledScorer, device: str) -> None:
        self._scorer = scorer
        self.settings = scorer.settings
        self.device = device

    def results(self, cases: HeldOutCases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """See `Work`."""
        return baselines.rank_cases(self._scorer, cases, places)


def ready(settings: Evaluate, catalogue: Catalogue, earlier: Earlier | None) -> Work:
    """Loads or counts what the recommender of the settings needs.

    Args:
      settings: what to evaluate.
      catalogue: of the domain.
      earlier: what `earlier_run` gave.

    Raises:
      CalrecError: if its checkpoint cannot be loaded.
    """
    entry = register.entry(settings.recommender)
    if entry.reads_model and earlier is None:
        keep_compiled()
    if not entry.generative:
        made = baselines.scorer(entry.id, inputs(settings, catalogue))
        return Scoring(made, device() if entry.trained else "cpu")
    from train.evaluation import generating

    if earlier is not None:
        return generating.Again(settings, catalogue, earlier)
    from calrec.generation.model import GenerativeModel  # brings in jax

    models = workspace_path(settings.workspace) / "models"
    model = GenerativeModel.from_checkpoint(settings.checkpoint or "", models=models)
    return generating.Drawing(settings, catalogue, model, inputs(settings, catalogue), device())


def inputs(settings: Evaluate, catalogue: Catalogue) -> Inputs:
    """What the recommender of the settings is built from."""
    options: dict[str, Any] = dict(zip("abcn", settings.weights or (), strict=False))
    if settings.model_weight is not None:
        options["model"] = settings.model_weight
    return Inputs(
        shop=catalogue,
        split=settings.split,
        rules=settings.rules,
        checkpoint=settings.checkpoint,
        options=options,
    )


def device() -> str:
    """What jax computes on, such as `cpu` or `NVIDIA H100`."""
    import jax

    return jax.devices()[0].device_kind


def earlier_run(settings: Evaluate, catalogue: Catalogue) -> Earlier | None:
    """The run whose samples are to be ranked again; `None` where there is none.

    Raises:
      CalrecError: if it cannot be loaded or is of other data.
    """
    if settings.calrec.samples_from is None:
        return None
    return Earlier.load(
        settings.calrec.samples_from,
        domain=settings.domain,
        split=settings.split,
        fingerprint=catalogue.info.fingerprint,
    )


def checkpoint_of(
    settings: Evaluate, catalogue: Catalogue, earlier: Earlier | None
) -> CheckpointMeta | None:
    """What a run says of the checkpoint; `None` for a recommender without one.

    Raises:
      CalrecError: if it cannot be read.
    """
    if earlier is not None:
        return replace(earlier.meta.checkpoint or CheckpointMeta(), samples=earlier.digest)
    entry = register.entry(settings.recommender)
    if settings.checkpoint is None:
        return None
    if entry.reads_model:
        return fingerprints.calrec_checkpoint(settings.checkpoint)
    return fingerprints.trained_checkpoint(entry, Path(settings.checkpoint), catalogue.info)
