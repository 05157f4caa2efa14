"""What a training or a sampling would need on described chips, before any is rented.

Parameters, tokens and operations are counted. Memory and collectives are the compiler's own, where
libtpu is installed (extra `tpu`): it compiles for a topology without having one. For a GPU they are
estimated by arithmetic.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec
from rich.console import Console
from rich.table import Table

from calrec.errors import CalrecError
from calrec.generation.sampling import decode, prefill
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from calrec.model.backbone.forward import Forward
from train import flops, presets
from train.settings import StageSettings
from train.step import mesh as meshes
from train.step.optimizer import optimizer
from train.step.rows import Batch, Rows
from train.step.terms import Task
from train.step.trainer import Trainer

GB = 1e9
MEMORY = {
    "v4": 32.0,
    "v5e": 15.75,
    "v5p": 95.0,
    "v6e": 31.25,
    "a100": 80.0,
    "h100": 80.0,
    "h200": 141.0,
}
"""Bytes of a chip that a program may use, in GB (the compilers' own for TPUs)."""
KINDS = {
    "v4": "TPU v4",
    "v5e": "TPU v5e",
    "v5p": "TPU v5p",
    "v6e": "TPU v6e",
    "a100": "NVIDIA A100",
    "h100": "NVIDIA H100",
    "h200": "NVIDIA H200",
}


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Described chips: such as v5e:4x4, over some slices; or one GPU, such as h100."""

    kind: str
    grid: str | None
    slices: int = 1

    @classmethod
    def of(cls, name: str, slices: int = 1) -> Topology:
        """Reads a name.

        Raises:
          CalrecError: if it names no known chip.
        """
        kind, colon, grid = name.partition(":")
        on_grid = kind.startswith("v")
        if kind not in MEMORY or on_grid != bool(colon) or (colon and not _GRID.fullmatch(grid)):
            raise CalrecError(
                "expected a topology such as v5e:4x4, v4:2x2x1, v5p:2x2x4, v6e:4x4 or h100, found"
                f" {name}; give another --topology"
            )
        return cls(kind=kind, grid=grid or None, slices=slices)

    @property
    def chips(self) -> int:
        """Of all slices."""
        return self.slices * math.prod(map(int, self.grid.split("x"))) if self.grid else 1

    def devices(self) -> Sequence[Any]:
        """The described chips, to compile for.

        Raises:
          CalrecError: if libtpu is not installed, or knows no such topology.
        """
        os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
        os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
        from jax.experimental import topologies

        more = {"num_slices": self.slices} if self.slices > 1 else {}
        name = f"{self.kind}:{self.grid}"
        try:
            return topologies.get_topology_desc(platform="tpu", topology_name=name, **more).devices
        except Exception as error:  # the plugin raises many kinds
            raise CalrecError(
                f"expected libtpu to describe {name}, found: {str(error).splitlines()[0]};"
                " install it: pip install 'calrec[tpu]', or give --no-compile"
            ) from None


_GRID = re.compile(r"\d+x\d+(x\d+)?")


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What the compiler says of a program.

    Attributes:
      peak: bytes of a chip at once.
      collectives: bytes that cross between chips in one run, by kind; a loop's body counts once.
      inside_loops: the bytes among them that cross within a loop.
    """

    peak: int
    collectives: dict[str, int]
    inside_loops: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A program on described chips."""

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

    @property
    def room(self) -> float:
        """Bytes of a chip that are left; negative where it does not fit."""
        return MEMORY[self.topology.kind] * GB - self.peak

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


def read(compiled: Any) -> Compiled:
    """What a compiled program needs and sends."""
    peak = compiled.memory_analysis().peak_memory_in_bytes
    everywhere, inside = _collectives(compiled.as_text())
    return Compiled(peak=int(peak), collectives=everywhere, inside_loops=inside)


_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) (?:\([^)]*\).*)?\{?$")
_OPERATION = re.compile(
    r"= (.+?) (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\("
)
_ARRAY = re.compile(r"(f32|bf16|s32|u32|pred|f16|s8)\[([\d,]*)\]")
_BYTES = {"f32": 4, "s32": 4, "u32": 4, "bf16": 2, "f16": 2, "pred": 1, "s8": 1}


def _collectives(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes of the results of collectives, by kind: all of them, and those in bodies of loops."""
    bodies = set(re.findall(r"body=%?([\w.\-]+)", text))
    everywhere: dict[str, int] = {}
    inside: dict[str, int] = {}
    computation = ""
    for line in text.splitlines():
        if not line.startswith(" ") and line.rstrip().endswith("{"):
            computation = line.removeprefix("ENTRY ").split(" ")[0].lstrip("%")
        found = _OPERATION.search(line)
        if found is None:
            continue
        size = sum(
            _BYTES[kind] * math.prod(map(int, filter(None, dims.split(","))))
            for kind, dims in _ARRAY.findall(found[1])
        )
        everywhere[found[2]] = everywhere.get(found[2], 0) + size
        if computation in bodies:
            inside[found[2]] = inside.get(found[2], 0) + size
    return everywhere, inside


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
) -> Plan:
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
    return Plan(
        topology=topology,
        parameters=flops.parameters(config),
        tokens=rows * row,
        operations=operations,
        compiled=compiled,
        estimated=estimated(config, settings, row, chips),
    )


