"""Why an item is first, why another one is not, and what flows where: figures by hand."""

import math
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

from calrec.ranking.hierarchical import AttributeIndex
from calrec.records import Attributes, Item, Outcome, Ranking, Recommendation, Sample
from calrec.records.attribution import Attribution
from calrec.records.generation import Generation
from calrec.text import document_words, item_text, query_words
from demo.html.record import causes, together, why
from demo.html.wording import percent
from demo.inspect.flow import flow
from demo.inspect.own_text import LostAt, OwnText
from demo.inspect.session import Session
from demo.inspect.why import namings, standing, unfound, words
from demo.inspect.why import why as reason
from demo.pages.walkthrough import explaining
from demo.pages.walkthrough.address import DEFAULT

TITLES = ("Red kettle", "Blue kettle", "Green teapot", "Saw", "Drill")
ITEMS = tuple(
    Item(item_id=f"i{n}", title=title, category="Home", brand="Acme", price=None)
    for n, title in enumerate(TITLES)
)
BY_ID = {item.item_id: item for item in ITEMS}
ATTRIBUTES = AttributeIndex(ITEMS)
# Three texts: the red kettle's, the blue kettle's, and one that names no item.
WRITTEN = [(0, 0.3, 3), (1, 0.1, 2), (None, 0.05, 1)]


def sample(number, place, text, chance):
    named = Attributes(title=text.removeprefix("Title: ").split(".")[0])
    return Sample(
        text=text,
        token_ids=(1,),
        log_probs=(math.log(chance),),
        score=math.log(chance),
        order=number,
        finished=True,
        attributes=replace(named, **dict(zip(("category", "brand"), ("Home", "Acme"), strict=True)))
        if place is not None
        else Attributes(title="Kettle of gold"),
    )


def record(raw, **settings):
    """Three columns over five items, with the scores of plain max pooling."""
    texts = [item_text(ITEMS[0]), item_text(ITEMS[1]), "Title: Kettle of gold"]
    samples = [
        sample(len(texts) * k + n, place, texts[k], chance)
        for k, (place, chance, times) in enumerate(WRITTEN)
        for n in range(times)
    ]
    raw = np.array(raw, float)
    scores = np.array([math.log(chance) for _, chance, _ in WRITTEN])
    scaled = raw / np.maximum(raw.max(axis=0), 1e-9)
    modulated = scaled * np.exp(scores / 5000)
    ranking = Ranking(
        recommender="calrec",
        settings={"ranking": {"retrieval": "bm25"}, **settings},
        columns=tuple(texts),
        column_scores=tuple(scores.tolist()),
        outcomes=tuple(Outcome(column=0) for _ in samples),
        rows=np.arange(5),
        item_ids=tuple(BY_ID),
        raw=raw,
        scaled=scaled,
        modulated=modulated,
        scores=modulated.max(axis=1),
        corpus_size=5,
    )
    generation = Generation(
        history=ITEMS[3:], prompt="", prompt_tokens=1, items_cut=0, samples=tuple(samples)
    )
    return Recommendation(history=ITEMS[3:], generation=generation, ranking=ranking)


RAW = [[5, 2, 1], [2, 5, 1], [0, 0, 0], [0, 0, 0.5], [0, 0, 0]]


def test_the_figures_of_the_first_item_are_those_of_the_texts_that_name_it():
    named = namings(record(RAW), ATTRIBUTES)
    assert [(one.column, one.times, one.items) for one in named] == [
        (0, 3, (0,)), (1, 2, (1,)), (2, 1, ())
    ]  # fmt: skip
    found = reason(record(RAW), named)
    assert (found.written, found.tied, found.first.item_id, found.first.times) == (6, 1, "i0", 3)
    assert found.first.probability == pytest.approx(0.3)
    assert (found.following.item_id, found.following.times) == ("i1", 2)


def test_the_sentence_says_these_figures_and_what_became_of_the_item_really_bought():
    said = why.view(record(RAW), BY_ID, ATTRIBUTES, ITEMS[2], None)
    assert "is first because 3 of 6 texts name it, 30% of the probability" in said
    assert "the next has 10%." in said
    assert "not found: shares no word" in said
    assert "what was really bought" in why.view(record(RAW), BY_ID, ATTRIBUTES, ITEMS[0], None)
    alone = why.view(record(np.zeros((5, 3))), BY_ID, ATTRIBUTES, None, None)
    assert "No item is first" in alone


