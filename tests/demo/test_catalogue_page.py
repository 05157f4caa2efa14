"""The Catalogue page: its address, its filters and lists, the page of an item, and clicks."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.store import Band, Filters
from demo.inspect import url
from demo.inspect.bars import is_calendar, over_time, sizes
from demo.inspect.session import MOST, Session
from demo.pages.catalogue.address import LONGEST, PAGE_SIZE, SORTS, CatalogueAddress
from demo.pages.catalogue.handlers import CatalogueHandlers
from demo.pages.named import Update

LAMPS = Session(domain="lamps")
PARTS = {"address", "search", "sort", "filters", "chips", "results"}
PARTS |= {"item", "words", "vectors", "cases"}
same_application = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40
)


@pytest.fixture
def page(application) -> CatalogueHandlers:
    return CatalogueHandlers(application)


def click(**data) -> gr.EventData:
    return gr.EventData(None, data)


def shown(page: CatalogueHandlers, **query) -> Update:
    return page.show(LAMPS, url.read(url.write(query)))


def text_of(fragment: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", fragment)).split())


def buttons(fragment: str, act: str) -> list[tuple[str, str]]:
    """`data-id` and text of each button that does `act`."""
    pattern = rf'<button[^>]*data-act="{act}" data-id="([^"]*)"[^>]*>(.*?)</button>'
    found = re.findall(pattern, fragment, re.DOTALL)
    return [(html.unescape(value), text_of(inside)) for value, inside in found]


# The address

texts = st.text(max_size=20).filter(lambda text: text.isprintable())
ends = st.none() | st.integers(0, 10**6) | st.floats(0, 1e6)
bands = st.none() | st.tuples(ends, ends).filter(
    lambda pair: pair != (None, None) and (None in pair or pair[0] < pair[1])
).map(lambda pair: Band(*pair))
views = st.builds(
    CatalogueAddress,
    q=texts,
    sort=st.sampled_from([value for _, value in SORTS]),
    filters=st.builds(
        lambda category, brand, price, sold: Filters(
            category=tuple(category),
            brand=brand or None,
            price=price,
            popularity=sold and Band(sold, sold + 5),
        ),
        st.lists(texts.filter(bool), max_size=3),
        texts,
        bands,
        st.none() | st.integers(1, 1000),
    ),
    offset=st.integers(0, 1000).map(lambda page: page * PAGE_SIZE),
    open=texts,
)


@pytest.mark.slow
@given(view=views)
def test_an_address_brings_the_same_view_back(view):
    assert CatalogueAddress.of(view.write()) == view


@given(query=st.text(max_size=200))
def test_any_address_is_some_view(query):
    view = CatalogueAddress.of(query)
    assert CatalogueAddress.of(view.write()) == view
    assert view.offset % PAGE_SIZE == 0


@pytest.mark.parametrize(
    "query",
    ["price=..", "price=x..y", "price=9..1", "price=nan..", "sold=..-5", "sort=best", "offset=-24"],
)
def test_what_an_address_cannot_mean_is_left_out(query):
    assert CatalogueAddress.of(query) == CatalogueAddress()


@given(q=st.none() | st.text(max_size=2 * LONGEST) | st.integers() | st.just("\ud800"))
def test_another_search_starts_from_the_first_item(q):
    view = CatalogueAddress(offset=PAGE_SIZE, open="x")
    asked = view.asked(q, "relevance")
    assert asked.open == "x"
    assert asked.offset == (0 if asked.q else PAGE_SIZE)
    assert asked.asked(q, "relevance") is asked
    asked.write()


# Bars


@given(counts=st.lists(st.integers(0, 3000), max_size=50))
def test_sizes_count_everything_once(counts):
    found = sizes(np.array(counts, np.int64))
    assert sum(bar.count for bar in found) == len(counts)
    if counts:
        assert found[0].count
        assert found[-1].count


def test_bars_over_time_are_months_quarters_or_years():
    day = 86_400
    start = 1_577_836_800  # 1 January 2020
    months = over_time(np.array([start, start + 31 * day]), (start, start + 300 * day))
    assert [(bar.label, bar.count) for bar in months[:3]] == [
        ("2020-01", 1),
        ("2020-02", 1),
        ("2020-03", 0),
    ]
    assert len(months) == 10
    quarters = over_time(np.array([start + 100 * day]), (start, start + 1000 * day))
    assert [(bar.label, bar.count) for bar in quarters[:2]] == [("2020 Q1", 0), ("2020 Q2", 1)]
    years = over_time(np.array([start]), (start - 9000 * day, start))
    assert years[-1][:2] == ("2020", 1)
    assert is_calendar((start, start))
    assert not is_calendar((0, 50))
    assert not is_calendar(None)


# The lists


@pytest.mark.slow
def test_every_filter_leads_to_as_many_items_as_it_says(page):
    followed = 0
    for query in ("", "q=lamp", "brand=Brand+%26+1", "category=Home", "q=lamp&price=10..25"):
        for target, label in buttons(page.show(LAMPS, url.read(query))["filters"], "go"):
            if not (counted := re.search(r" ([\d,]+)$", label)):
                continue  # the way up the categories
            target_view = CatalogueAddress.of(target)
            chips = page.show(LAMPS, url.read(target))["chips"]
            pressed = len(target_view.write()) < len(query)
            if not pressed:
                said = int(counted[1].replace(",", ""))
                assert text_of(chips).startswith(f"{said:,} item"), (query, label)
                followed += 1
    assert followed > 20


def test_chosen_filters_are_chips_that_take_themselves_away(page):
    query = {"category": ["Home", "Lighting"], "brand": "Brand & 1", "sold": "..5", "q": "lamp"}
    chips = buttons(shown(page, **query)["chips"], "go")
    assert [label for _, label in chips] == [
        "Category Home › Lighting ×",
        "Brand Brand & 1 ×",
        "Sold 0 to 4 ×",
        "Remove all",
    ]
    without_brand = CatalogueAddress.of(chips[1][0])
    assert without_brand.filters == Filters(category=("Home", "Lighting"), popularity=Band(None, 5))
    assert without_brand.q == "lamp"
    assert CatalogueAddress.of(chips[-1][0]) == CatalogueAddress(q="lamp")


def test_pages_follow_each_other_to_the_end(page, application):
    seen, query = [], ""
    for _ in range(10):
        results = page.show(LAMPS, url.read(query))["results"]
        seen += [item_id for item_id, _ in buttons(results, "open")]
        following = [target for target, label in buttons(results, "go") if label == "Next"]
        if not following:
            break
        query = following[0]
    assert sorted(seen) == sorted(application.shop("lamps").catalogue.item_ids)


def test_an_offset_behind_the_end_shows_the_last_page(page):
    update = shown(page, offset=24_000, open="lamps-007")
    assert "49–60 of 60" in text_of(update["results"])
    assert update["address"] == "offset=48&open=lamps-007"
    followed = page.click(LAMPS, "", "", "relevance", click(act="go", id="offset=24000"))
    assert "49–60 of 60" in text_of(followed["results"])
    assert followed["address"] == "offset=48"
    assert "offset" not in shown(page, q="xylophone", brand="none", offset=48)["address"]
    assert "Nothing found" in shown(page, q="xylophone", brand="none")["results"]


def test_titles_that_are_code_show_as_text(page, application):
    catalogue = application.shop("lamps").catalogue
    for item in catalogue.items[:4]:
        update = shown(page, open=item.item_id, q=item.title, brand=item.brand or "")
        drawn = "".join(
            (update["filters"], update["chips"], update["results"], update["item"], update["words"])
        )
        assert item.title in html.unescape(re.sub("</?mark>", "", drawn))
        tags = Tags()
        tags.feed(drawn)
        assert {name for name, _ in tags.seen} <= TAGS
        assert not [name for _, attributes in tags.seen for name in attributes if name[:2] == "on"]


class Tags(HTMLParser):
    """What a browser takes for elements, and their attributes."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


