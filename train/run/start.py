"""Where a stage starts: the weights that it trains, and those that stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax

from calrec.model import bases, hf, new_tokens
from calrec.model.backbone import lora, stacked
from calrec.model.backbone.config import DecoderConfig, Dtype
from calrec.model.backbone.decoder import Decoder
from calrec.model.backbone.lora_settings import LoraSettings
from calrec.model.backbone.stacked import Weights
from calrec.model.bases import Base


@dataclass(frozen=True, kw_only=True)
class Start:
    """Stacked weights (`calrec.model.backbone.stacked`).

    Attributes:
      config: the decoder's.
      trained: what the stage changes.
      frozen: the rest; nothing where all weights are trained.
      base: the model that the frozen weights are.
    """

    config: DecoderConfig
    trained: Weights
    frozen: Weights = field(default_factory=dict)
    base: Base | None = None

    @classmethod
    def whole(cls, model: Decoder) -> Start:
        """All weights of a model are trained."""
        return cls(config=model.config, trained=stacked.stack(model))

    @classmethod
    def beside(
        cls, base: Base, frozen: Decoder, settings: LoraSettings, added: int, *, seed: int = 0
    ) -> Start:
        """Adapters that change nothing yet, and the embeddings of tokens that the base lacks.

        Args:
          base: which model it is.
          frozen: it, with rows for all tokens of the data.
          settings: of the adapters.
          added: tokens that the base lacks, whose rows are its last.
          seed: of their start.
        """
        weights = stacked.stack(frozen)
        trained = lora.trained(weights, settings, added, jax.random.key(seed))
        return cls(config=frozen.config, trained=trained, frozen=weights, base=base)


def frozen_model(
    base: Base, added: Sequence[Sequence[int]], places: Sequence[Path], dtype: Dtype
) -> Decoder:
    """The base, found and checked, with rows for added tokens.

    Args:
      base: which model.
      added: for each added token the ids of the base's own that it stands for.
      places: folders of models.
      dtype: of the weights.

    Raises:
      CalrecError: if there is no such model.
    """
    model = hf.load(base.find(places), dtype=dtype)
    return new_tokens.widened(model, base.tokens, added)


def places(workspace: Path | None) -> list[Path]:
    """Where models are looked for."""
    return [bases.models(workspace)]
