"""Whoosh's side of an index: its fields, and writing items into segments.

A segment holds a run of items; segments that were written apart, one after another or by several
processes, become one index when one table of contents names them all.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from calrec.text import Attributes, truncated, words

with warnings.catch_warnings():
    # Whoosh's last release is of 2016: compiling it, at its first import, warns of old escapes.
    warnings.simplefilter("ignore")
    import whoosh.codec.whoosh3  # noqa: F401  # imported late otherwise, outside this block
    from whoosh.analysis import RegexTokenizer, Token
    from whoosh.fields import TEXT, Schema
    from whoosh.filedb.filestore import FileStorage, RamStorage
    from whoosh.index import TOC, FileIndex
    from whoosh.writing import SegmentWriter

FIELDS = ("title", "category", "brand", "price")
TICK = 1000  # items between two reports of progress
_NAME = "MAIN"

# Above what a segment's postings need: what does not fit is sorted on the disk, twice as slow.
_MEMORY_MB = 1024


class WordTokenizer(RegexTokenizer):
    r"""Cuts as `calrec.text.words`: lower case first, as one letter may become two (`İ`)."""

    def __init__(self) -> None:
        super().__init__(r"\w+")

    def __call__(self, value: str, **options) -> Iterator[Token]:
        """The text's words as Whoosh's tokens."""
        return super().__call__(value.lower(), **options)


def schema() -> Schema:
    """One field of words for each attribute. A document's number is the item's index.

    Without positions: phrases are few enough to be checked in the items themselves.
    """
    return Schema(**{field: TEXT(analyzer=WordTokenizer(), phrase=False) for field in FIELDS})


def write_segment(
    folder: Path, items: Sequence[Attributes], tick: Callable[[], None] = lambda: None
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
            values = zip(FIELDS, truncated(item).values(), strict=True)
            # Lists of words enter as they are; the tokenizer serves the parsing of queries.
            writer.add_document(**{field: words(value) for field, value in values if value})
            if number % TICK == 0:
                tick()
        writer.commit()
    except BaseException:
        if not writer.is_closed:
            writer.cancel()
        raise


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
