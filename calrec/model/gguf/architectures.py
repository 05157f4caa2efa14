"""A GGUF file's metadata as the config of the family that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig, Family
from calrec.model.gguf.reading import File
from calrec.model.gguf.rope import scaling_of
from calrec.model.hf.config import from_hugging_face


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What GGUF calls an architecture.

    Attributes:
      family: whose folder it becomes.
      more: the family's own settings, as its config.json names them.
      permuted: whether rows of query and key are in another order than the folder's.
      norms_plus_one: whether norms are stored as what they multiply by.
    """

    family: Family
    more: Callable[[File], Mapping[str, Any]] = lambda file: {}
    permuted: bool = False
    norms_plus_one: bool = False


def config_of(file: File) -> DecoderConfig:
    """The decoder that a file's metadata, and the tensors that it has, describe.

    Raises:
      CalrecError: for another architecture, or a setting that the family does not have.
    """
    known = architecture_of(file)
    _check_settings(file)
    content = _gpt2(file) if known.family == "gpt2" else _llama_like(file)
    try:
        return from_hugging_face({**content, **known.more(file)})
    except CalrecError as error:
        raise CalrecError(f"{file.path}: {error}") from None


def architecture_of(file: File) -> Architecture:
    """What is known of a file's architecture.

    Raises:
      CalrecError: if it is another one.
    """
    if file.architecture not in ARCHITECTURES:
        names = ", ".join(ARCHITECTURES)
        raise file.refused(f"an architecture of {names}", repr(file.architecture))
    known = ARCHITECTURES[file.architecture]
    # Mistral's models are `llama` to GGUF; a window of the last tokens tells them apart.
    if known.family == "llama" and file.optional("attention.sliding_window"):
        return Architecture(family="mistral", more=_windowed, permuted=known.permuted)
    return known


def _shared(file: File) -> dict[str, Any]:
    embedding = file.tensors.get("token_embd.weight")
    if embedding is None:
        raise CalrecError(
            f"{file.path}: expected the tensor token_embd.weight, found none; copy it again"
        )
    return {
        "model_type": architecture_of(file).family,
        "vocab_size": embedding.shape[0],
        "tie_word_embeddings": "output.weight" not in file.tensors,
    }


def _gpt2(file: File) -> dict[str, Any]:
    return _shared(file) | {
        "n_embd": file.own(int, "embedding_length"),
        "n_inner": file.same("feed_forward_length"),
        "n_layer": file.own(int, "block_count"),
        "n_head": file.same("attention.head_count"),
        "n_positions": file.own(int, "context_length"),
        "layer_norm_epsilon": file.own(float, "attention.layer_norm_epsilon"),
    }


