"""A search over the catalogue as words and bars, of a record that is made up here."""

import math
import re

import pytest

from calrec.records import Attributes, Item
from calrec.records.exploration import Branch, Exploration, Found, Rest, Step, Turn, Way
from demo.html.record import explorer

SCALES, CUPS = "Kitchen, Scales", "Kitchen, Cups"
ITEMS = {
    item.item_id: item
    for item in (
        Item(
            item_id="m", title="Mechanical <b>Scale</b>", category=SCALES, brand="Crest", price="$9"
        ),
        Item(item_id="d", title="Digital Scale", category=SCALES, brand="Crest", price="$19"),
        Item(item_id="a", title="Aroma Scale", category=SCALES, brand="Aroma", price=None),
        Item(item_id="c", title="Cup", category=CUPS, brand=None, price="$2"),
    )
}


def leaf(item_id, known):
    item = ITEMS[item_id]
    one = {"items": 1, "known": known, "open": 0.0, "best": item_id}
    price = Branch(attribute="price", value=item.price, item_ids=(item_id,), **one)
    return Branch(attribute="title", value=item.title, branches=(price,), **one)


def step(text, attribute, share, alive, *turns):
    return Step(
        token_id=1,
        text=text,
        word=text.strip(),
        attribute=attribute,
        log_prob=math.log(share),
        total=math.log(alive),
        items=1,
        turns=turns,
        others=0,
        outside=0.0,
    )


@pytest.fixture
def found():
    """Two of four texts were found, then the way of a third was read; 0.02 is not known."""
    crest = Branch(
        attribute="brand",
        value="Crest",
        items=2,
        known=0.75,
        open=0.0,
        best="m",
        branches=(leaf("m", 0.71), leaf("d", 0.04)),
    )
    scales = Branch(
        attribute="category",
        value=SCALES,
        items=3,
        known=0.75,
        open=0.02,
        best="m",
        branches=(crest,),
        rest=Rest(branches=1, items=1, open=0.02),
    )
    cup = Branch(
        attribute="brand",
        value=None,
        items=1,
        known=0.2,
        open=0.0,
        best="c",
        branches=(leaf("c", 0.2),),
    )
    cups = Branch(
        attribute="category", value=CUPS, items=1, known=0.2, open=0.0, best="c", branches=(cup,)
    )
    turn = Turn(
        token_id=2, text="Mechanical", word="Mechanical", log_prob=math.log(0.8), items=1, best="m"
    )
    way = Way(
        item=ITEMS["d"],
        shown=Attributes(title="Digital Scale", category=SCALES, brand="Crest", price="$19"),
        steps=(
            step("Digital", "title", 0.05, 0.05, turn),
            step(" Scale", "title", 0.9, 0.045),
            step(". Category: ", "category", 1.0, 0.045),
            step(SCALES, "category", 0.9, 0.04),
            step("Crest", "brand", 1.0, 0.04),
            step("$19", "price", 1.0, 0.04),
            step("<eos>", None, 1.0, 0.04),
        ),
        ranks=None,
        lost=0,
    )
    return Exploration(
        history=(ITEMS["c"],),
        levels=("category", "brand", "title", "price"),
        tree=Branch(
            attribute=None,
            value=None,
            items=4,
            known=0.95,
            open=0.02,
            best="m",
            branches=(scales, cups),
        ),
        found=(
            Found(item_ids=("m",), log_prob=math.log(0.71)),
            Found(item_ids=("c",), log_prob=math.log(0.2)),
        ),
        exact=True,
        outside=(0.03, 0.05),
        first=2,
        needed=math.log(0.2),
        ways=(way,),
        tokens_read=9,
    )


def test_what_the_model_expects_in_words(found):
    assert explorer.lead(found) == (
        "The model puts 75–77% on “Kitchen, Scales”, 20% on “Kitchen, Cups”. Within “Kitchen,"
        " Scales”, 97–100% is on the brand “Crest”. 3.0–5.0% is on texts that are no item of this"
        " shop."
    )


def test_where_the_true_item_was_lost_in_words(found):
    page = explorer.view(found, ITEMS, ITEMS["d"])
    assert (
        "The item really bought, “Digital Scale”, has 4.0%, less than each of the 2 items found. It"
        " lost most in its title, where “Digital” had 5.0% and “Mechanical” 80% (as in Mechanical"
        " &lt;b&gt;Scale&lt;/b&gt;). There it fell out of the first two: the last of them has 20%."
    ) in page
    assert page.count("cr-lost") == page.count("fell out here") == 1
    assert "<b>" not in page


def test_the_tree_is_drawn_once_for_each_item_and_its_bars_are_shares(found):
    drawn, rest = explorer.rows(found, {"bought": found.ways[0]})
    assert rest == ""
    scales, cups = drawn
    assert (scales.label, scales.detail, scales.share) == ("Scales", "Kitchen", "75–77%")
    assert (scales.known, scales.open) == pytest.approx((100 * 0.75 / 0.77, 100 * 0.02 / 0.77))
    assert scales.rest == "1 more brand, 1 item: at most 2.0%"
    (crest,) = scales.rows
    assert [(row.label, row.item_id, row.marks) for row in crest.rows] == [
        ("Mechanical <b>Scale</b>", "m", []),
        ("Digital Scale", "d", ["bought"]),
    ]
    assert crest.is_open
    # All items of the other category are one: it is drawn as that item.
    assert (cups.label, cups.item_id, list(cups.rows)) == ("Cup", "c", [])


def test_small_branches_are_left_out_but_for_a_marked_item(found, monkeypatch):
    monkeypatch.setattr(explorer, "SHOWN", 1)
    drawn, rest = explorer.rows(found, {})
    assert [row.label for row in drawn] == ["Scales"]
    assert rest == "1 more category, 1 item: 20%"
    marked, _ = explorer.rows(found, {"bought": found.ways[0]})
    assert [row.item_id for row in marked[0].rows[0].rows] == ["m", "d"]


def test_an_item_can_be_asked_about_and_buttons_say_which(found):
    page = explorer.view(found, ITEMS, None, "d")
    assert "The other item, “Digital Scale”, has 4.0%" in page
    assert "asked about" in page
    assert set(re.findall(r'data-act="ask" data-id="(\w*)"', page)) == {"m", "d", "c"}
