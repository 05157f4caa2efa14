"""What a compiler says of a program: memory, and what crosses between chips."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What the compiler says of a program.

    Attributes:
      peak: bytes of a chip at once.
      collectives: bytes that cross between chips in one run, by kind; a loop's body counts once.
      inside_loops: the bytes among them that cross within a loop.
    """

    peak: int
    collectives: dict[str, int]
    inside_loops: dict[str, int]


def read(compiled: Any) -> Compiled:
    """What a compiled program needs and sends."""
    peak = compiled.memory_analysis().peak_memory_in_bytes
    everywhere, inside = _collectives(compiled.as_text())
    return Compiled(peak=int(peak), collectives=everywhere, inside_loops=inside)


_OPERATION = re.compile(
    r"= (.+?) (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\("
)
_ARRAY = re.compile(r"(f32|bf16|s32|u32|pred|f16|s8)\[([\d,]*)\]")
_BYTES = {"f32": 4, "s32": 4, "u32": 4, "bf16": 2, "f16": 2, "pred": 1, "s8": 1}


def _collectives(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes of the results of collectives, by kind: all of them, and those in bodies of loops."""
    bodies = set(re.findall(r"body=%?([\w.\-]+)", text))
    everywhere: dict[str, int] = {}
    inside: dict[str, int] = {}
    computation = ""
    for line in text.splitlines():
        if not line.startswith(" ") and line.rstrip().endswith("{"):
            computation = line.removeprefix("ENTRY ").split(" ")[0].lstrip("%")
        found = _OPERATION.search(line)
        if found is None:
            continue
        size = sum(
            _BYTES[kind] * math.prod(map(int, filter(None, dims.split(","))))
            for kind, dims in _ARRAY.findall(found[1])
        )
        everywhere[found[2]] = everywhere.get(found[2], 0) + size
        if computation in bodies:
            inside[found[2]] = inside.get(found[2], 0) + size
    return everywhere, inside


_TOO_MUCH = re.compile(r"Used ([\d.]+)G of ([\d.]+)G hbm")


def compiled_or_full(compile: Any) -> Compiled:
    """What the compiler says, also where it refuses a program for its memory."""
    try:
        return read(compile())
    except Exception as error:
        if (found := _TOO_MUCH.search(str(error))) is None:
            raise
        return Compiled(peak=int(float(found[1]) * 2**30), collectives={}, inside_loops={})
