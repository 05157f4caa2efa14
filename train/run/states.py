"""The states of a run: saved whole, checked when they are read, the two newest and the best kept.

RUN/checkpoints/STEP/           orbax: weights, the rest of the state, metrics
RUN/checkpoints/STEP.json       digests of its files: there once all of them are on the disk
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from calrec.errors import CalrecError
from calrec.model.backbone import stacked
from calrec.model.backbone.config import Dtype
from calrec.model.backbone.decoder import Decoder
from calrec.model.backbone.lora_settings import LoraSettings
from calrec.records import codec, digests
from calrec.records.files import require_room, whole_file
from train.launch import by_first
from train.run.description import Run
from train.run.start import Start, frozen_model, places
from train.settings import StageSettings
from train.step.optimizer import TrainState

NEWEST = 2
GOODNESS = "goodness"
"""What chooses the best state: higher is better."""


class States:
    """The saved states of one run; a context, which waits for what is being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = (folder / "checkpoints").absolute()
        keep = policies.AnyPreservationPolicy(
            [
                policies.LatestN(NEWEST),
                policies.BestN(get_metric_fn=lambda metrics: metrics[GOODNESS], n=1),
            ]
        )
        # Metrics are only written where `best_fn` is set, also beside a preservation policy.
        options = ocp.CheckpointManagerOptions(
            preservation_policy=keep,
            best_fn=lambda metrics: metrics[GOODNESS],
            create=False,
            enable_async_checkpointing=False,
        )
        self._folder.mkdir(exist_ok=True)
        self._manager = ocp.CheckpointManager(self._folder, options=options)

    def __enter__(self) -> States:
        return self

    def __exit__(self, *error: object) -> None:
        # Nothing is being written; and one process with an error may not wait for the others.
        if error[0] is None or jax.process_count() == 1:
            self._manager.close()

    def steps(self) -> list[int]:
        """The saved steps, ascending."""
        return sorted(self._manager.all_steps())

    def metrics(self, step: int) -> dict[str, float]:
        """What was measured of a saved state."""
        return dict(self._manager.metrics(step) or {})

    def save(self, step: int, state: TrainState, metrics: dict[str, float]) -> None:
        """Saves a state, and lets go of those that are neither newest nor best.

        Raises:
          CalrecError: if the disk has no room for it; what was saved before is whole.
        """
        if step in self._manager.all_steps():  # a damaged one, which this is to replace
            self._manager.delete(step)
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        require_room(self._folder, size, what="state of the run")
        self._manager.save(
            step,
            args=ocp.args.Composite(
                weights=ocp.args.StandardSave(state.weights),
                rest=ocp.args.StandardSave({"optimizer": state.optimizer, "step": state.step}),
            ),
            metrics=metrics,
        )
        self._manager.wait_until_finished()
        if jax.process_index() == 0:
            self._seal(step)

    def _seal(self, step: int) -> None:
        with whole_file(self._folder / f"{step}.json") as new:
            new.write_text(codec.to_text(digests.of_files(self._folder / str(step))))
        kept = {f"{step}.json" for step in self._manager.all_steps()}
        for old in self._folder.glob("*.json"):
            if old.name not in kept:
                old.unlink()

    def resumed(self, fresh: TrainState, say: Callable[[str], object]) -> TrainState:
        """The newest whole state, placed like `fresh`; `fresh` itself if there is none.

        Args:
          fresh: before the first step.
          say: told of each damaged state that is passed over.
        """
        for step in reversed(self.steps()):
            if (damage := by_first(lambda step=step: self._damage(step))) is None:
                try:
                    return self._restored(step, fresh)
                except Exception as error:  # orbax raises many kinds
                    damage = type(error).__name__
            say(f"the state of step {step} is damaged ({damage}); going on from the one before")
        return fresh

    def _damage(self, step: int) -> str | None:
        """What is wrong with a saved state's files, if anything."""
        try:
            expected = codec.from_text((self._folder / f"{step}.json").read_bytes())
        except (OSError, ValueError):
            return "it was not written to its end"
        found = digests.of_files(self._folder / str(step))
        wrong = sorted(n for n in expected | found if expected.get(n) != found.get(n))
        return f"{wrong[0]} is not as it was written" if wrong else None

    def _restored(self, step: int, like: TrainState) -> TrainState:
        def shapes(tree: Any) -> Any:
            return jax.tree.map(
                lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), tree
            )

        rest = {"optimizer": like.optimizer, "step": like.step}
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                weights=ocp.args.StandardRestore(shapes(like.weights)),
                rest=ocp.args.StandardRestore(shapes(rest)),
            ),
        )
        return TrainState(weights=restored["weights"], **restored["rest"])

    def best(self) -> int | None:
        """The step of the best whole state; of equals the later one."""
        whole = [step for step in self.steps() if self._damage(step) is None]
        return max(whole, key=lambda s: (self.metrics(s)[GOODNESS], s), default=None)

    def weights(self, step: int, outline: stacked.Weights) -> stacked.Weights:
        """The weights of a saved state, of such shapes, on this process's first device."""
        device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        expected = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device),
            outline,
        )
        items = ocp.args.Composite(weights=ocp.args.StandardRestore(expected))
        return self._manager.restore(step, args=items)["weights"]


