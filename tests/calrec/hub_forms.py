"""Folders as published models have them: older keys in config.json, other tensor names.

Each form takes the weights of a golden family, so that what the model says is known. The keys are
those of the named model on the hub; only the sizes are ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from families import FAMILIES
from safetensors.numpy import load_file, save_file

GOLDEN = Path(__file__).parent / "golden"
Tensors = dict[str, np.ndarray]


def as_they_are(tensors: Tensors) -> Tensors:
    return tensors


def without_prefix(tensors: Tensors) -> Tensors:
    """GPT-2: no `transformer.` in front, and each layer's causal mask as a buffer."""
    tensors = {name.removeprefix("transformer."): x for name, x in tensors.items()}
    causal = np.tril(np.ones((64, 64), np.float32))[None, None]
    return tensors | {f"h.{layer}.attn.bias": causal for layer in range(2)}


def with_buffers_and_head(tensors: Tensors) -> Tensors:
    """GPT-2 models fine-tuned with an old version: boolean masks, and the tied head once more."""
    causal = np.tril(np.ones((64, 64), bool))[None, None]
    for layer in range(2):
        at = f"transformer.h.{layer}.attn."
        tensors |= {at + "bias": causal, at + "masked_bias": np.array(-1e4, np.float32)}
    return tensors | {"lm_head.weight": tensors["transformer.wte.weight"].copy()}


def with_frequencies(tensors: Tensors) -> Tensors:
    """Llama 1 and 2: each layer's rotary frequencies as a buffer."""
    frequency = np.array([1.0, 0.01], np.float32)
    at = "model.layers.{}.self_attn.rotary_emb.inv_freq"
    return tensors | {at.format(layer): frequency for layer in range(2)}


def with_tied_head(tensors: Tensors) -> Tensors:
    """Qwen3 0.6B: tied, and yet the head stands in the file."""
    return tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].copy()}


def sized(family: str, **settings: Any) -> dict[str, Any]:
    """The sizes of a family that every config.json gives, and further settings."""
    names = (
        "model_type",
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "max_position_embeddings",
    )
    sizes = {name: FAMILIES[family][name] for name in names}
    return sizes | {"initializer_range": 0.02, "use_cache": True, **settings}


GPT2 = {
    "activation_function": "gelu_new",
    "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.1,
    "bos_token_id": 1,
    "embd_pdrop": 0.1,
    "eos_token_id": 1,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-3,
    "model_type": "gpt2",
    "n_ctx": 64,
    "n_embd": 16,
    "n_head": 4,
    "n_layer": 2,
    "n_positions": 64,
    "resid_pdrop": 0.1,
    "summary_activation": None,
    "summary_first_dropout": 0.1,
    "summary_proj_to_labels": True,
    "summary_type": "cls_index",
    "summary_use_proj": True,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "vocab_size": 40,
}
GEMMA3 = sized(
    "gemma3_text",
    architectures=["Gemma3ForCausalLM"],
    attention_bias=False,
    attention_dropout=0.0,
    attn_logit_softcapping=None,
    bos_token_id=2,
    eos_token_id=1,
    final_logit_softcapping=None,
    head_dim=6,
    hidden_activation="gelu_pytorch_tanh",
    num_key_value_heads=1,
    pad_token_id=0,
    query_pre_attn_scalar=10,
    rms_norm_eps=1e-2,
    rope_local_base_freq=100.0,
    rope_scaling={"factor": 4.0, "rope_type": "linear"},
    rope_theta=1000.0,
    sliding_window=8,
    torch_dtype="float32",
)

