import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.records import Attributes, Item
from calrec.text import (
    LABELS,
    TEMPLATES,
    TextSettings,
    document_words,
    item_text,
    parse,
    prompt_pieces,
    prompt_text,
    query_words,
    truncated,
)

GUITAR = Item(
    item_id="B1", title="Player  Series\tTele", category="Guitars", brand="Fender", price="$799.00"
)
values = st.none() | st.text(max_size=60)


def test_item_text_is_the_paper_s_layout():
    assert (
        item_text(GUITAR)
        == "Title: Player Series Tele. Category: Guitars. Brand: Fender. Price: $799.00"
    )


def test_missing_and_blank_attributes_read_unknown():
    text = item_text(Attributes(title=" ", price="$1"))
    assert text == "Title: Unknown. Category: Unknown. Brand: Unknown. Price: $1"


def test_a_value_that_reads_unknown_is_missing():
    item = Attributes(title="Tea", brand=" Unknown ")
    assert item_text(item) == item_text(Attributes(title="Tea"))
    assert document_words(item) == ["tea"]


def test_attributes_are_cut_to_25_15_15_15_words():
    many = " ".join(f"w{i}" for i in range(40))
    cut = truncated(Attributes(title=many, category=many, brand=many, price=many))
    assert [len(value.split()) for value in cut.values()] == [25, 15, 15, 15]
    assert cut.title.startswith("w0 w1 ")


def test_a_title_without_spaces_has_its_limit_too():
    cut = truncated(Attributes(title="保温杯" * 40, category="コップ" * 40, brand="สี" * 99))
    assert [len(value or "") for value in cut.values()] == [50, 30, 60, 0]
    joined = ",".join(f"w{i}" for i in range(40))
    assert truncated(Attributes(title=joined)).title == joined[: joined.index(",w25")]


def test_prompt_is_the_paper_s_word_for_word():
    two = [GUITAR, Attributes(title="Strings")]
    assert prompt_text(two) == (
        "This is the summary of a user's purchase history."
        " The first item bought is as follows. "
        "Title: Player Series Tele. Category: Guitars. Brand: Fender. Price: $799.00"
        "\nThe next item bought is as follows. "
        "Title: Strings. Category: Unknown. Brand: Unknown. Price: Unknown"
        "\nThe next item bought is as follows. "
    )


def test_second_template_has_a_suffix_only():
    text = prompt_text([GUITAR, GUITAR], TextSettings(template="gpt4rec"))
    assert text.startswith("Previously, the customer has bought: Title: ")
    assert text.endswith("\nIn the future, the customer wants to buy ")
    assert "next item" not in text


def test_empty_history_is_refused():
    with pytest.raises(ValueError, match="at least one item"):
        prompt_pieces([])


@pytest.mark.parametrize("bad", [{"title_words": 0}, {"template": "nope"}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=r"at least 1|template of calrec, gpt4rec, found 'nope'"):
        TextSettings(**bad)


@given(values, values, values, values)
def test_parse_inverts_item_text(title, category, brand, price):
    item = Attributes(title=title, category=category, brand=brand, price=price)
    shown = truncated(item)
    ambiguous = any(label.strip(" .") in (v or "") for v in shown.values() for label in LABELS)
    if not ambiguous:
        assert parse(item_text(item)) == shown


LONG = " ".join(f"clause{i}" for i in range(16))
LABELLED = [
    Attributes(title=f"Deed. Category: {LONG}", category="Forms", brand="Acme", price="$5"),
    Attributes(title="Label. Brand: Zed. Price: 3", category="Office", price="$1"),
    Attributes(title="A. Category: B. Brand: C. Price: D", category="E", brand="F", price="G"),
    Attributes(title="A. Category: Unknown. Brand: C", brand="F"),
    Attributes(title="Title: Poster", category="Title: x", brand="b"),
    Attributes(title="Sign. Category: . Category: ", category="x"),
    Attributes(title="Ends so. Category:", category="Category: x", brand="Brand: ", price="Price:"),
    Attributes(title="Sign . Category: metal", category="Signs", brand="b"),
    Attributes(title="One . Brand: two . Brand: three", brand="b . Price: c", price="5"),
    Attributes(title="标签。. Category: 标签", category="办公用品", brand="得力"),
]


@pytest.mark.parametrize("item", LABELLED)
def test_labels_in_a_title_change_nothing(item):
    assert parse(item_text(item)) == truncated(item)
    assert query_words(item_text(item)) == document_words(item)
    assert query_words(item_text(item), rule="unicode") == document_words(item, rule="unicode")


@pytest.mark.parametrize(
    "item",
    [
        Attributes(title="Card", category=f"A. Brand: {LONG[:60]}", brand="Zed"),
        Attributes(title="Card", category="A. Category: B", brand="C. Price: D. Brand: E"),
        Attributes(title="x. Brand: y", category="Unknown. Brand: z", brand="Price: 3. Price: 4"),
        Attributes(title="Card", price="5. Category: x. Brand: y. Price: z"),
    ],
)
def test_labels_elsewhere_lose_no_word(item):
    assert Counter(document_words(item)) <= Counter(query_words(item_text(item)))


def test_a_generated_text_with_labels_again_is_read_by_those_that_fit():
    # No item is written so: the first title would have more words than a title may.
    text = f"Title: {'a ' * 24}a. Category: b. Brand: c. Price: d. Category: e"
    assert parse(text) == Attributes(
        title=" ".join("a" * 25), category="b", brand="c", price="d. Category: e"
    )
    long = f"Title: a. Category: {LONG} {LONG}. Brand: c. Price: d. Price: e"
    assert parse(long) == Attributes(
        title="a", category=f"{LONG} {LONG}", brand="c", price="d. Price: e"
    )


def test_labels_by_the_thousand_are_read_at_once():
    start = time.process_time()
    assert parse("Title: " + "a. Category: b. Brand: c. Price: d" * 3000) is not None
    labels = (". Category: b", ". Brand: c", ". Price: d")
    assert parse("Title: a" + "".join(label * 900 for label in labels)) is not None
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Title: a. Category: b. Brand: c",
        "Category: b. Title: a. Brand: c. Price: d",
        "A Title: a. Category: b. Brand: c. Price: d",
        "Title: a. Category: b. Brand: c. Price: d\nThe next item bought",
    ],
)
def test_anything_else_is_a_format_error(text):
    assert parse(text) is None


def test_bm25_words_have_neither_labels_nor_unknown():
    item = Attributes(title="Élan Tea, 2-Pack", category="Tea & Co", price="$13.49")
    assert document_words(item) == ["élan", "tea", "2", "pack", "tea", "co", "13", "49"]
    assert query_words(item_text(item)) == document_words(item)


def test_a_format_error_is_matched_as_plain_words():
    assert query_words("Title: Tea. Tea") == ["title", "tea", "tea"]


def test_templates_share_one_constant_with_the_target():
    assert TEMPLATES["calrec"].last == TEMPLATES["calrec"].next
