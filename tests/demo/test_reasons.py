"""Suggested reasons: each rule by cases on both sides of its line, and the counts by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calrec.records import Item
from demo.html.case_study.columns import columns_view
from demo.inspect.annotations import Annotation
from demo.inspect.case_reasons import KEYS, Count, Suggestions
from demo.inspect.columns import Column, Columns
from demo.inspect.labels import offered, toggled, with_digits
from demo.inspect.reasons import NONE, REASONS, Evidence, suggested

POT = Item(item_id="1", title="Casetta Dutch Oven, 5 Quart", category="Iron", brand="Norvella")
OTHER = Item(item_id="2", title="Linen Liner", category="Baskets", brand="Norvella")
PLAIN = Evidence(
    optimistic=3,
    pessimistic=3,
    items=50,
    target=POT,
    buyers=20,
    bought_before=False,
    purchases=6,
    first=OTHER,
    first_sales=11,
    named=4,
    written=False,
)


def first(**changes):
    return {"first": replace(OTHER, **changes)}


@pytest.mark.parametrize(
    ("key", "meets", "fails"),
    [
        ("found", {"optimistic": 1, "pessimistic": 1}, {"optimistic": 1, "pessimistic": 2}),
        ("brand", first(category="Iron", brand="Ambrelle"), first(category="Iron")),
        ("brand", first(category="Iron", brand="X"), first(category="Iron", brand=None)),
        ("series", first(title="casetta OVEN roaster quart"), first(title="Casetta Oven")),
        ("series", first(title="Casetta 5 Quart"), {"first": POT}),
        ("written", {"written": True}, {"written": True, "optimistic": 1}),
        ("repeats", {"first_bought": True}, {"first_bought": True, "first": POT}),
        ("popular", {"first_sales": 10}, {"first_sales": None}),
        ("bought", {"bought_before": True}, {}),
        ("cold", {"buyers": 4}, {"buyers": 5}),
        ("no-item", {"named": 3}, {"named": None}),
        ("tie", {"pessimistic": 4}, {"pessimistic": 50}),
        ("nothing", {"pessimistic": 50}, {"pessimistic": 49}),
        ("cut", {"items_cut": 1}, {"items_cut": 0}),
        ("short", {"purchases": 2}, {"purchases": 3}),
    ],
)
def test_a_rule_holds_where_its_sentence_says_so(key, meets, fails):
    assert key in suggested(replace(PLAIN, **meets))
    assert key not in suggested(replace(PLAIN, **fails))


def test_a_case_of_no_rule_says_so_and_what_is_unknown_supports_none():
    assert suggested(PLAIN) == (NONE,)
    unknown = replace(PLAIN, target=None, first=None, first_sales=None, named=None, written=None)
    assert suggested(unknown) == (NONE,)
    assert (*REASONS, NONE) == KEYS


def test_reasons_are_counted_by_winner():
    has = np.zeros((4, len(KEYS)), dtype=bool)
    tie, cold = KEYS.index("tie"), KEYS.index("cold")
    has[[0, 1, 3], tie] = has[2, cold] = True
    found = Suggestions(user_ids=["a", "b", "c", "d"], has=has)
    assert found.users("tie") == {"a", "b", "d"}
    assert found.of(2) == ("cold",)
    ranks = (np.array([1, 5, 9, 2]), np.array([4, 5, 1, 1]))
    assert found.counts(np.arange(4), *ranks) == [
        Count(key="cold", cases=1, a=0, b=1, equal=0),
        Count(key="tie", cases=3, a=1, b=1, equal=1),
    ]
    assert found.counts(np.array([1]), *ranks) == [Count(key="tie", cases=1, a=0, b=0, equal=1)]


def test_the_labels_used_most_have_the_digits_in_an_order_that_stays():
    noted = {"u": Annotation(labels=("z", "r1")), "v": Annotation(labels=("z",))}
    reasons = [f"r{k}" for k in range(12)]
    assert offered(noted, reasons) == (*reasons, "z")
    assert with_digits(noted, reasons) == (*reasons[:8], "z")
    assert with_digits({}, reasons) == tuple(reasons[:9])
    assert toggled(("a",), "b") == ("a", "b")
    assert toggled(("a", "b"), "a") == ("b",)


def test_columns_say_who_alone_finds_it_and_what_they_share():
    columns = Columns(
        columns=(
            Column(name="One", ranks=(2, 2), item_ids=("1", "2", "3")),
            Column(name="Two", ranks=(9, 11), item_ids=("3", "2", "4")),
            Column(name="Three", ranks=(40, 40), missing="This run kept no list."),
        ),
        target="2",
        bought={"3"},
        items={"1": POT},
    )
    assert [columns.shared(one) for one in columns.columns] == [3, 2, 0]
    assert (columns.common, columns.finders) == (2, ("One",))
    shown = columns_view(columns, "shop")
    assert "One alone has the item really bought" in shown
    assert shown.count("really bought</span>") == shown.count("bought before</span>") == 2
    assert "Item 4" in shown
    assert shown.count('href="?view=catalogue&amp;shop=shop&amp;open=1"') == 1