# Not `b`, `i` or `img`, which the titles try to be.
TAGS = {
    *("article", "nav", "section", "figure", "figcaption", "h2", "h3", "p", "div", "span"),
    *("button", "details", "summary", "ul", "li", "dl", "dt", "dd", "mark", "code", "em", "strong"),
    *("table", "caption", "tbody", "tr", "th", "td"),
}


# One item


def test_an_item_page_says_what_is_known(page, application):
    catalogue = application.shop("lamps").catalogue
    index = int(np.argmax(catalogue.popularity))
    item = catalogue.items[index]
    update = shown(page, open=item.item_id)
    said = text_of(update["item"])
    around = catalogue.neighbours(index)
    assert item.title in said
    assert f"{around.purchases} time" in said
    assert f"Title: {item.title}" in said
    assert "Nothing is cut." in said
    loads = [user for user, _ in buttons(update["item"], "load")]
    assert loads == [buyer.user_id for buyer in around.shoppers]
    opened = [other for other, _ in buttons(update["item"], "open")]
    expected = [*around.before[:6], *around.after[:6], *around.together[:6]]
    assert opened == [catalogue.item_ids[one.item] for one in expected]
    assert item.item_id not in [other for other, _ in buttons(update["words"], "open")]


def test_words_that_the_model_does_not_read_are_said(page, application, monkeypatch):
    catalogue = application.shop("lamps").catalogue
    long = catalogue.items[5].__class__(item_id="long", title="word " * 31)
    items = (*catalogue.items[:5], long, *catalogue.items[6:])
    monkeypatch.setattr(catalogue, "_items", items)
    said = text_of(shown(page, open=catalogue.item_ids[5])["item"])
    assert "The title is cut from 31 to 25 words." in said