_TOO_MUCH = re.compile(r"Used ([\d.]+)G of ([\d.]+)G hbm")


def compiled_or_full(compile: Any) -> Compiled:
    """What the compiler says, also where it refuses a program for its memory."""
    try:
        return read(compile())
    except Exception as error:
        if (found := _TOO_MUCH.search(str(error))) is None:
            raise
        return Compiled(peak=int(float(found[1]) * 2**30), collectives={}, inside_loops={})


def sampler_plan(
    config: DecoderConfig,
    topology: Topology,
    users: int,
    *,
    prompt: int = 1024,
    slots: int = 80,
    samples: int = 32,
    dtype: str = "bfloat16",
) -> tuple[Compiled, float, float]:
    """One decoding step of many users' samples on one described chip.

    Args:
      config: the decoder's.
      topology: whose first chip it is.
      users: decoded side by side.
      prompt: tokens of each one's prompt.
      slots: tokens of a sample.
      samples: of a user.
      dtype: of weights and caches.

    Returns:
      what the compiler says, the bytes that a step moves, and those of weights and caches, each of
      which a step has to read once.
    """
    graph, weights = nnx.split(nnx.eval_shape(lambda: Decoder(config, rngs=nnx.Rngs(0))))
    weights = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, jnp.dtype(dtype)), weights)
    state = jax.eval_shape(
        partial(prefill, graph, samples=samples, slots=slots),
        weights,
        jax.ShapeDtypeStruct((users, prompt), jnp.int32),
        jax.ShapeDtypeStruct((users,), jnp.int32),
        jax.ShapeDtypeStruct((users,), jnp.uint32),
        jax.ShapeDtypeStruct((), jnp.int32),
    )
    chip = jax.sharding.SingleDeviceSharding(topology.devices()[0])
    placed = partial(jax.tree.map, lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=chip))
    scalar = jax.ShapeDtypeStruct((), jnp.float32, sharding=chip)
    steps = jax.ShapeDtypeStruct((), jnp.int32, sharding=chip)
    made = decode.lower(graph, placed(weights), placed(state), scalar, steps, end_id=0).compile()
    needed = sum(
        math.prod(x.shape) * x.dtype.itemsize
        for x in jax.tree.leaves((weights, state.prompt, state.cache))
    )
    costs: Any = made.cost_analysis()
    return read(made), float(costs["bytes accessed"]), float(needed)


def tell(command: Any, console: Console) -> None:
    """Prints the plan of a command line (`train.cli.Plan`)."""
    preset = presets.load(command.preset)
    if preset.model is None:
        raise CalrecError(
            "expected a preset with a model's shape, found one without; give another --preset"
        )
    topology = Topology.of(command.topology, command.slices)
    table = Table(show_header=False, box=None)
    room = MEMORY[topology.kind] * GB
    if command.program == "sampler":
        found, moved, needed = sampler_plan(preset.model, topology, command.sampled_users)
        peak = found.peak
        table.add_row("users and samples", f"{command.sampled_users} x 32, on one chip")
        table.add_row("weights and caches", _bytes(needed))
        table.add_row("moved in a step", f"{_bytes(moved)}, {moved / needed:.1f} x")
    else:
        made = plan(
            preset.model,
            command.settings,
            topology,
            tokens_per_user=command.tokens_per_user,
            compile=command.compile,
        )
        peak = made.peak
        seconds = made.seconds(command.share)
        hours = seconds * command.settings.steps * topology.chips / 3600
        table.add_row("parameters", f"{made.parameters / 1e6:,.1f} M")
        table.add_row("tokens a step", f"{made.tokens:,}, padding among them")
        table.add_row("operations a step", f"{made.operations / 1e12:,.1f} T")
        table.add_row("time a step", f"{seconds:.2f} s at {command.share:.0%} of the peak")
        table.add_row("all steps", f"{command.settings.steps:,} steps, {hours:,.1f} chip-hours")
        for kind, size in (made.compiled.collectives if made.compiled else {}).items():
            loops = made.compiled.inside_loops.get(kind, 0) if made.compiled else 0
            where = f", of which {_bytes(loops)} in loops (once counted)" if loops else ""
            table.add_row(kind, f"{_bytes(size)}{where}")
    by = "the compiler" if command.program == "sampler" or made.compiled else "arithmetic"
    table.add_row("memory of a chip", f"{_bytes(peak)} by {by}, of {_bytes(room)}")
    console.print(table)
    left = room - peak
    verdict = "fits" if left >= 0 else "does not fit"
    console.print(f"{verdict}: {_bytes(abs(left))} {'left' if left >= 0 else 'too much'}")


def _bytes(size: float) -> str:
    return f"{size / GB:,.2f} GB" if size >= GB / 10 else f"{size / 1e6:,.1f} MB"
