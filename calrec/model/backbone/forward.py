"""How training runs the layers; read by commands that compute nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from calrec.model.backbone.lora_settings import LoraSettings

Remat = Literal["none", "dots", "full"]
"""What the backward pass keeps of a layer: all, the products of its weights, or its input."""


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """Shares of values that a training step drops, each from 0 (none) to below 1.

    Attributes:
      residual: of what attention and MLP add to the residual stream.
      attention: of the weights of attention.
      embedding: of the embedded tokens.
    """

    residual: float = 0.0
    attention: float = 0.0
    embedding: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Forward:
    """How training runs the layers.

    Attributes:
      remat: what is kept for the backward pass.
      dtype: of the products; norms, softmaxes, losses and the weights themselves stay float32.
      dropout: what is dropped.
      unroll: layers in one turn of the loop; all of them where they are few.
      attention: how rows are mixed: in `packed` blocks, or by `splash`, a kernel for TPUs.
      lora: how adapters among the weights are read; unused without any.
      interpret: runs that kernel step by step on any device, to test it.
    """

    remat: Remat = "none"
    dtype: Literal["float32", "bfloat16"] = "float32"
    dropout: Dropout = Dropout()
    unroll: int = 1
    attention: Literal["packed", "splash"] = "packed"
    lora: LoraSettings = field(default_factory=LoraSettings)
    interpret: bool = False