def _llama_like(file: File) -> dict[str, Any]:
    heads = file.same("attention.head_count")
    content = _shared(file) | {
        "hidden_size": file.own(int, "embedding_length"),
        "intermediate_size": file.same("feed_forward_length"),
        "num_hidden_layers": file.own(int, "block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": file.same("attention.head_count_kv", heads),
        "head_dim": head_dim(file),
        "max_position_embeddings": file.own(int, "context_length"),
        "rms_norm_eps": file.own(float, "attention.layer_norm_rms_epsilon"),
        "attention_bias": "blk.0.attn_q.bias" in file.tensors,
        "rope_parameters": scaling_of(file, head_dim(file)),
    }
    if content["model_type"] == "llama":
        content["mlp_bias"] = "blk.0.ffn_up.bias" in file.tensors
    return content


def head_dim(file: File) -> int:
    """Width of a head: told, or what the model's width leaves each.

    Raises:
      CalrecError: if keys and values differ, or positions turn a part of a head only.
    """
    width = file.own(int, "embedding_length") // file.same("attention.head_count")
    size = file.own(int, "attention.key_length", file.own(int, "rope.dimension_count", width))
    if (values := file.own(int, "attention.value_length", size)) != size:
        raise file.refused(f"values as wide as keys ({size})", values)
    if (turned := file.own(int, "rope.dimension_count", size)) != size:
        raise file.refused(f"rotary positions over whole heads ({size})", turned)
    return size


def _windowed(file: File) -> dict[str, Any]:
    return {"sliding_window": file.own(int, "attention.sliding_window")}


def _no_window(file: File) -> dict[str, Any]:
    return {"use_sliding_window": False}


def _gemma2(file: File) -> dict[str, Any]:
    return _later_gemma(file, every=2, wide_layers=46) | {
        "attn_logit_softcapping": file.own(float, "attn_logit_softcapping", 50.0),
        "final_logit_softcapping": file.own(float, "final_logit_softcapping", 30.0),
    }


def _gemma3(file: File) -> dict[str, Any]:
    full = scaling_of(file, head_dim(file))
    # The file need not say it: it is the same in all that are published.
    windowed = {
        "rope_type": "default",
        "rope_theta": file.own(float, "rope.freq_base_swa", 10_000.0),
    }
    return _later_gemma(file, every=6, wide_layers=62) | {
        "final_logit_softcapping": file.own(float, "final_logit_softcapping", 0.0) or None,
        "rope_parameters": {"full_attention": full, "sliding_attention": windowed},
    }


def _later_gemma(file: File, *, every: int, wide_layers: int) -> dict[str, Any]:
    """What Gemma 2 and 3 share; GGUF leaves it to whoever reads to know most of it.

    Args:
      file: the file.
      every: which layer sees all tokens, where the file does not tell.
      wide_layers: layers of the one model (27B) whose queries are scaled by the width that each
        head has of the model's, not by their own.
    """
    layers, size = file.own(int, "block_count"), head_dim(file)
    width = file.own(int, "embedding_length") // file.same("attention.head_count")
    scaled_by = width if layers == wide_layers else size
    pattern = file.optional("attention.sliding_window_pattern") or every
    if not isinstance(pattern, list):
        pattern = [(layer + 1) % pattern != 0 for layer in range(layers)]
    if scale := file.optional("attention.scale"):
        # A whole number, of which float32 kept the square root.
        scaled_by = round(scale**-2, 3)
    return {
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": int(scaled_by) if scaled_by == int(scaled_by) else scaled_by,
        "sliding_window": file.own(int, "attention.sliding_window"),
        "layer_types": ["sliding_attention" if one else "full_attention" for one in pattern],
    }


# What would change the numbers and is not there: the values that each may have.
_REFUSED: Mapping[str, tuple[object, ...]] = {
    "expert_count": (None, 0),
    "attention.causal": (None, True),
    "attention.max_alibi_bias": (None, 0.0),
    "attention.clamp_kqv": (None, 0.0),
    "logit_scale": (None, 0.0, 1.0),
    "residual_scale": (None, 0.0, 1.0),
    "embedding_scale": (None, 0.0, 1.0),
}


def _check_settings(file: File) -> None:
    for name, allowed in _REFUSED.items():
        if (found := file.optional(name)) not in allowed:
            raise file.refused(f"{name} to be {allowed[-1]}", found)
    scaled = ARCHITECTURES[file.architecture].family in ("gemma2", "gemma3_text")
    scale = file.optional("attention.scale")
    if scale and not scaled and abs(scale * head_dim(file) ** 0.5 - 1) > 1e-6:
        raise file.refused("queries scaled by the width of a head", f"attention.scale {scale}")


ARCHITECTURES: Mapping[str, Architecture] = {
    "llama": Architecture(family="llama", permuted=True),
    "qwen2": Architecture(family="qwen2", more=_no_window),
    "qwen3": Architecture(family="qwen3", more=_no_window),
    "gemma": Architecture(family="gemma", norms_plus_one=True),
    "gemma2": Architecture(family="gemma2", more=_gemma2, norms_plus_one=True),
    "gemma3": Architecture(family="gemma3_text", more=_gemma3, norms_plus_one=True),
    "gpt2": Architecture(family="gpt2"),
}
