"""Small configs of every family that a Hugging Face folder may hold, as `config.json` has them.

Sizes are tiny, and each number is chosen so that forgetting its setting shows in the logits: a
window of 8 is shorter than the rows, soft-caps bite, the bands of llama3's rope scaling all hold
frequencies, and where a family lets it, head_dim is not hidden_size / num_attention_heads.
"""

from __future__ import annotations

from typing import Any

LLAMA = {
    "model_type": "llama",
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 6,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-3,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}
MISTRAL = LLAMA | {"model_type": "mistral", "num_hidden_layers": 3}
# Qwen2 has no head_dim of its own.
QWEN2 = {name: value for name, value in LLAMA.items() if name != "head_dim"} | {
    "model_type": "qwen2",
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    "tie_word_embeddings": True,
}
QWEN3 = LLAMA | {"model_type": "qwen3", "tie_word_embeddings": True}
GEMMA = LLAMA | {
    "model_type": "gemma",
    "num_key_value_heads": 1,
    "hidden_act": "gelu_pytorch_tanh",
    "rms_norm_eps": 1e-2,
    "tie_word_embeddings": True,
}

FAMILIES: dict[str, dict[str, Any]] = {
    "gpt2": {
        "model_type": "gpt2",
        "vocab_size": 40,
        "n_positions": 64,
        "n_embd": 16,
        "n_layer": 2,
        "n_head": 4,
        "layer_norm_epsilon": 1e-3,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
    # Llama 1 and 2: as many key heads as query heads, heads that fill the width.
    "llama": LLAMA | {"num_key_value_heads": 4, "head_dim": 4, "rms_norm_eps": 1e-6},
    # SmolLM2: 9 query heads on 3 key heads, tied.
    "smollm2": LLAMA
    | {
        "hidden_size": 24,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 4,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e5},
        "tie_word_embeddings": True,
    },
    # Llama 3.2. Wavelengths are 6, 63, 628, 6283: one below 32, one between, two above 128.
    "llama3": LLAMA
    | {
        "head_dim": 8,
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 10_000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 128,
        },
        "tie_word_embeddings": True,
    },
    "llama_linear": LLAMA
    | {"rope_parameters": {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}},
    "llama_bias": LLAMA | {"attention_bias": True, "mlp_bias": True},
    "mistral": MISTRAL | {"sliding_window": 8},
    "mistral_full": MISTRAL | {"sliding_window": None, "head_dim": 4},
    "qwen2": QWEN2 | {"use_sliding_window": False, "sliding_window": 8, "max_window_layers": 1},
    "qwen2_window": QWEN2
    | {
        "num_hidden_layers": 3,
        "use_sliding_window": True,
        "sliding_window": 8,
        "max_window_layers": 1,
    },
    "qwen3": QWEN3,
    "qwen3_bias": QWEN3 | {"attention_bias": True, "tie_word_embeddings": False},
    "gemma": GEMMA,
    "gemma2": GEMMA
    | {
        "model_type": "gemma2",
        "num_key_value_heads": 2,
        "num_hidden_layers": 4,
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": 3,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 3.0,
        "sliding_window": 8,
    },
    # Every third layer is global and has its own theta and scaling (sixth in the published ones).
    "gemma3_text": GEMMA
    | {
        "model_type": "gemma3_text",
        "num_hidden_layers": 4,
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": 10,
        "sliding_window": 8,
        "layer_types": [
            "sliding_attention",
            "sliding_attention",
            "full_attention",
            "sliding_attention",
        ],
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
            "full_attention": {"rope_type": "linear", "rope_theta": 1000.0, "factor": 4.0},
        },
    },
}
