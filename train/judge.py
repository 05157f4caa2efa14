"""What a state of a run is worth: losses of held-out targets, and what the best is chosen by."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from calrec.errors import CalrecError
from calrec.model.backbone import stacked
from train.data.batches import Batches, held_out_batches
from train.data.prepared import Prepared
from train.data.records import Record, Records, Split
from train.selection import ModelSelection
from train.settings import StageSettings
from train.step.optimizer import TrainState
from train.step.rows import Batch
from train.step.trainer import Trainer

UNMEASURED = -1e9
"""Goodness of a state that is saved to be resumed from, not to be chosen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judge:
    """Measures a state: losses of held-out targets, and what selects the best."""

    losses: dict[Split, list[Batch]]
    trainer: Trainer
    selection: ModelSelection | None
    settings: StageSettings

    @classmethod
    def of(
        cls,
        data: Prepared,
        settings: StageSettings,
        trainer: Trainer,
        batches: Batches,
        workspace: Path | None,
    ) -> Judge:
        """That of a run; with a workspace to draw and rank texts in, unless the loss chooses.

        Raises:
          CalrecError: if nobody has a validation item, or the workspace is missing or another.
        """
        records = Records(data, settings)
        splits: tuple[Split, ...] = ("validation", "test")
        held_out: dict[Split, list[Record]] = {split: records.held_out(split) for split in splits}
        if not held_out["validation"]:
            raise CalrecError(
                "expected users with a validation item, found none in these domains;"
                " add a domain of the evaluation or selection role"
            )
        # As many users as a training step compares, so that their contrast is the same sum.
        users = min(batches.users or 32, *(len(found) for found in held_out.values() if found))
        selection = None
        if settings.select_by != "nig":
            if workspace is None:
                raise CalrecError(
                    "expected a workspace with these domains, to select by NDCG@10, found none;"
                    " give --workspace, or --select-by nig"
                )
            selection = ModelSelection.of(workspace, data, settings)
        plain = dataclasses.replace(trainer.task, users=users)
        losses: dict[Split, list[Batch]] = {
            split: held_out_batches(found, users, batches.layout, records.begin)
            for split, found in held_out.items()
        }
        return cls(
            losses=losses,
            trainer=dataclasses.replace(trainer, task=plain),
            selection=selection,
            settings=settings,
        )

    def measured(self, state: TrainState) -> dict[str, float]:
        """Losses in nats: `validation_nig` (a token), `validation_tt`, and those of the test."""
        found: dict[str, float] = {}
        for split, batches in self.losses.items():
            if not batches:
                continue
            trainer = self.trainer
            losses = [
                trainer.evaluate(state.weights, trainer.placed(batch), trainer.frozen)
                for batch in batches
            ]
            tokens = [int(batch.predicted[:-1].sum()) for batch in batches]
            found[f"{split}_nig"] = float(np.average([x["nig"] for x in losses], weights=tokens))
            found[f"{split}_tt"] = float(np.mean([x["tt"] for x in losses]))
        return {name: round(value, 5) for name, value in found.items()}

    def goodness(self, step: int, state: TrainState, measured: dict[str, float]) -> float:
        """What the best state has most of."""
        if self.selection is None:
            return -measured["validation_nig"]
        every = self.settings.validate_every * self.settings.select_every
        if step % every and step != self.settings.steps:
            return UNMEASURED
        task = self.trainer.task
        weights = self.trainer.whole({**self.trainer.frozen, **state.weights})
        whole = stacked.merged(jax.tree.map(jnp.asarray, weights), task.forward.lora)
        return self.selection.ndcg(stacked.unstack(task.config, whole))
