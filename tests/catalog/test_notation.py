"""Lists and objects in a field, as programs write them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.ingest.values.notation import AMOUNTS, NotUnderstoodError, names, parsed, paths

WORD = st.text(st.sampled_from("abÄ五 '\",[]{}\\\n&>"), min_size=1, max_size=8).map(
    lambda text: f"w{text}w"
)


@pytest.mark.slow
@settings(max_examples=80)
@given(st.lists(WORD, min_size=1, max_size=5))
def test_what_json_python_and_pandas_write_comes_back(words):
    folded = list(dict.fromkeys(" ".join(word.split()) for word in words))
    for text in (
        json.dumps(words),
        json.dumps(words, ensure_ascii=False),
        str(words),
        str(tuple(words)),
    ):
        assert names(parsed(text)) == (folded, True)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(st.text(st.sampled_from("abÄ五 '"), max_size=6).map(lambda t: f"w{t}w"),
                min_size=1, max_size=30))  # fmt: skip
def test_what_numpy_prints_comes_back(words):
    folded = list(dict.fromkeys(" ".join(word.split()) for word in words))
    array = np.array(words, dtype=object)
    for text in (str(array), repr(array), str(np.array(words))):
        assert names(parsed(text)) == (folded, True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[五爱街,女装,原创]", [["五爱街", "女装", "原创"]]),
        ("[Children's, Rock (AOR) & Co ]", [["Children's", "Rock (AOR) & Co"]]),
        ("[one]", [["one"]]),
        ("{Action,Comedy}", [["Action", "Comedy"]]),
        ('{"Sci-Fi, Fantasy",Action}', [["Sci-Fi, Fantasy", "Action"]]),
        ("[['A', 'B'], ['C']]", [["A", "B"], ["C"]]),
        ("[['A' 'B']\n ['C' 'D']]", [["A", "B"], ["C", "D"]]),
        ("[[], ['C']]", [["C"]]),
        ("['A', ['B', 'C']]", [["A", "B", "C"]]),
        ("['A', nan, None, '', 'A']", [["A"]]),
        ("[nan]", []),
        ("[]", []),
        ("[{'id': 1, 'name': 'A', 'slug': nan}, {'id': 2, 'name': 'B'}]", [["A", "B"]]),
        ('{"name": "A"}', [["A"]]),
        ("[1984, 2.5]", [["1984", "2.5"]]),
    ],
)
def test_paths(text, found):
    assert paths(parsed(text)) == (found, True)


@pytest.mark.parametrize(
    ("text", "keys", "found"),
    [
        ('{"name": "Acme", "id": 7}', None, (["Acme"], True)),
        ('{"rendered": "Soap"}', None, (["Soap"], True)),
        ('[{"name": "A"}, {"id": 1}]', None, (["A"], False)),
        ('{"id": 1}', None, ([], False)),
        ('{"name": null, "id": null}', None, ([], True)),
        ('{"name": false}', None, ([], True)),
        ('{"name": {"value": "deep"}}', None, (["deep"], True)),
        ('{"amount": "3.50", "currencyCode": "EUR"}', AMOUNTS, (["3.50 EUR"], True)),
        ('{"value": 7}', AMOUNTS, (["7"], True)),
        ('{"price": Infinity}', AMOUNTS, ([], True)),
    ],
)
def test_objects_have_names(text, keys, found):
    assert names(parsed(text), *([keys] if keys else [])) == found


@pytest.mark.parametrize(
    "text",
    ["[REC] 2", "['A', 'B'", "A]", "{1: __import__('os')}", "{'a': f()}", "[" * 50_000, "[[a]",
     "plain", "28", '"text"', ""],
)  # fmt: skip
def test_any_other_text_is_none(text):
    with pytest.raises(NotUnderstoodError):
        parsed(text)


@pytest.mark.parametrize("text", ["[" * 5000 + "a" + "]" * 5000, "{'name': 0x" + "f" * 9000 + "}"])
def test_what_nobody_calls_anything_is_not_understood(text):
    try:
        value = parsed(text)
    except NotUnderstoodError:
        return
    assert names(value) == ([], False)
    assert paths(value) == ([], False)


def test_halves_of_characters_are_joined_or_go():
    text = r"['a\ud83d\ude00b', 'c\ud800d']"
    assert names(parsed(text)) == (["a\U0001f600b", "cd"], True)
