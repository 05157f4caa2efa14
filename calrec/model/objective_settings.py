"""How much each of the losses counts (paper, eq. 4); read by commands that compute nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calrec.errors import CalrecError


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
      CalrecError: if a setting is out of its range.
    """

    alpha: float = 0.125
    beta: float = -0.025
    tau: float = 0.5
    nig_reduction: str = "token_mean"

    def __post_init__(self) -> None:
        # Written so that a NaN is refused too.
        for name, weight in (("alpha", self.alpha), ("beta", self.beta)):
            if not -1 <= weight <= 1:
                raise CalrecError(
                    f"expected {name} from -1 to 1, found {weight}; give another --{name}"
                )
        if self.alpha + self.beta >= 1:
            raise CalrecError(
                "expected alpha + beta below 1, so that generation has a weight (the rest), found"
                f" {self.alpha} + {self.beta}; give others"
            )
        if not 1e-3 <= self.tau < math.inf:
            raise CalrecError(
                f"expected a finite tau of at least 0.001, found {self.tau}; give another --tau"
            )
        if self.nig_reduction not in ("token_mean", "sequence_sum"):
            raise CalrecError(
                "expected a nig_reduction of token_mean or sequence_sum, found"
                f" {self.nig_reduction!r}; give another --nig-reduction"
            )
