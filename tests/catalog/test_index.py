import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calrec.records import Item
from calrec.text import DEFAULT_TEXT, document_words, truncated
from calrec.text.words import RULES, words
from catalog.bm25 import BM25Settings
from catalog.build import build
from catalog.errors import CatalogueError
from catalog.index import FIELDS, Index, write_index
from catalog.index.segments import WordTokenizer
from catalog.store import Catalogue
from catalog.workspace import index_folder

WORDS = [
    "guitar",
    "GUITAR",
    "İstanbul",
    "ΣΑΣ",
    "straße",
    "wi-fi",
    "a_b",
    "5",
    "x",
    "字",
    "手机壳",
    "C++",
    "a",
    "b",
]
VALUE = st.none() | st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text()
ITEMS = st.lists(st.tuples(VALUE, VALUE, VALUE, VALUE), max_size=8)


def make_items(values) -> list[Item]:
    cleaned = [
        [None if value is None else value.encode(errors="ignore").decode() for value in row]
        for row in values
    ]
    return [
        Item(item_id=f"i{number}", **dict(zip(FIELDS, row, strict=True)))
        for number, row in enumerate(cleaned)
    ]


def random_items(count: int, seed: int = 0) -> list[Item]:
    rng = np.random.default_rng(seed)
    text = [[" ".join(rng.choice(WORDS, rng.integers(1, 6))) for _ in FIELDS] for _ in range(count)]
    return make_items(text)


def held(index: Index, field: str, item: int) -> dict[str, int]:
    row = index.counts[field][[item]].toarray()[0]
    return {index.words[column]: int(row[column]) for column in np.flatnonzero(row)}


def assert_equal(one: Index, other: Index) -> None:
    assert one.words == other.words
    for field in FIELDS:
        for part in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(
                getattr(one.counts[field], part), getattr(other.counts[field], part)
            )


def test_words_of_any_length_are_kept(tmp_path):
    long = "w" * 200_000
    write_index(tmp_path / "index", make_items([(long, f"{long} a", None, None)]), "it")
    assert Index(tmp_path / "index", 1, "it").words == ["a", long]


@pytest.fixture
def built(tmp_path) -> Path:
    """The index of seven random items, in three segments."""
    write_index(tmp_path / "index", random_items(7), "it", workers=1, segment_items=3)
    return tmp_path / "index"


@pytest.mark.slow
@settings(max_examples=60)
@given(ITEMS, st.integers(1, 4))
def test_an_index_holds_exactly_the_words_of_each_field(tmp_path_factory, values, segment_items):
    items = make_items(values)
    folder = tmp_path_factory.mktemp("words") / "index"
    write_index(folder, items, "it", workers=1, segment_items=segment_items)
    index = Index(folder, len(items), "it")
    found = {word for item in items for word in document_words(item, rule="unicode")}
    assert index.words == sorted(found)
    for number, item in enumerate(items):
        for field, value in zip(FIELDS, truncated(item).values(), strict=True):
            assert held(index, field, number) == Counter(words(value or "", "unicode"))
    for counts in index.counts.values():
        assert counts.shape == (len(items), len(index.words))
        assert counts.dtype == counts.indices.dtype == counts.indptr.dtype == np.int32
        for column in range(counts.shape[1]):
            rows = counts.indices[counts.indptr[column] : counts.indptr[column + 1]]
            assert (np.diff(rows) > 0).all()


@pytest.mark.slow
@given(st.lists(st.sampled_from([*WORDS, "İİ", "ﬃ", "ǅ", ".", " "])).map("".join) | st.text())
def test_queries_are_cut_as_items_are(text):
    assert [token.text for token in WordTokenizer()(text)] == words(text, "unicode")


@pytest.mark.slow
@settings(max_examples=40)
@given(ITEMS, st.sampled_from(RULES))
def test_the_corpus_counts_the_words_of_all_fields_by_either_rule(tmp_path_factory, values, rule):
    items = make_items(values)
    folder = tmp_path_factory.mktemp("words") / "index"
    write_index(folder, items, "it", workers=1, segment_items=3)
    ids = tuple(item.item_id for item in items)
    corpus = Index(folder, len(items), "it").corpus(ids, BM25Settings(words=rule))
    assert corpus.item_ids == ids
    # A word of no item would count to the mean idf.
    every = {word for item in items for word in document_words(item, rule=rule)}
    assert list(corpus.vocabulary) == sorted(every)
    for row, item in zip(corpus.counts.toarray(), items, strict=True):
        found = {word: row[column] for word, column in corpus.vocabulary.items() if row[column]}
        assert found == Counter(document_words(item, rule=rule))


