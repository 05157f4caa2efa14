"""Lines of a text file with their numbers, and JSON records in them.

The lines are cut here and not by a reader of DuckDB's: those leave lines out that are too long or
not UTF-8, after which the numbers of the others no longer hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
import pyarrow as pa

from catalog.errors import CatalogueError
from catalog.ingest.files.access import open_bytes, read_ahead, require_utf8, streamed
from catalog.ingest.values.notation import NotUnderstoodError, python_literal

_SCHEMA = pa.schema([("line", pa.int64()), ("text", pa.string()), ("problem", pa.string())])
_CHUNK = 4 << 20  # bytes
_LONGEST = 256 << 20  # bytes; what has no line ends is not held in memory whole
_BOM = b"\xef\xbb\xbf"
_OF_PYTHON = (b"{'", b"{u'")

# Why a line is not the JSON record it should be; NULL for a good one. A line is trimmed only if it
# has to be, as that takes long.
_PROBLEM = r"""
CASE
  WHEN problem IS NOT NULL THEN problem
  WHEN record IS NOT NULL AND starts_with(text, '{') THEN NULL
  WHEN NOT starts_with(ltrim(text, e' \t'), '{')
    THEN 'not a JSON object: begins with ' || left(trim(text, e' \t\r\n'), 20)
  WHEN record IS NOT NULL THEN NULL
  WHEN starts_with(ltrim(text, e' \t'), '{''') THEN 'not JSON: names in single quotes'
  WHEN ends_with(rtrim(text, e' \t\r\n'), '},') THEN 'not JSON: ends with a comma'
  WHEN NOT ends_with(rtrim(text, e' \t\r\n'), '}') THEN 'not JSON: breaks off before the end'
  ELSE 'not JSON: malformed between its braces'
END"""

# Where a text was cut between the two escapes of one character, half of a pair is left, which JSON
# does not allow. It goes; escaped backslashes and whole pairs, kept as \1, are passed over.
_WITHOUT_HALF_PAIRS = (
    r"regexp_replace(text, '(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\1', 'g')"
)
_ARRAY = re.compile(rb"\[\s*(\{|$)")

RecordSQL = Callable[[str], str]
"""From SQL of a line's text to SQL of what is wanted of its record."""

CONTENT = r"rtrim(text, e'\r\n')"
"""A line as it is shown (SQL, over `json_records`)."""


def fields(types: Mapping[str, str]) -> RecordSQL:
    """A record's values by key, as a struct (for `json_records`).

    Args:
      types: DuckDB type of each key that is wanted. VARCHAR takes any value; of an object or a list
        it is the JSON text.
    """
    structure = json.dumps(dict(types)).replace("'", "''")
    return lambda text: f"json_transform({text}, '{structure}')"


def key_list(text: str) -> str:
    """A record's keys, as a list (for `json_records`)."""
    return f"json_keys({text})"


@contextmanager
def json_records(
    connection: duckdb.DuckDBPyConnection, path: Path, record: RecordSQL
) -> Iterator[str]:
    """A file of one JSON object a line as a subquery, to be read once.

    Args:
      connection: where the subquery can be used.
      path: the file, plain or gzipped.
      record: `fields` or `key_list`.

    Yields:
      SQL of a table `(line, problem, text, record)`. The text has its line's end.
    """
    # One parse a line: TRY makes NULL of what does not parse.
    parsed = (
        f"SELECT *, coalesce(TRY({record('text')}),"
        f" CASE WHEN contains(text, '\\u') THEN TRY({record(_WITHOUT_HALF_PAIRS)}) END) AS record"
        " FROM text_lines"
    )
    with open_bytes(path) as file, streamed(connection, "text_lines", _SCHEMA, _batches(file)):
        # CASE and not OR, both sides of which DuckDB may look at: to trim every line takes long.
        yield (
            f"(SELECT line, {_PROBLEM} AS problem, text, record FROM ({parsed})"
            " WHERE CASE WHEN record IS NULL THEN trim(text, e' \\t\\r\\n') <> '' ELSE true END)"
        )


def _as_json(line: bytes) -> bytes:
    """A record as Python prints it as JSON, and any other line as it is."""
    if not line.lstrip().startswith(_OF_PYTHON):
        return line
    try:
        record = python_literal(line.decode())
        return json.dumps(record, ensure_ascii=False).encode() + b"\n" * line.endswith(b"\n")
    except (NotUnderstoodError, ValueError, TypeError):
        return line


def object_keys(path: Path, expected: str) -> list[tuple[str, ...]]:
    """The keys of each JSON object in the file's first thousand lines, at least one.

    Raises:
      CatalogueError: if there is none, or the file is one JSON array.
    """
    require_utf8(path, expected)
    begins, records = b"", []
    with open_bytes(path) as file:
        for _ in range(1000):
            line = file.readline(_LONGEST).removeprefix(_BOM).strip()
            begins = begins or line[:40]
            try:
                record = json.loads(_as_json(line))
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                records.append(tuple(record))
    found = f"what begins with {begins.decode('ascii', 'replace')!r}" if begins else "nothing in it"
    if _ARRAY.match(begins):
        records, found = [], "an array of them"
    if not records:
        raise CatalogueError(
            f"expected {expected}, one JSON object on each line, in {path}, found {found}: "
            "give a file of such lines"
        )
    return records


def _batches(file: BinaryIO) -> Iterator[pa.RecordBatch]:
    number = 1
    for block in _blocks(file):
        batch = _batch(number, block)
        number += len(batch)
        yield batch


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """The file in blocks of whole lines; only the last may lack its line's end."""
    pieces: list[bytes] = []
    lines = 0
    for chunk in read_ahead(file, _CHUNK):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            block = b"".join([*pieces, chunk[:cut]])
            lines, pieces = lines + block.count(b"\n"), [chunk[cut:]]
            yield block
        else:
            pieces.append(chunk)
        if len(pieces) * _CHUNK > _LONGEST:
            raise CatalogueError(
                f"expected lines of at most {_LONGEST >> 20} MiB, found a longer one "
                f"(line {lines + 1:,}): give a file with one JSON object a line"
            )
    if any(pieces):
        yield b"".join(pieces)


def _batch(number: int, block: bytes) -> pa.RecordBatch:
    """Lines of the block, with their ends and without a copy, the first being line `number`."""
    if number == 1:
        block = block.removeprefix(_BOM)
    if any(begin in block for begin in _OF_PYTHON):
        block = b"".join(map(_as_json, re.split(rb"(?<=\n)", block)))
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    if not block.endswith(b"\n"):
        ends = np.append(ends, len(block))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(block))
    problems = pa.nulls(len(ends), pa.string())
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        lines = [block[start:end] for start, end in pairwise(offsets)]
        texts = pa.array([line.decode("utf-8", "replace") for line in lines])
        problems = pa.array([_encoding_problem(line) for line in lines], pa.string())
    numbers = np.arange(number, number + len(ends))
    return pa.record_batch([pa.array(numbers), texts, problems], schema=_SCHEMA)


def _encoding_problem(line: bytes) -> str | None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte {error.start + 1} is 0x{line[error.start]:02x}"
    return None
