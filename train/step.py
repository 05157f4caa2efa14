"""One optimizer step: the loss of a stage, its gradient, AdamW."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from calrec.model.objective import Encoded, ObjectiveSettings, encode, language_modelling, losses
from train.presets import StageSettings

Losses = Mapping[str, jax.Array]
LossFunction = Callable[[nnx.GraphDef, nnx.State, Any], Losses]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class TrainState:
    """All that a step changes: weights, optimizer state, and the number of steps made."""

    weights: nnx.State
    optimizer: optax.OptState
    step: jax.Array


def optimizer(settings: StageSettings) -> optax.GradientTransformation:
    """AdamW behind a clip of the global norm at 1; warm-up, then constant or a cosine."""
    peak = settings.learning_rate
    if settings.decay:
        steps = max(settings.steps, settings.warmup + 1)
        rate = optax.warmup_cosine_decay_schedule(0.0, peak, settings.warmup, steps, peak / 10)
    else:
        rate = optax.warmup_constant_schedule(0.0, peak, settings.warmup)
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        # Norm weights are vectors; decaying them would only shrink the signal.
        optax.adamw(
            rate,
            b2=0.98,
            weight_decay=settings.weight_decay,
            mask=lambda weights: jax.tree.map(lambda w: w.ndim > 1, weights),
        ),
    )


def pretraining_loss() -> LossFunction:
    """Plain language modelling over packed rows."""

    def loss(graph: nnx.GraphDef, weights: nnx.State, batch: Any) -> Losses:
        tokens, mask = batch
        return {"total": language_modelling(nnx.merge(graph, weights), tokens, mask)}

    return loss


def calrec_loss(settings: ObjectiveSettings, recompute: bool) -> LossFunction:
    """The CALRec objective; the contrast runs over all chunks of the batch together."""

    def loss(graph: nnx.GraphDef, weights: nnx.State, batch: Any) -> Losses:
        def towers(weights, chunk):
            return encode(nnx.merge(graph, weights), chunk)

        run = jax.checkpoint(towers) if recompute else towers
        encoded: list[Encoded] = [run(weights, chunk) for chunk in batch]
        together = jax.tree.map(lambda *parts: jnp.concatenate(parts), *encoded)
        return losses(together, settings)

    return loss


@partial(jax.jit, static_argnames=("graph", "loss", "tx"), donate_argnames=("state",))
def train_step(
    graph: nnx.GraphDef,
    loss: LossFunction,
    tx: optax.GradientTransformation,
    state: TrainState,
    batch: Any,
) -> tuple[TrainState, Losses]:
    """One step on one batch; the losses are those before the step, in nats."""

    def total(weights: nnx.State) -> tuple[jax.Array, Losses]:
        values = loss(graph, weights, batch)
        return values["total"], values

    (_, values), gradient = jax.value_and_grad(total, has_aux=True)(state.weights)
    updates, opt = tx.update(gradient, state.optimizer, state.weights)
    weights = cast(nnx.State, optax.apply_updates(state.weights, updates))
    return TrainState(weights=weights, optimizer=opt, step=state.step + 1), values


@partial(jax.jit, static_argnames=("graph",))
def target_nll(graph: nnx.GraphDef, weights: nnx.State, batch: Any) -> tuple[jax.Array, jax.Array]:
    """Validation: summed negative log-likelihood of the targets (nats), and their tokens."""
    encoded = encode(nnx.merge(graph, weights), batch)
    return encoded.nll.sum(), encoded.target_length.sum()
