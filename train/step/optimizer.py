"""AdamW with a schedule, and the state that a step changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from train.settings import StageSettings

STACKED = ("layers", "adapters")


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class TrainState:
    """All that a step changes: weights, optimizer state, and the number of steps made."""

    weights: Any
    optimizer: optax.OptState
    step: jax.Array

    @classmethod
    def fresh(cls, weights: Any, tx: optax.GradientTransformation) -> TrainState:
        """Before the first step."""
        return cls(weights=weights, optimizer=tx.init(weights), step=jnp.zeros((), int))


def schedule(settings: StageSettings) -> optax.Schedule:
    """The learning rate by step: a linear warm-up (0 steps: none), then constant or a cosine."""
    peak, warmup = settings.learning_rate, settings.warmup
    if settings.decay:
        steps = max(settings.steps, warmup + 1)
        return optax.warmup_cosine_decay_schedule(
            0.0 if warmup else peak, peak, warmup, steps, peak / 10
        )
    if not warmup:
        return optax.constant_schedule(peak)
    return optax.warmup_constant_schedule(0.0, peak, warmup)


def optimizer(settings: StageSettings) -> optax.GradientTransformation:
    """AdamW behind a clip of the global norm at 1."""

    def decayed(weights: Any) -> Any:
        # Norm weights and biases are vectors; decaying them would only shrink the signal. In a
        # stack of layers each stands as one row of a matrix.
        return {
            name: jax.tree.map(lambda w, least=3 if name in STACKED else 2: w.ndim >= least, each)
            for name, each in weights.items()
        }

    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(
            schedule(settings),
            b2=0.98,
            weight_decay=settings.weight_decay,
            mask=decayed,
        ),
    )
