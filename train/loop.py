"""Runs a stage: steps, validation, states that are saved, a log, and a clean stop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.forward import Dropout, Forward
from calrec.records.locks import locked
from calrec.report.training_log import NDCG
from train import flops
from train.data.batches import Batches, PretrainingBatches, StageBatches
from train.data.packing import Layout
from train.data.prepared import Prepared
from train.judge import UNMEASURED, Judge
from train.launch import by_first
from train.run.description import Run, require_local
from train.run.log import Log
from train.run.start import Start
from train.run.states import GOODNESS, States
from train.run.stopping import Asked, stopping
from train.run.trace import Trace
from train.settings import StageSettings
from train.step.mesh import make_mesh, shards_of_process
from train.step.optimizer import TrainState, optimizer, schedule
from train.step.rows import Batch
from train.step.terms import Task
from train.step.trainer import Metrics, Trainer

LOG_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class Watching:
    """What is looked at beside the training; none of it changes the run.

    Attributes:
      tensorboard: whether the log is written for TensorBoard too.
      profile: first and last step of a trace of the device, for xprof.
    """

    tensorboard: bool = False
    profile: tuple[int, int] | None = None


UNWATCHED = Watching()


def fit(
    *,
    stage: str,
    data: Prepared,
    settings: StageSettings,
    start: Start,
    parents: Sequence[dict[str, Any]],
    out: Path,
    console: Console,
    workspace: Path | None = None,
    watching: Watching = UNWATCHED,
) -> None:
    """Trains weights and leaves the run in `out`; continues a run that was stopped.

    Args:
      stage: its name.
      data: the prepared domains.
      settings: of the stage.
      start: the weights that are trained, as they are, and those that stay.
      parents: the runs that it builds on (`train.export.history_entry`).
      out: the run's folder.
      console: told of progress.
      workspace: where the domains are built, to select by NDCG@10; unused when selecting by nig.
      watching: what is looked at besides.

    Raises:
      CalrecError: if `out` holds another run or is being trained by another process, the data do
        not serve the stage, or a loss is no number.
      KeyboardInterrupt: when asked to stop, behind a saved state.
    """
    require_local(out)
    config, base = start.config, start.base
    _require_positions(config, settings)
    batches, trainer = _trainer(stage, data, settings, start)
    judge = Judge.of(data, settings, trainer, batches, workspace)
    with ExitStack() as stack:

        def claim() -> None:
            Run.of(stage, data, settings, config, parents, base).claim(out, data)
            _alone(stack, out)

        by_first(claim)
        states = stack.enter_context(States(out))
        state = states.resumed(trainer.init(start.trained), console.print)
        del start
        log = closing(Log(out, int(state.step), tensorboard=watching.tensorboard))
        asked = stack.enter_context(stopping())
        progress = _Progress(
            stage=stage,
            bar=stack.enter_context(_bar(console)),
            settings=settings,
            batches=batches,
            trainer=trainer,
            states=states,
            log=stack.enter_context(log),
            judge=judge,
            console=console,
            trace=stack.enter_context(Trace(out / "profile", watching.profile, console.print)),
        )
        progress.start(state, asked)


def _trainer(
    stage: str, data: Prepared, settings: StageSettings, start: Start
) -> tuple[Batches, Trainer]:
    """The batches of a stage, and what makes its steps on all devices."""
    mesh = make_mesh(jax.devices(), settings.mesh)
    layout = Layout(
        tokens=1,
        places=1,
        shards=mesh.size,
        microbatch=settings.microbatch,
        mine=shards_of_process(mesh),
    )
    kind = PretrainingBatches if stage == "pretrain" else StageBatches
    batches: Batches = kind(data, settings, layout)
    trainer = Trainer(
        task=_task(start.config, settings, batches.users),
        tx=optimizer(settings),
        microbatch=settings.microbatch,
        mesh=mesh,
        settings=settings.mesh,
        seed=settings.seed,
    )
    return batches, trainer.adapting(start.trained, start.frozen)


def _task(config: DecoderConfig, settings: StageSettings, users: int) -> Task:
    on_tpu = jax.default_backend() == "tpu"
    attention = settings.attention
    if attention == "auto":
        attention = "splash" if on_tpu else "packed"
    forward = Forward(
        remat=settings.remat,
        dtype=settings.compute,
        dropout=Dropout(
            residual=settings.residual_dropout,
            attention=settings.attention_dropout,
            embedding=settings.embedding_dropout,
        ),
        attention=attention,
        lora=settings.lora,
        # Few layers are unrolled for a CPU or GPU; many would take long to compile.
        unroll=1 if on_tpu else min(config.num_hidden_layers, 8),
    )
    return Task(config=config, forward=forward, users=users, objective=settings.objective)


def _alone(stack: ExitStack, out: Path) -> None:
    """Keeps a second trainer out of the run's folder."""
    if not stack.enter_context(locked(out / "lock", create=True)):
        raise CalrecError(
            f"expected {out} to be trained by one process, found another at it; wait for it, stop"
            " it, or name another --out"
        )


