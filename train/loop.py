"""Runs a stage: steps, validation, checkpoints, a log, and a clean stop.

RUN/run.json       what was run: stage, settings, decoder, data, the runs it builds on
RUN/tokenizer/
RUN/checkpoints/   orbax: the latest state, to resume from, and the best on validation
RUN/log.jsonl      a line a logged step
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from flax import nnx
from orbax.checkpoint import checkpoint_managers as policies
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from calrec.model.objective import Batch
from calrec.records import codec
from calrec.records.files import whole_folder
from calrec.tokenizer import Tokenizer
from train.data import CalrecBatches, PackedRows, Prepared, Records
from train.presets import StageSettings
from train.step import (
    Losses,
    LossFunction,
    TrainState,
    calrec_loss,
    optimizer,
    pretraining_loss,
    target_nll,
    train_step,
)

LOG_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class Run:
    """What `run.json` says of a run; fingerprint and role of each domain, as it was then."""

    stage: str
    settings: dict[str, Any]
    decoder: DecoderConfig
    text: dict[str, Any]
    data: dict[str, str]
    parents: list[dict[str, Any]]
    roles: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The content of `run.json`."""
        return codec.encode(self)

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Reads `run.json`.

        Raises:
          CalrecError: if the folder is no run.
        """
        try:
            return codec.decode(cls, codec.from_text((folder / "run.json").read_bytes()))
        except FileNotFoundError:
            raise CalrecError(
                f"expected a training run in {folder}, found no run.json;"
                " train one with: calrec-train pretrain --data DIR --out RUN"
            ) from None
        except (CalrecError, ValueError) as error:
            raise CalrecError(
                f"{folder}/run.json: expected a run of this version, found a damaged or other one"
                f" ({error}); train it again"
            ) from None


def _manager(folder: Path) -> ocp.CheckpointManager:
    def goodness(metrics: dict[str, float]) -> float:
        return -metrics["validation_nig"]

    keep = policies.AnyPreservationPolicy(
        [policies.LatestN(1), policies.BestN(get_metric_fn=goodness, n=1)]
    )
    # Metrics are only written where `best_fn` is set, also beside a preservation policy.
    options = ocp.CheckpointManagerOptions(preservation_policy=keep, best_fn=goodness)
    return ocp.CheckpointManager((folder / "checkpoints").resolve(), options=options)


def best_weights(folder: Path) -> Decoder:
    """The decoder of a run, with the weights that were best on validation.

    Raises:
      CalrecError: if the run has no checkpoint, or a damaged one.
    """
    run = Run.load(folder)
    try:
        return _best(folder, run)
    except CalrecError:
        raise
    # orbax raises many kinds; each means files that are not what it wrote.
    except Exception as error:
        raise CalrecError(
            f"{folder}: expected whole checkpoints, found damaged ones ({type(error).__name__});"
            " train it again in another folder"
        ) from error


def _best(folder: Path, run: Run) -> Decoder:
    with _manager(folder) as manager:
        steps = {s: manager.metrics(s)["validation_nig"] for s in manager.all_steps()}
        if not steps:
            raise CalrecError(f"{folder}: expected a checkpoint, found none; train it on")
        best = min(steps, key=lambda s: (steps[s], -s))
        model = Decoder(run.decoder, rngs=nnx.Rngs(0))
        graph, weights = nnx.split(model)
        restored = manager.restore(
            best,
            args=ocp.args.Composite(
                weights=ocp.args.StandardRestore(nnx.to_pure_dict(weights)),
            ),
        )
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(restored["weights"])):
        raise CalrecError(
            f"{folder}: expected weights that are numbers, found others in the checkpoint of step"
            f" {best}, as a damaged file gives them; train it again in another folder"
        )
    nnx.replace_by_pure_dict(weights, restored["weights"])
    return nnx.merge(graph, weights)


def fit(
    *,
    stage: str,
    data: Prepared,
    settings: StageSettings,
    model: Decoder,
    parents: Sequence[dict[str, Any]],
    out: Path,
    console: Console,
) -> None:
    """Trains `model` and leaves the run in `out`; continues a run that was stopped.

    Raises:
      CalrecError: if `out` holds another run, or the data do not serve the stage.
    """
    graph, weights = nnx.split(model)
    tx = optimizer(settings)
    batches, loss = _task(stage, data, settings)
    validation = _validation(data, settings)
    _require_positions(model.config, settings)
    _claim(out, _run(stage, data, settings, model.config, parents), data)

    size = sum(x.size for x in jax.tree.leaves(weights))
    console.print(f"{stage}: {size / 1e6:.2f} M parameters, {settings.steps} steps; compiling ...")
    with _manager(out) as manager, _bar(console) as bar:
        state = TrainState(weights=weights, optimizer=tx.init(weights), step=jnp.zeros((), int))
        state = _resumed(manager, state)
        first = int(state.step)
        log = _Log(out / "log.jsonl", first)
        task = bar.add_task(stage, total=settings.steps, completed=first, loss="")
        try:
            for done in range(first + 1, settings.steps + 1):
                state, values = train_step(graph, loss, tx, state, batches.batch(done - 1))
                bar.update(task, completed=done)
                validate = done % settings.validate_every == 0 or done == settings.steps
                if not validate and done % LOG_EVERY:
                    continue
                line = _line(stage, done, values)
                bar.update(task, loss="  ".join(f"{name} {v:.3f}" for name, v in line.items()))
                if validate:
                    nig = round(_validate(graph, state.weights, validation), 5)
                    line["validation_nig"] = nig
                    _save(manager, done, state, nig)
                    console.print(f"step {done}: validation nig {nig:.4f} nats a token")
                log.write(done, line)
        except KeyboardInterrupt:
            saved = manager.latest_step() or 0
            console.print(f"stopped; the same command goes on from step {saved}")
            raise


def _task(
    stage: str, data: Prepared, settings: StageSettings
) -> tuple[PackedRows | CalrecBatches, LossFunction]:
    """The batches of a stage, and its loss."""
    if stage == "pretrain":
        return PackedRows(data, settings), pretraining_loss()
    return CalrecBatches(data, settings), calrec_loss(settings.objective, settings.recompute)


def _validation(data: Prepared, settings: StageSettings) -> list[Batch]:
    batches = Records(data, settings).validation()
    if not batches:
        raise CalrecError(
            "expected users with a validation item, found none in these domains;"
            " add a domain of the evaluation or selection role"
        )
    return batches


def _require_positions(config: DecoderConfig, settings: StageSettings) -> None:
    longest = settings.max_prompt_tokens + settings.max_target_tokens
    if longest > config.max_position_embeddings:
        raise CalrecError(
            f"expected prompt and target within {config.max_position_embeddings} tokens, the"
            f" model's positions, found {longest}; lower --max-prompt-tokens"
        )


def _run(
    stage: str,
    data: Prepared,
    settings: StageSettings,
    config: DecoderConfig,
    parents: Sequence[dict[str, Any]],
) -> Run:
    domains = {d.domain: data.meta["domains"][d.domain] for d in data.domains}
    return Run(
        stage=stage,
        settings=dataclasses.asdict(settings),
        decoder=config,
        text=data.meta["text"],
        data={name: domain["fingerprint"] for name, domain in domains.items()},
        parents=list(parents),
        roles={name: domain["role"] for name, domain in domains.items()},
    )


def _line(stage: str, step: int, values: Losses) -> dict[str, float]:
    """The losses of a step, for the log and the bar."""
    line = {name: round(float(value), 5) for name, value in values.items()}
    if not np.isfinite(line["total"]):
        raise CalrecError(f"{stage}: the loss is no number at step {step}; lower --learning-rate")
    return line


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a `log.jsonl`; none without one, and without a last line cut by a kill."""
    lines = path.read_text().splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