@pytest.mark.slow
def test_processes_and_segments_change_nothing(tmp_path):
    items = random_items(23)
    queries = [document_words(item) for item in items[:5]]
    indexes = []
    for name, how in {
        "one segment": {},
        "this process": {"segment_items": 5, "workers": 1},
        "two processes": {"segment_items": 5, "workers": 2},
        "again": {"segment_items": 5, "workers": 2},
        "too many": {"segment_items": 9, "workers": 8},
    }.items():
        write_index(tmp_path / name, items, "it", **how)
        indexes.append(Index(tmp_path / name, len(items), "it"))
    assert len(list((tmp_path / "one segment").glob("*.seg"))) == 1
    assert len(list((tmp_path / "two processes").glob("*.seg"))) == 5
    scores = [index.corpus(range(23)).scores(queries) for index in indexes]
    for index, found in zip(indexes[1:], scores[1:], strict=True):
        assert_equal(indexes[0], index)
        np.testing.assert_array_equal(scores[0], found)


def test_a_folder_that_is_there_is_left_alone(built):
    before = {path.name: path.read_bytes() for path in built.iterdir()}
    with pytest.raises(CatalogueError, match="File exists"):
        write_index(built, random_items(7), "it")
    assert {path.name: path.read_bytes() for path in built.iterdir()} == before


def test_a_folder_holds_only_what_is_read(built):
    kinds = Counter(path.suffix or path.name for path in built.iterdir())
    assert kinds == {".seg": 3, ".toc": 1, ".json": 1, ".npz": 1}


@pytest.mark.slow
def test_progress_is_said(tmp_path):
    said = []
    write_index(
        tmp_path / "index", random_items(2100), "it", said.append, workers=2, segment_items=1050
    )
    assert said == [
        "indexing items 0 of 2,100",
        "indexing items 1,000 of 2,100",
        "indexing items 2,000 of 2,100",
        "joining the segments",
    ]


def assert_refused(folder: Path, n_items: int, content: str = "it") -> str:
    with pytest.raises(CatalogueError) as caught:
        Index(folder, n_items, content)
    line = str(caught.value)
    assert "\n" not in line
    assert str(folder) in line
    assert line.endswith("build the domain again")
    return line


def test_a_missing_index_is_refused(tmp_path):
    assert "found none: run calrec-catalog migrate" in assert_refused(tmp_path / "none", 7)


def test_another_number_of_items_is_refused(built):
    assert "expected an index of 8 items" in assert_refused(built, 8)


def test_an_index_made_otherwise_is_refused(built):
    about = json.loads((built / "index.json").read_text())
    older = {name: value for name, value in about.items() if name not in ("files", "digest")}
    unnamed = {name: value for name, value in older.items() if name != "content"}
    for changed in (older, older | {"format": 2}, older | {"content": 5}, unnamed, {}):
        (built / "index.json").write_text(json.dumps(changed))
        assert "found one made otherwise" in assert_refused(built, 7)


@pytest.mark.parametrize("name", ["format", "content", "files", "digest", "fields"])
def test_an_edited_manifest_is_refused(built, name):
    about = json.loads((built / "index.json").read_text())
    for changed in (about | {name: "x"}, {k: v for k, v in about.items() if k != name}):
        (built / "index.json").write_text(json.dumps(changed))
        assert "found a changed index.json" in assert_refused(built, 7)


@pytest.mark.parametrize("limit", ["title_words", "category_words", "brand_words", "price_words"])
def test_an_index_cut_with_other_limits_is_refused(built, monkeypatch, limit):
    changed = replace(DEFAULT_TEXT, **{limit: getattr(DEFAULT_TEXT, limit) + 1})
    with monkeypatch.context() as patched:
        patched.setattr("catalog.index.DEFAULT_TEXT", changed)
        assert "found one made otherwise" in assert_refused(built, 7)
        write_index(built.with_name("other"), random_items(7), "it")
        Index(built.with_name("other"), 7, "it")
    assert "found one made otherwise" in assert_refused(built.with_name("other"), 7)


def test_an_index_of_another_content_is_refused(built):
    line = assert_refused(built, 7, "another")
    assert "index of content another in" in line
    assert "found that of another content (it)" in line


@pytest.mark.slow
def test_indexes_swapped_between_domains_are_noticed_and_built_again(tmp_path, tables):
    # As many items in both.
    brands = {"x": "Fender", "y": "Korg"}
    sources = {
        name: tables([("i1", "Tuner", None, brand, None)], [("u", "i1", 1, 0, 5.0, None)])
        for name, brand in brands.items()
    }
    folders = []
    for name, source in sources.items():
        info = build(tmp_path, name, source)
        folders.append(index_folder(tmp_path, name, info.fingerprint))
    one, other = folders
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    for name, source in sources.items():
        with pytest.raises(CatalogueError, match=r"of another content .*, or build the domain"):
            Catalogue.open(tmp_path, name)
        build(tmp_path, name, source)
        with Catalogue.open(tmp_path, name) as catalogue:
            assert [catalogue.page(query=brand).total for brand in ("Fender", "Korg")] == (
                [1, 0] if name == "x" else [0, 1]
            )
