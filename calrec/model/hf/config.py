"""A Hugging Face `config.json` as a `DecoderConfig`.

transformers' own config classes read it: they know each family's defaults and the older names of
a setting.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from calrec.errors import CalrecError
from calrec.model.backbone.config import Activation, DecoderConfig, Family, Rope

ACTIVATIONS: dict[str, Activation] = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
}
LAYER_TYPES = ("qwen2", "qwen3", "gemma2", "gemma3_text")
"""Families whose config says of each layer whether it sees a window only."""

# What would change the numbers and is not there: the only value that each may have.
_REFUSED = {
    "use_bidirectional_attention": (None, False),
    "scale_attn_by_inverse_layer_idx": (None, False),
    "add_cross_attention": (None, False),
    "is_causal": (None, True),
    "quantization_config": (None,),
}


def read_config(folder: Path) -> DecoderConfig:
    """The decoder that a folder's `config.json` describes.

    Raises:
      CalrecError: if there is none, it is damaged, or describes what this decoder is not.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise CalrecError(
            f"{folder}: expected a Hugging Face folder, found no config.json; name the folder that"
            " holds config.json, model.safetensors and tokenizer.json"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"a {type(content).__name__} where an object belongs")
    except (ValueError, OSError, RecursionError) as error:
        raise CalrecError(
            f"{path}: expected JSON, found a damaged file ({error}); copy it again"
        ) from None
    try:
        return from_hugging_face(content)
    except CalrecError as error:
        raise CalrecError(f"{path}: {error}") from None


def from_hugging_face(content: Mapping[str, Any]) -> DecoderConfig:
    """The decoder that the content of a `config.json` describes.

    Raises:
      CalrecError: for another architecture, an unsupported setting, or a missing or odd value.
    """
    family = _family(content.get("model_type"))
    for name in _needed(family):
        if not isinstance(size := content.get(name), int) or size < 1:
            raise CalrecError(
                f"expected {name} of a {family} to be a positive whole number, found {size!r}"
            )
    from transformers import CONFIG_MAPPING

    try:
        config = CONFIG_MAPPING[family].from_dict(json.loads(json.dumps(content)))
        return _gpt2(config) if family == "gpt2" else _llama_like(config)
    except CalrecError:
        raise
    # transformers raises its validators' own kinds, whose texts run over lines.
    except Exception as error:
        detail = " ".join(str(error).split())[:200]
        raise CalrecError(f"expected a config of a {family}, found: {detail}") from None


def _family(name: object) -> Family:
    if name not in get_args(Family):
        hint = "; its text model alone is gemma3_text" if name == "gemma3" else ""
        raise CalrecError(
            f"expected a model_type of {', '.join(get_args(Family))}, found {name!r}{hint}"
        )
    return cast(Family, name)


def _needed(family: Family) -> tuple[str, ...]:
    if family == "gpt2":
        return ("vocab_size", "n_embd", "n_layer", "n_head")
    return (
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
    )


def _shared(config: Any) -> dict[str, Any]:
    """What all families have."""
    for name, allowed in _REFUSED.items():
        if (found := getattr(config, name, None)) not in allowed:
            raise CalrecError(
                f"expected {name} to be {allowed[-1]}, found {found!r}, which is not supported"
            )
    return {
        "family": config.model_type,
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "max_position_embeddings": config.max_position_embeddings,
        "tie_word_embeddings": config.tie_word_embeddings,
    }


def _gpt2(config: Any) -> DecoderConfig:
    if config.n_embd % config.n_head:
        raise CalrecError(
            f"expected n_embd to be a multiple of n_head, found {config.n_embd} and {config.n_head}"
        )
    return DecoderConfig(
        **_shared(config),
        intermediate_size=config.n_inner or 4 * config.hidden_size,
        num_key_value_heads=config.num_attention_heads,
        head_dim=config.hidden_size // config.num_attention_heads,
        norm="layer",
        norm_eps=config.layer_norm_epsilon,
        activation=_activation(config.activation_function),
        gated_mlp=False,
        attention_bias=True,
        output_bias=True,
        mlp_bias=True,
        attention_scale=None if config.scale_attn_weights else 1.0,
        rope=None,
    )


