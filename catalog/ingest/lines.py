"""Lines of a text file with their numbers, and JSON records in them.

The lines are cut here and not by a reader of DuckDB's: those leave lines out that are too long or
not UTF-8, after which the numbers of the others no longer hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np
import pyarrow as pa

from catalog.errors import CatalogueError
from catalog.ingest.files import open_bytes, streamed

_SCHEMA = pa.schema([("line", pa.int64()), ("text", pa.string()), ("problem", pa.string())])
_CHUNK = 4 << 20  # bytes
_LONGEST = 256 << 20  # bytes; what has no line ends is not held in memory whole
_BOM = b"\xef\xbb\xbf"

# Why a line is not the JSON record it should be; NULL for a good one. In quotes of Python are the
# records of older editions. A line is trimmed only if it has to be, as that takes long.
_PROBLEM = r"""
CASE
  WHEN problem IS NOT NULL THEN problem
  WHEN record IS NOT NULL AND starts_with(text, '{') THEN NULL
  WHEN NOT starts_with(ltrim(text, e' \t'), '{')
    THEN 'not a JSON object: begins with ' || left(trim(text, e' \t\r'), 20)
  WHEN record IS NOT NULL THEN NULL
  WHEN starts_with(ltrim(text, e' \t'), '{''') THEN 'not JSON: names in single quotes'
  WHEN NOT ends_with(rtrim(text, e' \t\r'), '}') THEN 'not JSON: breaks off before the end'
  ELSE 'not JSON: malformed between its braces'
END"""


def fields(types: Mapping[str, str]) -> str:
    """A record's values by key, as a struct (SQL, for `json_records`).

    Args:
      types: DuckDB type of each key that is wanted. VARCHAR takes any value; of an object or a list
        it is the JSON text.
    """
    structure = json.dumps(dict(types)).replace("'", "''")
    return f"json_transform(text, '{structure}')"


KEYS = "json_keys(text)"
"""A record's keys, as a list (SQL, for `json_records`)."""


@contextmanager
def json_records(connection: duckdb.DuckDBPyConnection, path: Path, record: str) -> Iterator[str]:
    """A file of one JSON object a line as a subquery, to be read once.

    Args:
      connection: where the subquery can be used.
      path: the file, plain or gzipped.
      record: `fields` or `KEYS`.

    Yields:
      SQL of a table `(line, problem, text, record)`.
    """
    # One parse a line: TRY makes NULL of what does not parse.
    parsed = f"SELECT *, TRY({record}) AS record FROM text_lines"
    with open_bytes(path) as file, streamed(connection, "text_lines", _SCHEMA, _batches(file)):
        yield (
            f"(SELECT line, {_PROBLEM} AS problem, text, record FROM ({parsed})"
            " WHERE record IS NOT NULL OR trim(text, e' \\t\\r') <> '')"
        )


def first_keys(path: Path, expected: str) -> tuple[str, ...]:
    """The keys of the file's first JSON object, looked for in its first thousand lines.

    Raises:
      CatalogueError: if there is none.
    """
    begins = b""
    with open_bytes(path) as file:
        for _ in range(1000):
            line = file.readline(_LONGEST).removeprefix(_BOM).strip()
            begins = begins or line[:40]
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                return tuple(record)
    raise CatalogueError(
        f"expected {expected} in {path}, but it cannot be read as such (it begins with "
        f"{begins.decode('ascii', 'replace')!r}): give a file with one JSON object a line"
    )


def _batches(file: BinaryIO) -> Iterator[pa.RecordBatch]:
    number, rest = 1, b""
    while chunk := file.read(_CHUNK):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        if newline:
            lines = whole.split(b"\n")
            yield _batch(number, lines)
            number += len(lines)
        elif len(rest) > _LONGEST:
            raise CatalogueError(
                f"expected lines of at most {_LONGEST >> 20} MiB, found a longer one "
                f"(line {number:,}): give a file with one JSON object a line"
            )
    if rest:
        yield _batch(number, [rest])


def _batch(number: int, lines: list[bytes]) -> pa.RecordBatch:
    if number == 1:
        lines[0] = lines[0].removeprefix(_BOM)
    problems = pa.nulls(len(lines), pa.string())
    try:
        texts = pa.array(lines, pa.string())
    except pa.ArrowInvalid:
        texts = pa.array([line.decode("utf-8", "replace") for line in lines])
        problems = pa.array([_encoding_problem(line) for line in lines], pa.string())
    numbers = np.arange(number, number + len(lines))
    return pa.record_batch([pa.array(numbers), texts, problems], schema=_SCHEMA)


def _encoding_problem(line: bytes) -> str | None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte {error.start + 1} is 0x{line[error.start]:02x}"
    return None
