"""From rows to the few numbers that the losses need of them, which simply add up over rows.

That they add up is what makes microbatches exact: the contrast of one user with all others is
computed once, on the sums of all rows, and its gradient goes back into each row by itself
(GradCache, Gao et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from calrec.model.backbone import stacked
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.forward import Forward
from calrec.model.backbone.stacked import Weights
from calrec.model.objective import Encoded, losses
from calrec.model.objective_settings import ObjectiveSettings
from train.step.rows import TARGET, TARGET_GIVEN_USER, USER, Batch, Rows

Losses = dict[str, Float[Array, ""]]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Terms:
    """Sums over rows. Without users (pretraining) there is nothing to pool.

    Attributes:
      pooled: of the hidden states of each vector.
      nll: of the negative log-likelihoods, in nats, of each user and of texts of no user.
    """

    pooled: Float[Array, "3 U D"]
    nll: Float[Array, " U+1"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a step computes, all but the weights: one compiled program a task.

    Attributes:
      config: the decoder's.
      forward: how its layers run.
      users: U, the users of a batch; 0 in pretraining.
      objective: of stage I and II.
      documents: weight of the texts of no user beside the objective.
    """

    config: DecoderConfig
    forward: Forward
    users: int
    objective: ObjectiveSettings
    documents: float = 1.0

    def zeros(self) -> Terms:
        """No rows."""
        return Terms(
            pooled=jnp.zeros((3, self.users, self.config.hidden_size)),
            nll=jnp.zeros(self.users + 1),
        )


Gather = Callable[[Weights, bool], Weights]
"""Makes weights whole where each device holds a part: a layer's (True) or the others."""


def terms(
    task: Task,
    weights: Weights,
    rows: Rows,
    key: Key[Array, ""] | None = None,
    gather: Gather = lambda weights, layer: weights,
) -> Terms:
    """The terms of some rows; `key` is that of the step's dropout, None for none."""
    keys = None if key is None else jax.vmap(jax.random.fold_in, (None, 0))(key, rows.row)
    apart = {name: weights[name] for name in stacked.APART if name in weights}
    ends = {name: weight for name, weight in weights.items() if name not in apart}
    weights = gather(ends, False) | apart
    hidden = stacked.hidden(
        task.config,
        weights,
        rows.tokens,
        rows.position,
        rows.segment,
        keys,
        forward=task.forward,
        gather=lambda layer: gather(layer, True),
    )
    predicting = jnp.take_along_axis(hidden, rows.at[..., None], axis=1)
    predicting = predicting.reshape(-1, predicting.shape[-1])
    logits = stacked.logits(task.config, weights, predicting)
    nll = _nll(logits, rows.next.reshape(-1))
    return Terms(
        pooled=_pooled(hidden, jnp.asarray(rows.pool), task.users),
        nll=jax.ops.segment_sum(nll, rows.owner.reshape(-1), task.users + 2)[:-1],
    )


@jax.custom_vjp
def _nll(logits: Float[Array, "N V"], token: Int[Array, " N"]) -> Float[Array, " N"]:
    """Negative log-likelihood of each token, in nats.

    Its gradient is one pass over the logits. That of a gathered logit would be a scatter into an
    array of all of them, and the exponentials would be kept beside the logits.
    """
    return _nll_and_total(logits, token)[0]


def _nll_and_total(logits: Array, token: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    total = jax.nn.logsumexp(logits, axis=-1, keepdims=True)
    found = jnp.take_along_axis(logits, token[:, None], axis=-1)
    return (total - found)[:, 0], (logits, token, total)


def _nll_back(kept: tuple[Array, Array, Array], back: Array) -> tuple[Array, None]:
    logits, token, total = kept
    chosen = jnp.arange(logits.shape[-1])[None] == token[:, None]
    return back[:, None] * (jnp.exp(logits - total) - chosen), None


_nll.defvjp(_nll_and_total, _nll_back)


def _pooled(
    hidden: Float[Array, "B T D"], pool: Int[Array, "B T"], users: int
) -> Float[Array, "3 U D"]:
    """Sums in float32; nothing where there are no users."""
    width = hidden.shape[-1]
    if not users:
        return jnp.zeros((3, 0, width))
    each = hidden.reshape(-1, width).astype(jnp.float32)
    return jax.ops.segment_sum(each, pool.reshape(-1), 3 * users + 1)[:-1].reshape(3, users, width)


def value(task: Task, found: Terms, batch: Batch) -> Losses:
    """The losses of a whole batch, in nats; `total` is what is minimised."""
    count = jnp.asarray(batch.predicted)
    documents = found.nll[-1] / jnp.maximum(count[-1], 1)
    if not task.users:
        return {"total": documents}
    mean = found.pooled / jnp.maximum(jnp.asarray(batch.pooled), 1)[..., None]
    encoded = Encoded(
        v_t=mean[TARGET],
        v_u=mean[USER],
        v_tu=mean[TARGET_GIVEN_USER],
        nll=found.nll[:-1],
        target_length=count[:-1],
    )
    found_losses = losses(encoded, task.objective)
    return {**found_losses, "total": found_losses["total"] + task.documents * documents}
