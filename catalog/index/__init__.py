"""The index of a domain's words: written once with Whoosh, read as counts of words.

A folder holds Whoosh's segments, `counts.npz` (their postings as matrices, see
`catalog.index.counts`) and `index.json` (what it was made of, how, and the digests of the others,
see `catalog.index.manifest`). Document numbers are item indices.

Only the build that writes the segments reads them: Whoosh unpickles its tables of contents, so that
one in a workspace from somebody else could run code.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import compress
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool

from calrec.records import Item
from calrec.text import DEFAULT_TEXT
from catalog.bm25 import BM25Settings, Corpus
from catalog.errors import CatalogueError
from catalog.index import manifest
from catalog.index.counts import join_counts, load_counts, save_counts
from catalog.index.segments import FIELDS, PAPER, TICK, join_segments, schema
from catalog.index.workers import read_part, write_part, write_parts

__all__ = ["FIELDS", "Index", "schema", "write_index"]

_COUNTS = "counts.npz"
_STORED = (*FIELDS, *PAPER)

# Raised with every change of the files or of how words are cut.
_FORMAT = 4

# Enough to keep the two or four processors of a small machine busy, and the memory bounded.
_MOST_WORKERS = 4

Say = Callable[[str], None]


def write_index(
    folder: Path,
    items: Sequence[Item],
    content: str,
    say: Say = lambda step: None,
    *,
    workers: int | None = None,
    segment_items: int = 25_000,
) -> None:
    """Writes the index of a domain's items into the new folder `folder`, or nothing.

    Args:
      folder: made here.
      items: in item-index order.
      content: names what the items are, such as the domain's fingerprint; kept with the index.
      say: told each step, in a few words.
      workers: processes that write; as many as there are processors, up to four, if not given.
        What is written does not depend on it.
      segment_items: items of one segment, of which a process holds one at a time, in some 5 kB an
        item. What fits into one segment is written in this process.

    Raises:
      CatalogueError: if a process fails or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True)
        try:
            _write(folder, items, content, say, workers or _processors(), segment_items)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise CatalogueError(
            f"expected to write a search index into {folder}, found: {error.strerror or error}; "
            "check its rights and the free space"
        ) from error


class Index:
    """One domain's index, held in memory, so that a later build cannot pull it away.

    Args:
      folder: that `write_index` made.
      n_items: of how many items the index must be.
      content: the `content` that it must have been written with.

    Attributes:
      words: all words of all fields by the rule `unicode`, sorted; the columns of the counts.
      counts: field -> how often each word stands in each item's field, N items x V words, int32,
        indices sorted.

    Raises:
      CatalogueError: if the folder is missing, of another format, of another content, of another
        number of items, or if any of its files is not as it was written.
    """

    words: list[str]
    counts: Mapping[str, sp.csc_array]

    def __init__(self, folder: Path, n_items: int, content: str):
        try:
            about = manifest.read(folder)
            self._check(folder, about, content)
            manifest.check_files(folder, about)
            counts = load_counts(folder / _COUNTS, _STORED)
        except (manifest.DamagedError, ValueError) as error:
            raise CatalogueError(
                f"expected a search index in {folder}, found {error}: {_again(folder)}"
            ) from None
        if counts.n_items != n_items:
            raise CatalogueError(
                f"expected an index of {n_items} items in {folder}, found {counts.n_items}: "
                + _again(folder)
            )
        self._stored = counts
        used = np.any([np.diff(counts.fields[field].indptr) for field in FIELDS], axis=0)
        self.words = list(compress(counts.words, used.tolist()))
        self.counts = {field: _columns(counts.fields[field], used) for field in FIELDS}

    @staticmethod
    def _check(folder: Path, about: Mapping[str, Any], content: str) -> None:
        found = about.get("content")
        if manifest.made_of(about) != _about(str(found)) or "files" not in about:
            raise CatalogueError(
                f"expected a search index of format {_FORMAT} in {folder}, found one made "
                f"otherwise: {_again(folder)}"
            )
        if found != content:
            # Else the items of another domain would be found under this one's names.
            raise CatalogueError(
                f"expected the search index of content {content[:12]} in {folder}, found that of "
                f"another content ({str(found)[:12]}): {_again(folder)}"
            )

    def corpus(self, item_ids: Sequence[str], settings: BM25Settings | None = None) -> Corpus:
        """The items ready to be scored by BM25, all fields together, cut by the settings' rule.

        Args:
          item_ids: one for each of the N items, in item-index order.
          settings: the defaults if not given.
        """
        settings = settings or BM25Settings()
        if settings.words == "unicode":
            words, counts = self.words, reduce(add, self.counts.values())
        else:
            words, counts = self._by_paper()
        return Corpus(tuple(item_ids), words, counts, settings)

    def _by_paper(self) -> tuple[list[str], sp.csc_array]:
        """The words by the rule `paper`, and how often each stands in each item."""
        more, less = (self._stored.fields[field] for field in PAPER)
        counts = reduce(add, (self._stored.fields[field] for field in FIELDS)) + more - less
        counts.eliminate_zeros()
        used = np.diff(counts.indptr) > 0
        return list(compress(self._stored.words, used.tolist())), _columns(counts, used)


def _write(
    folder: Path,
    items: Sequence[Item],
    content: str,
    say: Say,
    workers: int,
    segment_items: int,
) -> None:
    parts = {
        folder / f"part{start}": items[start : start + segment_items]
        for start in range(0, len(items), segment_items) or [0]
    }
    tick = _Ticks(len(items), say)
    if workers > 1 and len(parts) > 1:
        write_parts(parts, min(workers, len(parts)), tick)
    else:
        for part, some in parts.items():
            write_part(part, some, tick)
    say("joining the segments")
    counts = join_counts([read_part(part) for part in parts])
    join_segments(folder, list(parts))
    for part in parts:
        shutil.rmtree(part)
    save_counts(folder / _COUNTS, counts)
    manifest.seal(folder, _about(content))


def _columns(counts: sp.csc_array, kept: Bool[np.ndarray, " V"]) -> sp.csc_array:
    """The columns to keep; the others are empty."""
    indptr = np.concatenate([counts.indptr[:1], counts.indptr[1:][kept]])
    return sp.csc_array((counts.data, counts.indices, indptr), (counts.shape[0], int(kept.sum())))


def _again(folder: Path) -> str:
    workspace = folder.parents[2]  # see `catalog.workspace`
    return f"run calrec-catalog migrate --workspace {workspace}, or build the domain again"


def _about(content: str) -> dict:
    """An index of that content, and what this version and its settings cut its words with."""
    return {
        "format": _FORMAT,
        "fields": list(_STORED),
        "words_kept": list(DEFAULT_TEXT.limits()),
        "content": content,
    }


def _processors() -> int:
    # Those that this process may use, where the system can tell.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, _MOST_WORKERS)


class _Ticks:
    """Counts the items that are written and says so."""

    def __init__(self, n_items: int, say: Say):
        self._n_items, self._say, self._done = n_items, say, 0
        self._tell()

    def __call__(self) -> None:
        self._done += TICK
        self._tell()

    def _tell(self) -> None:
        self._say(f"indexing items {self._done:,} of {self._n_items:,}")
