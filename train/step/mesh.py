"""Devices in a grid, and which of them holds what.

`data` splits the rows of a batch; `fsdp` splits these too, and the weights besides, of which each
layer is made whole only while it runs (ZeRO-3). Optimizer state is split over all devices (ZeRO-1).
Several slices of a pod lie along `data`, outermost: only the one sum of gradients crosses between
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import optax
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from calrec.errors import CalrecError
from calrec.model.backbone.stacked import APART, Weights
from train.settings import MeshSettings
from train.step.optimizer import TrainState
from train.step.rows import Batch, Rows

DATA, FSDP = "data", "fsdp"
AXES = (DATA, FSDP)


def make_mesh(devices: Sequence[Any], settings: MeshSettings) -> Mesh:
    """A grid of (data, fsdp) of all these devices, neighbours along fsdp.

    Raises:
      CalrecError: if fsdp does not divide the devices of a slice.
    """
    slices = len({getattr(device, "slice_index", 0) for device in devices})
    each = len(devices) // slices
    if settings.fsdp < 1 or each % settings.fsdp:
        raise CalrecError(
            f"expected fsdp to divide the {each} devices of a slice, found {settings.fsdp};"
            " give another --mesh.fsdp"
        )
    shape = (each // settings.fsdp, settings.fsdp)
    if slices > 1:
        grid = mesh_utils.create_hybrid_device_mesh(shape, (slices, 1), devices)
    else:
        grid = np.asarray(devices).reshape(shape)
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * 2)


def split_axis(shape: Sequence[int], parts: int, *, stacked: bool) -> int | None:
    """The longest axis that divides into parts, never that of the layers; None without one."""
    able = [a for a in range(int(stacked), len(shape)) if shape[a] % parts == 0]
    return max(able, key=lambda a: shape[a], default=None)


def _spec(shape: Sequence[int], names: Any, parts: int, *, stacked: bool) -> PartitionSpec:
    axis = split_axis(shape, parts, stacked=stacked) if parts > 1 else None
    return PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, names)


def weight_specs(weights: Weights, mesh: Mesh) -> Weights:
    """Of each weight, which axis lies over `fsdp`; matrices alone are split, but no adapters, which
    are small."""
    parts = mesh.shape[FSDP]

    def of(tree: Any, *, stacked: bool) -> Any:
        def one(weight: Any) -> PartitionSpec:
            if len(weight.shape) - stacked < 2:
                return PartitionSpec()
            return _spec(weight.shape, FSDP, parts, stacked=stacked)

        return jax.tree.map(one, tree)

    def everywhere(tree: Any) -> Any:
        return jax.tree.map(lambda weight: PartitionSpec(), tree)

    return {
        name: everywhere(each) if name in APART[1:] else of(each, stacked=name == "layers")
        for name, each in weights.items()
    }


def state_shardings(
    state: TrainState, tx: optax.GradientTransformation, mesh: Mesh, settings: MeshSettings
) -> TrainState:
    """Where each array of a state lies."""
    specs = weight_specs(state.weights, mesh)

    def moments(weight: Any, spec: PartitionSpec) -> PartitionSpec:
        if not settings.zero1 or mesh.size == mesh.shape[FSDP]:
            return spec
        return _spec(weight.shape, AXES, mesh.size, stacked=False) or spec

    def placed(spec: PartitionSpec) -> NamedSharding:
        return NamedSharding(mesh, spec)

    optimizer = optax.tree_utils.tree_map_params(
        tx,
        lambda moment, spec: placed(moments(moment, spec)),
        state.optimizer,
        specs,
        transform_non_params=lambda _: placed(PartitionSpec()),
    )
    step: Any = placed(PartitionSpec())
    return TrainState(weights=jax.tree.map(placed, specs), optimizer=optimizer, step=step)


def batch_specs() -> Batch:
    """Rows are split over all devices; the little beside them is everywhere."""
    rows: Any = PartitionSpec(AXES)
    whole: Any = PartitionSpec()
    fields = ("tokens", "segment", "position", "pool", "at", "next", "owner", "row")
    each: dict[str, Any] = dict.fromkeys(fields, rows)
    return Batch(rows=Rows(**each), pooled=whole, predicted=whole, used=whole)


def gathered(specs: Weights) -> Any:
    """The `gather` of `train.step.terms` for weights split like this."""

    def whole(weights: Weights, layer: bool) -> Weights:
        ends = {name: spec for name, spec in specs.items() if name not in APART}
        of = specs["layers"] if layer else ends

        def one(weight: Any, spec: PartitionSpec) -> Any:
            axis = next((a for a, name in enumerate(spec) if name), None)
            if axis is None:
                return weight
            return jax.lax.all_gather(weight, FSDP, axis=axis - layer, tiled=True)

        return jax.tree.map(one, weights, of)

    return whole


def summed(gradient: Weights, specs: Weights) -> Weights:
    """The gradient's sum over devices; over `fsdp` only of what is not split there, for whose
    parts each `gathered` has done so on its way back."""

    def one(part: Any, spec: PartitionSpec) -> Any:
        return jax.lax.psum(part, DATA if any(spec) else AXES)

    return jax.tree.map(one, gradient, specs)


def shards_of_process(mesh: Mesh) -> range:
    """The shards of the rows that lie on this process's devices: its devices stand together."""
    mine = jax.process_index()
    places = [n for n, device in enumerate(mesh.devices.flat) if device.process_index == mine]
    return range(places[0], places[-1] + 1)
