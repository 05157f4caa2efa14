import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.text import Attributes
from calrec.words import words
from catalog.browse.highlight import Mark, highlight, highlight_item


def _marked(text: str) -> list[str]:
    return [html.unescape(part) for part in re.findall("<mark>(.*?)</mark>", text, re.DOTALL)]


@pytest.mark.parametrize(
    ("value", "marks", "shown"),
    [
        ("Guitar Strings", [Mark(word="strings")], "Guitar <mark>Strings</mark>"),
        ("GUITAR guitars", [Mark(word="guitar")], "<mark>GUITAR</mark> guitars"),
        (
            "GUITAR guitars",
            [Mark(word="gui", beginning=True)],
            "<mark>GUITAR</mark> <mark>guitars</mark>",
        ),
        ("a-string b", [Mark(word="string")], "a-<mark>string</mark> b"),
        (
            '<b>Loud</b> & "x"',
            [Mark(word="b"), Mark(word="x")],
            "&lt;<mark>b</mark>&gt;Loud&lt;/<mark>b</mark>&gt; &amp; &quot;<mark>x</mark>&quot;",
        ),
        ("amp", [], "amp"),
        ("İstanbul İx", [Mark(word="stanbul")], "İ<mark>stanbul</mark> İx"),
        ("xİ Y", [Mark(word="xi"), Mark(word="y")], "<mark>xİ</mark> <mark>Y</mark>"),
        ("ΟΔΟΣ", [Mark(word="οδος")], "<mark>ΟΔΟΣ</mark>"),
    ],
)  # fmt: skip
def test_words_are_marked_and_everything_is_escaped(value, marks, shown):
    assert highlight(value, marks) == shown


def test_a_word_of_one_attribute_is_marked_in_that_one_only():
    item = Attributes(title="Korg tuner", brand="Korg", category=None)
    shown = highlight_item(item, [Mark(word="korg", field="brand"), Mark(word="tuner")])
    assert shown == Attributes(title="Korg <mark>tuner</mark>", brand="<mark>Korg</mark>")


@given(st.text() | st.text("aİΣß<>&'\"_ -Ⅷ字"))
def test_words_are_cut_as_in_the_index_and_the_text_stays(value):
    shown = highlight(value, [Mark(word=word) for word in words(value)])
    assert html.unescape(re.sub("</?mark>", "", shown)) == html.unescape(html.escape(value))
    assert len(_marked(shown)) == len(words(value))
    assert "<" not in re.sub("</?mark>", "", shown)