class _Log:
    """`log.jsonl`: a line a logged step, without those behind the step that a run resumes from."""

    def __init__(self, path: Path, first: int) -> None:
        lines = [line for line in read_log(path) if line["step"] <= first]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self._path = path
        self._start = time.monotonic()

    def write(self, step: int, line: dict[str, Any]) -> None:
        """Adds a line; `seconds` count from the start or the resume of the run."""
        seconds = round(time.monotonic() - self._start, 2)
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, "seconds": seconds, **line}) + "\n")


def _claim(out: Path, run: Run, data: Prepared) -> None:
    """Makes `out` this run's folder, or checks that it is."""
    if (out / "run.json").is_file():
        found = Run.load(out)
        if not found.roles:  # of before they were recorded
            found = dataclasses.replace(found, roles=run.roles)
        if found != run:
            raise CalrecError(
                f"{out} holds a run with other settings or data; name another --out, or delete it"
            )
        return
    with whole_folder(out, ours=lambda folder: False, what="training run") as new:
        shutil.copytree(data.folder / "tokenizer", new / "tokenizer")
        (new / "run.json").write_text(codec.to_text(run.to_json()))


def _tree(state: TrainState) -> dict[str, Any]:
    return {"optimizer": state.optimizer, "step": state.step}


def _save(manager: ocp.CheckpointManager, step: int, state: TrainState, nig: float) -> None:
    manager.save(
        step,
        args=ocp.args.Composite(
            weights=ocp.args.StandardSave(nnx.to_pure_dict(state.weights)),
            rest=ocp.args.StandardSave(_tree(state)),
        ),
        metrics={"validation_nig": nig},
    )


def _resumed(manager: ocp.CheckpointManager, fresh: TrainState) -> TrainState:
    if (latest := manager.latest_step()) is None:
        return fresh
    restored = manager.restore(
        latest,
        args=ocp.args.Composite(
            weights=ocp.args.StandardRestore(nnx.to_pure_dict(fresh.weights)),
            rest=ocp.args.StandardRestore(_tree(fresh)),
        ),
    )
    nnx.replace_by_pure_dict(fresh.weights, restored["weights"])
    return TrainState(weights=fresh.weights, **restored["rest"])


def _validate(graph: nnx.GraphDef, weights: nnx.State, batches: Sequence[Any]) -> float:
    """Mean negative log-likelihood of the validation targets, in nats a token."""
    parts = [target_nll(graph, weights, batch) for batch in batches]
    return float(sum(p[0] for p in parts)) / float(sum(p[1] for p in parts))


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
        console=console,
    )


def run_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a run."""
    return Tokenizer.load(folder / "tokenizer")
