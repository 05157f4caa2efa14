"""The three losses (paper section 3.2): next-item generation and the two contrastive ones.

Shapes: B users, L tokens of history and target together, M tokens of a target, D hidden size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from calrec.model.backbone.decoder import Decoder


@dataclass(frozen=True, kw_only=True)
class ObjectiveSettings:
    """Weights of the losses (eq. 4): L = (1 - alpha - beta) L_NIG + alpha L_TT + beta L_UT.

    With alpha and beta 0 there is no contrastive alignment (paper, Tables 3 and 4).

    Attributes:
      alpha: weight of target against target-given-user (eq. 2), from -1 to 1.
      beta: weight of target against user (eq. 3), from -1 to 1; negative in the paper, 0 for its
        Games. The sum with alpha is below 1: the model must learn to write what it recommends.
      tau: temperature of the contrastive softmax, at least 0.001. The paper's is 0.5; a far
        smaller one makes the gradient's norm overflow.
      nig_reduction: mean over all target tokens of the batch, or sum over the tokens of each
        target (eq. 1), averaged over users.

    Raises:
      ValueError: if a setting is out of its range.
    """

    alpha: float = 0.125
    beta: float = -0.025
    tau: float = 0.5
    nig_reduction: str = "token_mean"

    def __post_init__(self) -> None:
        # Written so that a NaN is refused too.
        for name, weight in (("alpha", self.alpha), ("beta", self.beta)):
            if not -1 <= weight <= 1:
                raise ValueError(f"expected {name} from -1 to 1, found {weight}")
        if self.alpha + self.beta >= 1:
            raise ValueError(
                "expected alpha + beta below 1, so that generation has a weight (the rest), found"
                f" {self.alpha} + {self.beta}"
            )
        if not 1e-3 <= self.tau < math.inf:
            raise ValueError(f"expected a finite tau of at least 0.001, found {self.tau}")
        if self.nig_reduction not in ("token_mean", "sequence_sum"):
            raise ValueError(
                "expected a nig_reduction of token_mean or sequence_sum, found"
                f" {self.nig_reduction!r}"
            )


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Batch:
    """Users as tokens, padded on the right; NumPy's as it is put together, jax's in a program.

    Attributes:
      tokens: prompt, then target with its end token.
      history_length: tokens of the prompt.
      target: the target's tokens alone, end token included: the item tower's input.
      target_length: its tokens, end token included.
    """

    tokens: Int[Array | np.ndarray, "B L"]
    history_length: Int[Array | np.ndarray, " B"]
    target: Int[Array | np.ndarray, "B M"]
    target_length: Int[Array | np.ndarray, " B"]


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


def encode(model: Decoder, batch: Batch) -> Encoded:
    """Runs both towers: v_T, v_U, v_TU and the summed negative log-likelihood of each target.

    Padding never counts. Log-likelihoods are in nats.
    """
    length = batch.history_length + batch.target_length
    at = jnp.arange(batch.tokens.shape[1])[None]
    hidden = model.hidden(jnp.asarray(batch.tokens), at < length[:, None])
    in_target = jnp.arange(batch.target.shape[1])[None] < batch.target_length[:, None]
    alone = model.hidden(jnp.asarray(batch.target), in_target)

    # The state before a token predicts it: the last of the prompt predicts the target's first.
    before = batch.history_length[:, None] - 1 + jnp.arange(batch.target.shape[1])[None]
    before = jnp.minimum(before, batch.tokens.shape[1] - 1)
    logits = model.logits(jnp.take_along_axis(hidden, before[..., None], axis=1))
    nll = optax.softmax_cross_entropy_with_integer_labels(logits, batch.target)
    return Encoded(
        v_t=mean_over(alone, in_target),
        v_u=mean_over(hidden, at < batch.history_length[:, None]),
        v_tu=mean_over(hidden, (at >= batch.history_length[:, None]) & (at < length[:, None])),
        nll=jnp.where(in_target, nll, 0.0).sum(axis=1),
        target_length=jnp.asarray(batch.target_length),
    )


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


def language_modelling(
    model: Decoder, tokens: Int[Array, "B T"], mask: Bool[Array, "B T"]
) -> Float[Array, ""]:
    """Mean negative log-likelihood of every token but the first of a row, in nats a token."""
    logits = model.logits(model.hidden(tokens, mask)[:, :-1])
    nll = optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:])
    return jnp.where(mask[:, 1:], nll, 0.0).sum() / mask[:, 1:].sum()
