"""The compiled step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Key

from calrec.model.backbone.forward import Dropout
from calrec.model.backbone.stacked import Weights, outline
from train.settings import MeshSettings
from train.step import mesh as meshes
from train.step.gradient import evaluated, gradient
from train.step.optimizer import TrainState
from train.step.rows import Batch
from train.step.terms import Losses, Task

Metrics = dict[str, Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trainer:
    """Makes steps of one task on one mesh.

    Attributes:
      task: what is computed.
      tx: how a gradient changes weights.
      microbatch: rows of a device that are run together; 0 for all.
      mesh: the devices.
      settings: how they are used.
      seed: of the dropout.
      trained: shapes and types of the weights that are trained; None for a decoder's own, all.
      frozen: the other weights, which each step is given.
    """

    task: Task
    tx: optax.GradientTransformation
    microbatch: int
    mesh: Mesh
    settings: MeshSettings
    seed: int = 0
    trained: Weights | None = None
    frozen: Weights = field(default_factory=dict)

    def adapting(self, trained: Weights, frozen: Weights) -> Trainer:
        """One that trains weights of such shapes beside others, which it places."""
        specs = meshes.weight_specs(frozen, self.mesh)
        placed = jax.tree.map(
            lambda weight, spec: jax.device_put(weight, NamedSharding(self.mesh, spec)),
            frozen,
            specs,
        )
        return replace(self, trained=jax.eval_shape(lambda: trained), frozen=placed)

    def init(self, weights: Weights) -> TrainState:
        """The state before the first step, each array where it belongs."""

        def fresh(weights: Weights) -> TrainState:
            return TrainState.fresh(weights, self.tx)

        # From the host: weights that lie on one device could not be spread from there.
        return jax.jit(fresh, out_shardings=self.shardings)(jax.device_get(weights))

    @cached_property
    def outline(self) -> TrainState:
        """Shapes and types of a state."""
        weights = self.trained or outline(self.task.config)
        return jax.eval_shape(lambda: TrainState.fresh(weights, self.tx))

    @cached_property
    def shardings(self) -> TrainState:
        """Where each array of a state lies."""
        return meshes.state_shardings(self.outline, self.tx, self.mesh, self.settings)

    def placed(self, batch: Batch) -> Batch:
        """A batch on the devices, from the rows that this process made."""

        def one(local: Any, spec: PartitionSpec) -> Array:
            sharding = NamedSharding(self.mesh, spec)
            return jax.make_array_from_process_local_data(sharding, local)

        return jax.tree.map(one, batch, meshes.batch_specs())

    def whole(self, weights: Weights) -> Weights:
        """Weights on the host, whole, wherever their parts lie."""
        everywhere = NamedSharding(self.mesh, PartitionSpec())
        return jax.device_get(jax.jit(lambda x: x, out_shardings=everywhere)(weights))

    @cached_property
    def step(self) -> Any:
        """`(state, batch, frozen={}) -> (state, metrics)`: one step; losses before it, in nats.

        A step whose loss or gradient is no number changes nothing and says so: `finite`.
        """
        return jax.jit(self._step, donate_argnums=0, out_shardings=(self.shardings, None))

    @cached_property
    def evaluate(self) -> Any:
        """`(weights, batch, frozen={}) -> losses`, without dropout."""
        return jax.jit(self._evaluated)

    def _step(
        self, state: TrainState, batch: Batch, frozen: Weights | None = None
    ) -> tuple[TrainState, Metrics]:
        key = None
        if self.task.forward.dropout != Dropout():
            key = jax.random.fold_in(jax.random.key(self.seed), state.step)
        grads, losses = self._gradient(state.weights, frozen or {}, batch, key)
        norm = optax.tree.norm(grads)
        finite = jnp.isfinite(norm) & jnp.isfinite(losses["total"])
        updates, optimizer = self.tx.update(grads, state.optimizer, state.weights)
        weights = cast(Weights, optax.apply_updates(state.weights, updates))
        made = TrainState(weights=weights, optimizer=optimizer, step=state.step + 1)
        state = jax.tree.map(partial(jnp.where, finite), made, state)
        return state, {**losses, "gradient_norm": norm, "finite": finite}

    def _gradient(
        self, weights: Weights, frozen: Weights, batch: Batch, key: Key[Array, ""] | None
    ) -> tuple[Weights, Losses]:
        specs, fixed = (meshes.weight_specs(each, self.mesh) for each in (weights, frozen))

        def of_device(
            weights: Weights, frozen: Weights, batch: Batch, key: Any
        ) -> tuple[Weights, Losses]:
            how = self._over_devices({**fixed, **specs})
            part, losses = gradient(self.task, weights, batch, key, frozen=frozen, **how)
            return (meshes.summed(part, specs) if self.mesh.size > 1 else part), losses

        of_batch = meshes.batch_specs()
        mapped = self._mapped(
            of_device, (specs, fixed, of_batch, PartitionSpec()), (specs, PartitionSpec())
        )
        return mapped(weights, frozen, batch, key)

    def _evaluated(self, weights: Weights, batch: Batch, frozen: Weights | None = None) -> Losses:
        whole = {**(frozen or {}), **weights}
        specs = meshes.weight_specs(whole, self.mesh)

        def of_device(weights: Weights, batch: Batch) -> Losses:
            return evaluated(self.task, weights, batch, **self._over_devices(specs))

        mapped = self._mapped(of_device, (specs, meshes.batch_specs()), PartitionSpec())
        return mapped(whole, batch)

    def _over_devices(self, specs: Weights) -> dict[str, Any]:
        """How the devices of the mesh work together; one alone has nothing to say to others."""
        if self.mesh.size == 1:
            return {
                "microbatch": self.microbatch,
                "gather": lambda weights, layer: weights,
                "add_up": lambda found: found,
            }
        return {
            "microbatch": self.microbatch,
            "gather": meshes.gathered(specs),
            "add_up": lambda found: jax.lax.psum(found, meshes.AXES),
        }

    def _mapped(self, function: Any, specs: tuple[Any, ...], out: Any) -> Any:
        """A function that each device runs on its part of the arguments."""
        if self.mesh.size == 1:
            return function
        return jax.shard_map(
            function, mesh=self.mesh, in_specs=specs, out_specs=out, check_vma=False
        )
