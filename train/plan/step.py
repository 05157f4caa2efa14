"""A training step on described chips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.forward import Forward
from train import flops
from train.plan.compiled import Compiled, compiled_or_full
from train.plan.topology import KINDS, Topology
from train.settings import StageSettings
from train.step import mesh as meshes
from train.step.optimizer import optimizer
from train.step.rows import Batch, Rows
from train.step.terms import Task
from train.step.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class StepPlan:
    """A training step on described chips.

    Attributes:
      topology: the chips.
      parameters: of the decoder.
      tokens: of a step, padding among them.
      operations: of a step.
      compiled: what the compiler says; `None` where it was not asked.
      estimated: bytes of a chip, by arithmetic.
    """

    topology: Topology
    parameters: int
    tokens: int
    operations: float
    compiled: Compiled | None
    estimated: int

    @property
    def peak(self) -> int:
        """Bytes of a chip: the compiler's where it was asked."""
        return self.compiled.peak if self.compiled else self.estimated

    def seconds(self, share: float) -> float:
        """Of a step, at a share of the chips' peak."""
        peak = flops.peak(KINDS[self.topology.kind])
        assert peak is not None
        return self.operations / (peak * share * self.topology.chips)


def trainer_for(
    config: DecoderConfig, settings: StageSettings, devices: Sequence[Any], *, splash: bool
) -> Trainer:
    """The trainer that a run of these settings would make."""
    forward = Forward(
        remat=settings.remat,
        dtype=settings.compute,
        attention="splash" if splash else "packed",
    )
    return Trainer(
        task=Task(
            config=config, forward=forward, users=settings.batch_size, objective=settings.objective
        ),
        tx=optimizer(settings),
        microbatch=settings.microbatch,
        mesh=meshes.make_mesh(devices, settings.mesh),
        settings=settings.mesh,
    )


def rows_of(settings: StageSettings, tokens_per_user: float, chips: int) -> tuple[int, int]:
    """Rows of a batch, and tokens of a row, that hold users of so many tokens on average."""
    row = (
        settings.row_tokens
        or -(-(settings.max_prompt_tokens + settings.max_target_tokens) // 128) * 128
    )
    rows = math.ceil(settings.batch_size * tokens_per_user / row)
    unit = chips * max(settings.microbatch, 1)
    return -(-rows // unit) * unit, row


def step_shapes(trainer: Trainer, rows: int, row: int, places: int) -> tuple[Any, Any]:
    """Shapes and places of a state and of a batch."""
    state = jax.tree.map(
        lambda x, sharding: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
        trainer.outline,
        trainer.shardings,
    )
    split = NamedSharding(trainer.mesh, PartitionSpec(meshes.AXES))
    whole = NamedSharding(trainer.mesh, PartitionSpec())

    def shape(sharding: NamedSharding, *size: int) -> Any:
        return jax.ShapeDtypeStruct(size, jnp.int32, sharding=sharding)

    users = trainer.task.users
    batch = Batch(
        rows=Rows(
            tokens=shape(split, rows, row),
            segment=shape(split, rows, row),
            position=shape(split, rows, row),
            pool=shape(split, rows, row),
            at=shape(split, rows, places),
            next=shape(split, rows, places),
            owner=shape(split, rows, places),
            row=shape(split, rows),
        ),
        pooled=shape(whole, 3, users),
        predicted=shape(whole, users + 1),
        used=shape(whole),
    )
    return state, batch


def estimated(config: DecoderConfig, settings: StageSettings, row: int, chips: int) -> int:
    """Bytes of a chip by arithmetic: weights, their gradient and two moments in float32, and what
    one microbatch keeps of every layer."""
    weights = 4 * flops.parameters(config)
    state = weights * (2 if settings.mesh.fsdp == 1 else 2 / settings.mesh.fsdp)
    moments = 2 * weights / (chips if settings.mesh.zero1 else 1)
    size = 2 if settings.compute == "bfloat16" else 4
    tokens = max(settings.microbatch, 1) * row
    wide = config.intermediate_size * 3 + config.hidden_size * 8
    kept = tokens * config.num_hidden_layers * config.hidden_size * size
    layer = tokens * wide * size * (1 if settings.remat == "full" else config.num_hidden_layers)
    logits = 2 * 4 * config.vocab_size * max(settings.microbatch, 1) * row // 4
    return int(state + moments + kept + layer + logits)


def plan(
    config: DecoderConfig,
    settings: StageSettings,
    topology: Topology,
    *,
    tokens_per_user: float,
    compile: bool = True,
) -> StepPlan:
    """The step of a stage on described chips.

    Args:
      config: the decoder's.
      settings: of the stage.
      topology: the chips.
      tokens_per_user: prompt and target, and the target once more, on average.
      compile: whether the compiler is asked; it takes some tens of seconds.

    Raises:
      CalrecError: if libtpu is missing, or the settings do not suit the chips.
    """
    chips = topology.chips
    rows, row = rows_of(settings, tokens_per_user, chips)
    places = row // 4
    forwards = 2 if settings.microbatch else 1
    operations = flops.training(config, rows * row, rows * places, row, forwards=forwards)
    compiled = None
    if compile and topology.grid:
        trainer = trainer_for(config, settings, topology.devices(), splash=True)
        state, batch = step_shapes(trainer, rows, row, places)
        compiled = compiled_or_full(lambda: trainer.step.lower(state, batch).compile())
    return StepPlan(
        topology=topology,
        parameters=flops.parameters(config),
        tokens=rows * row,
        operations=operations,
        compiled=compiled,
        estimated=estimated(config, settings, row, chips),
    )
