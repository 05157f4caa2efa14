"""Bytes that one turn of a compiled loop moves to and from a chip's memory, read from the program.

`cost_analysis` would not do: it adds what stands before and behind the loop to one turn, and counts
a slot that is written within a cache as the whole cache, read and written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

_BYTES = {"f32": 4, "s32": 4, "u32": 4, "bf16": 2, "f16": 2, "pred": 1, "s8": 1, "u8": 1}
_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_LINE = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (\(.*?\)(?= [a-z])|\S+) ([\w\-]+)\((.*)$")
_ARRAY = re.compile(r"\b(f32|s32|u32|bf16|f16|pred|s8|u8)\[([\d,]*)\](\{[^}]*\})?")
_NAMES_ONLY = {"parameter", "tuple", "get-tuple-element", "bitcast", "constant", "after-all"}


@dataclass(frozen=True, kw_only=True)
class _Instruction:
    name: str
    shape: str
    kind: str
    operands: tuple[str, ...]
    rest: str


_Program = dict[str, list[_Instruction]]


def moved_in_loop(text: str) -> int:
    """Bytes that a turn of the entry's loop reads and writes in the chip's memory.

    Every instruction reads its operands and writes its result; what lies in a core's own memory is
    not counted, and of an array of which a part is gathered, sliced or overwritten in place, that
    part alone. Loops within the loop count as often as they run, where the program says so.

    Args:
      text: the optimised program (`compiled.as_text()`).

    Raises:
      ValueError: if the entry has not exactly one loop.
    """
    program, entry = _read(text)
    loops = [each for each in program[entry] if each.kind == "while"]
    if len(loops) != 1:
        raise ValueError(f"expected one loop in the entry of the program, found {len(loops)}")
    return _of_computation(program, _called(loops[0], "body"))


def _read(text: str) -> tuple[_Program, str]:
    program: _Program = {}
    entry = name = ""
    for line in text.splitlines():
        if head := _HEAD.match(line):
            name = head[2]
            entry = name if head[1] else entry
            program[name] = []
        elif found := _LINE.match(line):
            operands = re.findall(r"%([\w.\-]+)", found[4].split(")", 1)[0])
            program[name].append(
                _Instruction(
                    name=found[1],
                    shape=found[2],
                    kind=found[3],
                    operands=tuple(operands),
                    rest=found[4],
                )
            )
    return program, entry


def _called(instruction: _Instruction, role: str) -> str:
    found = re.search(rf"\b{role}=%?([\w.\-]+)", instruction.rest)
    return found[1] if found else ""


def _arrays(shape: str) -> Iterator[tuple[int, int]]:
    """Of each array of a shape: its bytes, and those of them in the chip's memory."""
    for kind, sizes, layout in _ARRAY.findall(shape):
        size = _BYTES[kind] * math.prod(map(int, filter(None, sizes.split(","))))
        yield size, 0 if "S(" in layout else size


def _size(shape: str) -> int:
    return sum(outside for _, outside in _arrays(shape))


def _of_computation(program: _Program, name: str) -> int:
    shapes = {each.name: each.shape for each in program[name]}
    return sum(_of_instruction(program, each, shapes) for each in program[name])


def _of_instruction(program: _Program, each: _Instruction, shapes: dict[str, str]) -> int:
    if each.kind in _NAMES_ONLY or each.kind.endswith("-done"):
        return 0
    if each.kind == "while":
        turns = re.search(r'known_trip_count":\{"n":"(\d+)"', each.rest)
        return int(turns[1] if turns else 1) * _of_computation(program, _called(each, "body"))
    if each.kind.endswith("-start"):
        first, second = list(_arrays(each.shape))[:2]
        source, made = (second, first) if each.kind == "copy-start" else (first, second)
        return (made[0] if source[1] else 0) + made[1]
    whole = _size(each.shape) + sum(_size(shapes.get(name, "")) for name in each.operands)
    inside = program.get(_called(each, "calls"), []) if each.kind == "fusion" else [each]
    own = shapes if each.kind != "fusion" else {one.name: one.shape for one in inside}
    used = [name for one in inside for name in one.operands]
    given = {one.name for one in inside if one.kind == "parameter"}
    for one in inside:
        if not one.operands or (each.kind == "fusion" and one.operands[0] not in given):
            continue
        if used.count(one.operands[0]) > 1:
            continue
        if one.kind in ("gather", "dynamic-slice", "slice"):
            whole -= max(0, _size(own[one.operands[0]]) - _size(one.shape))
        elif one.kind == "dynamic-update-slice":
            whole -= 2 * _size(one.shape) - _size(own[one.operands[1]])
    return whole
