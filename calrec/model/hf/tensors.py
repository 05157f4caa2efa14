"""Under which name, and in which form, each family's folder holds each of the decoder's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flax.typing import PathParts

from calrec.model.backbone.config import DecoderConfig, Family


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor of a folder, and the decoder's weights that it holds.

    Attributes:
      name: the tensor's.
      parts: where its parts stand in the decoder, as ("layers", 0, "mlp", "up_proj", "weight"), in
        order along the split axis: one, or query, key and value of GPT-2's joint projection.
      shape: the tensor's.
      transposed: whether it is the transpose of the decoder's weight (GPT-2's matrices).
    """

    name: str
    parts: tuple[PathParts, ...]
    shape: tuple[int, ...]
    transposed: bool = False


# A layer's modules as the decoder names them -> as the family does.
_LAYER: dict[Family, Mapping[str, str]] = {
    "gemma2": {
        "attention_output_norm": "post_attention_layernorm",
        "post_attention_layernorm": "pre_feedforward_layernorm",
        "mlp_output_norm": "post_feedforward_layernorm",
    },
    "gpt2": {
        "input_layernorm": "ln_1",
        "post_attention_layernorm": "ln_2",
        "self_attn.q_proj": "attn.c_attn",
        "self_attn.k_proj": "attn.c_attn",
        "self_attn.v_proj": "attn.c_attn",
        "self_attn.o_proj": "attn.c_proj",
        "mlp.up_proj": "mlp.c_fc",
        "mlp.down_proj": "mlp.c_proj",
    },
}
_LAYER["gemma3_text"] = _LAYER["gemma2"]
_OUTER: dict[Family, Mapping[str, str]] = {
    "gpt2": {
        "embed_tokens": "wte.weight",
        "embed_positions": "wpe.weight",
        "norm": "ln_f",
        "layers": "h",
    }
}


HEAD = "lm_head.weight"


def prefix(family: Family) -> str:
    """What stands before every name but the vocabulary head's; older files leave it out."""
    return "transformer." if family == "gpt2" else "model."


def full_name(family: Family, name: str) -> str:
    """The name with the family's prefix, if it was left out."""
    start = prefix(family)
    return name if name == HEAD or name.startswith(start) else start + name


def tensors(config: DecoderConfig, shapes: Mapping[PathParts, tuple[int, ...]]) -> list[Tensor]:
    """All tensors that a folder of this decoder holds.

    Args:
      config: the decoder's, which names the family.
      shapes: each of the decoder's weights and its shape.
    """
    held: dict[str, list[PathParts]] = {}
    for path in shapes:
        held.setdefault(_name(config.family, path), []).append(path)
    return [_tensor(config, name, paths, shapes) for name, paths in held.items()]


def _tensor(
    config: DecoderConfig,
    name: str,
    paths: list[PathParts],
    shapes: Mapping[PathParts, tuple[int, ...]],
) -> Tensor:
    # The order of the joint projection.
    ordered = sorted(paths, key=lambda path: "qkv".find(str(path[-2])[0]) if len(paths) > 1 else 0)
    first = shapes[ordered[0]]
    transposed = config.family == "gpt2" and len(first) == 2 and ordered[0][0] == "layers"
    whole = (sum(shapes[path][0] for path in ordered), *first[1:])
    shape = whole[::-1] if transposed else whole
    return Tensor(name=name, parts=tuple(ordered), shape=shape, transposed=transposed)


def _name(family: Family, path: PathParts) -> str:
    outer = _OUTER.get(family, {})
    if path == ("lm_head",):
        return HEAD
    if path[0] != "layers":
        own = outer.get(str(path[0]), "embed_tokens.weight" if len(path) == 1 else str(path[0]))
        return prefix(family) + ".".join([own, *map(str, path[1:])])
    _, layer, *modules, leaf = path
    module = ".".join(map(str, modules))
    module = _LAYER.get(family, {}).get(module, module)
    return f"{prefix(family)}{outer.get('layers', 'layers')}.{layer}.{module}.{leaf}"


def is_buffer(family: Family, name: str) -> bool:
    """Whether a tensor is no weight, but a mask or a table that older files hold."""
    if family == "gpt2":
        return name.endswith((".attn.bias", ".attn.masked_bias"))
    return name.endswith("rotary_emb.inv_freq")