FORMS: dict[str, tuple[str, dict[str, Any], Callable[[Tensors], Tensors]]] = {
    "openai-community/gpt2": ("gpt2", GPT2, without_prefix),
    "a fine-tuned gpt2": ("gpt2", GPT2 | {"n_inner": None}, with_buffers_and_head),
    "llama-2": (
        "llama",
        sized(
            "llama",
            architectures=["LlamaForCausalLM"],
            bos_token_id=1,
            eos_token_id=2,
            hidden_act="silu",
            num_key_value_heads=4,
            pad_token_id=0,
            pretraining_tp=1,
            rms_norm_eps=1e-6,
            rope_scaling=None,
            tie_word_embeddings=False,
            torch_dtype="float16",
        ),
        with_frequencies,
    ),
    # Everything that Llama's config has a default for is left out: no tie, theta 10,000, eps 1e-6.
    "llama, defaults": ("llama", sized("llama"), as_they_are),
    "HuggingFaceTB/SmolLM2-135M": (
        "smollm2",
        sized(
            "smollm2",
            architectures=["LlamaForCausalLM"],
            attention_bias=False,
            attention_dropout=0.0,
            bos_token_id=0,
            eos_token_id=0,
            hidden_act="silu",
            is_llama_config=True,
            mlp_bias=False,
            num_key_value_heads=2,
            pretraining_tp=1,
            rms_norm_eps=1e-3,
            rope_interleaved=False,
            rope_scaling=None,
            rope_theta=100_000,
            tie_word_embeddings=True,
            torch_dtype="bfloat16",
            **{"transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}}},
        ),
        as_they_are,
    ),
    "meta-llama/Llama-3.2-1B": (
        "llama3",
        sized(
            "llama3",
            architectures=["LlamaForCausalLM"],
            attention_bias=False,
            attention_dropout=0.0,
            bos_token_id=1,
            eos_token_id=[2, 3],
            head_dim=8,
            hidden_act="silu",
            mlp_bias=False,
            num_key_value_heads=2,
            pretraining_tp=1,
            rms_norm_eps=1e-3,
            rope_scaling={
                "factor": 8.0,
                "high_freq_factor": 4.0,
                "low_freq_factor": 1.0,
                "original_max_position_embeddings": 128,
                "rope_type": "llama3",
            },
            rope_theta=10_000.0,
            tie_word_embeddings=True,
            torch_dtype="bfloat16",
        ),
        as_they_are,
    ),
    "llama, rope_scaling of 2023": (
        "llama_linear",
        sized(
            "llama_linear",
            head_dim=6,
            num_key_value_heads=2,
            rms_norm_eps=1e-3,
            rope_scaling={"factor": 4.0, "type": "linear"},
        ),
        as_they_are,
    ),
    "mistralai/Mistral-7B-v0.1": (
        "mistral",
        sized(
            "mistral",
            architectures=["MistralForCausalLM"],
            bos_token_id=1,
            eos_token_id=2,
            head_dim=6,
            hidden_act="silu",
            num_key_value_heads=2,
            rms_norm_eps=1e-3,
            rope_theta=10_000.0,
            sliding_window=8,
            tie_word_embeddings=False,
            torch_dtype="bfloat16",
        ),
        as_they_are,
    ),
    "mistralai/Mistral-7B-v0.3": (
        "mistral_full",
        sized(
            "mistral_full",
            architectures=["MistralForCausalLM"],
            attention_dropout=0.0,
            head_dim=None,
            hidden_act="silu",
            num_key_value_heads=2,
            rms_norm_eps=1e-3,
            rope_theta=10_000.0,
            sliding_window=None,
            tie_word_embeddings=False,
        ),
        as_they_are,
    ),
    "Qwen/Qwen2.5-0.5B": (
        "qwen2",
        sized(
            "qwen2",
            architectures=["Qwen2ForCausalLM"],
            attention_dropout=0.0,
            bos_token_id=1,
            eos_token_id=1,
            hidden_act="silu",
            max_window_layers=1,
            num_key_value_heads=2,
            rms_norm_eps=1e-3,
            rope_theta=1_000_000.0,
            sliding_window=8,
            tie_word_embeddings=True,
            use_mrope=False,
            use_sliding_window=False,
        ),
        as_they_are,
    ),
    "Qwen2 with windows": (
        "qwen2_window",
        sized(
            "qwen2_window",
            max_window_layers=1,
            num_key_value_heads=2,
            rms_norm_eps=1e-3,
            rope_theta=1_000_000.0,
            sliding_window=8,
            tie_word_embeddings=True,
            use_sliding_window=True,
        ),
        as_they_are,
    ),
    "Qwen/Qwen3-0.6B": (
        "qwen3",
        sized(
            "qwen3",
            architectures=["Qwen3ForCausalLM"],
            attention_bias=False,
            attention_dropout=0.0,
            bos_token_id=1,
            eos_token_id=2,
            head_dim=6,
            hidden_act="silu",
            max_window_layers=28,
            num_key_value_heads=2,
            rms_norm_eps=1e-3,
            rope_scaling=None,
            rope_theta=10_000,
            sliding_window=None,
            tie_word_embeddings=True,
            use_sliding_window=False,
        ),
        with_tied_head,
    ),
    # "gelu" has always meant the tanh form here; the tie is Gemma's default.
    "google/gemma-2b": (
        "gemma",
        sized(
            "gemma",
            architectures=["GemmaForCausalLM"],
            attention_bias=False,
            attention_dropout=0.0,
            bos_token_id=2,
            eos_token_id=1,
            head_dim=6,
            hidden_act="gelu",
            hidden_activation=None,
            num_key_value_heads=1,
            pad_token_id=0,
            rms_norm_eps=1e-2,
            rope_scaling=None,
            rope_theta=10_000.0,
        ),
        as_they_are,
    ),
    "google/gemma-2-2b": (
        "gemma2",
        sized(
            "gemma2",
            architectures=["Gemma2ForCausalLM"],
            attention_bias=False,
            attention_dropout=0.0,
            attn_logit_softcapping=2.0,
            bos_token_id=2,
            cache_implementation="hybrid",
            eos_token_id=1,
            final_logit_softcapping=3.0,
            head_dim=6,
            hidden_act="gelu_pytorch_tanh",
            hidden_activation="gelu_pytorch_tanh",
            num_key_value_heads=2,
            pad_token_id=0,
            query_pre_attn_scalar=3,
            rms_norm_eps=1e-2,
            rope_theta=10_000.0,
            sliding_window=8,
        ),
        as_they_are,
    ),
    "google/gemma-3-1b-pt": (
        "gemma3_text",
        GEMMA3 | {"cache_implementation": "hybrid", "sliding_window_pattern": 3},
        as_they_are,
    ),
    "google/gemma-3-270m": (
        "gemma3_text",
        GEMMA3
        | {
            "_sliding_window_pattern": 3,
            "layer_types": FAMILIES["gemma3_text"]["layer_types"],
            "use_bidirectional_attention": False,
        },
        as_they_are,
    ),
}


def write(folder: Path, form: str) -> str:
    """Writes the form's folder.

    Returns:
      The golden family whose weights it holds.
    """
    family, config, rename = FORMS[form]
    tensors = load_file(GOLDEN / family / "model.safetensors")
    save_file(rename(tensors), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    return family
