import json

import pytest

from catalog.store import Band, Filters
from demo.inspect.choices import chosen_filters


def test_what_is_chosen_filters():
    chosen = chosen_filters('["Home", "Lamps"]', "Fender", "[null, 25.0]")
    assert chosen == Filters(category=("Home", "Lamps"), brand="Fender", price=Band(None, 25.0))
    assert chosen_filters("", "", "") == Filters()


FOREIGN = {
    "no ends": "[null, null]",
    "400 digits": f"[{'9' * 400}, null]",
    "5000 digits": f"[{'9' * 5000}, null]",
    "not a number": "[NaN, 5]",
    "infinite": "[-Infinity, 5]",
    "the wrong way round": "[9, 5]",
    "truth": "[true, 5]",
    "text": '["1", "\\ud800"]',
    "half a character": '["\\ud800"]',
    "deep": "[" * 100_000,
    "deep and closed": "[" * 100_000 + "]" * 100_000,
    "long": json.dumps(["a"] * 100_000),
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_a_price_that_the_page_never_offered_filters_nothing(text):
    chosen = chosen_filters('["Home"]', "Fender", text)
    assert chosen == Filters(category=("Home",), brand="Fender")


@pytest.mark.parametrize("text", ["[null]", "[1]", FOREIGN["half a character"], FOREIGN["deep"],
                                  FOREIGN["long"], "[[]]", '["a", 1]'])  # fmt: skip
def test_a_category_that_the_page_never_offered_filters_nothing(text):
    assert chosen_filters(text, "", "[1, 2]") == Filters(price=Band(1.0, 2.0))


@pytest.mark.parametrize("value", ["\ud800", 7, ["a"], {"a": 1}, b"a", True])
def test_a_brand_that_the_page_never_offered_filters_nothing(value):
    assert chosen_filters("", value, "") == Filters()
