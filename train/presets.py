"""Named settings: how large the model is and how long each stage trains."""

from __future__ import annotations

from dataclasses import dataclass, field

from calrec.model.backbone.config import DecoderConfig
from calrec.model.objective import ObjectiveSettings


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """One stage of training.

    Attributes:
      steps: optimizer steps.
      batch_size: users (rows of `row_tokens` in pretraining) of a step, over all devices.
      learning_rate: peak of AdamW's, reached after `warmup` steps.
      warmup: steps of linear warm-up.
      decay: whether the rate falls to a tenth along a cosine, or stays constant.
      weight_decay: AdamW's.
      row_tokens: tokens of a pretraining row.
      chunks: parts of equal numbers of users, by length, into which a batch is cut, each padded
        to its own width; negatives remain those of the whole batch.
      recompute: whether activations are recomputed in the backward pass, to save memory.
      max_prompt_tokens: the token budget of a history (paper: 1,024).
      max_target_tokens: the token budget of a target, end token included (paper: 80).
      truncate: up to this many last items are dropped from a training record (paper: 4).
      domain_exponent: a domain is drawn in proportion to users^this (method: 0.3).
      validate_every: steps between validations, each of which saves a checkpoint.
      validation_users: the most users of one validation.
      seed: of weights, order and truncation.
    """

    steps: int
    batch_size: int
    learning_rate: float
    warmup: int = 50
    decay: bool = False
    weight_decay: float = 0.01
    row_tokens: int = 512
    chunks: int = 4
    recompute: bool = False
    max_prompt_tokens: int = 1024
    max_target_tokens: int = 80
    truncate: int = 4
    domain_exponent: float = 0.3
    validate_every: int = 100
    validation_users: int = 256
    seed: int = 0
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A model's size and its stages. `vocab_size` bounds the tokenizer trained on the catalogue."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    pretrain: StageSettings
    stage1: StageSettings
    stage2: StageSettings

    def decoder(self, vocab_size: int) -> DecoderConfig:
        """The decoder of this preset for a tokenizer of `vocab_size` tokens."""
        return DecoderConfig(
            vocab_size=vocab_size,
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            num_key_value_heads=self.num_key_value_heads,
            head_dim=self.head_dim,
        )


PRESETS = {
    # Seconds: for tests and for trying the commands.
    "tiny": Preset(
        vocab_size=512,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        pretrain=StageSettings(
            steps=20, batch_size=4, learning_rate=3e-3, warmup=5, row_tokens=128, validate_every=10
        ),
        stage1=StageSettings(
            steps=10, batch_size=8, learning_rate=1e-3, warmup=2, chunks=2, validate_every=5
        ),
        stage2=StageSettings(
            steps=10, batch_size=8, learning_rate=1e-3, warmup=2, chunks=2, validate_every=5
        ),
    ),
    # The shipped checkpoint: from scratch on two CPU cores in under an hour.
    "sample": Preset(
        vocab_size=3072,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=32,
        pretrain=StageSettings(
            steps=2800,
            batch_size=4,
            learning_rate=2e-3,
            decay=True,
            weight_decay=0.1,
            validate_every=200,
        ),
        stage1=StageSettings(steps=150, batch_size=32, learning_rate=5e-4, validate_every=50),
        stage2=StageSettings(steps=150, batch_size=32, learning_rate=5e-4, validate_every=50),
    ),
}