def _llama_like(config: Any) -> DecoderConfig:
    family = config.model_type
    gemma = family.startswith("gemma")
    later_gemma = family in ("gemma2", "gemma3_text")
    ropes = config.rope_parameters
    local = family == "gemma3_text"
    bias = family == "qwen2" or bool(getattr(config, "attention_bias", False))
    windowed = _windowed(config)
    if any(windowed) and not config.sliding_window:
        raise CalrecError(
            f"expected a sliding_window for the windowed layers, found {config.sliding_window!r}"
        )
    window = config.sliding_window if any(windowed) else None
    return DecoderConfig(
        **_shared(config),
        intermediate_size=config.intermediate_size,
        num_key_value_heads=config.num_key_value_heads,
        head_dim=config.head_dim
        if getattr(config, "head_dim", None)
        else config.hidden_size // config.num_attention_heads,
        scale_embeddings=gemma,
        norm="rms_offset" if gemma else "rms",
        norm_eps=config.rms_norm_eps,
        norm_outputs=later_gemma,
        norm_queries_and_keys=family in ("qwen3", "gemma3_text"),
        activation=_activation(
            config.hidden_activation if later_gemma else config.hidden_act,
        ),
        attention_bias=bias,
        output_bias=bias and family != "qwen2",
        mlp_bias=bool(getattr(config, "mlp_bias", False)),
        attention_scale=config.query_pre_attn_scalar**-0.5 if later_gemma else None,
        # Gemma 3's config has it too, but its code does not use it.
        attention_softcap=config.attn_logit_softcapping if family == "gemma2" else None,
        logit_softcap=config.final_logit_softcapping if later_gemma else None,
        rope=_rope(ropes["full_attention"] if local else ropes),
        window=window,
        windowed=windowed if window else (),
        windowed_rope=_rope(ropes["sliding_attention"]) if local and window else None,
    )


def _windowed(config: Any) -> tuple[bool, ...]:
    """Which layers see a window only; families beside these do not look at such settings."""
    if config.model_type == "mistral":
        if getattr(config, "layer_types", None) is not None:
            raise CalrecError(
                "expected a mistral without layer_types, found some: that is a ministral, which is"
                " not supported"
            )
        return (config.sliding_window is not None,) * config.num_hidden_layers
    if config.model_type not in LAYER_TYPES:
        return ()
    known = ("full_attention", "sliding_attention")
    if other := sorted(set(config.layer_types) - set(known)):
        raise CalrecError(f"expected layer types of {', '.join(known)}, found {', '.join(other)}")
    if len(config.layer_types) != config.num_hidden_layers:
        raise CalrecError(
            f"expected layer_types of {config.num_hidden_layers} layers, found"
            f" {len(config.layer_types)}"
        )
    return tuple(kind == "sliding_attention" for kind in config.layer_types)


def _activation(name: str) -> Activation:
    if name not in ACTIVATIONS:
        raise CalrecError(f"expected an activation of {', '.join(ACTIVATIONS)}, found {name!r}")
    return ACTIVATIONS[name]


def _rope(parameters: Mapping[str, Any]) -> Rope:
    kind = parameters.get("rope_type", "default")
    if kind not in ("default", "linear", "llama3"):
        raise CalrecError(
            f"expected a rope type of default, linear, llama3, found {kind!r}, which is not"
            " supported"
        )
    if parameters.get("partial_rotary_factor") not in (None, 1.0):
        raise CalrecError(
            "expected rotary positions over whole heads, found partial_rotary_factor"
            f" {parameters['partial_rotary_factor']}"
        )
    theta = float(parameters["rope_theta"])
    if kind == "default":
        return Rope(theta=theta)
    if kind == "linear":
        return Rope(theta=theta, kind=kind, factor=float(parameters["factor"]))
    return Rope(
        theta=theta,
        kind=kind,
        factor=float(parameters["factor"]),
        low_freq_factor=float(parameters["low_freq_factor"]),
        high_freq_factor=float(parameters["high_freq_factor"]),
        original_max_position_embeddings=int(parameters["original_max_position_embeddings"]),
    )
