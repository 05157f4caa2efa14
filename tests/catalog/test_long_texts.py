"""Texts that somebody made long to keep a build busy: the time grows with their length alone."""

import pytest

from catalog.attributes.categories import column_of, levels
from catalog.attributes.clean import clean_text
from catalog.attributes.price_texts import find_price

# Where the time grows with the square of the length, each takes minutes and not a part of a second.
LENGTH = 200_000
pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        ("<b ", "="),
        ("<b ", "x="),
        ("<zz ", '="'),
        ("<b", " "),
        ("function", " "),
        ("function(", " ,"),
    ],
)
def test_clean_text(begin, again):
    text = clean_text(f"Toys {begin}{again * LENGTH}")
    assert text.startswith("Toys")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("$" + " " * LENGTH + "? 5.99", ("5.99",)),
        ("pack" + " " * LENGTH + "? 5.99", ("5.99",)),
        ("5.99" + " -" * LENGTH, ("5.99",)),
        ("1" * LENGTH + "x", ("1" * LENGTH,)),
    ],
)
def test_find_price(text, numbers):
    assert find_price(text).numbers == numbers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "top"),
    [
        ("Toys" + " " * LENGTH + "Games", "Toys Games"),
        ("Toys" + "\t" * LENGTH + "> Games", "Toys"),
        ("Toys > Games, " + "a, " * LENGTH, "Toys"),
        ("Toys/Games, " + "a, " * LENGTH, "Toys"),
    ],
)
def test_levels_of_a_category(text, top):
    found, _ = levels(text, column_of([text]))
    assert found[0] == top