@dataclass(kw_only=True, eq=False)
class _Progress:
    """The steps of one run, from where it resumes to its end."""

    stage: str
    bar: Progress
    settings: StageSettings
    batches: Batches
    trainer: Trainer
    states: States
    log: Log
    judge: Judge
    console: Console
    trace: Trace
    task: Any = None
    productive: float = 0.0
    tokens: int = 0

    def start(self, state: TrainState, asked: Asked) -> None:
        """Says what is run, keeps the state that a new run starts from, and runs."""
        size = flops.parameters(self.trainer.task.config)
        self.console.print(
            f"{self.stage}: {size / 1e6:.2f} M parameters, {self.settings.steps} steps, rows of"
            f" {self.batches.layout.tokens} tokens on {_devices(self.trainer.mesh.size)};"
            " compiling ..."
        )
        self.task = self.bar.add_task(
            self.stage, total=self.settings.steps, completed=int(state.step), said=""
        )
        if not self.states.steps():
            self.log.write(0, self.keep(0, state))
        self.run(state, int(state.step), asked)

    def run(self, state: TrainState, first: int, asked: Asked) -> None:
        """Makes the steps; each one's loss is looked at while the next one runs."""
        rate, start = schedule(self.settings), time.monotonic()
        before: tuple[int, Metrics] | None = None
        for done in range(first + 1, self.settings.steps + 1):
            self.trace.before(done)
            batch = self.batches.batch(done - 1)
            since = time.monotonic()
            placed = self.trainer.placed(batch)
            state, metrics = self.trainer.step(state, placed, self.trainer.frozen)
            self._require_finite(before)
            before = done, metrics
            self.trace.after(done, metrics)
            self.tokens += _tokens(batch)
            self.bar.update(self.task, completed=done)
            at_end = done == self.settings.steps
            validate = done % self.settings.validate_every == 0 or at_end
            stop = _agreed(asked, done)
            if not (validate or stop or done % LOG_EVERY == 0):
                self.productive += time.monotonic() - since
                continue
            self._require_finite(before)
            self.productive += time.monotonic() - since
            line = {name: round(float(v), 5) for name, v in metrics.items() if name != "finite"}
            line["learning_rate"] = float(np.asarray(rate(done - 1)))
            line |= self._speed(batch, time.monotonic() - start)
            self.bar.update(self.task, said=_said(line))
            if validate or stop:
                line |= self.keep(done, state)
            self.log.write(done, line)
            if stop:
                self.console.print(f"stopped; the same command goes on from step {done}")
                asked.stop()

    def keep(self, step: int, state: TrainState) -> dict[str, float]:
        """Measures and saves a state; returns what was measured."""
        measured = self.judge.measured(state)
        if not np.isfinite(list(measured.values())).all():
            raise self._not_finite(step)
        goodness = self.judge.goodness(step, state, measured)
        said = f"step {step}: validation nig {measured['validation_nig']:.4f} nats a token"
        if self.judge.selection is not None and goodness != UNMEASURED:
            measured[NDCG] = round(goodness, 5)
            said += f", NDCG@10 {goodness:.4f} (pessimistic)"
        self.states.save(step, state, {**measured, GOODNESS: goodness})
        self.console.print(said)
        return measured

    def _speed(self, batch: Batch, seconds: float) -> dict[str, float]:
        """Real tokens a second since the start or resume, and shares of time and of the peak."""
        found = {
            "tokens_per_second": round(self.tokens / seconds, 1),
            "productive": round(self.productive / seconds, 4),
        }
        device = jax.devices()[0]
        if (peak := flops.peak(device.device_kind)) is not None:
            predicted = int(batch.predicted.sum())
            row = self.batches.layout.tokens
            real = _tokens(batch)
            each = flops.training(self.trainer.task.config, real, predicted, row) / real
            chips = self.trainer.mesh.size
            found["share_of_peak"] = round(each * self.tokens / self.productive / peak / chips, 4)
        return found

    def _require_finite(self, made: tuple[int, Metrics] | None) -> None:
        if made is not None and not bool(made[1]["finite"]):
            raise self._not_finite(made[0])

    def _not_finite(self, step: int) -> CalrecError:
        names = self.batches.names(step - 1)
        shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        saved = self.states.best()
        kept = "no state is saved" if saved is None else f"the best saved state is of step {saved}"
        return CalrecError(
            f"{self.stage}: expected losses and gradients that are numbers, found others in step"
            f" {step} ({shown}); {kept}; lower --learning-rate"
        )


def _tokens(batch: Batch) -> int:
    """Real tokens of a batch: each process has its own rows, which hold about as many."""
    return int(batch.rows.segment.astype(bool).sum()) * jax.process_count()


def _agreed(asked: Asked, step: int) -> bool:
    """Whether to stop: alone at once, several processes in the same step, if any was asked."""
    if jax.process_count() == 1:
        return asked.by is not None
    if step % LOG_EVERY:
        return False
    told = multihost_utils.process_allgather(np.asarray(asked.by or 0))
    asked.by = int(told.max()) or None
    return asked.by is not None


def _require_positions(config: DecoderConfig, settings: StageSettings) -> None:
    longest = settings.max_prompt_tokens + settings.max_target_tokens
    if longest > config.max_position_embeddings:
        raise CalrecError(
            f"expected prompt and target within {config.max_position_embeddings} tokens, the"
            f" model's positions, found {longest}; lower --max-prompt-tokens"
        )


def _devices(number: int) -> str:
    return f"{number} device" if number == 1 else f"{number} devices"


def _said(line: dict[str, float]) -> str:
    """A line of the log as the terminal shows it, the most important first: what is left is cut."""
    losses = (f"{name} {line[name]:.3f}" for name in ("total", "nig", "tt", "ut") if name in line)
    said = f"{'  '.join(losses)}  gradient {line['gradient_norm']:.2f}"
    said += f"  {line['tokens_per_second']:,.0f} tokens/s"
    return said + (f"  {line['share_of_peak']:.0%} of peak" if "share_of_peak" in line else "")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        # The rest of the width: on a narrow terminal this is what is cut.
        TextColumn("{task.fields[said]}", table_column=Column(ratio=1, no_wrap=True)),
        console=console,
        expand=True,
        disable=jax.process_index() > 0,
    )
