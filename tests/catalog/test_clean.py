import pytest

from catalog.clean import clean_category, clean_price, clean_text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Maggiano&#39;s Gift Card", "Maggiano's Gift Card"),
        ("Salt &amp; Pepper", "Salt & Pepper"),
        ("Salt &amp;amp; Pepper", "Salt & Pepper"),
        ("&lt;b&gt;Bold&lt;/b&gt; title", "Bold title"),
        (" two\n\t lines\r\n ", "two lines"),
        ('by <a href="/x">Brand</a>', "by Brand"),
        ("<style>.a{b:c}</style>Name", "Name"),
        ("<script>var a = 1;", None),
        (".a-box-inner{background-color:#fff}#w .selected{color:red}", None),
        ('var aPageStart = (new Date()).getTime(); var x = "";', None),
        ("</span></span></span>", None),
        ("<!-- note -->kept", "kept"),
        ("a < b and c > d", "a < b and c > d"),
        ("5 <3 love", "5 <3 love"),
        ("{set of 3}", "{set of 3}"),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_text(raw, clean):
    assert clean_text(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (["Gift Cards", "Gift Cards"], "Gift Cards"),
        (["Music", "Strings &amp; Picks", "</span>"], "Music, Strings & Picks"),
        (["", None], None),
        ([], None),
        (None, None),
    ],
)
def test_category(raw, clean):
    assert clean_category(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("$13.49", "$13.49"),
        (" $1,250.00\n", "$1,250.00"),
        ("$5.00 - $10.00", "$5.00 - $10.00"),
        (".a-box{margin:0}", None),
        ("\n\n\r\n", None),
        ("call us", None),
        ("", None),
        (None, None),
    ],
)
def test_price(raw, clean):
    assert clean_price(raw) == clean
