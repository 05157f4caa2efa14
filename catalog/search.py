"""The index of words: written with a domain, searched by people, read out whole for BM25.

The field `words` holds exactly `calrec.text.document_words` and feeds BM25; the four attribute
fields serve searches such as `guitar strings`, `brand:fender`, `"exact words"`, `amp OR pedal`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from calrec.text import Item, document_words, truncated
from catalog.bm25 import BM25Settings, Corpus
from catalog.errors import CatalogueError

with warnings.catch_warnings():
    # Whoosh's last release is of 2016: compiling it, at its first import, warns of old escapes.
    warnings.simplefilter("ignore")
    import whoosh.codec.whoosh3  # noqa: F401  # imported late otherwise, outside this block
    from whoosh import qparser
    from whoosh.analysis import LowercaseFilter, RegexTokenizer, SpaceSeparatedTokenizer
    from whoosh.fields import ID, TEXT, Schema
    from whoosh.filedb.filestore import FileStorage, RamStorage
    from whoosh.index import FileIndex
    from whoosh.query import NullQuery

FIELDS = ("title", "category", "brand", "price")
MAX_QUERY = 200  # characters; a search box needs no more, and parsing time grows with it
_COUNTS = "counts.npz"
_LAST_WORD = re.compile(rf"(?:(?<=\s)|^)(?P<field>(?:{'|'.join(FIELDS)}):)?(?P<word>\w+)\s*$")


def _schema() -> Schema:
    plain = RegexTokenizer(r"\w+") | LowercaseFilter()
    attributes = {name: TEXT(analyzer=plain, phrase=True) for name in FIELDS}
    # Whoosh lower-cases after cutting and `document_words` before it, which differs where one
    # letter becomes two (İ). So the words come ready and the tokenizer only takes them apart.
    words = TEXT(analyzer=SpaceSeparatedTokenizer(), phrase=False)
    return Schema(item_id=ID(stored=True), words=words, **attributes)


def write_index(
    folder: Path, items: Sequence[Item], say: Callable[[str], None] = lambda step: None
) -> None:
    """Writes the index of a domain's items, in item-index order, into the new folder `folder`."""
    folder.mkdir(parents=True)
    storage = FileStorage(str(folder))
    index = storage.create_index(_schema())
    writer = index.writer(limitmb=256)
    for number, item in enumerate(items):
        if number % 1000 == 0:
            say(f"indexing items {number:,} of {len(items):,}")
        shown = dict(zip(FIELDS, truncated(item).values(), strict=True))
        writer.add_document(
            item_id=item.item_id, words=" ".join(document_words(item)), **_present(shown)
        )
    writer.commit(optimize=True)
    say("reading the postings")
    with index.reader() as reader:
        words, counts = _counts(reader)
    index.close()
    np.savez(
        folder / _COUNTS,
        words=np.frombuffer("\n".join(words).encode(), np.uint8),
        indptr=counts.indptr,
        indices=counts.indices,
        data=counts.data,
    )


def _present(values: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _counts(reader) -> tuple[list[str], sp.csc_array]:
    """Every word of the field `words` and how often it stands in each item, N items x V words."""
    words, indices, data, indptr = [], [], [], [0]
    for term in reader.lexicon("words"):
        matcher = reader.postings("words", term)
        while matcher.is_active():
            indices.append(matcher.id())
            data.append(matcher.weight())
            matcher.next()
        words.append(term.decode())
        indptr.append(len(indices))
    counts = np.asarray(data).astype(np.int32), np.asarray(indices, np.int32), np.asarray(indptr)
    return words, sp.csc_array(counts, shape=(reader.doc_count_all(), len(words)))


@dataclass(frozen=True, kw_only=True)
class Hits:
    """Item indices that a query found, best first, and one plain line if it was not understood."""

    indices: tuple[int, ...]
    note: str = ""


class Index:
    """One domain's index, held in memory, so that a later build cannot pull it away.

    Safe for several threads: each search opens a reader of its own.

    Raises:
      CatalogueError: if the folder is missing or damaged.
    """

    def __init__(self, folder: Path, item_ids: tuple[str, ...]):
        self._item_ids = item_ids
        try:
            with np.load(folder / _COUNTS) as arrays:
                self._arrays = dict(arrays)
            memory = RamStorage()
            for path in folder.iterdir():
                if path.name != _COUNTS:
                    memory.files[path.name] = path.read_bytes()
            self._index: FileIndex = memory.open_index()
            found = self._index.doc_count_all()
        # Whoosh and zipfile raise whatever their parsers stumble over in a damaged file.
        except Exception as error:
            raise CatalogueError(
                f"expected a search index in {folder}, found none that can be read "
                f"({type(error).__name__}): build the domain again"
            ) from error
        if found != len(item_ids):
            raise CatalogueError(
                f"expected an index of {len(item_ids)} items in {folder}, found {found}: "
                "build the domain again"
            )

    def corpus(self, settings: BM25Settings | None = None) -> Corpus:
        """The items ready to be scored by BM25."""
        joined = self._arrays["words"].tobytes().decode()
        words = joined.split("\n") if joined else []
        counts = sp.csc_array(
            (self._arrays["data"], self._arrays["indices"], self._arrays["indptr"]),
            shape=(len(self._item_ids), len(words)),
        )
        return Corpus(self._item_ids, words, counts, settings)

    def search(self, query: str) -> Hits:
        """Items that hold all words of the query; its last word may be the beginning of one.

        Any text is a query: what is not understood is left out, and `note` says when nothing is
        left or when the text was cut.
        """
        note = ""
        if len(query) > MAX_QUERY:
            query, note = query[:MAX_QUERY], f"only the first {MAX_QUERY} characters were searched"
        query = query.encode(errors="ignore").decode()  # half a surrogate pair is no character
        try:
            parsed = self._parser.parse(_open_ended(query))
        # What Whoosh's parser does with an operator that has nothing to work on (`NOT NOT`).
        except (IndexError, AssertionError):
            note = "AND, OR and NOT were read as plain words: one of them has nothing to join"
            parsed = self._parser.parse(_open_ended(query.lower()))
        if parsed == NullQuery:
            return Hits(indices=(), note="nothing to search for: give a word or the start of one")
        with self._index.searcher() as searcher:
            results = searcher.search(parsed, limit=None)
            return Hits(indices=tuple(hit.docnum for hit in results), note=note)

    @cached_property
    def _parser(self) -> qparser.QueryParser:
        # No wildcards, ranges or fuzzy words: a hostile pattern of them runs for minutes.
        plugins = [
            qparser.WhitespacePlugin(),
            qparser.PhrasePlugin(),
            qparser.PrefixPlugin(),
            qparser.FieldsPlugin(),
            qparser.GroupPlugin(),
            qparser.OperatorsPlugin(AndNot=None, AndMaybe=None, Require=None),
            qparser.MultifieldPlugin(list(FIELDS)),
        ]
        return qparser.QueryParser(None, self._index.schema, plugins=plugins)


def _open_ended(query: str) -> str:
    """The query with its last word also taken as the beginning of a word."""
    match = _LAST_WORD.search(query)
    if match is None or match["word"] in ("AND", "OR", "NOT"):
        return query
    field, word = match["field"] or "", match["word"]
    # The whole word stays beside it: only that scores by how well it fits.
    return f"{query[: match.start()]}{field}({word} OR {word.lower()}*)"
