"""Hugging Face folders: pretrained decoders in, trained ones out; torch is not needed.

FOLDER/config.json          GPT-2, Llama, Mistral, Qwen2, Qwen3, Gemma, Gemma 2, Gemma 3 text
FOLDER/model.safetensors    or model-0000i-of-0000n.safetensors with their index
FOLDER/tokenizer.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig, Dtype
from calrec.model.backbone.decoder import Decoder
from calrec.model.hf.config import read_config
from calrec.model.hf.files import DTYPES, Stored, stored_tensors
from calrec.model.hf.tensors import HEAD, Tensor, full_name, is_buffer, tensors
from calrec.model.hf.written_config import to_hugging_face
from calrec.records.files import whole_folder

if TYPE_CHECKING:
    from calrec.tokenizer import Tokenizer

NOTES = ("LICENSE", "NOTICE.md", "TERMS.html")
"""What a folder may hold of a model's licence."""


def load(folder: str | Path, *, dtype: Dtype | None = None) -> Decoder:
    """The decoder of a Hugging Face folder.

    At its highest, memory holds the weights and one tensor more.

    Args:
      folder: config.json and model.safetensors, or the latter's parts and their index.
      dtype: of the weights; by default bfloat16 where all tensors are, else float32.

    Raises:
      CalrecError: for an unsupported architecture, a missing, misshapen or unknown tensor, or a
        damaged file.
    """
    if dtype not in (None, *get_args(Dtype)):
        raise CalrecError(f"expected a dtype of {', '.join(get_args(Dtype))}, found {dtype}")
    folder = Path(folder)
    config = read_config(folder)
    shapes = nnx.eval_shape(lambda: Decoder(config, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(shapes)
    flat = dict(nnx.to_flat_state(state))
    wanted = tensors(config, {path: leaf.shape for path, leaf in flat.items()})
    held = _matched(folder, config, wanted)
    target = jnp.dtype(dtype or _common_dtype([stored for _, stored in held]))
    # The largest first: while it is taken in, little else is in memory.
    for tensor, stored in sorted(held, key=lambda pair: -pair[1].nbytes):
        for path, part in zip(tensor.parts, _parts(tensor, stored.read()), strict=True):
            flat[path] = flat[path].replace(_as_array(part, target))
    return nnx.merge(graph, nnx.from_flat_state(flat))


def save_pretrained(folder: str | Path, model: Decoder, tokenizer: Tokenizer | None = None) -> None:
    """Writes a folder that transformers, vLLM and other servers load; whole or not at all.

    Replaces a Hugging Face folder of the same files, and nothing else.

    Args:
      folder: where.
      model: the decoder; its weights keep their dtype.
      tokenizer: written along, its special tokens named in the config.

    Raises:
      CalrecError: if the decoder is none that its family's config can describe, or `folder` holds
        something else or cannot be written.
    """
    from safetensors.flax import save_file

    content = to_hugging_face(model.config, str(model.dtype))
    flat = dict(nnx.to_flat_state(nnx.state(model)))
    wanted = tensors(model.config, {path: leaf.shape for path, leaf in flat.items()})
    held = {tensor.name: _joined(tensor, flat) for tensor in wanted}
    # Spelled out where there is none: each family has a default of its own.
    none = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
    content |= none if tokenizer is None else tokenizer.special_ids()
    with whole_folder(Path(folder), ours=is_folder, what="Hugging Face folder") as new:
        save_file(held, new / "model.safetensors", metadata={"format": "pt"})
        (new / "config.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        if tokenizer is not None:
            tokenizer.save(new)


def _matched(
    folder: Path, config: DecoderConfig, wanted: list[Tensor]
) -> list[tuple[Tensor, Stored]]:
    """Each tensor with where it is stored; what is there beside them is refused.

    Raises:
      CalrecError: if a tensor is missing, misshapen or unknown.
    """
    family = config.family
    there: dict[str, Stored] = {}
    for name, stored in stored_tensors(folder).items():
        if full_name(family, name) in there:
            raise CalrecError(
                f"{folder}: expected each tensor once, found {full_name(family, name)} with and"
                " without its prefix; save the model again"
            )
        there[full_name(family, name)] = stored
    pairs = []
    for tensor in wanted:
        stored = there.pop(tensor.name, None)
        if stored is None:
            raise CalrecError(
                f"{folder}: expected the tensor {tensor.name} of shape {list(tensor.shape)}, found"
                " none; copy the folder again, or check its config.json"
            )
        if stored.shape != tensor.shape:
            raise CalrecError(
                f"{folder}: expected the tensor {tensor.name} of shape {list(tensor.shape)}, found"
                f" {list(stored.shape)}; check its config.json"
            )
        if stored.dtype not in DTYPES:
            raise CalrecError(
                f"{folder}: expected the tensor {tensor.name} of dtype {', '.join(DTYPES)}, found"
                f" {stored.dtype}; save the model in one of these"
            )
        pairs.append((tensor, stored))
    if config.tie_word_embeddings and HEAD in there:
        embedding = next(stored for tensor, stored in pairs if tensor.parts == (("embed_tokens",),))
        if not there.pop(HEAD).equals(embedding):
            raise CalrecError(
                f"{folder}: expected {HEAD} to be the token embedding, as config.json ties them,"
                " found another one; set tie_word_embeddings to false there"
            )
    if unknown := sorted(name for name in there if not is_buffer(family, name)):
        raise CalrecError(
            f"{folder}: expected the tensors of a {family} of {config.num_hidden_layers} layers,"
            f" found {unknown[0]} besides ({len(unknown)} in all); check its config.json"
        )
    return pairs


def _common_dtype(held: list[Stored]) -> Dtype:
    return "bfloat16" if all(stored.dtype == "BF16" for stored in held) else "float32"


def _parts(tensor: Tensor, values: np.ndarray) -> list[np.ndarray]:
    values = values.T if tensor.transposed else values
    return np.split(values, len(tensor.parts)) if len(tensor.parts) > 1 else [values]


def _as_array(values: np.ndarray, dtype: jnp.dtype) -> jax.Array:
    """On the device; on a CPU the very memory of `values` where that is in order and aligned."""
    return jax.device_put(np.ascontiguousarray(values, dtype), may_alias=True)


def _joined(tensor: Tensor, flat: Mapping[Any, Any]) -> jax.Array:
    """The inverse of `_parts`."""
    parts = [flat[path][...] for path in tensor.parts]
    values = jnp.concatenate(parts) if len(parts) > 1 else parts[0]
    return values.T if tensor.transposed else values


def is_folder(folder: Path) -> bool:
    """Whether a folder is one that this project writes, with nothing of others' in it."""
    names = {path.name for path in folder.iterdir()}
    known = {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        *NOTES,
    }
    return {"config.json", "model.safetensors"} <= names <= known
