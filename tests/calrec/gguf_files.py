"""GGUF files of random models, written as llama.cpp's converter writes each family.

Names, orders and offsets are spelled out here; the package finds them by the library's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from families import FAMILIES
from gguf import GGMLQuantizationType, GGUFWriter, quantize

Kind = GGMLQuantizationType
Tensors = Mapping[str, np.ndarray]

WIDTHS = ("vocab_size", "hidden_size", "n_embd", "intermediate_size", "head_dim")


def config(family: str, scale: int = 1) -> dict[str, Any]:
    """A family's `config.json`, every width times `scale`: rows of quantised blocks are wide."""
    return {
        name: value * scale if name in WIDTHS else value for name, value in FAMILIES[family].items()
    }


ARCHITECTURES = {"mistral": "llama", "gemma3_text": "gemma3"}
"""Model types that GGUF calls otherwise."""

LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
GEMMA_LAYER = LAYER | {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
GPT2_LAYER = {
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
OUTER = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
}

TOKENS = ("<unk>", "<s>", "</s>", "▁", "a", "b", "c", "ab", "▁ab")
TYPES = (2, 3, 3, 1, 1, 1, 1, 1, 1)
SCORES = (0.0, 0.0, 0.0, -3.0, -4.0, -5.0, -6.0, -1.0, -2.0)


def stored_name(family: str, name: str) -> str:
    module, _, leaf = name.rpartition(".")
    if module in OUTER:
        return f"{OUTER[module]}.{leaf}"
    layers = GEMMA_LAYER if family in ("gemma2", "gemma3_text") else LAYER
    _, _, number, *inner = module.split(".")
    return f"blk.{number}.{(layers | GPT2_LAYER)['.'.join(inner)]}.{leaf}"


def permuted(values: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp's `LlamaModel.permute`."""
    return (
        values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
        .swapaxes(1, 2)
        .reshape(values.shape)
    )


def stored(config: Mapping[str, Any], name: str, values: np.ndarray) -> np.ndarray:
    """A tensor as the file orders it."""
    family = config["model_type"]
    if family == "gpt2" and values.ndim == 2 and ".h." in name:
        return np.ascontiguousarray(values.T)
    if family in ("llama", "mistral") and ".q_proj." in name:
        return permuted(values, config["num_attention_heads"])
    if family in ("llama", "mistral") and ".k_proj." in name:
        return permuted(values, config["num_key_value_heads"])
    if family.startswith("gemma") and name.endswith("norm.weight"):
        return values + np.float32(1)
    return values


def metadata(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    """The sizes and settings, by the names of GGUF."""
    if config["model_type"] == "gpt2":
        writer.add_block_count(config["n_layer"])
        writer.add_context_length(config["n_positions"])
        writer.add_embedding_length(config["n_embd"])
        writer.add_feed_forward_length(4 * config["n_embd"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if "head_dim" in config:
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    ropes = config["rope_parameters"]
    rope = ropes.get("full_attention", ropes)
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "linear":
        writer.add_string(f"{writer.arch}.rope.scaling.type", "linear")
        writer.add_float32(f"{writer.arch}.rope.scaling.factor", rope["factor"])
    if "sliding_attention" in ropes:
        writer.add_float32(
            f"{writer.arch}.rope.freq_base_swa", ropes["sliding_attention"]["rope_theta"]
        )
    if config["model_type"] in ("mistral", "gemma2", "gemma3_text") and config["sliding_window"]:
        writer.add_sliding_window(config["sliding_window"])
    if config["model_type"] in ("gemma2", "gemma3_text"):
        scale = config["query_pre_attn_scalar"] ** -0.5
        writer.add_float32(f"{writer.arch}.attention.scale", scale)
    if "attn_logit_softcapping" in config:
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if "layer_types" in config:
        windowed = [kind == "sliding_attention" for kind in config["layer_types"]]
        writer.add_array(f"{writer.arch}.attention.sliding_window_pattern", windowed)


def rope_factors(config: Mapping[str, Any]) -> np.ndarray | None:
    """Llama 3's factors as llama.cpp's converter works them out, one frequency after the other."""
    rope = config.get("rope_parameters", {})
    if rope.get("rope_type") != "llama3":
        return None
    size, context = config["head_dim"], rope["original_max_position_embeddings"]
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    found = []
    for i in range(0, size, 2):
        length = 2 * np.pi * rope["rope_theta"] ** (i / size)
        if length < context / high:
            found.append(1.0)
        elif length > context / low:
            found.append(factor)
        else:
            smooth = (context / length - low) / (high - low)
            found.append(1 / ((1 - smooth) / factor + smooth))
    return np.asarray(found, np.float32)


def add_tiny_tokenizer(writer: GGUFWriter, begins: bool | None = None) -> None:
    """One of SentencePiece's kind, smaller than any embedding here."""
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(TOKENS)
    writer.add_token_types(TYPES)
    writer.add_token_scores(SCORES)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if begins is not None:
        writer.add_add_bos_token(begins)


def write(
    path: Path,
    config: Mapping[str, Any],
    tensors: Tensors,
    *,
    kinds: Mapping[str, Kind] | None = None,
    raw: Mapping[str, np.ndarray] | None = None,
    change: Callable[[GGUFWriter], object] = lambda writer: None,
    tokenizer: Callable[[GGUFWriter], object] = add_tiny_tokenizer,
    architecture: str | None = None,
) -> Path:
    """Writes a model.

    Args:
      path: the file.
      config: its config.json.
      tensors: by the folder's names.
      kinds: name in the file -> quantisation; else F32.
      raw: name in the file -> blocks in place of its tensor's, of the kind that is named.
      change: adds to the metadata, or takes from it.
      tokenizer: adds the tokenizer.
      architecture: another name of it.
    """
    family = config["model_type"]
    writer = GGUFWriter(path, architecture or ARCHITECTURES.get(family, family))
    metadata(writer, config)
    tokenizer(writer)
    change(writer)
    if (factors := rope_factors(config)) is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    for name, values in tensors.items():
        where = stored_name(family, name)
        kind = (kinds or {}).get(where, Kind.F32)
        blocks = (raw or {}).get(where)
        if blocks is None:
            ordered = stored(config, name, np.asarray(values, np.float32))
            blocks = quantize(ordered, kind)
        writer.add_tensor(where, blocks, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def with_tokenizer(
    path: Path,
    *,
    model: str,
    pre: str | None = None,
    tokens: Sequence[str],
    types: Sequence[int],
    more: Callable[[GGUFWriter], object] = lambda writer: None,
) -> Path:
    """A file of a tokenizer alone."""
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_tokenizer_model(model)
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    more(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