def test_what_shares_no_word_is_not_found_and_what_does_is():
    ranking = record(RAW).ranking
    assert [unfound(ranking, item) for item in BY_ID] == [
        "", "", "shares no word", "", "shares no word"
    ]  # fmt: skip
    plain = Ranking.of_scores("popular", tuple(BY_ID), np.zeros(5), {}, 0.0)
    assert unfound(plain, "i2") == ""


def test_why_not_another_one():
    one = standing(record(RAW), 3, namings(record(RAW), ATTRIBUTES))
    assert (one.column, one.is_named, one.times, one.probability) == (2, False, 0, 0.0)
    text = sample(0, 0, item_text(ITEMS[3]), 0.001)
    lost = LostAt(place=2, token="Saw", instead=("Red", "Blue"))
    own = OwnText(sample=text, first_score=math.log(0.3), place=None, lost=lost)
    told = why.why_not([record(RAW), record(RAW)], ITEMS[3], ATTRIBUTES, None, own)
    assert told.lines[0].startswith("Place 3 of 5: no text names it")
    assert told.lines[1:] == [
        "The model gives its own text a chance of 0.1%, that of the first item a chance of 30.0%.",
        "It lost at “Saw”, part 3 of 1 of its text: the more probable items go on with “Red” or"
        " “Blue”.",
        "Elsewhere: CALRec has it at 3.",
    ]


def test_the_words_that_an_item_lacks_of_a_text(application, recommendation):
    shop, ranking = application.shop("lamps"), recommendation.ranking
    row = int(ranking.order()[3])
    column = ranking.winner(row)
    both = words(recommendation, row, column, shop.catalogue.corpus())
    own = set(document_words(shop.by_id[ranking.item_ids[row]]))
    wanted = set(query_words(ranking.columns[column]))
    assert set(both.shared) == wanted & own
    assert set(both.lacking) == wanted - own


def test_probability_flows_from_causes_over_texts_to_the_items_that_they_fit():
    changes = np.array([[-3.0, 0.2, 0.0], [-1.0, -2.0, 0.0]])
    found = flow(record(RAW), changes, first=4)
    total = 0.3 + 0.1 + 0.05
    np.testing.assert_allclose(found.shares, [0.3 / total, 0.1 / total, 0.05 / total])
    to_items = {(one.origin, one.end): one.share for one in found.to_items}
    assert to_items.keys() == {(0, 0), (1, 1), (2, 0), (2, 1)}
    assert to_items[2, 0] == pytest.approx(0.05 / total / 2)
    to_texts = {(one.origin, one.end): one.share for one in found.to_texts}
    assert to_texts == pytest.approx(
        {(4, 0): 0.3 / total * 3 / 4, (5, 0): 0.3 / total / 4, (5, 1): 0.1 / total}
    )
    assert flow(record(RAW)).to_texts == ()
    assert causes.picture(record(np.zeros((5, 3))), BY_ID) is None


def attribution():
    return Attribution(
        items_cut=1,
        texts=("a",),
        totals=np.array([-2.0]),
        without=np.array([[-2.0 - math.log(12)], [-1.5], [-2.0]]),
    )


def test_bars_say_how_much_less_probable_and_which_purchases_are_not_read():
    drawn = causes.bars(ITEMS[:4], attribution(), 0)
    assert [(one.number, one.kind, one.said) for one in drawn] == [
        (1, "unread", "not read: too long ago"),
        (2, "for", "12 times less probable without it"),
        (3, "against", "1.6 times more probable without it"),
        (4, "none", "no difference"),
    ]
    assert drawn[1].width == 100
    assert "1 purchase at the beginning has no bar" in causes.bars_view(ITEMS[:4], attribution(), 0)


