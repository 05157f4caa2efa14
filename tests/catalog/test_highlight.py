import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.records import Attributes
from calrec.text.words import words
from catalog.highlight import Mark, highlight, highlight_item


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
        ("xİ Y", [Mark(word="xi"), Mark(word="y")], "<mark>xİ</mark> <mark>Y</mark>"),
        ("ΟΔΟΣ", [Mark(word="οδοσ")], "<mark>ΟΔΟΣ</mark>"),
        ("Die Straße.", [Mark(word="strasse")], "Die <mark>Straße</mark>."),
        ("ﬂuß <ﬁn>", [Mark(word="fin")], "ﬂuß &lt;<mark>ﬁn</mark>&gt;"),
        ("x Edel\u00adstahl", [Mark(word="edelstahl")], "x <mark>Edel\u00adstahl</mark>"),
        ("Ru\u0308hr it", [Mark(word="rühr")], "<mark>Ru\u0308hr</mark> it"),
        ("5½ in", [Mark(word="1"), Mark(word="2")], "5<mark>½</mark> in"),
        ("C++, C# & C", [Mark(word="c#")], "C++, <mark>C#</mark> &amp; C"),
        ("हिंदी मूल मेल", [Mark(word="मूल")], "हिंदी <mark>मूल</mark> मेल"),
        ("كِتَابٌ جديد", [Mark(word="كتاب")], "<mark>كِتَابٌ</mark> جديد"),
        ("大保温杯盖", [Mark(word="保温"), Mark(word="温杯")], "大<mark>保温杯</mark>盖"),
        ("保温杯 杯", [Mark(word="杯")], "保温<mark>杯</mark> <mark>杯</mark>"),
        ("ﾊﾞｯｸﾞ", [Mark(word="ッグ")], "ﾊﾞ<mark>ｯｸﾞ</mark>"),
        ("บ้านแก้ว", [Mark(word="แก้"), Mark(word="ก้ว")], "บ้าน<mark>แก้ว</mark>"),
        ("iPhone手机", [Mark(word="iphone"), Mark(word="手机")],
         "<mark>iPhone</mark><mark>手机</mark>"),
    ],
)  # fmt: skip
def test_words_are_marked_and_everything_is_escaped(value, marks, shown):
    assert highlight(value, marks) == shown


def test_a_word_of_one_attribute_is_marked_in_that_one_only():
    item = Attributes(title="Korg tuner", brand="Korg", category=None)
    shown = highlight_item(item, [Mark(word="korg", field="brand"), Mark(word="tuner")])
    assert shown == Attributes(title="Korg <mark>tuner</mark>", brand="<mark>Korg</mark>")


@given(st.text() | st.text("aİΣß<>&'\"_ -Ⅷ字手गूç\u0327\u00ad"))
def test_words_are_cut_as_in_the_index_and_the_text_stays(value):
    every = words(value, "unicode")
    shown = highlight(value, [Mark(word=word) for word in every])
    assert html.unescape(re.sub("</?mark>", "", shown)) == html.unescape(html.escape(value))
    assert "<" not in re.sub("</?mark>", "", shown)
    # Marked parts hold all words, and what is left holds none.
    marked = "\n".join(_marked(shown))
    assert set(words(marked, "unicode")) >= set(every)
    left = html.unescape(re.sub("<mark>.*?</mark>", "\n", shown, flags=re.DOTALL))
    assert not words(left, "unicode")
