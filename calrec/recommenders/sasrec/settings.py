"""What shapes a SASRec, and what shapes its training.

The defaults were chosen on validation NDCG@10 of scientific_2018, items of the history behind all
others (0.081; standard error 0.003). Hidden size 128, one layer, dropout 0.3 or 0.6, normalising
before each part as in the paper, a start item and label smoothing all gave 0.078 to 0.081 there.
With the items of the history ranked like all others it is 0.061: the last item's own vector, the
output as well, always scores high.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from calrec.errors import CalrecError
from calrec.ranking.rules import Bought, Rules


@dataclass(frozen=True, kw_only=True)
class SASRecSettings:
    """The model.

    Attributes:
      hidden_size: size of an item's vector, and of the hidden states.
      layers: of self-attention and feed-forward.
      heads: of each self-attention; divides `hidden_size`.
      feed_forward: size inside the feed-forward, as a multiple of `hidden_size`.
      max_length: how many last items of a history are read.
      dropout: share of values dropped in training: of the item vectors, of the attention weights
        and of what each part of a layer adds.

    Raises:
      CalrecError: if a value is out of its range.
    """

    hidden_size: int = 64
    layers: int = 2
    heads: int = 2
    feed_forward: int = 4
    max_length: int = 50
    dropout: float = 0.5

    def __post_init__(self) -> None:
        _at_least(
            1,
            hidden_size=self.hidden_size,
            layers=self.layers,
            heads=self.heads,
            feed_forward=self.feed_forward,
            max_length=self.max_length,
        )
        if self.hidden_size % self.heads:
            raise CalrecError(
                f"expected a hidden size that {self.heads} heads divide, found {self.hidden_size};"
                " change --hidden-size or --heads"
            )
        if not 0 <= self.dropout < 1:
            raise CalrecError(
                f"expected a dropout of at least 0 and below 1, found {self.dropout};"
                " change --dropout"
            )


@dataclass(frozen=True, kw_only=True)
class SASRecTraining:
    """The training.

    Attributes:
      learning_rate: of AdamW.
      weight_decay: of AdamW.
      batch_rows: rows of `max_length` items in a step; several short histories share a row.
      epochs: the most passes over the users.
      patience: epochs without a better validation before it stops.
      bought: how the validation that chooses the epoch ranks items of the history: like all others
        (`ranked`), or behind them (`last`); an evaluation may rank them either way.
      seed: of weights, order and dropout.

    Raises:
      CalrecError: if a value is out of its range.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_rows: int = 16
    epochs: int = 200
    patience: int = 5
    bought: Bought = "ranked"
    seed: int = 0

    def __post_init__(self) -> None:
        _at_least(1, batch_rows=self.batch_rows, epochs=self.epochs, patience=self.patience)
        _at_least(0, seed=self.seed)
        Rules(bought=self.bought)
        if not 0 < self.learning_rate < math.inf:
            raise CalrecError(
                f"expected a positive learning rate, found {self.learning_rate};"
                " change --learning-rate"
            )
        if not 0 <= self.weight_decay < math.inf:
            raise CalrecError(
                f"expected a weight decay of at least 0, found {self.weight_decay};"
                " change --weight-decay"
            )


def _at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or value < least:
            shown = name.replace("_", "-")
            raise CalrecError(
                f"expected a whole number of at least {least} for {shown}, found {value};"
                f" change --{shown}"
            )
