"""The three losses (paper section 3.2): next-item generation and the two contrastive ones.

Shapes: B users, L tokens of history and target together, M tokens of a target, D hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from calrec.model.objective_settings import ObjectiveSettings


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Encoded:
    """What the losses need of a batch: three unit-free vectors a user, and token log-losses."""

    v_t: Float[Array, "B D"]
    v_u: Float[Array, "B D"]
    v_tu: Float[Array, "B D"]
    nll: Float[Array, " B"]
    target_length: Int[Array, " B"]


def mean_over(hidden: Float[Array, "B L D"], where: Bool[Array, "B L"]) -> Float[Array, "B D"]:
    """Mean of the hidden states where `where` is true, in float32; zeros where it is nowhere."""
    weight = where.astype(jnp.float32)
    total = jnp.einsum("bld,bl->bd", hidden.astype(jnp.float32), weight)
    return total / jnp.maximum(weight.sum(axis=1), 1.0)[:, None]


def contrastive(
    anchor: Float[Array, "B D"], user_side: Float[Array, "B D"], tau: float
) -> Float[Array, ""]:
    """Eqs. 2 and 3: for target i the softmax runs over USERS j of cos(user_side_j, anchor_i) / tau.

    Args:
      anchor: v_T, one per target.
      user_side: v_TU (eq. 2) or v_U (eq. 3), one per user; row i belongs to target i.
      tau: temperature.

    Returns:
      mean over targets, in nats; about ln(B) when nothing is aligned.
    """
    unit = [
        v / jnp.maximum(jnp.linalg.norm(v, axis=1, keepdims=True), 1e-8)
        for v in (anchor, user_side)
    ]
    similarity = unit[0] @ unit[1].T / tau
    return optax.softmax_cross_entropy_with_integer_labels(
        similarity, jnp.arange(similarity.shape[0])
    ).mean()


def losses(encoded: Encoded, settings: ObjectiveSettings) -> dict[str, Float[Array, ""]]:
    """All losses of a batch, in nats: `total`, `nig`, `tt`, `ut`. Negatives are all B users."""
    if settings.nig_reduction == "token_mean":
        nig = encoded.nll.sum() / encoded.target_length.sum()
    else:
        nig = encoded.nll.mean()
    tt = contrastive(encoded.v_t, encoded.v_tu, settings.tau)
    ut = contrastive(encoded.v_t, encoded.v_u, settings.tau)
    generation = 1 - settings.alpha - settings.beta
    total = generation * nig + settings.alpha * tt + settings.beta * ut
    return {"total": total, "nig": nig, "tt": tt, "ut": ut}
