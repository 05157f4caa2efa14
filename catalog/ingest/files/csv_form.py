"""How a CSV file is written, found out before its rows are read."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

import duckdb

from catalog.database import connect, one_file, quoted_text
from catalog.errors import CatalogueError
from catalog.ingest.columns import require_different
from catalog.ingest.files.access import is_gzip, open_bytes, read_ahead
from catalog.ingest.files.dialect import MARKS, Dialect, Quotes, rows, told
from catalog.ingest.files.row_shape import RowShape

_CHUNK = 4 << 20  # bytes
_LONGEST_LINE = 16 << 20  # bytes; what DuckDB is given to read
BUFFERS = f"max_line_size = {_LONGEST_LINE}, buffer_size = {2 * _LONGEST_LINE}"
_SNIFF = f"""
SELECT Delimiter, Escape FROM sniff_csv({{path}}, header = true, all_varchar = true, skip = 0,
  ignore_errors = true, compression = '{{compression}}', hive_partitioning = false, {BUFFERS}
  {{quote}})
"""


def dialect_of(path: Path, sample: list[str], quotes: Quotes, too_long: bool) -> Dialect:
    """How it is written, given its first lines and whether it has one too long for DuckDB."""
    if path.name.lower().removesuffix(".gz").endswith(".tsv"):
        doubled = "\\" if any('\\"' in line for line in sample) else '"'
        return told(sample, "\t", doubled, "none" if quotes == "auto" else quotes)
    sniff = _SNIFF.format(
        path=one_file(path),
        compression=compression(path),
        quote="" if quotes == "auto" else f", quote = {quoted_text(MARKS[quotes])}",
    )
    delimiter, escape = None, '"'
    if not too_long:
        # A connection of its own, as an error ends its transaction. Where no dialect fits every
        # line, which this one does not fit is for the reader of bad rows to say.
        with suppress(duckdb.InvalidInputException), connect() as connection:
            delimiter, escape = connection.execute(sniff).fetchall()[0]
    return told(sample, delimiter, escape, quotes)


def header_of(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """The names of its columns; raises `CatalogueError` if its first line has none."""
    try:
        with open_text(path) as text:
            header = tuple(name.strip() for name in next(dialect.reader(text), ()))
    except csv.Error as error:
        raise CatalogueError(
            f"expected a first line of column names in {path}, found no CSV ({error}): "
            "mend that line"
        ) from error
    require_different(header, path)
    return header


def shape_of(dialect: Dialect, sample: list[str], width: int) -> RowShape | None:
    """What its rows look like; `None` where quotes swallow nothing unnoticed."""
    # Where quotes enclose all fields, one in a text closes its field where no delimiter follows.
    if not dialect.quote or (sample[:1] and sample[0].lstrip(" \ufeff").startswith(dialect.quote)):
        return None
    return RowShape.of(dialect.delimiter, rows(dialect, sample)[1:], width)


def are_quoted(header: Sequence[str]) -> bool:
    """Whether quotes enclose every name."""
    return bool(header) and all(
        len(name) > 1 and name[0] == name[-1] == '"' for name in header if name
    )


@contextmanager
def open_text(path: Path) -> Iterator[TextIOWrapper]:
    """The file as text; bytes that are not UTF-8 become lone surrogates."""
    with (
        open_bytes(path) as file,
        TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        yield text


def line_facts(path: Path) -> tuple[int, bool, bool]:
    """How many, whether one is too long for DuckDB, and whether they end in several ways."""
    too_long, length, last = False, 0, b""
    counts = {b"\r": 0, b"\n": 0, b"\r\n": 0}
    with open_bytes(path) as file:
        for chunk in read_ahead(file, _CHUNK):
            for end in counts:
                # A pair may lie across two chunks.
                counts[end] += (last + chunk if end == b"\r\n" else chunk).count(end)
            last = chunk[-1:]
            if (first := chunk.find(b"\n")) >= 0:
                too_long |= length + first > _LONGEST_LINE
                length = -chunk.rfind(b"\n") - 1
            length += len(chunk)
            too_long |= length > _LONGEST_LINE
    returns, feeds, pairs = counts.values()
    mixed = bool(returns and feeds) and not returns == feeds == pairs
    ends = returns + feeds - pairs
    return ends + (last not in (b"\r", b"\n", b"")), too_long, mixed


def compression(path: Path) -> str:
    """What DuckDB calls how it is compressed."""
    return "gzip" if is_gzip(path) else "none"
