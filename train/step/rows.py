"""What a step reads: packed rows of tokens, and whose hidden states and losses they are.

Shapes: R rows of T tokens, C tokens a row that the loss predicts, U users of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Int

TARGET, USER, TARGET_GIVEN_USER = range(3)
"""The three pooled vectors of a user: v_T, v_U and v_TU (paper, section 3.2)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Rows:
    """Segments of several users side by side; NumPy's as they are put together, jax's in a step.

    Attributes:
      tokens: ids.
      segment: which of the row's segments a token belongs to, from 1; 0 is padding.
      position: of a token in its segment, from 0.
      pool: in which sum its hidden state counts: vector * U + user, or 3 U for none.
      at: places in the row whose next token the loss predicts.
      next: those tokens.
      owner: whose loss each is: a user, U for texts of no user, U + 1 for none.
      row: number of the row in its batch, from which its dropout is drawn.
    """

    tokens: Int[Array | np.ndarray, "*lead T"]
    segment: Int[Array | np.ndarray, "*lead T"]
    position: Int[Array | np.ndarray, "*lead T"]
    pool: Int[Array | np.ndarray, "*lead T"]
    at: Int[Array | np.ndarray, "*lead C"]
    next: Int[Array | np.ndarray, "*lead C"]
    owner: Int[Array | np.ndarray, "*lead C"]
    row: Int[Array | np.ndarray, "*lead"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Batch:
    """The rows of one step, and what is known of them without reading them.

    Attributes:
      rows: the rows of all devices, one device's after the other's.
      pooled: tokens of each pooled vector.
      predicted: tokens that the loss predicts for each user, and for texts of no user.
      used: microbatches of each device that hold a row; the rest is padding.
    """

    rows: Rows
    pooled: Int[Array | np.ndarray, "3 U"]
    predicted: Int[Array | np.ndarray, " U+1"]
    used: Int[Array | np.ndarray, ""]