def test_pairs_stand_in_for_each_other_or_need_each_other_and_order_tells():
    """Purchases 2 and 3 say the same, 3 and 4 only together; changes are logs of factors."""
    alone, both = [-math.log(2), -math.log(2), -math.log(3)], np.zeros((3, 3))
    both[0, 1], both[0, 2], both[1, 2] = -math.log(40), -math.log(6), -math.log(3)
    both += both.T + np.diag(alone)
    found = Attribution(
        items_cut=1,
        texts=("a",),
        totals=np.array([-2.0]),
        without=-2.0 + np.array(alone)[:, None],
        pairs=-2.0 + both[:, :, None],
        swapped=-2.0 + np.array([[math.log(0.5)], [0.01]]),
    )
    cells = together.cells(found, 0)
    assert [cells[pair].kind for pair in ((0, 1), (0, 2), (1, 2))] == ["or", "none", "and"]
    assert cells[0, 1].said == (
        "2 and 3: 40 times less probable without both, 2.0 times less probable without 2 alone,"
        " 2.0 times less probable without 3 alone"
    )
    assert cells[0, 1].strength == pytest.approx(math.log(40 / 4) / 3)
    swapped = together.swaps(ITEMS[:4], found, 0)
    assert [(one.numbers, one.kind, one.width) for one in swapped] == [
        ((2, 3), "for", pytest.approx(100)),
        ((3, 4), "none", pytest.approx(100 * 0.01 / math.log(2))),
    ]
    assert swapped[0].said == "2.0 times less probable in the other order"
    shown = together.together_view(ITEMS[:4], found, 0, ["a"])
    assert (shown.count("cr-or-pair"), shown.count("cr-and-pair")) == (2, 2)  # both halves
    assert shown.index("40 times less") < shown.index("It takes both.")


def test_shares_in_words():
    assert [percent(one) for one in (1, 0.221, 0.0341, 1 / 12000)] == [
        "100%", "22%", "3.4%", "less than 0.1%"
    ]  # fmt: skip


def test_the_last_step_answers_why_and_which_purchases_and_why_not(handlers, monkeypatch):
    ids = ("lamps-007", "lamps-011", "lamps-002")
    values = [{**DEFAULT.controls(), "samples": 8}[field.name] for field in fields(DEFAULT)]
    *_, done = handlers.recommending.recommend(Session(domain="lamps", history=ids), *values)
    assert "is first because" in done["why"]
    assert done["asking"]["visible"]
    assert done["causes"] == done["why_not"] == ""
    shown = done["shown"]

    caused = handlers.explaining.causes(shown)
    assert caused["causes"].count("cr-cause") == len(ids) + 1  # the list's own class, too
    assert "not read: too long ago" in caused["causes"]
    nodes = caused["flow"]["value"].data[0]["node"]["label"]
    assert sum(label.startswith(("2. ", "3. ")) for label in nodes) == 2
    other = handlers.explaining.pick(shown, SimpleNamespace(id="1"))["causes"]
    assert 'data-id="1" aria-pressed="true"' in " ".join(other.split())
    assert handlers.explaining.pick(shown, SimpleNamespace(id="99")) == {}

    assert caused["pairing"]["visible"] is False  # of two that are read
    said, paired = handlers.explaining.together(shown)
    assert "Reading 2 histories" in said["together"]
    assert 'class="cr-together"' in paired["together"]
    other = handlers.explaining.pick_pairs(shown, SimpleNamespace(id="1"))["together"]
    assert "Text 2:" in other
    monkeypatch.setattr(explaining, "MOST_PAIRED", 1)
    *_, refused = handlers.explaining.together(shown)
    assert "expected at most 1 purchases" in refused["together"]

    asked = []

    def own(calrec, history, index, first):
        asked.append([item.item_id for item in history])
        text = sample(0, 0, "Title: x", 0.01)
        return OwnText(sample=text, first_score=-1.0, place=2, lost=None)

    monkeypatch.setattr(explaining, "own_text", own)
    told = handlers.explaining.why_not(shown, done["other"]["choices"][3][1])["why_not"]
    assert "The model gives its own text a chance of 1.0%" in told
    assert "How much less probable without each purchase" in told
    assert "number 4 with" in handlers.explaining.why_not(shown, "number 4 with")["why_not"]
    assert asked == [list(ids)] * 2
    assert "other words" in handlers.explaining.why_not(shown, "<i>zebra</i>")["message"]
    assert handlers.explaining.why_not(shown, "") == {"why_not": ""}
    assert handlers.explaining.causes(None) == {}
