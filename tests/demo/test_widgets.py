import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from calrec.records import Alternative, Attributes, Item, Sample
from catalog.highlight import Mark, highlight_item
from catalog.store import Page
from demo.html import widgets
from demo.html.record import prompt, ranking, texts, tokens
from demo.html.templating import render
from demo.inspect.session import Session

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> & ${x} {{y}}"
ITEM = Item(item_id="a\"'<b>", title=EVIL, category=EVIL, brand=EVIL, price=EVIL)
OWN_TAGS = {
    *("button", "code", "details", "div", "h2", "li", "nav", "ol", "p", "pre", "small", "span"),
    *("bdi", "mark", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(str(text))
    reader.close()
    return reader


def assert_harmless(text: str) -> Reader:
    page = read(text)
    assert set(page.tags) <= OWN_TAGS
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
    return page


def sample(**changes) -> Sample:
    plain = Sample(
        text=EVIL,
        token_ids=(1,),
        log_probs=(-3.0,),
        tempered_log_probs=(-2.0,),
        score=-3.0,
        order=0,
        finished=True,
        attributes=Attributes(title=EVIL, category=EVIL, brand=EVIL, price=EVIL),
    )
    return replace(plain, **changes)


def page_of(*items: Item, total: int, **more: str) -> Page:
    return Page(
        items=items,
        popularity=(3,) * len(items),
        highlights=tuple(highlight_item(item, [Mark(word="alert")]) for item in items),
        total=total,
        **more,
    )


@pytest.fixture(scope="module")
def views():
    session = Session(domain="d", history=(ITEM.item_id,), user_id=EVIL)
    page = page_of(ITEM, total=1, note=EVIL)
    return {
        "catalogue": widgets.catalogue_list(page, 0, 20),
        "correction": widgets.catalogue_list(replace(page, did_you_mean=EVIL), 0, 20),
        "history": widgets.history_list([ITEM], session),
        "target": widgets.target_card(ITEM),
        "notice": widgets.notice(EVIL, "error"),
        "empty": widgets.empty_state(EVIL, EVIL),
        "parsed sample": texts.streaming([sample()]),
        "raw sample": texts.streaming([sample(attributes=None)]),
        "growing sample": texts.streaming(
            [sample(attributes=None, finished=False, text=f"Title: {EVIL}. Category: {EVIL}")]
        ),
        "alternatives": tokens.strip(
            sample(
                token_texts=(EVIL,),
                alternatives=((Alternative(token_id=2, text=EVIL, log_prob=-1.0),),),
            )
        ),
        "prompt": prompt.view(EVIL, 7, 1),
    }


def test_no_text_from_outside_becomes_markup(views):
    for name, view in views.items():
        page = assert_harmless(view)
        assert "<script>alert(1)</script>" in page.text, name


def test_the_whole_recommendation_is_harmless(recommendation, application):
    catalogue = application.shop("lamps").catalogue
    items = {item.item_id: item for item in catalogue.items}
    others = [
        r.recommend(recommendation.history)
        for r in application.shop("lamps").recommenders().values()
    ]
    attributes = application.shop("lamps").attributes()
    for view in (
        texts.view(recommendation, catalogue.items, attributes, 3),
        prompt.of(recommendation.generation),
        ranking.ranks_view([recommendation, *others], catalogue.items[0]),
        ranking.rankings_view(
            recommendation,
            others,
            items,
            catalogue.items[0],
            [catalogue.corpus()] * (1 + len(others)),
        ),
    ):
        assert_harmless(view)
    assert "<script>window.hacked" in read(prompt.of(recommendation.generation)).text


def test_buttons_carry_the_id_and_never_a_position_in_the_catalogue(views):
    page = read(views["catalogue"])
    assert ("data-id", ITEM.item_id) in page.attributes


def test_the_full_text_is_in_the_tooltip():
    long = "word " * 60
    view = render("parts", "item_block", Item(item_id="i", title=long.strip()))
    title = dict(read(view).attributes[:2])["title"]
    assert long.strip() in title


def test_an_item_without_title_has_a_stand_in():
    assert "Untitled item i7" in render("parts", "item_block", Item(item_id="i7"))


def test_the_pager_says_where_it_is_and_stops_at_the_ends():
    item = Item(item_id="i", title="t")
    first = widgets.catalogue_list(page_of(*[item] * 20, total=45), 0, 20)
    last = widgets.catalogue_list(page_of(*[item] * 5, total=45), 40, 20)
    assert "1–20 of 45" in first
    assert "41–45 of 45" in last
    assert re.search(r'data-id="0" disabled>Previous', first)
    assert re.search(r'data-id="20">Next', first)
    assert re.search(r'data-id="60" disabled>Next', last)


def test_the_ends_of_the_history_cannot_move_further():
    items = [Item(item_id=x, title=x) for x in "ab"]
    view = widgets.history_list(items, Session(domain="d", history=("a", "b")))
    disabled = re.findall(r'data-act="(\w+)" data-position="(\d)"[^>]* disabled', view)
    assert disabled == [("up", "0"), ("down", "1")]
