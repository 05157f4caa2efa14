"""How a stage trains, and how large a model is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from calrec.errors import CalrecError
from calrec.model.backbone.forward import Remat
from calrec.model.backbone.lora_settings import LoraSettings
from calrec.model.objective_settings import ObjectiveSettings


@dataclass(frozen=True, kw_only=True)
class MeshSettings:
    """How devices are used.

    Attributes:
      fsdp: devices that share one copy of the weights (ZeRO-3); 1 leaves a copy with each.
      zero1: whether optimizer state is split over all devices.
    """

    fsdp: int = 1
    zero1: bool = True


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """One stage of training.

    Attributes:
      steps: optimizer steps.
      batch_size: users (rows of `row_tokens` in pretraining) of a step, over all devices.
      learning_rate: peak of AdamW's, reached after `warmup` steps.
      warmup: steps of linear warm-up; 0 is none.
      decay: whether the rate falls to a tenth along a cosine, or stays constant.
      weight_decay: AdamW's.
      row_tokens: tokens of a row into which segments are packed; 0: as long as the longest record.
      microbatch: rows of a device that run together, each run forward twice; 0: all, run once.
      remat: what is kept of a layer for the backward pass: all, products of weights, or its input.
      compute: type of the products; weights, losses and the optimizer stay float32.
      attention: how rows are mixed; `auto` is the splash kernel on TPU, blocks elsewhere.
      residual_dropout: share dropped of what a layer adds to its input; the paper drops none.
      attention_dropout: of the weights of attention.
      embedding_dropout: of the embedded tokens.
      leave_out: share of a history's items that a training record leaves out at random.
      shuffle: share of histories that a training record shows in a random order.
      every_item: whether the loss predicts each item of a history, not the target alone.
      item_texts: texts of items that each step reads besides, as documents of their own.
      max_prompt_tokens: the token budget of a history (paper: 1,024).
      max_target_tokens: the token budget of a target, end token included (paper: 80).
      truncate: up to this many last items are dropped from a training record (paper: 4).
      domain_exponent: a domain is drawn in proportion to users^this (method: 0.3).
      users: share of a domain's users that are trained on, by its name; all of the others.
      validate_every: steps between validations, each of which saves a checkpoint.
      validation_users: the most users of one validation.
      select_by: what chooses the best checkpoint: pessimistic NDCG@10 of texts drawn and ranked as
        in an evaluation, or the loss of the targets, in nats a token.
      select_every: validations from one such measurement to the next; the first state and the last
        are always measured, and the loss is what is known of those between.
      select_users: the most users of such a measurement.
      seed: of weights, order, truncation and dropout.
      objective: the losses' weights.
      lora_rank: of adapters, which are trained in place of a pretrained model's weights; 0: none
        (`calrec.model.backbone.lora_settings`, for these and the next four).
      lora_alpha: what an adapter adds is multiplied by alpha / rank.
      lora_dropout: share dropped of an adapter's input.
      lora_layers: how many of the last layers have adapters; 0: all.
      lora_new_tokens: whether the embeddings of tokens that `prepare` added are trained, too.
      mesh: how devices are used.

    Raises:
      CalrecError: for a value out of range.
    """

    steps: int
    batch_size: int
    learning_rate: float
    warmup: int = 50
    decay: bool = False
    weight_decay: float = 0.01
    row_tokens: int = 0
    microbatch: int = 0
    remat: Remat = "none"
    compute: Literal["float32", "bfloat16"] = "float32"
    attention: Literal["auto", "packed", "splash"] = "auto"
    residual_dropout: float = 0.0
    attention_dropout: float = 0.0
    embedding_dropout: float = 0.0
    leave_out: float = 0.0
    shuffle: float = 0.0
    every_item: bool = False
    item_texts: int = 0
    max_prompt_tokens: int = 1024
    max_target_tokens: int = 80
    truncate: int = 4
    domain_exponent: float = 0.3
    users: Mapping[str, float] = field(default_factory=dict)
    validate_every: int = 100
    validation_users: int = 256
    select_by: Literal["ndcg@10", "nig"] = "ndcg@10"
    select_every: int = 4
    select_users: int = 100
    seed: int = 0
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    lora_rank: int = 0
    lora_alpha: float = 32.0
    lora_dropout: float = 0.0
    lora_layers: int = 0
    lora_new_tokens: bool = True
    mesh: MeshSettings = field(default_factory=MeshSettings)

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "validate_every", "validation_users"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("select_every", "select_users"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("warmup", "row_tokens", "microbatch", "item_texts", "truncate", "seed"):
            _require(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")
        rate, decay = self.learning_rate, self.weight_decay
        _require("learning_rate", rate, 0 < rate < math.inf, "a positive number")
        _require("weight_decay", decay, 0 <= decay < math.inf, "at least 0")
        for name in ("residual_dropout", "attention_dropout", "embedding_dropout", "leave_out"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) < 1, "from 0 to below 1")
        _require("shuffle", self.shuffle, 0 <= self.shuffle <= 1, "from 0 to 1")
        for domain, share in self.users.items():
            _require(f"share of the users of {domain}", share, 0 < share <= 1, "above 0, up to 1")
        _ = self.lora  # refuses what is out of range

    @property
    def lora(self) -> LoraSettings:
        """Those of the adapters."""
        return LoraSettings(
            rank=self.lora_rank,
            alpha=self.lora_alpha,
            dropout=self.lora_dropout,
            layers=self.lora_layers,
            new_tokens=self.lora_new_tokens,
        )


def _require(name: str, found: float, holds: bool, expected: str) -> None:
    if not holds:
        raise CalrecError(
            f"expected {name} {expected}, found {found}; give another --{name.replace('_', '-')}"
        )
