import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import printable


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("\x1b[31mred\x07\x9b", "utf-8", "\\x1b[31mred\\x07\\x9b"),
        ("a\nb\tc\u2028d\x7f", None, "a\\nb\\tc\\u2028d\\x7f"),
        ("txt\u202egpj.exe", "utf-8", "txt\\u202egpj.exe"),
        ("ספר é", "utf-8", "ספר é"),
        ("ספ é", "latin-1", "\\u05e1\\u05e4 é"),
        ("🎸\udcff", "utf-8", "🎸\\udcff"),
    ],
)
def test_what_is_shown(text, encoding, shown):
    assert printable(text, encoding) == shown


@given(st.text(), st.sampled_from(["utf-8", "latin-1", "ascii", "cp1252", "gb2312"]))
def test_nothing_reaches_the_terminal_that_is_no_text_of_its_encoding(text, encoding):
    shown = printable(text, encoding)
    shown.encode(encoding)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs")]
