import re
import unicodedata
from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calrec.text.words import RULES, first_words, fold, groups, places, units, words

# A few characters of each script and kind that the rule treats in its own way.
SCRIPTS = (
    "aB7_ -'.+#CcNnEeTt iIıİ ßẞſ ﬁŒ çüÉ ΣσςΟ жЁй ｆＸ１．＋＃ Ⅷ①½™№²℃ "
    "手机壳々〇 ひゔ カバﾊﾞｯﾟー゛ 한글컵 แก้วน้ำไม້ ខ្មែរ မြန်မာ "
    "हिंदी मूल தமிழ் বাংলা క్ష שָׁלוֹם كِتَابٌ ـ ﻛﷺ ئ ی "
    "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0f\u20e3\u0301\u0308\u0327\u0307\u0651\u094d\u3099"
)
TEXTS = st.text(SCRIPTS) | st.text()


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        # Chinese, Japanese, Korean: pairs, or the one character that stands alone.
        ("不锈钢保温杯", ["不锈", "锈钢", "钢保", "保温", "温杯"]),
        ("杯 茶杯", ["杯", "茶杯"]),
        ("iPhone15手机壳2个", ["iphone15", "手机", "机壳", "2", "个"]),
        ("マグカップ・大", ["マグ", "グカ", "カッ", "ップ", "大"]),
        ("お茶のティー", ["お茶", "茶の", "のテ", "ティ", "ィー"]),
        ("佐々木", ["佐々", "々木"]),
        ("보온 텀블러", ["보온", "텀블", "블러"]),
        ("𠮷野家", ["𠮷野", "野家"]),
        # South East Asia: a character with its marks.
        ("ไม้ไผ่", ["ไม้", "ม้ไ", "ไผ่"]),
        ("ខ្មែរ", ["ខ្មែ", "មែរ"]),
        ("ພາສາລາວ", ["ພາ", "າສ", "ສາ", "າລ", "ລາ", "າວ"]),
        # Marks stay with their letters.
        ("मूल मिल हिन्दी", ["मूल", "मिल", "हिन्दी"]),
        ("தமிழ் நூல்", ["தமிழ்", "நூல்"]),
        ("বাংলা বই", ["বাংলা", "বই"]),
        ("e\u0301te\u0301", ["\u00e9t\u00e9"]),
        ("x\u0327y", ["x\u0327y"]),
        # Names of languages and keys.
        ("C++ und C#, F# & C", ["c++", "und", "c#", "f#", "c"]),
        ("C++17 A+++ b#3 a+b Wifi++", ["c++", "17", "a+++", "b", "3", "a", "b", "wifi"]),
        (".NET 8, ASP.NET, shop.net net", [".net", "8", "asp", ".net", "shop", "net", "net"]),
        ("Ｃ＋＋ C♯", ["c++", "c#"]),
        # What is no letter does not join one.
        ("Lego™ 5½″ №7 25℃", ["lego", "5", "1", "2", "no", "7", "25", "c"]),
        ("1️⃣ ❤️", ["1"]),
        ("wi-fi a_b don’t", ["wi", "fi", "a_b", "don", "t"]),
        ("\u0301 \u093f -- ゛", []),
    ],
)
def test_unicode_cuts(text, cut):
    assert words(text, "unicode") == cut


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("Straße", "STRAẞE"),
        ("İstanbul", "istanbul"),
        ("İSTANBUL", "ıstanbul"),
        ("I\u0307stanbul", "ISTANBUL"),
        ("ışık", "IŞIK"),
        ("ΟΔΟΣ", "οδος"),
        ("ＵＳＢ　３", "usb 3"),
        ("ﬁne ﬂuﬀ", "FINE FLUFF"),
        ("Ⅷ", "viii"),
        ("Edel\u00adstahl\u00adtopf", "Edelstahltopf"),
        ("zero\u200bwidth\u2060 \ufeffword", "zerowidth word"),
        ("می\u200cروم", "میروم"),
        ("क्\u200dष", "क्ष"),
        ("Ru\u0308hrschu\u0308ssel", "Rührschüssel"),
        ("Vi\u1ec7t", "Vie\u0323\u0302t"),
        ("ﾊﾞｯｸﾞ", "バッグ"),
        ("ハ\u3099", "バ"),
        ("ハ゛", "バ"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("כתבייך", "כְּתָבַיִיךְ"),
        ("\ufb2aלום", "שלום"),
        ("كِتَابٌ", "كتاب"),
        ("كتـــاب", "كتاب"),
        ("ﻛﺘﺎﺏ", "كتاب"),
        ("ﻛِﺘﹷﺎﺏ", "كتاب"),
        ("पढ़", "पढ\u093c"),
        ("п\u02bcять", "п'ять"),
        ("Hawai\u02bbi", "Hawai’i"),
    ],
)
def test_one_word_written_in_two_ways_is_one(one, other):
    assert words(one, "unicode") == words(other, "unicode") != []


