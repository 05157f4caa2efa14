"""The Whoosh schema of an index, and writing items into its segments.

A segment holds a run of items; segments that were written apart, one after another or by several
processes, become one index when one table of contents names them all.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from calrec.records import Attributes
from calrec.text import truncated
from calrec.text.words import words

with warnings.catch_warnings():
    # Whoosh's last release is of 2016: compiling it, at its first import, warns of old escapes.
    warnings.simplefilter("ignore")
    import whoosh.codec.whoosh3  # noqa: F401  # imported late otherwise, outside this block
    from whoosh.analysis import Token, Tokenizer
    from whoosh.fields import TEXT, Schema
    from whoosh.filedb.filestore import FileStorage, RamStorage
    from whoosh.index import TOC, FileIndex
    from whoosh.writing import SegmentWriter

FIELDS = ("title", "category", "brand", "price")
"""The attributes, each with its words by the rule `unicode`."""

PAPER = ("paper", "unpaper")
"""What the rule `paper` cuts otherwise: words that only it finds in an item, and those it misses.

Few in most shops, so that the words by both rules take little more room than those by one.
"""

TICK = 1000  # items between two reports of progress
_NAME = "MAIN"

# Above what a segment's postings need: what does not fit is sorted on the disk, twice as slow.
_MEMORY_MB = 1024


class WordTokenizer(Tokenizer):
    """Cuts by the rule `unicode`."""

    def __call__(self, value: str, **options) -> Iterator[Token]:
        """The text's words as Whoosh's tokens, one behind the other."""
        for place, word in enumerate(words(value, "unicode")):
            yield Token(text=word, pos=place, boost=1.0, stopped=False)


def schema() -> Schema:
    """A field of words for each of `FIELDS` and `PAPER`. A document's number is the item's index.

    Without positions: phrases are few enough to be checked in the items themselves.
    """
    fields = (*FIELDS, *PAPER)
    return Schema(**{field: TEXT(analyzer=WordTokenizer(), phrase=False) for field in fields})


def write_segment(
    folder: Path, items: Sequence[Attributes], tick: Callable[[], object] = lambda: None
) -> None:
    """Writes an index of one segment into the new folder `folder`.

    Args:
      folder: made here.
      items: in the order of their indices.
      tick: called after every `TICK` items.
    """
    folder.mkdir(parents=True)
    index = FileStorage(str(folder)).create_index(schema(), indexname=_NAME)
    writer = SegmentWriter(index, limitmb=_MEMORY_MB)
    try:
        for number, item in enumerate(items, 1):
            # Lists of words enter as they are; the tokenizer serves Whoosh's own searcher.
            writer.add_document(**_fields(item))
            if number % TICK == 0:
                tick()
        writer.commit()
    except BaseException:
        if not writer.is_closed:
            writer.cancel()
        raise


def _fields(item: Attributes) -> dict[str, list[str]]:
    """Field -> its words; without those that have none."""
    values = [
        (field, value)
        for field, value in zip(FIELDS, truncated(item).values(), strict=True)
        if value
    ]
    fields = {field: words(value, "unicode") for field, value in values}
    paper = {field: words(value, "paper") for field, value in values}
    if paper != fields:
        ours, theirs = (Counter(chain.from_iterable(of.values())) for of in (fields, paper))
        for field, more in zip(PAPER, (theirs - ours, ours - theirs), strict=True):
            fields[field] = list(more.elements())
    return {field: some for field, some in fields.items() if some}


def join_segments(folder: Path, parts: Sequence[Path]) -> None:
    """Makes `folder` one index of the segments in the folders `parts`, in that order."""
    segments = []
    for part in parts:
        segments += TOC.read(FileStorage(str(part)), _NAME, schema=schema()).segments
        for path in part.glob("*.seg"):
            path.rename(folder / path.name)
    TOC(schema(), segments, generation=1).write(FileStorage(str(folder)), _NAME)


def open_index(folder: Path) -> FileIndex:
    """The Whoosh index in `folder`, read into memory.

    Only for one that this program has just written: Whoosh unpickles its table of contents.
    """
    memory = RamStorage()
    files = [*folder.glob("*.seg"), *folder.glob("*.toc")]
    memory.files = {path.name: path.read_bytes() for path in files}
    return memory.open_index(indexname=_NAME, schema=schema())
