"""The story of a result: its five sentences, each figure counted by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from calrec.ranking.hierarchical import AttributeIndex
from calrec.records import Attributes, Generation, Item, Outcome, Ranking, Recommendation, Sample
from calrec.records.attribution import Attribution
from calrec.text import item_text
from demo.html.record.story import Told, stops, view
from demo.inspect.side_by_side import SideBySide

TITLES = ("Red kettle", "Blue kettle", "Green teapot", "Saw", "Drill")
ITEMS = tuple(
    Item(item_id=f"i{n}", title=title, category="Home", brand="Acme", price=None)
    for n, title in enumerate(TITLES)
)
TEXTS = (item_text(ITEMS[0]), item_text(ITEMS[1]), "Title: Kettle of gold")
TIMES, CHANCES = (3, 2, 1), (0.3, 0.1, 0.05)


def sample(order, text, chance):
    title = text.removeprefix("Title: ").split(". Category")[0]
    whole = {"category": "Home", "brand": "Acme"} if "Category" in text else {}
    return Sample(
        text=text,
        token_ids=(1,),
        log_probs=(math.log(chance),),
        score=math.log(chance),
        order=order,
        finished=True,
        attributes=Attributes(title=title, **whole),
    )


def ranking(scores, raw=None, columns=(), of="calrec"):
    number = len(columns)
    raw = np.zeros((5, number)) if raw is None else np.array(raw, float)
    return Ranking(
        recommender=of,
        settings={},
        columns=columns,
        column_scores=tuple(map(math.log, CHANCES[:number])),
        outcomes=(),
        rows=np.arange(5),
        item_ids=tuple(item.item_id for item in ITEMS),
        raw=raw,
        scaled=raw,
        modulated=raw,
        scores=np.array(scores, float),
        corpus_size=5,
    )


def record(raw, *, times=TIMES, cut=0, **settings):
    texts = [(k, n) for k, n in enumerate(times) for _ in range(n)]
    samples = tuple(sample(order, TEXTS[k], CHANCES[k]) for order, (k, _) in enumerate(texts))
    raw = np.array(raw, float)
    settings = {"ranking": {"retrieval": "bm25"}, **settings}
    ranked = replace(
        ranking(raw.max(axis=1), raw, TEXTS),
        settings=settings,
        outcomes=tuple(Outcome(column=k) for k, _ in texts),
    )
    written = Generation(
        history=ITEMS[3:], prompt="", prompt_tokens=1, items_cut=cut, samples=samples
    )
    return Recommendation(history=ITEMS[3:], generation=written, ranking=ranked)


def other(scores, of="lir"):
    return Recommendation(history=ITEMS[3:], generation=None, ranking=ranking(scores, of=of))


RAW = [[5, 2, 1], [2, 4, 1], [0, 0, 0], [0, 0, 0.5], [0, 0, 0]]
LIR = other([2, 5, 4, 3, 1])


def story(made, others=(LIR,), **more):
    told = Told(
        made=SideBySide(calrec=made, others=others, corpora=[None], missing=()),
        items={item.item_id: item for item in ITEMS},
        attributes=AttributeIndex(ITEMS),
        **more,
    )
    return [stop.sentence for stop in stops(told)]


def test_the_five_sentences_of_a_case_that_was_right():
    assert story(record(RAW), target=ITEMS[0], shopper="u-7") == [
        "Shopper u-7 bought 2 items, the last one “Drill”.",
        "From these purchases the model wrote 6 texts of what might come next, 3 of them different;"
        " the most probable one, “Red kettle” with 30%, came 3 times.",
        "Each text is compared with all 5 items by the words they share; the most probable one fits"
        " “Red kettle” best.",
        "“Red kettle” comes first because 3 of 6 texts name it, 30% of the probability; the next"
        " has 10%.",
        "Right: “Red kettle”, really bought next, comes first; Last Item Repeater has it at 4.",
    ]


def test_a_history_that_somebody_put_together_and_that_is_too_long():
    made = record(RAW, cut=1)
    assert story(made)[0] == (
        "This history holds 2 purchases, the last one “Drill”; the model reads only the last 1."
    )
    alone = replace(record(RAW), history=ITEMS[4:])
    assert story(alone)[0] == "This history holds 1 purchase: “Drill”."


@pytest.mark.parametrize(
    ("target", "raw", "said"),
    [
        (1, RAW, "Among the first ten, not first: “Blue kettle”, really bought next, stands at"
         " place 2 of 5; Last Item Repeater has it at 1."),
        (2, RAW, "Missed: “Green teapot”, really bought next, is not found, as it shares no word;"
         " Last Item Repeater has it at 2."),
        (0, [[5, 2, 1], [2, 5, 1], *RAW[2:]], "A tie decides: “Red kettle”, really bought next, is"
         " one of two items that share the first place; Last Item Repeater has it at 4."),
    ],
)  # fmt: skip
def test_whether_it_was_right(target, raw, said):
    assert story(record(raw), target=ITEMS[target])[4] == said


def test_without_a_known_next_purchase_nobody_says_what_is_right():
    assert story(record(RAW))[4] == (
        "What was really bought next is not known, so nobody can say whether it is right; Last Item"
        " Repeater has “Blue kettle” first."
    )
    assert story(record(RAW), others=())[4].endswith("whether it is right.")


def test_the_best_of_several_beside_it():
    blend, knn = other([3, 2, 9, 1, 5], "blend"), other([3, 4, 9, 9, 5], "item-knn")
    assert story(record(RAW), others=(LIR, blend, knn), target=ITEMS[2])[4].endswith(
        "; Blend of rules has it at 1, the best of three beside it."
    )


def test_the_purchase_behind_the_first_item_where_it_was_asked_for():
    found = Attribution(
        items_cut=0,
        texts=TEXTS,
        totals=np.zeros(3),
        without=np.array([[-math.log(12), 0, 0], [-0.5, -3, 0]]),
    )
    assert story(record(RAW), attribution=found)[3] == (
        "“Red kettle” comes first because 3 of 6 texts name it, 30% of the probability; of all"
        " purchases number 1, “Saw”, did most for its text: 12 times less probable without it."
    )
    nothing = replace(found, without=np.zeros((2, 3)))
    assert (
        "leaving out any one purchase makes its text no less"
        in story(record(RAW), attribution=nothing)[3]
    )


def test_nothing_in_common_and_ties_between_items_of_a_text():
    nothing = story(record(np.zeros((5, 3))), target=ITEMS[0])
    assert nothing[2].endswith("the most probable one shares no word with any of them.")
    assert nothing[3] == "No item comes first, as no text has anything in common with one."
    tied = [[5, 0, 0], [5, 0, 0], [5, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert story(record(tied))[2].endswith(
        "the most probable one fits “Red kettle” and 2 others equally well."
    )
    assert "3 items share the first place" in story(record(tied))[3]


def test_a_stopped_run_says_so():
    assert story(record(RAW, times=(1, 0, 0)), asked=32)[1] == (
        "Stopped early, the model had finished 1 of 32 texts: “Red kettle”, with a probability of"
        " 30%."
    )
    alike = story(record(RAW, times=(3, 0, 0)))[1]
    assert "wrote 3 texts of what might come next, all the same: “Red kettle”" in alike


@pytest.mark.parametrize(
    ("decoder", "wrote"),
    [
        ("likelihood", "The model computed how probable the texts of 6 items are: the most probable"
         " is “Red kettle” with 30%."),
        ("trie-beam", "The model searched for the 6 items with the most probable texts: the first"
         " of them is “Red kettle” with 30%."),
        ("trie-sample", "From these purchases the model drew 6 texts from those of the shop's own"
         " items, 3 of them different; the most probable one, “Red kettle” with 30%, came 3"
         " times."),
    ],
)  # fmt: skip
def test_items_own_texts_need_no_matching(decoder, wrote):
    own = np.zeros((5, 3))
    own[0, 0] = own[1, 1] = 1
    made = record(own, decoder=decoder, ranking={"retrieval": "exact"})
    _, second, third, fourth, _ = story(made)
    assert second == wrote
    assert third == (
        "Each text is an item's own, so that nothing has to be matched: the most probable one is"
        " that of “Red kettle”."
    )
    assert "comes first because the model gives its text 30% of all probability" in fourth


def test_whole_attributes():
    made = record([[4, 0, 0], [2, 4, 0], *RAW[2:]], ranking={"retrieval": "hierarchical"})
    assert story(made)[2] == (
        "A text becomes the item of the same title, then category, brand and price: the most"
        " probable one agrees in all four attributes with “Red kettle”."
    )


def test_titles_are_text_and_long_ones_are_cut():
    wild = replace(ITEMS[4], title="<script>alert(1)</script> " + "very " * 30)
    made = replace(record(RAW), history=(ITEMS[3], wild))
    items = {item.item_id: item for item in ITEMS}
    sides = SideBySide(calrec=made, others=(LIR,), corpora=[None], missing=())
    told = Told(made=sides, items=items, attributes=AttributeIndex(ITEMS))
    assert "very…" in stops(told)[0].sentence
    shown = view(told)
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "data-asks" in shown
    assert "disabled" not in shown
    assert "disabled" in view(replace(told, asked=32))
