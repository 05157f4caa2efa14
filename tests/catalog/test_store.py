from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from calrec.records import Item
from catalog.build import build
from catalog.errors import CatalogueError
from catalog.ingest.sources.two_tables import TwoTables
from catalog.store import Catalogue, Filters, domain_info, domains, workspace_path


def test_items_are_numbered_by_id_and_unlisted_ones_have_no_attributes(music):
    assert music.item_ids == ("i1", "i2", "i3", "i4", "i5", "i6", "i7", "i9")
    assert [music.index[item.item_id] for item in music.items] == list(range(8))
    assert music.items[0] == Item(
        item_id="i1",
        title="Acoustic Guitar Strings",
        category="Music, Strings",
        brand="Fender",
        price="$5.99",
    )
    assert music.items[-1] == Item(item_id="i9")
    assert music.popularity.dtype == np.int64


def test_histories(music):
    sequences = music.sequences()
    assert sequences.user_ids == ("a", "b", "c")
    assert [sequences.whole(u).tolist() for u in range(3)] == [[0, 0, 1, 2], [3, 0], [7]]
    assert music.times.tolist() == [10, 20, 30, 40, 5, 6, 7]
    assert music.users() == ["a", "b"]
    assert music.users(part="B") == ["b"]
    assert music.users(limit=1) == ["a"]


def test_positions_alone_are_no_times(tmp_path):
    events = pa.table({"user_id": ["u", "u"], "item_id": ["a", "b"], "position": [0, 1]})
    build(tmp_path, "x", TwoTables(items=pa.table({"item_id": ["a", "b"]}), interactions=events))
    with Catalogue.open(tmp_path, "x") as catalogue:
        assert catalogue.times is None


def test_a_case_has_what_came_before_and_the_item_bought(music):
    case = music.case("a")
    assert [item.item_id for item in case.history] == ["i1", "i1", "i2"]
    assert case.target.item_id == "i3"
    earlier = music.case("a", "validation")
    assert [item.item_id for item in earlier.history] == ["i1", "i1"]
    assert earlier.target.item_id == "i2"


def test_users_without_a_case_and_unknown_ones_are_named(music):
    with pytest.raises(CatalogueError, match="found 'nobody': choose one such as a, b"):
        music.case("nobody")
    with pytest.raises(CatalogueError, match="found c with 1 purchases"):
        music.case("c")


def test_pages_follow_each_other(music):
    whole = music.page(sort="title", limit=100)
    assert whole.total == len(whole.items) == 8
    parts = [music.page(sort="title", offset=start, limit=3) for start in range(0, 9, 3)]
    assert [item for part in parts for item in part.items] == list(whole.items)
    assert {part.total for part in parts} == {8}
    assert music.page(offset=100) == music.page(offset=100, limit=0)
    assert music.page(offset=-5, limit=-1).items == ()
    assert music.page(offset=-(10**30), limit=10**5000).items == music.page().items
    assert music.page(offset=10**30).items == ()
    assert len(music.facets(limit=10**30).brands) == 2
    assert music.facets(limit=-(10**30)).brands == ()


def test_sorts(music):
    ids = lambda **asked: [item.item_id for item in music.page(**asked).items]  # noqa: E731
    assert ids(sort="title")[:4] == ["i1", "i4", "i5", "i2"]
    assert ids(sort="price")[:4] == ["i1", "i3", "i7", "i2"]
    assert ids(sort="popularity")[0] == "i1"
    assert ids() == ids(sort="popularity")
    with pytest.raises(CatalogueError, match="found 'colour'"):
        music.page(sort="colour")


def test_filters_with_and_without_a_query(music):
    fender, drums = Filters(brand="Fender"), Filters(category=("Music", "Drums"))
    assert music.page(filters=fender).total == 2
    assert music.page(filters=drums).total == 2
    assert music.page(filters=replace(drums, brand="Fender")).total == 0
    found = music.page(query="guitar", filters=fender, sort="price")
    assert [item.item_id for item in found.items] == ["i1", "i2"]
    assert found.popularity == (2, 0)
    assert music.page(filters=Filters(brand="Fender' OR ''='")).total == 0


def test_facets_count_items(music):
    found = music.facets(filters=Filters(category=("Music",)), limit=2)
    assert [(facet.label, facet.count) for facet in found.categories] == [
        ("Music", 6), ("Drums", 2), ("Amps", 1)
    ]  # fmt: skip
    assert [(facet.label, facet.count) for facet in found.brands] == [("Fender", 2), ("Korg", 2)]
    assert sum(facet.count for facet in found.prices) == 4
    assert [(facet.label, facet.count) for facet in found.popularity] == [
        ("none", 5),
        ("1 to 4", 1),
    ]


def test_the_corpus_is_made_once_and_in_item_order(music):
    assert music.corpus() is music.corpus()
    assert music.corpus().item_ids == music.item_ids
    best = music.corpus().scores([["drum", "sticks"]])[:, 0]
    assert np.flatnonzero(best == best.max()).tolist() == [3, 4]


@pytest.mark.slow
def test_many_threads_read_at_once(music):
    def ask(number: int) -> tuple[int, int, int]:
        page = music.page(query="guitar", limit=number % 3)
        return page.total, len(music.facets(query="guitar").brands), len(music.case("a").history)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(64))) == {(3, 2, 3)}


def test_unknown_domains_and_empty_workspaces_say_what_to_do(shop, tmp_path):
    with pytest.raises(CatalogueError, match=r"\(music\), found 'books'.* calrec-catalog build"):
        Catalogue.open(shop, "books")
    with pytest.raises(CatalogueError, match="calrec-catalog sample --workspace"):
        Catalogue.open(tmp_path, "music")
    with pytest.raises(CatalogueError, match=r"\(music\), found 'books'.* calrec-catalog build"):
        domain_info(shop, "books")
    with pytest.raises(CatalogueError, match="calrec-catalog sample --workspace"):
        domain_info(tmp_path, "music")
    assert domain_info(shop, "music") == domains(shop)[0]
    assert domains(tmp_path) == domains(tmp_path / "nothing") == []
    assert not (tmp_path / "nothing").exists()


def test_the_workspace_is_given_or_that_of_the_environment(monkeypatch):
    monkeypatch.delenv("CALREC_WORKSPACE", raising=False)
    assert workspace_path(None) == Path("workspace")
    monkeypatch.setenv("CALREC_WORKSPACE", "/elsewhere")
    assert workspace_path(None) == Path("/elsewhere")
    assert workspace_path(Path("here")) == Path("here")
