"""Each tensor of a Hugging Face folder, found in a GGUF file and turned back into its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from gguf import GGMLQuantizationType, TensorNameMap
from gguf.constants import MODEL_ARCH_NAMES
from jaxtyping import Float

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig, Dtype
from calrec.model.gguf.architectures import architecture_of
from calrec.model.gguf.reading import File, Stored
from calrec.model.gguf.rope import FACTORS
from calrec.model.hf.tensors import Tensor

KINDS = tuple(
    GGMLQuantizationType[name]
    for name in (
        *("F32", "F16", "BF16"),
        *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"),
        *("Q4_K", "Q5_K", "Q6_K"),
    )
)
BLOCK = 2**20
"""Numbers that are turned back at once."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A tensor of the folder, and where its numbers come from.

    Attributes:
      name: the folder's.
      shape: the folder's.
      stored: what the file holds.
      heads: of query or key, whose rows are in another order than the folder's; 0 elsewhere.
      transposed: whether the folder holds its transpose (GPT-2).
      less: what is to be taken off every number.
    """

    name: str
    shape: tuple[int, ...]
    stored: Stored
    heads: int = 0
    transposed: bool = False
    less: float = 0.0

    def blocks(self) -> Iterator[Float[np.ndarray, "rows columns"]]:
        """The numbers in float32, as the folder orders them, some rows at a time."""
        rows = self.stored.rows
        if self.heads or self.transposed:
            yield self._ordered(self.stored.numbers(0, rows))
            return
        each = max(1, BLOCK // self.shape[-1])
        for start in range(0, rows, each):
            found = self.stored.numbers(start, min(start + each, rows))
            yield found - np.float32(self.less) if self.less else found

    def _ordered(self, numbers: np.ndarray) -> np.ndarray:
        if self.transposed:
            return np.ascontiguousarray(numbers.T)
        # llama.cpp pairs neighbours for rotary positions, Hugging Face the halves of a head.
        numbers = numbers.reshape(self.shape)
        halves = (self.heads, self.shape[0] // self.heads // 2, 2, *self.shape[1:])
        return numbers.reshape(halves).swapaxes(1, 2).reshape(self.shape)


def sources(file: File, config: DecoderConfig, wanted: Sequence[Tensor]) -> list[Source]:
    """Where each tensor of a folder comes from.

    Raises:
      CalrecError: if one is missing, misshapen or of a quantisation that is not read.
    """
    known = {name: arch for arch, name in MODEL_ARCH_NAMES.items()}
    names = TensorNameMap(known[file.architecture], config.num_hidden_layers)
    return [_source(file, config, names, tensor) for tensor in wanted]


def _source(file: File, config: DecoderConfig, names: TensorNameMap, tensor: Tensor) -> Source:
    name = names.get_name(tensor.name, try_suffixes=(".weight", ".bias"))
    stored = file.tensors.get(name or "")
    if stored is None:
        raise CalrecError(
            f"{file.path}: expected the tensor {name or tensor.name}, found none; copy it again"
        )
    if stored.kind not in KINDS:
        kinds = ", ".join(kind.name for kind in KINDS)
        raise file.refused(f"tensors quantised as {kinds}", f"{stored.kind.name} in {name}")
    wanted = tensor.shape[::-1] if tensor.transposed else tensor.shape
    if stored.shape != wanted:
        raise CalrecError(
            f"{file.path}: expected the tensor {name} of shape {list(wanted)}, found"
            f" {list(stored.shape)}; convert the model again"
        )
    architecture = architecture_of(file)
    heads = {
        "q_proj": config.num_attention_heads,
        "k_proj": config.num_key_value_heads,
    }
    norm = config.norm != "layer" and len(wanted) == 1 and tensor.name.endswith("norm.weight")
    return Source(
        name=tensor.name,
        shape=tensor.shape,
        stored=stored,
        heads=heads.get(tensor.name.split(".")[-2], 0) if architecture.permuted else 0,
        transposed=tensor.transposed,
        less=1.0 if norm and architecture.norms_plus_one else 0.0,
    )


def common_dtype(held: Sequence[Source]) -> Dtype:
    """What holds all numbers as they are: bfloat16 where all matrices are of it, else float32."""
    kinds = {source.stored.kind for source in held if len(source.shape) > 1}
    return "bfloat16" if kinds == {GGMLQuantizationType.BF16} else "float32"


def check_all_known(file: File, config: DecoderConfig, held: Sequence[Source]) -> None:
    """Refuses a tensor that the folder has no place for.

    Raises:
      CalrecError: with the first such tensor.
    """
    used = {source.stored.name for source in held} | {FACTORS}
    if unknown := sorted(file.tensors.keys() - used):
        layers = config.num_hidden_layers
        raise file.refused(
            f"the tensors of a {config.family} of {layers} layers",
            f"{unknown[0]} besides ({len(unknown)} in all)",
        )
