"""Cleaning: before and after, in the shapes that Amazon's pages have; what cannot need it."""

import re

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog.attributes.clean import PRICE, SUSPECT, clean_path, clean_price, clean_text

SHEET = (
    ".a-box-inner{background-color:#fff}#alohaBuyBoxWidget .selected{background-color:#fffbf3;"
    "border-color:#e77600;box-shadow:0 0 3px rgba(228,121,17,.5)}"
)
SCRIPT = "var aPageStart = (new Date()).getTime();\nvar ue_t0=ue_t0||+new Date();"

# Every pair: as the page's field was scraped, as it is shown.
TEXTS = [
    # Entities, also of entities.
    ("Maggiano&#39;s Gift Card", "Maggiano's Gift Card"),
    ("Salt &amp; Pepper", "Salt & Pepper"),
    ("Salt &amp;amp; Pepper", "Salt & Pepper"),
    ("12&amp;quot; Vinyl", '12" Vinyl'),
    ("Feliz Cumplea&ntilde;os (Cupcakes)", "Feliz Cumpleaños (Cupcakes)"),
    ("Gift Card (No Plastic Card &ndash; Code Only)", "Gift Card (No Plastic Card – Code Only)"),
    ("Two&nbsp;words", "Two words"),
    ("K&W Cafeteria", "K&W Cafeteria"),
    ("&lt;b&gt;Bold&lt;/b&gt; title", "Bold title"),
    # White space.
    (" Amazon eGift Card\n", "Amazon eGift Card"),
    (" two\n\t lines\r\n ", "two lines"),
    ("thin\u2009and\u3000wide", "thin and wide"),
    ("null\x00byte", "null byte"),
    # Tags, comments, and a tag that the end has cut off.
    ('by <a href="/x">Brand</a>', "by Brand"),
    ('<span class="a-size-large">Fender Strings</span>', "Fender Strings"),
    ('Strings <span class="a-size-la', "Strings"),
    ("Line<br/>break", "Line break"),
    ("<P>One</P><h2 >Two</h2 ><hr>", "One Two"),
    ("<svg viewBox='0 0 1 1'>kept", "kept"),
    ('kept<custom-tag data-x = "1">', "kept"),
    ("<img src=x>kept", "kept"),
    ("<!-- note -->kept", "kept"),
    ("kept<!-- note", "kept"),
    ("</span></span></span>", None),
    # Style sheets and scripts, alone, in a block, nested, cut off.
    (SHEET, None),
    (f"<style>{SHEET}</style>Name", "Name"),
    ("<STYLE type='text/css'>.a{b:c}</STYLE >Name", "Name"),
    ("<script>var a = 1;", None),
    ("@media (max-width: 900px) { .a-box { margin:0; } }", None),
    ("#productDescription { margin: 0 !important; padd", None),
    (SCRIPT, None),
    ('var aPageStart = (new Date()).getTime(); var x = "";', None),
    ("(function(a,b){a.ue = b})(window)", None),
    ("P.when('A').execute(function (A) { A.on() });", None),
    # What only looks so.
    ("a < b and c > d", "a < b and c > d"),
    ("std::vector<int> in practice", "std::vector<int> in practice"),
    ("Map<String, List<T>> and <T>", "Map<String, List<T>> and <T>"),
    ("template <class T = int> in C++", "template <class T = int> in C++"),
    ("Learning <canvas>, <svg> and <title>", "Learning <canvas>, <svg> and <title>"),
    ("The <style> and <script> elements", "The <style> and <script> elements"),
    ("if a <b and c> d", "if a <b and c> d"),
    ("vector&lt;int&gt;", "vector<int>"),
    ("5 <3 love", "5 <3 love"),
    ("{set of 3}", "{set of 3}"),
    ("Multi-function (3 in 1) pen", "Multi-function (3 in 1) pen"),
    ("Tool with function (A)", "Tool with function (A)"),
    ("R&B; the best", "R&B; the best"),
    ("", None),
    ("  ", None),
    (None, None),
]
CATEGORIES = [
    (["Gift Cards", "Gift Cards"], "Gift Cards"),
    (["Music", "Strings &amp; Picks", "</span>"], "Music, Strings & Picks"),
    (["Gift Cards", "Gift Cards", "</span></span></span>"], "Gift Cards"),
    (["Home", SHEET, "Kitchen"], "Home, Kitchen"),
    (["A  B", "A B", " A B"], "A B"),
    (["", None], None),
    ([], None),
    (None, None),
]
PRICES = [
    ("$13.49", "$13.49"),
    (" $1,250.00\n", "$1,250.00"),
    ("$5.99 - $12.99", "$5.99 - $12.99"),
    ("$500", "$500"),
    ("13.49", "$13.49"),
    ("1250", "$1,250.00"),
    ("7.5", "$7.50"),
    ("<span>$3.00</span>", "$3.00"),
    (SHEET, None),
    ("\n\t\n\r\n", None),
    ("from 7.99", None),
    ("call us", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("raw", "clean"), TEXTS)
def test_text(raw, clean):
    assert clean_text(raw) == clean


@pytest.mark.parametrize(("raw", "clean"), CATEGORIES)
def test_category(raw, clean):
    assert ", ".join(clean_path(raw)) == (clean or "")


@pytest.mark.parametrize(("raw", "clean"), PRICES)
def test_price(raw, clean):
    assert clean_price(raw) == clean


# Pieces of what there is to clean, so that random texts hit it.
SIGNS = "<>&;{}!-/:=\"'.#x19 \n\t\x00\x0b\x1c\x85\xa0\u2003\u2028"
WORDS = ("amp", "#38", "lt", "a", "span", "<b", "</b", "<!--", "style", "script")
CODE = ("var", "getTime(", "function(", "P.when(")
PIECES = st.sampled_from([*SIGNS, *WORDS, *CODE])


@pytest.fixture(scope="module")
def sql():
    """Asks DuckDB: its regular expressions are to find what Python's functions change."""
    with duckdb.connect(config={"threads": 1}) as connection:
        yield lambda function, text, pattern: connection.execute(
            f"SELECT {function}(?, '{pattern}')", [text]
        ).fetchall()[0][0]


def _folded(text: str) -> str | None:
    """White space folded as SQL does it, and nothing else."""
    return re.sub(r"[ \t\n\r\f]+", " ", text).strip(" ") or None


@pytest.mark.slow
@settings(max_examples=400)
@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=20))
@example("&ampx")
@example("&#1")
def test_what_is_not_suspect_is_only_folded(sql, text):
    if not sql("regexp_matches", text, SUSPECT):
        assert clean_text(text) == _folded(text)


@pytest.mark.parametrize(("raw", "clean"), [pair for pair in TEXTS if pair[0]])
def test_what_cleaning_changes_is_suspect(sql, raw, clean):
    assert clean == _folded(raw) or sql("regexp_matches", raw, SUSPECT)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(st.sampled_from([*"$ -,.0159", "$1", ".99", " - "]), max_size=8).map("".join))
@example("$0  - $0")
def test_what_is_a_price_for_sql_is_one_for_python_and_stays(sql, text):
    if sql("regexp_full_match", text, PRICE):
        assert clean_price(text) == text


def test_long_garbage_is_cleaned_in_no_time():
    for piece in ("<a b=c ", "{a:b ", "<!--", "a-b ", "&amp;", "var x ", "<style>", "function(a,"):
        clean_text(piece * 20_000)
