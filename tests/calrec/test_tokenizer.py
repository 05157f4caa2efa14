import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import ITEMS, tiny_tokenizer

from calrec.errors import CalrecError
from calrec.text import LABELS, item_text
from calrec.tokenizer import Tokenizer

TOKENIZER = tiny_tokenizer()


@given(st.text())
def test_any_text_comes_back_exactly(text):
    (ids,) = TOKENIZER.encode([text])
    assert TOKENIZER.decode(ids) == text


def test_labels_are_one_token_each():
    assert [len(ids) for ids in TOKENIZER.encode(LABELS)] == [1, 1, 1, 1]


def test_a_saved_folder_loads_the_same(tmp_path):
    TOKENIZER.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    texts = [item_text(item) for item in ITEMS]
    assert loaded.encode(texts) == TOKENIZER.encode(texts)
    assert (loaded.end_id, loaded.vocab_size) == (TOKENIZER.end_id, TOKENIZER.vocab_size)


def test_training_is_deterministic():
    text = [item_text(item) for item in ITEMS]
    assert tiny_tokenizer().encode(text) == TOKENIZER.encode(text)


def test_a_real_tokenizer_folder_loads(shared_data):
    real = Tokenizer.load(shared_data.parents[1] / "tokenizers" / "gpt2")
    (ids,) = real.encode(["Title: Tele. Category: Guitars"])
    assert real.decode(ids) == "Title: Tele. Category: Guitars"
    assert real.end_id == 2, "</s> of its tokenizer.json"
    assert real.end_id not in ids


@pytest.mark.parametrize("content", [None, {}, {"tokenizer.json": "{"}])
def test_a_folder_without_a_tokenizer_is_one_line(tmp_path, content):
    folder = tmp_path / "t"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    with pytest.raises(CalrecError) as error:
        Tokenizer.load(folder)
    assert "\n" not in str(error.value)
    assert "expected" in str(error.value)