def best_weights(folder: Path, workspace: Path | None = None) -> Decoder:
    """The decoder of a run, with the weights that its selection chose, adapters merged.

    Args:
      folder: the run's.
      workspace: in whose `models` the base of adapters lies, unless it is still where it was.

    Raises:
      CalrecError: if the run has no checkpoint, or damaged ones, or the base is not there.
    """
    run = Run.load(folder)
    if run.base is None:
        return stacked.unstack(run.decoder, best_trained(folder, stacked.outline(run.decoder)))
    start = best_start(folder, workspace)
    weights = stacked.merged({**start.frozen, **start.trained}, lora_of(run))
    return stacked.unstack(run.decoder, weights)


def best_start(folder: Path, workspace: Path | None = None, dtype: Dtype = "float32") -> Start:
    """A run's adapters, as its selection chose them, and the base beside which they stand.

    Args:
      folder: the run's.
      workspace: in whose `models` the base lies, unless it is still where it was.
      dtype: of the base's weights.

    Raises:
      CalrecError: as `best_weights`; or if the run trained all weights.
    """
    run = Run.load(folder)
    if run.base is None:
        raise CalrecError(
            f"expected a run of adapters in {folder}, found one that trained all weights; export it"
            " whole"
        )
    frozen = frozen_model(run.base, run.added, places(workspace), dtype)
    start = Start.beside(run.base, frozen, lora_of(run), len(run.added))
    outline = jax.eval_shape(lambda: start.trained)
    return replace(start, trained=best_trained(folder, outline))


def lora_of(run: Run) -> LoraSettings:
    """The settings of a run's adapters."""
    return codec.decode(StageSettings, run.settings).lora


def best_trained(folder: Path, outline: stacked.Weights) -> stacked.Weights:
    """What a run trained, as its selection chose it.

    Args:
      folder: the run's.
      outline: its shapes and types.

    Raises:
      CalrecError: if the run has no checkpoint, or damaged ones.
    """
    with States(folder) as states:
        if not states.steps():
            raise CalrecError(f"{folder}: expected a checkpoint, found none; train it on")
        if (best := states.best()) is None:
            raise CalrecError(
                f"{folder}: expected whole checkpoints, found damaged ones;"
                " train it again in another folder"
            )
        weights = states.weights(best, outline)
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(weights)):
        raise CalrecError(
            f"{folder}: expected weights that are numbers, found others in the checkpoint of step"
            f" {best}; train it again in another folder"
        )
    return weights
