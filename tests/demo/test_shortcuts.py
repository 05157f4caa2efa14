"""What the Metrics page says of shortcuts, against numbers worked by hand."""

from types import SimpleNamespace
from typing import Any

import pytest

from calrec.evaluation.slices import SliceFigure
from calrec.evaluation.statistics import NO_INTERVAL, Estimate
from calrec.report.layouts.shortcuts import Kind
from demo.html.metrics import shortcuts_sentence
from demo.inspect import shortcuts

NAMES = ("CALRec", "Item KNN", "LIR")


def kind(name: str, users: int, *found: float) -> Kind:
    values = [
        Estimate(
            optimistic=1.0,
            pessimistic=value,
            optimistic_interval=NO_INTERVAL,
            pessimistic_interval=NO_INTERVAL,
        )
        for value in found
    ]
    share = users / 40
    figures = [SliceFigure(band=name, users=users, share=share, value=one) for one in values]
    return Kind(name=name, users=users, share=share, found=tuple(figures))


@pytest.mark.parametrize(
    ("some", "none", "said"),
    [
        (
            kind("any of these", 30, 0.3, 0.5, 0.5),
            kind("none of these", 10, 0.125, 0.1, 0.0),
            "75% of the 40 items really bought lie on a shortcut: Item KNN and LIR find most, 50.0%"
            " of them among the first ten. Of the other 25%, to which none leads, CALRec finds"
            " most, 12.5% of them among the first ten.",
        ),
        (
            kind("any of these", 40, 0.3, 0.2, 0.1),
            kind("none of these", 0),
            "100% of the 40 items really bought lie on a shortcut: CALRec finds most, 30.0% of them"
            " among the first ten.",
        ),
        (
            kind("any of these", 0),
            kind("none of these", 40, 0.0, 0.0, 0.0),
            "None of the 40 items really bought lies on a shortcut: nobody finds any among the"
            " first ten.",
        ),
    ],
)
def test_the_sentence_follows_from_the_figures(some, none, said):
    one: Any = SimpleNamespace(users=40, names=NAMES)
    bought = kind("bought before by the person", some.users, 0, 0, 0)
    assert shortcuts_sentence(one, [bought, some, none]) == said


def test_the_bars_are_the_shares():
    kinds = [kind("followed the last item", 10, 0.1), kind("any", 10, 0.1), kind("none", 30, 0.0)]
    (bars,) = shortcuts.shares(kinds).to_dict()["data"]
    assert list(bars["x"]) == [0.25, 0.25, 0.75]
    assert list(bars["text"]) == ["25%", "25%", "75%"]
