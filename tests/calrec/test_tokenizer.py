import json
import shutil

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


@pytest.mark.parametrize("merges", ["words", "attributes"])
def test_a_token_reaches_as_far_as_merges_say(merges):
    texts = [item_text(item) for item in ITEMS] * 20
    trained = Tokenizer.train(texts, 2000, units=LABELS, merges=merges)
    pieces = [[trained.piece(token) for token in ids] for ids in trained.encode(texts)]
    assert ["".join(each) for each in pieces] == texts
    beyond_labels = [piece for each in pieces for piece in each if piece not in LABELS]
    assert not any(label.strip() in piece for piece in beyond_labels for label in LABELS)
    assert any(" " in piece.strip() for piece in beyond_labels) == (merges == "attributes")


def test_a_token_may_reach_over_labels():
    texts = [item_text(item) for item in ITEMS] * 20
    trained = Tokenizer.train(texts, 2000, units=["Next item: "], merges="items")
    found = trained.encode(texts)
    pieces = [[trained.piece(token) for token in ids] for ids in found]
    assert ["".join(each) for each in pieces] == texts
    assert any(label in piece and piece != label for piece in pieces[0] for label in LABELS)
    (unit,) = trained.encode(["Next item: "])
    assert len(unit) == 1


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


def test_the_end_token_may_stand_in_the_model_s_config_alone(tmp_path):
    """A folder of config.json, model.safetensors and tokenizer.json, as some are published."""
    whole, bare = tmp_path / "whole", tmp_path / "bare"
    tokenizer = tiny_tokenizer()
    tokenizer.save(whole)
    bare.mkdir()
    shutil.copy(whole / "tokenizer.json", bare)
    with pytest.raises(CalrecError, match="end-of-sequence token"):
        Tokenizer.load(bare)
    for end in (tokenizer.end_id, [tokenizer.end_id, 5]):
        config = {"model_type": "llama", "eos_token_id": end}
        (bare / "config.json").write_text(json.dumps(config))
        loaded = Tokenizer.load(bare)
        assert loaded.end_id == tokenizer.end_id
        assert loaded.vocabulary() == tokenizer.vocabulary()
        text = "Title: Aroma Kettle 0. Category: Unknown"
        assert loaded.encode([text]) == tokenizer.encode([text])


@pytest.mark.parametrize("with_json", [True, False])
def test_no_code_in_the_folder_is_run(tmp_path, with_json):
    folder = tmp_path / "folder"
    tiny_tokenizer().save(folder)
    if not with_json:
        (folder / "tokenizer.json").unlink()
    trap = tmp_path / "sprung"
    (folder / "trap.py").write_text(f"open({str(trap)!r}, 'w')\nclass Trap: pass\n")
    config = {"tokenizer_class": "Trap", "auto_map": {"AutoTokenizer": ["trap.Trap", "trap.Trap"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"eos_token": "<eos>"}))
    if with_json:
        assert Tokenizer.load(folder).end_id == tiny_tokenizer().end_id
    else:
        with pytest.raises(CalrecError, match=r"readable tokenizer\.json"):
            Tokenizer.load(folder)
    assert not trap.exists()


def test_pieces_are_the_text_of_each_token():
    tokenizer = tiny_tokenizer()
    ids = tokenizer.encode(["Title: Aroma Kettle 0"])[0]
    assert "".join(map(tokenizer.piece, ids)) == "Title: Aroma Kettle 0"
    assert tokenizer.piece(tokenizer.end_id) == "<eos>"


@pytest.mark.parametrize("special", ["<eos>", "<pad>"])
def test_special_tokens_in_a_text_are_plain_text(special):
    tokenizer = tiny_tokenizer()
    text = f"Title: {special} kettle"
    (ids,) = tokenizer.encode([text])
    assert tokenizer.end_id not in ids
    assert tokenizer.decode(ids) == text


def test_a_saved_folder_names_a_class_that_every_version_knows(tmp_path):
    tiny_tokenizer().save(tmp_path / "one")
    Tokenizer.load(tmp_path / "one").save(tmp_path / "two")
    config = json.loads((tmp_path / "two" / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert not {"is_local", "local_files_only"} & config.keys()


def begun_folder(folder, *, stated, template, bos="<pad>", config_bos=None):
    """A folder whose settings say this of a begin token; `<pad>` serves as one."""
    from tokenizers import processors

    tokenizer = tiny_tokenizer()
    if template:
        tokenizer._fast.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<pad> $A", pair="<pad> $A $B", special_tokens=[("<pad>", 0)]
        )
    tokenizer.save(folder)
    path = folder / "tokenizer_config.json"
    content = json.loads(path.read_text())
    del content["add_bos_token"]
    content |= {} if stated is None else {"add_bos_token": stated}
    content |= {} if bos is None else {"bos_token": bos}
    path.write_text(json.dumps(content))
    if config_bos is not None:
        (folder / "config.json").write_text(json.dumps({"bos_token_id": config_bos}))
    return folder


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"stated": True, "template": False}, 0),
        ({"stated": True, "template": True}, 0),
        ({"stated": False, "template": True}, None),
        ({"stated": None, "template": True}, 0),
        ({"stated": None, "template": True, "bos": None}, 0),
        # Named, and yet put nowhere: GPT-2's, Qwen's and SmolLM2's.
        ({"stated": None, "template": False}, None),
        ({"stated": True, "template": False, "bos": None, "config_bos": 0}, 0),
        ({"stated": True, "template": False, "bos": None, "config_bos": [0, 1]}, 0),
    ],
)
def test_the_begin_token_is_what_the_folder_s_settings_say(settings, found, tmp_path):
    loaded = Tokenizer.load(begun_folder(tmp_path, **settings))
    assert loaded.begin_id == found
    text = "Title: Aroma Kettle 0"
    assert loaded.encode([text]) == tiny_tokenizer().encode([text]), "no token added by itself"
    loaded.save(tmp_path / "again")
    assert Tokenizer.load(tmp_path / "again").begin_id == found


def test_a_begin_token_that_is_asked_for_and_not_named_is_refused(tmp_path):
    folder = begun_folder(tmp_path, stated=True, template=False, bos=None)
    with pytest.raises(CalrecError, match="expected the bos_token that add_bos_token asks for"):
        Tokenizer.load(folder)
