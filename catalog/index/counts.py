"""How often each word stands in each field of each item, out of Whoosh's postings.

Reading the postings takes seconds, so the counts are kept in a file beside the segments.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of N items and V words.

    Attributes:
      words: sorted; one a column.
      fields: field -> N x V counts, int32, indices sorted.
    """

    words: list[str]
    fields: Mapping[str, sp.csc_array]

    @property
    def n_items(self) -> int:
        """How many items the counts are of."""
        return next(iter(self.fields.values())).shape[0]


def read_counts(reader, fields: Sequence[str]) -> Counts:
    """Counts of a Whoosh reader's live documents, in the order of their numbers.

    Args:
      reader: of any number of segments. Deleted documents, and words in no other, are left out.
      fields: the fields to read.
    """
    return join_counts([_of_segment(leaf, fields) for leaf, _ in reader.leaf_readers()])


def join_counts(parts: Sequence[Counts]) -> Counts:
    """The counts of all parts' items, one part's behind the other's."""
    if len(parts) == 1:
        return parts[0]
    words = _union(part.words for part in parts)
    wide = [
        {field: _widen(counts, part.words, words) for field, counts in part.fields.items()}
        for part in parts
    ]
    joined = {field: sp.vstack([part[field] for part in wide], format="csc") for field in wide[0]}
    return Counts(words=words, fields=joined)


def save_counts(path: Path, counts: Counts) -> None:
    """Writes the file; raises `OSError` where it cannot be written."""
    arrays = {"n_items": np.int64(counts.n_items), "words": _as_bytes(counts.words)}
    for field, matrix in counts.fields.items():
        arrays |= {
            f"{field}.indptr": matrix.indptr,
            f"{field}.indices": matrix.indices,
            f"{field}.data": matrix.data,
        }
    with path.open("wb") as file:
        np.savez(file, **arrays)


def load_counts(path: Path, fields: Sequence[str]) -> Counts:
    """Reads what `save_counts` wrote.

    Raises:
      ValueError: if it is another file. What is scored over the counts trusts their indices.
    """
    try:
        # Opened here: numpy leaves the file open where it finds damage.
        with path.open("rb") as file, np.load(file) as arrays:
            counts = _from_arrays(arrays, fields)
        for matrix in counts.fields.values():
            matrix.check_format(full_check=True)
    # numpy, zipfile and scipy raise whatever their parsers stumble over.
    except Exception as error:
        raise ValueError(f"{path.name} holds no counts ({type(error).__name__})") from error
    return counts


def _from_arrays(arrays: Mapping[str, np.ndarray], fields: Sequence[str]) -> Counts:
    joined = arrays["words"].tobytes().decode()
    words = joined.split("\n") if joined else []
    shape = (int(arrays["n_items"]), len(words))
    return Counts(
        words=words,
        fields={
            field: sp.csc_array(
                (arrays[f"{field}.data"], arrays[f"{field}.indices"], arrays[f"{field}.indptr"]),
                shape=shape,
            )
            for field in fields
        },
    )


def _of_segment(reader, fields: Sequence[str]) -> Counts:
    live = np.fromiter(reader.all_doc_ids(), np.int64)
    rows = np.zeros(reader.doc_count_all(), np.int32)
    rows[live] = np.arange(len(live))
    of_field = {field: _of_field(reader, field, rows, len(live)) for field in fields}
    words = _union(own for own, _ in of_field.values())
    return Counts(
        words=words,
        fields={field: _widen(matrix, own, words) for field, (own, matrix) in of_field.items()},
    )


def _of_field(reader, field: str, rows: np.ndarray, n_items: int) -> tuple[list[str], sp.csc_array]:
    words, numbers, weights, indptr = [], array("i"), array("i"), [0]
    for term in reader.lexicon(field):
        matcher = reader.postings(field, term)
        while matcher.is_active():
            numbers.append(matcher.id())
            weights.append(int(matcher.weight()))
            matcher.next()
        if len(numbers) > indptr[-1]:
            words.append(term.decode())
            indptr.append(len(numbers))
    indices = rows[np.asarray(numbers, np.int32)]
    arrays = np.asarray(weights, np.int32), indices, np.asarray(indptr, np.int32)
    return words, sp.csc_array(arrays, shape=(n_items, len(words)))


def _union(parts: Iterable[Sequence[str]]) -> list[str]:
    return sorted(set().union(*parts))


def _widen(counts: sp.csc_array, own: Sequence[str], words: Sequence[str]) -> sp.csc_array:
    """The same counts with a column for each of `words`; both lists are sorted."""
    column = {word: number for number, word in enumerate(words)}
    sizes = np.zeros(len(words), np.int32)
    sizes[[column[word] for word in own]] = np.diff(counts.indptr)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return sp.csc_array((counts.data, counts.indices, indptr), (counts.shape[0], len(words)))


def _as_bytes(lines: Sequence[str]) -> np.ndarray:
    # No line break is in a word.
    return np.frombuffer("\n".join(lines).encode(), np.uint8)
