import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.search import MAX_QUERY
from catalog.store import Catalogue


def _ids(music: Catalogue, query: str) -> set[str]:
    page = music.page(query=query)
    assert page.note == ""
    return {item.item_id for item in page.items}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("guitar", {"i1", "i2", "i3"}),
        ("GUITAR strings", {"i1"}),
        ("guitar fender", {"i1", "i2"}),
        ("brand:fender", {"i1", "i2"}),
        ("brand:fen", {"i1", "i2"}),
        ("title:fender", set()),
        ("category:drums", {"i4", "i5"}),
        ("gui", {"i1", "i2", "i3"}),
        ("gui tuner", set()),  # only the last word may be a beginning
        ("tuner OR sticks", {"i3", "i4", "i5"}),
        ("guitar NOT brand:korg", {"i1", "i2"}),
        ('"guitar strings"', {"i1"}),
        ('"strings guitar"', set()),
        ("wi-fi", {"i7"}),
        ("item_id:i6", {"i6"}),
        ("1 299", {"i2"}),
        ("unheard", set()),
    ],
)
def test_queries(music, query, found):
    assert _ids(music, query) == found


def test_the_better_fit_comes_first(music):
    assert music.page(query="electric guitar").items[0].item_id == "i2"
    assert music.page(query="drum").items[0].item_id == "i4"


@pytest.mark.parametrize("query", ["***", "(((", '"', '""""', "?", "--;", "\x00", "\ud800", "^~[]"])
def test_a_query_without_words_finds_nothing_and_says_so(music, query):
    page = music.page(query=query)
    assert (page.items, page.total) == ((), 0)
    assert page.note.startswith("nothing to search for")
    assert "\n" not in page.note


@pytest.mark.parametrize("query", ["guitar " * 2000, "(" * 10_000, "x" * 10_000, '"a ' * 5000])
def test_a_long_query_is_cut_and_says_so_or_has_no_words(music, query):
    assert len(query) >= 10_000
    note = music.page(query=query).note
    assert note == f"only the first {MAX_QUERY} characters were searched" or "nothing" in note


@pytest.mark.parametrize(
    "query",
    [
        'say "guitar',
        "AND OR",
        "guitar AND",
        "guitar NOT",
        "OR guitar",
        "'; DROP TABLE items; --",
        "brand:",
        "nofield:guitar",
        "*a*a*a*a*a*a*a*a*b",
        "[a TO z]",
        "guitar^1e999",
        "guitar~99",
        "title:*",
        "((guitar)",
    ],
)
def test_hostile_queries_give_a_page(music, query):
    page = music.page(query=query)
    assert 0 <= page.total <= 8
    assert len(page.items) == page.total
    assert music.page().total == 8


def test_operators_with_nothing_to_join_are_plain_words(music):
    page = music.page(query="NOT NOT NOT")
    assert page.total == 0
    assert "plain words" in page.note


@pytest.fixture(scope="module")
def opened(shop) -> Catalogue:
    with Catalogue.open(shop, "music") as catalogue:
        yield catalogue


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["guitar", "AND", "OR", "NOT", "(", ")", '"', "*", "?", ":", "brand:", "^", "~", "[",
             "]", "{", "TO", "'", "\\", "-", "+", "%", " ", "fen", "é", "İ", "字"]
        )
    ).map(" ".join)
    | st.text()
)  # fmt: skip
def test_any_text_is_a_query(opened, query):
    page = opened.page(query=query)
    assert len(page.items) == page.total