def test_an_item_that_the_shop_does_not_have(page):
    update = shown(page, open="<b>nothing</b>")
    assert "This shop has no item <b>nothing</b>" in text_of(update["item"])
    assert "<b>nothing" not in update["item"]
    assert update["words"] == update["vectors"] == ""


def test_item_vectors_are_computed_on_request(page, model):
    model.embedder = lambda: SimpleNamespace(items=embedded)
    address = "open=lamps-007"
    assert "Compute item vectors" in page.vectors(LAMPS, address)["vectors"]
    told = list(page.compute(LAMPS))
    assert "Loading the model" in told[0]["vectors"]
    assert "60 of 60 items read" in told[-1]["vectors"]
    assert told[0]["toast"] == ""
    found = [item_id for item_id, _ in buttons(page.vectors(LAMPS, address)["vectors"], "open")]
    # Each is nearest to those beside it on a quarter of a circle.
    assert set(found[:2]) == {"lamps-006", "lamps-008"}
    assert page.vectors(LAMPS, "")["vectors"] == ""


def embedded(items, *, tick):
    tick(len(items))
    angles = np.linspace(0, np.pi / 2, len(items))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_a_model_that_cannot_be_loaded_is_one_line(page, application):
    def broken():
        from calrec.errors import CalrecError

        raise CalrecError("expected a checkpoint, found <none>; export one")

    application.served.get = broken
    last = list(page.compute(LAMPS))[-1]
    assert last.keys() == {"toast"}
    assert "found &lt;none&gt;" in last["toast"]
    # What follows it draws the place anew, and the line stays in the toast.
    assert "Not computed yet" in page.vectors(LAMPS, "open=lamps-007")["vectors"]


def test_a_model_that_breaks_is_one_line_and_the_log_has_the_rest(page, application, caplog):
    def broken():
        raise RuntimeError("out of <memory>")

    application.served.get = broken
    toast = list(page.compute(LAMPS))[-1]["toast"]
    assert "failure in the model (RuntimeError)" in toast
    assert "memory" not in toast
    assert "out of <memory>" in caplog.text


def test_the_shop_in_numbers(page):
    said = text_of(shown(page)["about"])
    for part in ("Shoppers with at least one purchase 4", "Items never bought ones included 60"):
        assert part in said
    assert "24 purchases and 60 items read." in said
    assert "No line was bad." in said
    assert "BM25 splits words as the paper does: by Unicode" in said


# Clicks


def test_only_what_changes_is_shown(page):
    first = shown(page, q="lamp")
    assert page.search(LAMPS, first["address"], "lamp", "relevance") == {}
    other = page.search(LAMPS, first["address"], "desk", "relevance")
    assert other["address"] == "q=desk"
    assert not {"item", "about", "search"} & other.keys()
    opened = page.click(
        LAMPS, first["address"], "lamp", "relevance", click(act="open", id="lamps-005")
    )
    assert opened["address"] == "q=lamp&open=lamps-005"
    assert not {"results", "filters"} & opened.keys()
    closed = page.click(LAMPS, opened["address"], "lamp", "relevance", click(act="close"))
    assert closed["address"] == "q=lamp"
    assert closed["item"] == closed["words"] == closed["vectors"] == ""


def test_what_was_typed_a_moment_ago_counts(page):
    update = page.click(
        LAMPS, "q=de", "desk", "title", click(act="go", id="q=de&brand=Brand+%26+1")
    )
    view = CatalogueAddress.of(update["address"])
    assert (view.q, view.sort, view.filters.brand) == ("desk", "title", "Brand & 1")


def test_a_link_without_the_search_clears_it(page):
    update = page.click(LAMPS, "q=desk", "desk", "relevance", click(act="go", id="brand=x"))
    assert update["search"] == ""
    corrected = page.click(LAMPS, "q=dekk", "dekk", "relevance", click(act="search", id="desk"))
    assert (corrected["search"], corrected["address"]) == ("desk", "q=desk")


