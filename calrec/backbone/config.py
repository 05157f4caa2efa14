"""The decoder's shape, under Hugging Face's names for the Llama family."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calrec.errors import CalrecError


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """A Llama-family decoder: RMSNorm before each block, RoPE, grouped-query attention, SwiGLU.

    Field names are those of Hugging Face's `config.json`, so that one loads as it stands.

    Raises:
      CalrecError: if heads do not divide or a size is not positive.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    max_position_embeddings: int = 1_152
    tie_word_embeddings: bool = True

    def __post_init__(self) -> None:
        sizes = [v for v in dataclasses.asdict(self).values() if not isinstance(v, bool)]
        if min(sizes) <= 0:
            raise CalrecError(f"decoder config: every size must be positive, found {self}")
        if self.num_attention_heads % self.num_key_value_heads:
            raise CalrecError(
                "decoder config: num_attention_heads must be a multiple of num_key_value_heads,"
                f" found {self.num_attention_heads} and {self.num_key_value_heads}"
            )
        if self.head_dim % 2:
            raise CalrecError(
                f"decoder config: head_dim must be even for RoPE, found {self.head_dim}"
            )

    def to_json(self) -> dict[str, Any]:
        """A Hugging Face `config.json` of this decoder."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            **dataclasses.asdict(self),
        }

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> DecoderConfig:
        """The decoder that a `config.json` describes.

        Raises:
          CalrecError: for another model type, something that this decoder does not have (biases,
            scaled rotary embeddings), or a missing size.
        """
        if (found := config.get("model_type")) != "llama":
            raise CalrecError(f"config.json: expected model_type 'llama', found {found!r}")
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        kind = rope.get("rope_type", rope.get("type", "default"))
        plain = {"attention_bias": False, "mlp_bias": False, "hidden_act": "silu"}
        other = [name for name, value in plain.items() if config.get(name, value) != value]
        if kind != "default" or other:
            found = ", ".join([*other, *([f"rope type {kind}"] if kind != "default" else [])])
            raise CalrecError(f"config.json: expected a plain Llama decoder, found {found}")
        config = {**({"rope_theta": rope["rope_theta"]} if "rope_theta" in rope else {}), **config}
        fields = {f.name: f for f in dataclasses.fields(cls)}
        required = [name for name, f in fields.items() if f.default is dataclasses.MISSING]
        if missing := [name for name in required if name not in config]:
            raise CalrecError(f"config.json: expected {', '.join(required)}; missing {missing}")
        return cls(**{name: config[name] for name in fields if name in config})
