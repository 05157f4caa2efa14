"""What `prepare` says of texts that are too long, and of tokenizers that lose the text."""

import pytest
from commands import run
from tokenizers import Tokenizer as Model
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from calrec.errors import CalrecError
from calrec.records import Attributes
from calrec.text import item_text
from calrec.tokenizer import END, PAD, Tokenizer
from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables
from train import presets
from train.data.prepared import Prepared
from train.data.records import Records
from train.targets import LIMIT, check_given_back, count_cut

BYTES = Tokenizer.train(["x"], 258)
"""A token for each byte, so that the length of a text is that of its bytes."""


def counted(*items):
    texts = [item_text(item) for item in items]
    return count_cut(BYTES, texts, BYTES.encode(texts))


AROUND = len(item_text(Attributes(title="t")).encode()) - 1


def test_a_text_of_just_the_limit_is_not_cut():
    whole = counted(Attributes(title="t" * (LIMIT - 1 - AROUND)))
    assert (whole.cut, whole.example) == (0, None)
    assert whole.explained() == "all 1 texts fit into a target of 80 tokens"
    one_more = counted(Attributes(title="t" * (LIMIT - AROUND)))
    assert (one_more.cut, one_more.in_title, one_more.in_character) == (1, 0, 0)


def test_where_a_text_is_cut_is_counted():
    found = counted(
        Attributes(title="short"),
        Attributes(title="long " * 25),
        Attributes(title="t", brand="b " * 15, category="c " * 15),
        Attributes(title="保" * 30),  # 7 bytes of the label, then three a character: 79 = 7 + 72
        Attributes(title="aa" + "保" * 30),  # 79 = 7 + 2 + 69 + 1
        Attributes(title="Sign. Category: x", brand="é" * 40),  # 79 = 52 + 26 + 1
    )
    assert (found.items, found.cut) == (6, 5)
    assert found.in_title == 3
    assert found.in_character == 2
    assert found.example == ("Title: " + "long " * 25)[:79]
    said = found.explained()
    assert said.startswith("5 of 6 texts are longer than a target may be (80 tokens with the end)")
    assert "\n" not in said


def tokenizer_with(normalizer):
    """A byte-level BPE behind a normalizer."""
    model = Model(models.BPE())
    model.normalizer = normalizer
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=[PAD, END], initial_alphabet=alphabet, show_progress=False
    )
    model.train_from_iterator(["Title: tea"], trainer)
    return Tokenizer(PreTrainedTokenizerFast(tokenizer_object=model, pad_token=PAD, eos_token=END))


def unknown_characters():
    """A tokenizer of ASCII letters; what else there is becomes nothing."""
    model = Model(models.WordLevel({PAD: 0, END: 1, **{chr(i): i for i in range(32, 127)}}, END))
    model.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    model.decoder = decoders.Fuse()
    return Tokenizer(PreTrainedTokenizerFast(tokenizer_object=model, pad_token=PAD, eos_token=END))


@pytest.mark.parametrize(
    ("tokenizer", "title", "back"),
    [
        (tokenizer_with(normalizers.Lowercase()), "plain", "title: plain. category"),
        (tokenizer_with(normalizers.StripAccents()), None, None),
        (tokenizer_with(normalizers.NFKC()), "ＵＳＢ cable", "Title: USB cable"),
        (tokenizer_with(normalizers.Strip()), None, None),
        (tokenizer_with(normalizers.Replace("  ", " ")), None, None),
        (unknown_characters(), "Thé vert", "Title: Th vert"),
    ],
)
def test_a_tokenizer_that_loses_a_text_is_refused_with_it(tokenizer, title, back):
    texts = [item_text(Attributes(title="plain", price="$5"))]
    if title is None:
        # These lose nothing of such a text.
        check_given_back(tokenizer, texts, tokenizer.encode(texts))
        return
    texts.append(item_text(Attributes(title=title)))
    with pytest.raises(CalrecError) as caught:
        check_given_back(tokenizer, texts, tokenizer.encode(texts))
    line = str(caught.value)
    assert "\n" not in line
    assert back in line
    assert title in line


def test_only_the_part_that_differs_is_shown_of_a_long_text():
    tokenizer = tokenizer_with(normalizers.Replace("ß", "ss"))
    texts = [item_text(Attributes(title="word " * 20 + "Straße" + " word" * 4))]
    with pytest.raises(CalrecError, match="…") as caught:
        check_given_back(tokenizer, texts, tokenizer.encode(texts))
    assert "Strasse" in str(caught.value)
    assert "Straße" in str(caught.value)
    assert len(str(caught.value)) < 450


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chinese")
    titles = [f"{brand}大容量不锈钢保温杯家用便携水杯" for brand in "红橙黄绿青蓝紫"]
    items = "\n".join(["item_id,title", *(f"i{i},{title}" for i, title in enumerate(titles))])
    (folder / "i.csv").write_text(items)
    events = "\n".join(f"u{u},i{(u + k) % 7},{k}" for u in range(9) for k in range(5))
    (folder / "o.csv").write_text(f"user_id,item_id,timestamp\n{events}")
    build(folder, "shop", TwoTables(items=folder / "i.csv", interactions=folder / "o.csv"))
    return folder


def test_prepare_says_how_many_targets_are_cut(chinese, tmp_path, capsys):
    BYTES.save(tmp_path / "bytes")
    out = tmp_path / "data"
    options = ("--workspace", chinese, "--domains", "shop", "--out", out)
    assert run("prepare", *options, "--tokenizer", tmp_path / "bytes") == 0
    said = capsys.readouterr().err
    assert said.startswith("shop: 7 of 7 texts are longer than a target may be")
    prepared = Prepared.load(out)
    found = prepared.meta["domains"]["shop"]["targets"]
    assert (found["limit"], found["items"], found["cut"]) == (80, 7, 7)
    records, domain = Records(prepared, presets.load("sample").stage2), prepared.domains[0]
    kept = [prepared.tokenizer().decode(records.record(domain, [0], i)[1]) for i in range(7)]
    assert found["example"] == kept[0]
    assert found["in_character"] == sum("\ufffd" in text for text in kept)
    # A vocabulary that was trained on the shop's own texts has longer tokens.
    assert run("prepare", *options) == 0
    assert capsys.readouterr().err.startswith("shop: all 7 texts fit into a target of 80 tokens")


def test_prepare_refuses_a_tokenizer_that_loses_the_text(chinese, tmp_path, capsys):
    tokenizer_with(normalizers.Lowercase()).save(tmp_path / "lower")
    options = ("--workspace", chinese, "--domains", "shop", "--out", tmp_path / "data")
    assert run("prepare", *options, "--tokenizer", tmp_path / "lower") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "title: 红" in said
    assert not (tmp_path / "data").exists()
