"""The one gradient of a batch, whatever microbatches and devices its rows lie on."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from calrec.model.backbone.stacked import Weights
from train.step.rows import Batch, Rows
from train.step.terms import Gather, Losses, Task, Terms, terms, value

AddUp = Callable[[Terms], Terms]


def gradient(
    task: Task,
    weights: Weights,
    batch: Batch,
    key: Key[Array, ""] | None,
    *,
    frozen: Weights,
    microbatch: int,
    gather: Gather,
    add_up: AddUp,
) -> tuple[Weights, Losses]:
    """Gradient of the total loss by the weights, of this device's rows alone; and the losses.

    With microbatches, each is run forward twice: once for its terms, once to send their gradient
    back, so that no more than one microbatch's activations are held. The number of microbatches is
    read from the batch: batches of another number of rows run in the same program.

    Args:
      task: what to compute.
      weights: stacked; those that are trained.
      batch: with this device's rows.
      key: of this step's dropout.
      frozen: the other weights, where not all are trained.
      microbatch: rows that are run together; 0 for all, which run forward once.
      gather: makes weights whole.
      add_up: the sum of terms over devices.
    """

    def run(weights: Weights, rows: Rows) -> Terms:
        return terms(task, {**frozen, **weights}, rows, key, gather)

    def loss(found: Terms) -> tuple[Array, Losses]:
        losses = value(task, found, batch)
        return losses["total"], losses

    if not microbatch:
        found, pull = jax.vjp(lambda weights: run(weights, batch.rows), weights)
        (_, losses), back = jax.value_and_grad(loss, has_aux=True)(add_up(found))
        return pull(back)[0], losses

    whole = {**frozen, **weights}
    found = _sum_of_terms(task, whole, batch, key, microbatch=microbatch, gather=gather)
    (_, losses), back = jax.value_and_grad(loss, has_aux=True)(add_up(found))
    parts = _microbatches(batch, microbatch)

    def plus(number: Array, sums: Weights) -> Weights:
        _, pull = jax.vjp(lambda weights: run(weights, parts(number)), weights)
        return jax.tree.map(jnp.add, sums, pull(back)[0])

    zeros = jax.tree.map(jnp.zeros_like, weights)
    return jax.lax.fori_loop(0, jnp.asarray(batch.used), plus, zeros), losses


def evaluated(
    task: Task, weights: Weights, batch: Batch, *, microbatch: int, gather: Gather, add_up: AddUp
) -> Losses:
    """The losses alone, without dropout."""
    if microbatch:
        found = _sum_of_terms(task, weights, batch, None, microbatch=microbatch, gather=gather)
    else:
        found = terms(task, weights, batch.rows, None, gather)
    return value(task, add_up(found), batch)


def _microbatches(batch: Batch, size: int) -> Callable[[Array], Rows]:
    """The rows of a microbatch by its number."""
    parts = jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), batch.rows)

    def part(number: Array) -> Rows:
        return jax.tree.map(
            lambda x: jax.lax.dynamic_index_in_dim(x, number, keepdims=False), parts
        )

    return part


def _sum_of_terms(
    task: Task,
    weights: Weights,
    batch: Batch,
    key: Key[Array, ""] | None,
    *,
    microbatch: int,
    gather: Gather,
) -> Terms:
    parts = _microbatches(batch, microbatch)

    def plus(number: Array, found: Terms) -> Terms:
        more = terms(task, weights, parts(number), key, gather)
        return jax.tree.map(jnp.add, found, more)

    return jax.lax.fori_loop(0, jnp.asarray(batch.used), plus, task.zeros())