@pytest.mark.parametrize(
    ("one", "other"),
    [("मूल", "मेल"), ("ไม้", "ไม"), ("กก", "กก็"), ("C++", "C"), ("أسد", "اسد"), ("বই", "বৈ"),
     ("カ", "ガ"), ("schön", "schon"), ("fön", "föhn"), (".net", "net")],
)  # fmt: skip
def test_different_words_stay_apart(one, other):
    assert words(one, "unicode") != words(other, "unicode")


@given(st.text())
def test_paper_is_the_rule_that_it_always_was(text):
    assert words(text) == words(text, "paper") == re.findall(r"\w+", text.lower())


def plainly(text: str) -> list[str]:
    return list(chain.from_iterable(groups(text)))


@given(TEXTS)
@example("naïve ÅNGSTRÖM šč ĳ – “x”")
def test_the_short_cut_for_european_texts_changes_nothing(text):
    assert words(text, "unicode") == plainly(text)


@given(TEXTS)
@example("İ\u0301")
@example("ı\u0301")
@example("é\u05a9\u0323")
@example("ŉ")
@example("İ\u064c\u0307")
def test_words_are_folded_once_and_for_all(text):
    cut = words(text, "unicode")
    assert [fold(word) for word in cut] == cut
    assert all(unicodedata.is_normalized("NFC", word) for word in cut)
    for group in groups(text):
        if len(group) > 1:
            assert all(len(units(word)) == 2 for word in group)
        assert len(units(group[0])) <= 2


@given(st.text(SCRIPTS))
def test_places_are_those_of_the_words(text):
    found = places(text)
    # A character of a run stands there besides its pairs, a lone one only once.
    pairs = [place for place in found if len(units(place.word)) != 1]
    assert [place.word for place in pairs] == [w for w in plainly(text) if len(units(w)) != 1]
    for word, start, end in found:
        assert 0 <= start < end <= len(text)
        assert word in fold(text)
        assert word in fold(text[start:end])
    assert [place.start for place in found] == sorted(place.start for place in found)


def test_a_voicing_mark_of_its_own_belongs_to_the_place_of_its_letter():
    assert [tuple(place) for place in places("か゛")] == [("が", 0, 2)]
    assert ("びひ", 0, 3) in [tuple(place) for place in places("ひ゛ひ")]


def test_places_point_into_the_text_as_it_was_written():
    text = "Die ﬁne Straße, 保温杯"
    assert [(p.word, text[p.start : p.end]) for p in places(text)] == [
        ("die", "Die"), ("fine", "ﬁne"), ("strasse", "Straße"),
        ("保", "保"), ("保温", "保温"), ("温", "温"), ("温杯", "温杯"), ("杯", "杯"),
    ]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_joined_attributes_are_cut_as_each_alone(rule):
    parts = ["手机", "壳", "C", "++", "\u0308x", "ΟΔΟΣ", ".net", "e"]
    assert words(" ".join(parts), rule) == [w for part in parts for w in words(part, rule)]


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("a  b\tc d", 3, "a b c"),
        ("wi-fi (5,000 mAh) x", 3, "wi-fi (5,000 mAh)"),
        ("한국어 는 띄어쓰기 를 한다", 3, "한국어 는 띄어쓰기"),
        ("मूल मेल मोल", 2, "मूल मेल"),
        # Two characters are a word.
        ("手" * 60, 25, "手" * 50),
        ("手" * 50, 25, "手" * 50),
        ("保温杯 500ml 不锈钢", 2, "保温杯"),
        ("保温杯 500ml 不锈钢", 3, "保温杯 500ml 不"),
        ("iPhone手机壳" * 9, 5, "iPhone手机壳iPhone手机壳"),
        ("น้ำ" * 9, 2, "น้ำ" * 2),
        # Without any white space, each word is one.
        ("steel,bottle,500ml,red", 3, "steel,bottle,500ml"),
        ("steel,bottle!", 3, "steel,bottle!"),
        ("", 3, ""),
        ("…" * 300, 3, "…" * 300),
    ],
)
def test_first_words(text, limit, kept):
    assert first_words(text, limit) == kept


@given(TEXTS, st.integers(2, 6))
def test_the_first_words_are_a_beginning_and_stay_so(text, limit):
    kept = first_words(text, limit)
    assert " ".join(text.split()).startswith(kept)
    assert first_words(kept, limit) == kept
    assert len(kept.split()) <= limit


@given(st.lists(st.text("abc-,é.\u0301컵", min_size=1), min_size=2), st.integers(1, 5))
def test_a_text_with_spaces_is_cut_at_them_alone(chunks, limit):
    text = " ".join(chunks)
    assert first_words(text, limit) == " ".join(text.split()[:limit])