def test_add_and_load(page, application):
    added = page.edit(LAMPS, click(act="add", id="lamps-001"))
    assert added.keys() == {"session", "toast"}
    assert added["session"].history == ("lamps-001",)
    assert "which now has 1 purchase" in text_of(added["toast"])
    assert "<img" not in added["toast"]
    update = page.edit(added["session"], click(act="load", id="user-1"))
    loaded = update["session"]
    case = application.shop("lamps").catalogue.case("user-1")
    assert loaded.history == tuple(item.item_id for item in case.history)
    assert (loaded.user_id, loaded.target) == ("user-1", case.target.item_id)
    assert update["tabs"].selected == "walkthrough"


def test_a_full_history_says_so(page):
    full = Session(domain="lamps", history=("lamps-001",) * MOST)
    update = page.edit(full, click(act="add", id="lamps-002"))
    assert update.keys() == {"toast"}
    assert "history is full" in update["toast"]


@pytest.mark.parametrize("act", ["add", "load", "nonsense", ""])
@pytest.mark.parametrize("value", ["<b>x</b>", "", None, 7])
def test_an_edit_of_something_unknown_is_one_line(page, act, value):
    update = page.edit(LAMPS, click(act=act, id=value))
    assert update.keys() == {"toast"}
    assert update["toast"].count("<p") == 1
    assert "<b>" not in update["toast"]


@pytest.mark.slow
@same_application
@given(
    act=st.sampled_from(["go", "open", "close", "search", "x"]),
    wanted=st.text(max_size=30) | st.integers() | st.none(),
    written=st.text(max_size=40) | st.none() | st.integers(),
    typed=st.text(max_size=20) | st.none() | st.lists(st.integers()),
    sort=st.text(max_size=5) | st.none() | st.lists(st.text()),
)
def test_no_click_fails(application, act, wanted, written, typed, sort):
    page = CatalogueHandlers(application)
    update = page.click(LAMPS, written, typed, sort, click(act=act, id=wanted))
    assert update.keys() <= PARTS
    page.click(LAMPS, written, typed, sort, gr.EventData(None, None))


def test_a_shop_that_is_gone_is_one_line(page):
    gone = Session(domain="gone")
    assert "expected a shop of" in page.show(gone, {})["results"]
    assert "expected a shop of" in page.vectors(gone, "open=x")["vectors"]
    assert "expected a shop of" in list(page.compute(gone))[-1]["toast"]
    assert "expected a shop of" in page.edit(gone, click(act="add", id="x"))["toast"]


# In a browser


@pytest.fixture
def visit(open_page, server):
    def opened(width: int = 1440):
        tab = open_page(f"{server}/?view=catalogue&shop=lamps", width=width)
        wait_for(tab, "60 items")
        return tab

    return opened


def wait_for(tab, text: str) -> None:
    tab.wait_for_function(
        "text => document.querySelector('#catalogue-chips')?.innerText.includes(text)", arg=text
    )


@pytest.mark.browser
def test_by_keyboard_from_a_search_to_an_item_and_back(visit):
    tab = visit()
    tab.click("#catalogue-search :is(input, textarea)")
    tab.keyboard.type("window hacked")
    wait_for(tab, "4 items")
    assert "<script>window.hacked = 1</script> lamp" in tab.inner_text("#catalogue-results")
    row = tab.locator("#catalogue-results [data-act=open]", has_text="<script>")
    row.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".cr-item-title:focus")
    assert tab.inner_text(".cr-item-title") == "<script>window.hacked = 1</script> lamp"
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Enter")  # Add to the history
    tab.wait_for_selector("#toast .cr-done")
    assert "<script>" in tab.inner_text("#toast")
    tab.wait_for_function("location.search.includes('open=lamps-000')")
    tab.reload()
    tab.wait_for_selector(".cr-item-title")
    assert tab.input_value("#catalogue-search :is(input, textarea)") == "window hacked"
    wait_for(tab, "4 items")
    tab.locator("[data-act=close]").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#catalogue-results [data-id='lamps-000']:focus")
    assert tab.evaluate("window.hacked") is None


@pytest.mark.browser
def test_a_narrow_screen_shows_one_thing_at_a_time(visit):
    tab = visit(width=390)
    assert not tab.is_visible("#catalogue-filters")
    tab.click("#catalogue-fold")
    tab.locator("#catalogue-filters button", has_text="Brand & 1").click()
    wait_for(tab, "Brand & 1")
    tab.locator("#catalogue-chips .cr-chip").click()
    wait_for(tab, "60 items")
    tab.locator("#catalogue-results [data-act=open]").nth(6).click()
    tab.wait_for_selector(".cr-item-title")
    assert not tab.is_visible("#catalogue-results")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.locator("[data-act=close]").click()
    tab.wait_for_selector("#catalogue-results .cr-list")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.is_visible("#catalogue-about")
