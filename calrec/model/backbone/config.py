"""The decoder's shape: one description for all families, the differences as fields."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from calrec.errors import CalrecError
from calrec.records import codec
from calrec.records.codec import Number

Dtype = Literal["float32", "bfloat16"]
RopeKind = Literal["default", "linear", "llama3"]
Norm = Literal["rms", "rms_offset", "layer"]
Activation = Literal["silu", "gelu", "gelu_tanh"]
Family = Literal["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "gpt2"]


@dataclass(frozen=True, kw_only=True)
class Rope:
    """Rotary position embedding.

    Attributes:
      theta: base of the wavelengths.
      kind: plain; every frequency divided by `factor` ("linear"); or only the low ones, with a
        smooth passage between two wavelengths ("llama3").
      factor: by what frequencies are divided.
      low_freq_factor: wavelengths above original_max_position_embeddings / this are divided.
      high_freq_factor: wavelengths below original_max_position_embeddings / this are kept.
      original_max_position_embeddings: tokens of the context before it was stretched.
    """

    theta: Number = 10_000.0
    kind: RopeKind = "default"
    factor: Number = 1.0
    low_freq_factor: Number = 1.0
    high_freq_factor: Number = 4.0
    original_max_position_embeddings: int = 8_192

    def __post_init__(self) -> None:
        _one_of("rope kind", self.kind, RopeKind)
        for name, value in dataclasses.asdict(self).items():
            if name != "kind" and not 0 < value < math.inf:
                raise CalrecError(f"decoder config: rope {name} must be positive, found {value}")
        if self.kind == "llama3" and not self.low_freq_factor < self.high_freq_factor:
            raise CalrecError(
                "decoder config: rope's low_freq_factor must be below its high_freq_factor, found"
                f" {self.low_freq_factor} and {self.high_freq_factor}"
            )


@dataclass(frozen=True, kw_only=True)
class LayerKind:
    """What the tokens of a layer see: their positions, and how many before them (None: all)."""

    rope: Rope | None
    window: int | None


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """A decoder-only transformer. The defaults are a plain Llama's.

    Attributes:
      vocab_size: rows of the token embedding; a tokenizer may have fewer tokens.
      hidden_size: width of the residual stream.
      intermediate_size: width inside the MLP.
      num_hidden_layers: layers.
      num_attention_heads: query heads.
      num_key_value_heads: key/value heads, each shared by a group of query heads.
      head_dim: width of a head.
      family: under which model type Hugging Face's libraries know it; says nothing by itself.
      max_position_embeddings: the most tokens of a row.
      tie_word_embeddings: whether the vocabulary head is the token embedding.
      scale_embeddings: whether token embeddings are multiplied by sqrt(hidden_size) (Gemma).
      norm: root mean square; the same with 1 + weight (Gemma); or LayerNorm (GPT-2).
      norm_eps: added to the mean square.
      norm_outputs: whether what attention and MLP give is normalised too (Gemma 2 and 3).
      norm_queries_and_keys: whether each head's query and key are (Qwen3, Gemma 3).
      activation: of the MLP.
      gated_mlp: whether the activation multiplies a second projection.
      attention_bias: whether query, key and value projections have biases.
      output_bias: whether attention's output projection has one.
      mlp_bias: whether the MLP's projections have.
      attention_scale: factor of query x key; None is head_dim ** -0.5.
      attention_softcap: attention scores pass cap * tanh(score / cap) (Gemma 2).
      logit_softcap: so do the logits.
      rope: rotary positions; None is a learned embedding of each position (GPT-2).
      window: how many of the last tokens, itself included, a token sees in the windowed layers.
      windowed: for each layer whether it is one; empty is none.
      windowed_rope: rotary positions in the windowed layers; None is `rope` (Gemma 3).

    Raises:
      CalrecError: if heads do not divide, a size is not positive, or a name is unknown.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    family: Family = "llama"
    max_position_embeddings: int = 1_152
    tie_word_embeddings: bool = True
    scale_embeddings: bool = False
    norm: Norm = "rms"
    norm_eps: Number = 1e-5
    norm_outputs: bool = False
    norm_queries_and_keys: bool = False
    activation: Activation = "silu"
    gated_mlp: bool = True
    attention_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    attention_scale: Number | None = None
    attention_softcap: Number | None = None
    logit_softcap: Number | None = None
    rope: Rope | None = field(default_factory=Rope)
    window: int | None = None
    windowed: tuple[bool, ...] = ()
    windowed_rope: Rope | None = None

    def __post_init__(self) -> None:
        _one_of("family", self.family, Family)
        _one_of("norm", self.norm, Norm)
        _one_of("activation", self.activation, Activation)
        for name in _SIZES:
            if not (isinstance(size := getattr(self, name), int) and size > 0):
                raise CalrecError(
                    f"decoder config: {name} must be a positive whole number, found {size!r}"
                )
        for name in ("norm_eps", "attention_scale", "attention_softcap", "logit_softcap", "window"):
            if (value := getattr(self, name)) is not None and not 0 < value < math.inf:
                raise CalrecError(f"decoder config: {name} must be positive, found {value!r}")
        if self.num_attention_heads % self.num_key_value_heads:
            raise CalrecError(
                "decoder config: num_attention_heads must be a multiple of num_key_value_heads,"
                f" found {self.num_attention_heads} and {self.num_key_value_heads}"
            )
        if self.rope is not None and self.head_dim % 2:
            raise CalrecError(
                f"decoder config: head_dim must be even for RoPE, found {self.head_dim}"
            )
        if self.windowed and len(self.windowed) != self.num_hidden_layers:
            raise CalrecError(
                f"decoder config: windowed must name each of {self.num_hidden_layers} layers,"
                f" found {len(self.windowed)}"
            )
        if any(self.windowed) and self.window is None:
            raise CalrecError("decoder config: windowed layers need a window, found none")

    @property
    def layer_kinds(self) -> tuple[LayerKind, ...]:
        """How each layer sees the tokens before it. But for that, all layers are alike."""
        windowed = LayerKind(rope=self.windowed_rope or self.rope, window=self.window)
        whole = LayerKind(rope=self.rope, window=None)
        return tuple(
            windowed if self.windowed and self.windowed[layer] else whole
            for layer in range(self.num_hidden_layers)
        )

    def to_json(self) -> dict[str, Any]:
        """A plain JSON object of all fields."""
        return codec.encode(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> DecoderConfig:
        """The inverse of `to_json`.

        Raises:
          CalrecError: if a size is missing, a field unknown, or a value out of range.
        """
        try:
            return codec.decode(cls, content)
        except ValueError as error:
            raise CalrecError(f"decoder config: a field is missing or wrong: {error}") from None


_SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
)


def _one_of(what: str, value: str, names: Any) -> None:
    if value not in get_args(names):
        raise CalrecError(
            f"decoder config: {what} must be one of {', '.join(get_args(names))}, found {value!r}"
        )
