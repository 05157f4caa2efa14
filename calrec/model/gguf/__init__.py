"""GGUF files, as llama.cpp reads them, made into Hugging Face folders; torch is not needed.

A file holds everything: `reading` opens it, `architectures` makes config.json of its metadata,
`tensors` finds each tensor of the folder in it and turns it back into plain numbers, `vocabulary`
makes the tokenizer. What is not known is refused by name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import ml_dtypes
import numpy as np
from flax import nnx

from calrec.errors import CalrecError
from calrec.model import hf
from calrec.model.backbone.config import DecoderConfig, Dtype
from calrec.model.backbone.decoder import Decoder
from calrec.model.gguf.architectures import config_of
from calrec.model.gguf.reading import File
from calrec.model.gguf.tensors import check_all_known, common_dtype, sources
from calrec.model.gguf.vocabulary import tokenizer_of
from calrec.model.hf.files import write_tensors
from calrec.model.hf.tensors import tensors
from calrec.model.hf.written_config import to_hugging_face
from calrec.records.files import check_place, require_room, whole_folder


def to_folder(
    path: str | Path,
    folder: str | Path,
    *,
    dtype: Dtype | None = None,
    notes: Mapping[str, bytes] | None = None,
) -> DecoderConfig:
    """Makes a Hugging Face folder of a GGUF file; whole or not at all.

    Replaces an earlier Hugging Face folder, and nothing else. Tensors are turned back a block of
    rows at a time: memory never holds the model.

    Args:
      path: the file.
      folder: where.
      dtype: of the folder's tensors; by default bfloat16 where the file's matrices are, else
        float32, which keeps every quantised number as it is.
      notes: name to content of `hf.NOTES`, such as a licence, to lay beside.

    Returns:
      The decoder that the folder describes.

    Raises:
      CalrecError: for a damaged file, or an architecture, quantisation, tokenizer or setting that
        is not supported.
    """
    if dtype not in (None, *get_args(Dtype)):
        raise CalrecError(f"expected a dtype of {', '.join(get_args(Dtype))}, found {dtype}")
    check_place(Path(folder), ours=hf.is_folder, what="Hugging Face folder")
    file = File.of(Path(path))
    config = config_of(file)
    shapes = nnx.to_flat_state(nnx.state(nnx.eval_shape(lambda: _decoder(config))))
    held = sources(file, config, tensors(config, {at: leaf.shape for at, leaf in shapes}))
    check_all_known(file, config, held)
    target = dtype or common_dtype(held)
    kind = np.dtype(ml_dtypes.bfloat16 if target == "bfloat16" else np.float32)
    tokenizer = tokenizer_of(file)
    if tokenizer.vocab_size > config.vocab_size:
        raise CalrecError(
            f"{path}: expected a tokenizer of at most {config.vocab_size} tokens, the rows of the"
            f" embedding, found {tokenizer.vocab_size}; convert the model again"
        )
    content = to_hugging_face(config, target) | tokenizer.special_ids()
    with whole_folder(Path(folder), ours=hf.is_folder, what="Hugging Face folder") as new:
        size = sum(math.prod(source.shape) for source in held) * kind.itemsize
        require_room(new, size, what="Hugging Face folder")
        write_tensors(
            new / "model.safetensors",
            [(source.name, source.shape, source.blocks()) for source in held],
            kind,
        )
        (new / "config.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        tokenizer.save(new)
        for name, note in (notes or {}).items():
            (new / name).write_bytes(note)
    return config


def _decoder(config: DecoderConfig) -> Decoder:
    return Decoder(config, rngs=nnx.Rngs(0))
