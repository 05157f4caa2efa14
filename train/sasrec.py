"""Trains the SASRec baseline on one domain.

A run takes minutes on a CPU, so it is not resumed: an interrupted one leaves nothing behind.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from calrec.errors import CalrecError
from calrec.evaluation import metrics
from calrec.ranking.rules import Bought, Rules
from calrec.recommenders.sasrec.description import is_sasrec
from calrec.recommenders.sasrec.model import SASRecModel
from calrec.recommenders.sasrec.recommender import SASRec
from calrec.recommenders.sasrec.settings import SASRecSettings, SASRecTraining
from calrec.records.files import whole_folder
from calrec.records.ranks import ranks_of
from catalog.sequences import Sequences
from catalog.store import Catalogue

BLOCK = 1024
"""Cases of a validation ranked side by side; bounds its memory."""

Rows = Int[np.ndarray, "B T"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """Rows of histories behind one another, with what follows each of their items.

    Attributes:
      items: item indices; 0 on padding.
      position: place of an item in its history, from 0; -1 on padding.
      targets: index of the item bought next; -1 on padding.
    """

    items: Rows
    position: Rows
    targets: Rows


def pack(histories: Sequence[Int[np.ndarray, " n"]], width: int, multiple: int) -> Packed:
    """Lays histories into rows, in their order; a row ends where the next one does not fit.

    Args:
      histories: at least two items each; the last is only a target. Of longer ones than a row the
        last `width` targets are kept.
      width: places of a row.
      multiple: rows of padding are added until this divides their number.
    """
    histories = [history[-width - 1 :] for history in histories]
    starts, row, used = [], 0, 0
    for history in histories:
        if used + len(history) - 1 > width:
            row, used = row + 1, 0
        starts.append((row, used))
        used += len(history) - 1
    rows = -(-(row + 1) // multiple) * multiple
    items = np.zeros((rows, width), np.int32)
    position, targets = np.full_like(items, -1), np.full_like(items, -1)
    for (row, start), history in zip(starts, histories, strict=True):
        places = slice(start, start + len(history) - 1)
        items[row, places] = history[:-1]
        position[row, places] = np.arange(len(history) - 1)
        targets[row, places] = history[1:]
    return Packed(items=items, position=position, targets=targets)


def batches(
    histories: Sequence[Int[np.ndarray, " n"]], width: int, rows: int, seed: int, epoch: int
) -> Iterator[Packed]:
    """All histories once, in an order that `seed` and `epoch` determine."""
    order = np.random.default_rng([seed, epoch]).permutation(len(histories))
    packed = pack([histories[i] for i in order], width, rows)
    for start in range(0, len(packed.items), rows):
        part = slice(start, start + rows)
        yield Packed(
            items=packed.items[part],
            position=packed.position[part],
            targets=packed.targets[part],
        )


def next_item_loss(logits: Float[Array, "B T N"], targets: Int[Array, "B T"]) -> Float[Array, ""]:
    """Cross-entropy of the targets over all items: mean over those that are not -1, in nats."""
    counts = targets >= 0
    nll = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(targets, 0))
    return jnp.where(counts, nll, 0).sum() / counts.sum()


def _loss(graph: nnx.GraphDef, weights: nnx.State, batch: Any) -> jax.Array:
    items, position, targets, key = batch
    model = nnx.merge(graph, weights)
    logits = model.logits(model.hidden(items, position, key))
    return next_item_loss(logits, targets)


@partial(jax.jit, static_argnames=("graph", "tx"), donate_argnames=("weights", "moments"))
def _step(
    graph: nnx.GraphDef,
    tx: optax.GradientTransformation,
    weights: nnx.State,
    moments: optax.OptState,
    batch: Any,
) -> tuple[nnx.State, optax.OptState, jax.Array]:
    """New weights and optimizer state, and the loss before the step."""
    loss, gradient = jax.value_and_grad(lambda w: _loss(graph, w, batch))(weights)
    updates, moments = tx.update(gradient, moments, weights)
    return cast(nnx.State, optax.apply_updates(weights, updates)), moments, loss


def validate(
    recommender: SASRec, sequences: Sequences, bought: Bought = "ranked"
) -> dict[str, dict[str, float]]:
    """Metrics over all validation cases, as `calrec.evaluation.metrics.summarise` gives them.

    Args:
      recommender: the model.
      sequences: of its domain.
      bought: how items of a history are ranked.

    Raises:
      CalrecError: if a score is no number, as when a training diverged.
    """
    users, rules = sequences.cases("validation"), Rules(bought=bought)
    found = []
    for start in range(0, len(users), BLOCK):
        block = users[start : start + BLOCK]
        histories = [sequences.history(u, "validation") for u in block]
        scores = recommender.scores(histories)
        if not np.isfinite(scores).all():
            raise CalrecError(
                "sasrec: expected scores that are numbers, found others; lower --learning-rate"
            )
        scores = np.stack([rules.scores(*one) for one in zip(scores, histories, strict=True)])
        targets = np.array([sequences.target(u, "validation") for u in block])
        found.append(ranks_of(scores, targets))
    optimistic, pessimistic = (np.concatenate(ranks) for ranks in zip(*found, strict=True))
    return metrics.summarise(optimistic, pessimistic)


def train(
    workspace: Path,
    domain: str,
    out: Path,
    settings: SASRecSettings,
    training: SASRecTraining,
    console: Console,
) -> SASRec:
    """Trains on a domain's training part and writes the epoch that is best on validation.

    In the evaluation role test items are never read; in the selection role the one item held out
    is both, so there the figures are no test figures.

    Args:
      workspace: where the domain was built.
      domain: its name.
      out: folder to write, whole or not at all; an earlier SASRec in it is replaced.
      settings: the model.
      training: its training.
      console: shows progress and each epoch's figures.

    Raises:
      CalrecError: for an unknown domain, one without validation cases or without users of two
        training items, an `out` that holds something else, or a training that diverges.
    """
    with Catalogue.open(workspace, domain) as catalogue:
        sequences, item_ids = catalogue.sequences(), catalogue.item_ids
        fingerprint = catalogue.info.fingerprint
    if not len(sequences.cases("validation")):
        raise CalrecError(
            f"expected users with a validation item in {domain}, found none (its role is"
            f" {sequences.role}); choose a domain of the evaluation role"
        )
    parts = [sequences.training(u) for u in range(len(sequences.user_ids))]
    parts = [part for part in parts if len(part) >= 2]
    if not parts:
        raise CalrecError(
            f"expected users with two training items or more in {domain}, found none;"
            " choose a domain of longer histories"
        )
    with whole_folder(out, ours=is_sasrec, what="SASRec") as new:
        recommender, log = fit(sequences, parts, item_ids, settings, training, console)
        recommender.save(
            new,
            {
                "domain": domain,
                "data": fingerprint,
                "role": sequences.role,
                "training": asdict(training),
                "validation": validate(recommender, sequences, training.bought),
                "log": log,
            },
        )
    return recommender


@cache
def _optimizer(learning_rate: float, weight_decay: float) -> optax.GradientTransformation:
    """AdamW; the same object for the same values, so that a step is compiled once for them."""
    return optax.adamw(learning_rate, weight_decay=weight_decay)


def fit(
    sequences: Sequences,
    parts: Sequence[Int[np.ndarray, " n"]],
    item_ids: Sequence[str],
    settings: SASRecSettings,
    training: SASRecTraining,
    console: Console,
) -> tuple[SASRec, list[dict[str, float]]]:
    """Trains on `parts`, and chooses the epoch on the validation items of `sequences`.

    Returns:
      the recommender of the best epoch, and the log: a line an epoch, its loss in nats.

    Raises:
      CalrecError: if the training diverges.
    """
    model = SASRecModel(len(item_ids), settings, rngs=nnx.Rngs(training.seed))
    graph, weights = nnx.split(model)
    tx = _optimizer(training.learning_rate, training.weight_decay)
    moments, made = tx.init(weights), 0
    seed = jax.random.key(training.seed)
    size = sum(x.size for x in jax.tree.leaves(weights))
    console.print(f"sasrec: {size / 1e6:.2f} M parameters, {len(parts)} users; compiling ...")
    log: list[dict[str, float]] = []
    best: dict[str, float] = {"epoch": 0, "validation_ndcg@10": -math.inf}
    best_weights = weights
    start = time.monotonic()
    with _bar(console) as bar:
        task = bar.add_task("sasrec", total=training.epochs, figures="")
        for epoch in range(training.epochs):
            losses = []
            for batch in batches(
                parts, settings.max_length, training.batch_rows, training.seed, epoch
            ):
                key = jax.random.fold_in(seed, made)
                rows = (batch.items, batch.position, batch.targets, key)
                weights, moments, value = _step(graph, tx, weights, moments, rows)
                losses.append(float(value))
                made += 1
            loss = float(np.mean(losses))
            # The step gives its state away; what is kept of it is copied.
            kept = jax.tree.map(jnp.copy, weights)
            candidate = SASRec(item_ids, nnx.merge(graph, kept), settings)
            figures = validate(candidate, sequences, training.bought)
            line = _log_line(epoch, loss, time.monotonic() - start, figures)
            log.append(line)
            shown = f"loss {loss:.3f}  validation ndcg@10 {line['validation_ndcg@10']:.4f}"
            bar.update(task, completed=epoch + 1, figures=shown)
            if line["validation_ndcg@10"] > best["validation_ndcg@10"]:
                best, best_weights = line, kept
            elif epoch + 1 - best["epoch"] >= training.patience:
                break
    console.print(
        f"epoch {best['epoch']} is best of {len(log)}: validation ndcg@10"
        f" {best['validation_ndcg@10']:.4f}, recall@10 {best['validation_recall@10']:.4f},"
        f" bought {training.bought}"
    )
    return SASRec(item_ids, nnx.merge(graph, best_weights), settings), log


def _log_line(
    epoch: int, loss: float, seconds: float, figures: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    return {
        "epoch": epoch + 1,
        "loss": round(loss, 5),
        "seconds": round(seconds, 2),
        "validation_ndcg@10": round(figures["ndcg@10"]["pessimistic"], 6),
        "validation_recall@10": round(figures["recall@10"]["pessimistic"], 6),
    }


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console,
    )
