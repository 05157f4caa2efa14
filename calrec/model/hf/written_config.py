"""A `DecoderConfig` as a Hugging Face `config.json`."""

from __future__ import annotations

import dataclasses
from typing import Any

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig, Family, Rope
from calrec.model.hf.config import LAYER_TYPES, from_hugging_face

ARCHITECTURES: dict[Family, str] = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma": "GemmaForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "gpt2": "GPT2LMHeadModel",
}


def to_hugging_face(config: DecoderConfig, dtype: str) -> dict[str, Any]:
    """A `config.json` of a decoder, every setting spelled out.

    Rope parameters stand under their older names, which all versions of transformers, and the
    servers built on it, read.

    Raises:
      CalrecError: if the family's config cannot describe this decoder.
    """
    content = _content(config, dtype)
    try:
        again = from_hugging_face(content)
    except CalrecError as error:
        raise CalrecError(f"decoder: expected one that a {config.family} can be: {error}") from None
    for field in dataclasses.fields(config):
        ours, theirs = getattr(config, field.name), getattr(again, field.name)
        if ours != theirs:
            raise CalrecError(
                f"decoder: expected one that the config of a {config.family} can describe, found"
                f" {field.name} of {ours}, which it would read as {theirs}; name another family"
            )
    return content


def _content(config: DecoderConfig, dtype: str) -> dict[str, Any]:
    shared = {
        "architectures": [ARCHITECTURES[config.family]],
        "model_type": config.family,
        "torch_dtype": dtype,
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": config.tie_word_embeddings,
    }
    own = _gpt2(config) if config.family == "gpt2" else _llama_like(config)
    return shared | own


def _gpt2(config: DecoderConfig) -> dict[str, Any]:
    return {
        "n_embd": config.hidden_size,
        "n_inner": config.intermediate_size,
        "n_layer": config.num_hidden_layers,
        "n_head": config.num_attention_heads,
        "n_positions": config.max_position_embeddings,
        "layer_norm_epsilon": config.norm_eps,
        "activation_function": _name_of(config.activation, "gelu_new"),
        "scale_attn_weights": config.attention_scale is None,
    }


def _llama_like(config: DecoderConfig) -> dict[str, Any]:
    later_gemma = config.family in ("gemma2", "gemma3_text")
    activation = _name_of(config.activation, "gelu_pytorch_tanh")
    content = {
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.max_position_embeddings,
        "rms_norm_eps": config.norm_eps,
        "hidden_activation" if later_gemma else "hidden_act": activation,
        "attention_bias": config.attention_bias,
        **_ropes(config),
        **_windows(config),
    }
    if config.family == "llama":
        content["mlp_bias"] = config.mlp_bias
    if later_gemma:
        content["query_pre_attn_scalar"] = _whole((config.attention_scale or 1.0) ** -2)
        content["attn_logit_softcapping"] = config.attention_softcap
        content["final_logit_softcapping"] = config.logit_softcap
    return content


def _windows(config: DecoderConfig) -> dict[str, Any]:
    """Which layers see the last tokens only, and how many."""
    if config.family == "mistral":
        return {"sliding_window": config.window}
    if config.family not in LAYER_TYPES:
        return {}
    windowed = config.windowed or (False,) * config.num_hidden_layers
    # Gemma's code wants a number even where no layer uses it.
    unused = 4_096 if config.family.startswith("gemma") else None
    return {
        "layer_types": ["sliding_attention" if there else "full_attention" for there in windowed],
        "sliding_window": config.window or unused,
        "use_sliding_window": config.window is not None,
    }


def _name_of(activation: str, tanh: str) -> str:
    return tanh if activation == "gelu_tanh" else activation


def _whole(value: float) -> int | float:
    """A number whose square root was taken, as the whole number that it was."""
    return round(value) if abs(value - round(value)) < 1e-6 * value else value


def _ropes(config: DecoderConfig) -> dict[str, Any]:
    """The rotary positions, of windowed layers too where they have their own."""
    rope, local = config.rope, config.windowed_rope
    if rope is None:
        return {}
    parameters = _rope_parameters(rope)
    if config.family != "gemma3_text" or local is None:
        return _older_names(parameters)
    if local.kind == "default":
        return {**_older_names(parameters), "rope_local_base_freq": local.theta}
    # The older names have no place for it.
    both = {"full_attention": parameters, "sliding_attention": _rope_parameters(local)}
    return {"rope_parameters": both}


def _older_names(parameters: dict[str, Any]) -> dict[str, Any]:
    scaling = {name: value for name, value in parameters.items() if name != "rope_theta"}
    theta = {"rope_theta": parameters["rope_theta"]}
    return theta if scaling["rope_type"] == "default" else {**theta, "rope_scaling": scaling}


def _rope_parameters(rope: Rope) -> dict[str, Any]:
    content: dict[str, Any] = {"rope_type": rope.kind, "rope_theta": rope.theta}
    if rope.kind != "default":
        content["factor"] = rope.factor
    if rope.kind == "llama3":
        content["low_freq_factor"] = rope.low_freq_factor
        content["high_freq_factor"] = rope.high_freq_factor
        content["original_max_position_embeddings"] = rope.original_max_position_embeddings
    return content
