import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.records import codec, digests
from calrec.records.codec import Format, Number


@dataclass(frozen=True, kw_only=True)
class Part:
    size: int
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, kw_only=True)
class Whole:
    part: Part
    scale: Number = 1.0
    flags: tuple[bool, ...] = ()
    name: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scale < 0:
            raise ValueError("the scale is negative")


FORMAT = Format(name="calrec-thing", version=3, remedy="make it again")
WHOLE = Whole(part=Part(size=2), flags=(True, False), name="x", more={"deep": [1, 2.5]})

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    max_leaves=9,
)
wholes = st.builds(
    Whole,
    part=st.builds(Part, size=st.integers(-9, 9), kind=st.sampled_from(["a", "b"])),
    scale=st.floats(0, 1e300) | st.integers(0, 99),
    flags=st.lists(st.booleans()).map(tuple),
    name=st.none() | st.text(),
    more=st.dictionaries(st.text(), plain),
)


@pytest.mark.slow
@given(wholes)
def test_what_is_written_is_read(whole):
    text = codec.to_text(FORMAT.seal(codec.encode(whole)))
    content = json.loads(text)  # an independent reader
    FORMAT.check(content, "it")
    read = FORMAT.decode(Whole, content, "it")
    assert read == whole
    assert codec.to_text(FORMAT.seal(codec.encode(read))) == text


def test_head_fields_and_digest_stand_in_this_order():
    content = FORMAT.seal(codec.encode(WHOLE))
    assert list(content) == [
        *("format", "version", "part", "scale", "flags", "name", "more", "digest")
    ]
    assert content["digest"] == digests.of_record(content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"part": {"size": "2"}}, "Expected `int`, got `str`"),
        ({"part": {"size": 2.0}}, "Expected `int`, got `float`"),
        ({"part": {"size": True}}, "Expected `int`, got `bool`"),
        ({"part": {}}, "missing required field `size`"),
        ({"part": {"size": 1, "kind": "c"}}, "Invalid enum value 'c'"),
        ({"part": {"size": 1, "more": 1}}, r"unknown field 'more' at \$\.part"),
        ({"other": 1}, "unknown field 'other'"),
        ({"scale": -1}, "the scale is negative"),
        ({"scale": math.nan}, r"finite number at \$\.scale"),
        ({"more": {"x": [math.inf]}}, r"finite number at \$\.more\.x\[0\]"),
    ],
)
def test_what_is_no_such_record_is_refused_in_one_line(change, said):
    content = FORMAT.seal(codec.encode(WHOLE)) | change
    with pytest.raises(CalrecError, match=said) as error:
        FORMAT.decode(Whole, content, "file.json")
    assert str(error.value).startswith("file.json: expected ")
    assert str(error.value).endswith("; make it again")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_not_written(number):
    with pytest.raises(ValueError, match="finite"):
        codec.encode(Whole(part=Part(size=1), more={"loss": number}))
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.to_text({"loss": number})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected JSON, found a damaged file"),
        ("{", "expected JSON"),
        ('{"format": NaN}', "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[]", "expected a JSON object, found list"),
        ("{}", "expected calrec-thing 3, found None None"),
        ('{"format": "calrec-thing", "version": 2}', "found calrec-thing 2"),
        ('{"format": "calrec-thing", "version": 3}', "an edited or damaged one"),
    ],
)
def test_a_file_that_is_not_of_the_format_is_refused_in_one_line(tmp_path, text, said):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(CalrecError, match=said) as error:
        FORMAT.read(path)
    assert str(error.value).startswith(f"{path}: expected ")
    assert "\n" not in str(error.value)


def test_any_changed_byte_of_the_values_is_noticed(tmp_path):
    path = tmp_path / "file.json"
    text = codec.to_text(FORMAT.seal(codec.encode(WHOLE)), indent=None)
    path.write_text(text)
    assert FORMAT.decode(Whole, FORMAT.read(path), "it") == WHOLE
    for place, byte in enumerate(text):
        if byte in ' \n"':
            continue
        path.write_text(text[:place] + chr(ord(byte) ^ 1) + text[place + 1 :])
        with pytest.raises(CalrecError):
            FORMAT.read(path)
