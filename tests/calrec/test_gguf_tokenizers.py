"""Tokenizers of GGUF files, against transformers' own classes and plain computations."""

import json
from functools import partial
from itertools import pairwise

import gguf_files
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from tiny import ITEMS
from tokenizers import AddedToken, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Model
from transformers import GemmaTokenizer, GPT2Tokenizer, Qwen2Tokenizer

from calrec.errors import CalrecError
from calrec.model.gguf.reading import File
from calrec.model.gguf.vocabulary import tokenizer_of
from calrec.text import item_text

TEXTS = [
    "Title: Dremel 4000 rotary tool, 19.99. Price: $1,299.00",
    "24x36 cm, 3/8\" drill, 1000W — it's the user's café naïve Ünïcødé",
    "emoji 🎸🔧 👩‍🚒 and 日本語 テスト, Ελληνικά, हिन्दी",
    "\nThe next item bought is as follows. Title: A\n\n\n  two  spaces   three \t tab",
    " leading, trailing ",
    "we'LL DON'T camelCaseWords HTTPServer 12345678 ½ ²",
]
CORPUS = [*map(item_text, ITEMS), *TEXTS] * 3
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6


def trained(pre_tokenizer, alphabet, normalizer=None, size=600):
    """The vocabulary and the merges, in their order, of a BPE over these texts."""
    model = Model(models.BPE())
    model.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        model.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, show_progress=False, min_frequency=1
    )
    model.train_from_iterator(CORPUS, trainer)
    content = json.loads(model.to_str())["model"]
    return content["vocab"], [tuple(merge) for merge in content["merges"]]


def byte_level(digits):
    """Merges for a whole text, so that how it is split shows."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    steps = [pre_tokenizers.Digits(individual_digits=True), split] if digits else [split]
    return trained(pre_tokenizers.Sequence(steps), pre_tokenizers.ByteLevel.alphabet())


VOCABULARY, MERGES = byte_level(digits=False)
SPECIAL = ["<|begin|>", "<|end|>"]


def merged_file(path, pre, *, begins=None, user_defined=(), merges=MERGES):
    tokens = [*sorted(VOCABULARY, key=VOCABULARY.get), *SPECIAL, *user_defined]

    def more(writer):
        writer.add_token_merges([" ".join(merge) for merge in merges])
        writer.add_bos_token_id(len(VOCABULARY))
        writer.add_eos_token_id(len(VOCABULARY) + 1)
        if begins is not None:
            writer.add_add_bos_token(begins)

    types = [NORMAL] * len(VOCABULARY) + [CONTROL] * 2 + [USER_DEFINED] * len(user_defined)
    return gguf_files.with_tokenizer(
        path, model="gpt2", pre=pre, tokens=tokens, types=types, more=more
    )


def of_transformers(kind):
    """One of transformers' own classes, which bring their own pre-tokenizer and normalizer."""
    fast = kind(vocab=VOCABULARY, merges=MERGES, unk_token="!", eos_token="!", pad_token="!")
    return lambda text: fast(text, add_special_tokens=False)["input_ids"]


def by_pieces(pattern, text, *, whole_first=False):
    """Each piece of a text merged by itself; the `regex` package splits it."""
    alone = Model(models.BPE(vocab=VOCABULARY, merges=MERGES, ignore_merges=whole_first))
    alone.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    pieces = regex.findall(pattern, text)
    assert "".join(pieces) == text
    return [number for piece in pieces for number in alone.encode(piece).ids]


# As Llama 3 and Mistral publish them.
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def digits_apart(text):
    """SmolLM2: GPT-2's way, but that each digit stands alone."""
    plain = of_transformers(GPT2Tokenizer)
    return [number for part in regex.split(r"(\p{N})", text) if part for number in plain(part)]


REFERENCES = {
    "gpt-2": of_transformers(GPT2Tokenizer),
    "qwen2": of_transformers(Qwen2Tokenizer),
    "smollm": digits_apart,
    "llama-bpe": partial(by_pieces, LLAMA3, whole_first=True),
    "tekken": partial(by_pieces, TEKKEN, whole_first=True),
}


@pytest.mark.parametrize("pre", REFERENCES)
def test_byte_level_tokens_are_the_reference_s(pre, tmp_path):
    tokenizer = tokenizer_of(File.of(merged_file(tmp_path / "t.gguf", pre)))
    for text in TEXTS:
        (ids,) = tokenizer.encode([text])
        assert ids == REFERENCES[pre](text), text
        # Qwen's composes letters and their marks; these texts are composed.
        assert tokenizer.decode(ids) == text


def test_the_pre_tokenizers_differ_on_these_texts(tmp_path):
    """Else the test above could not fail for the wrong one."""
    found = {pre: [REFERENCES[pre](text) for text in TEXTS] for pre in REFERENCES}
    assert len({str(ids) for ids in found.values()}) == len(REFERENCES)


def test_special_tokens_are_plain_text_in_a_text_and_users_tokens_are_not(tmp_path):
    file = merged_file(tmp_path / "t.gguf", "gpt-2", user_defined=["<think>", "   "])
    tokenizer = tokenizer_of(File.of(file))
    first = len(VOCABULARY) + 2
    assert tokenizer.end_id == first - 1
    (ids,) = tokenizer.encode(["a <|end|> b<think>c   d"])
    assert tokenizer.end_id not in ids
    assert {first, first + 1} <= set(ids)
    assert tokenizer.piece(tokenizer.end_id) == "<|end|>"
    assert tokenizer.decode([*ids, tokenizer.end_id]) == "a <|end|> b<think>c   d"


@pytest.mark.parametrize(
    ("pre", "begins", "found"),
    [
        ("smollm", None, False),
        ("llama-bpe", None, True),
        ("llama-bpe", False, False),
        ("smollm", True, True),
    ],
)
def test_a_begin_token_is_told_or_known_by_the_pre_tokenizer(pre, begins, found, tmp_path):
    file = merged_file(tmp_path / "t.gguf", pre, begins=begins)
    assert tokenizer_of(File.of(file)).begin_id == (len(VOCABULARY) if found else None)


def test_merges_of_unknown_tokens_are_one_line(tmp_path):
    path = merged_file(tmp_path / "t.gguf", "gpt-2", merges=[*MERGES, ("t", "nowhere")])
    with pytest.raises(CalrecError, match="expected a whole vocabulary") as told:
        tokenizer_of(File.of(path))
    assert "\n" not in str(told.value)


RUNS = ["\n", "\n\n", "\n\n\n", "  ", "   "]
GEMMA = ["<pad>", "<eos>", "<bos>", "<unk>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def sentence_pieces():
    """Joined pieces in the order of their joining, then single characters, as SentencePiece has
    them; not all characters of the texts, so that bytes are needed."""
    alphabet = sorted({c for text in CORPUS for c in text if ord(c) < 256} - {" ", "\n"})
    spaces = normalizers.Replace(" ", "▁")
    split = pre_tokenizers.Split("▁", "merged_with_next")
    _, merges = trained(split, ["▁", *alphabet], normalizer=spaces, size=500)
    joined = [left + right for left, right in merges if not set(left + right) - {"▁", *alphabet}]
    joined = [piece for piece in dict.fromkeys(joined) if piece not in ("▁▁", "▁▁▁")]
    return joined, ["▁", *alphabet]


JOINED, CHARACTERS = sentence_pieces()


def gemma_file(path):
    tokens = [*GEMMA, *RUNS, *BYTES, *JOINED, *CHARACTERS]
    types = [CONTROL] * 4 + [USER_DEFINED] * len(RUNS) + [BYTE] * 256
    types += [NORMAL] * (len(JOINED) + len(CHARACTERS))
    front = 4 + len(RUNS) + 256
    scores = [-1000.0] * front + [-float(n) for n in range(len(tokens) - front)]

    def more(writer):
        writer.add_token_scores(scores)
        for number, name in enumerate(("pad", "eos", "bos", "unk")):
            getattr(writer, f"add_{name}_token_id")(number)
        writer.add_add_bos_token(True)
        writer.add_bool("tokenizer.ggml.add_space_prefix", False)
        writer.kv_data[0]["general.architecture"].value = "gemma3"
        writer.add_uint32("gemma3.context_length", 64)

    return gguf_files.with_tokenizer(
        path, model="llama", pre="default", tokens=tokens, types=types, more=more
    ), tokens


def spelled_out(piece):
    return [f"<0x{byte:02X}>" for byte in piece.encode()]


def joined_by_score(text, tokens):
    """SentencePiece literally: the best pair of neighbours is joined, until no pair is a token;
    then bytes for what is none."""
    rank = {token: number for number, token in enumerate(tokens)}
    pieces = list(text)
    while True:
        pairs = [
            (rank[left + right], at)
            for at, (left, right) in enumerate(pairwise(pieces))
            if left + right in rank
        ]
        if not pairs:
            break
        _, at = min(pairs)
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
    ids = []
    for piece in pieces:
        ids += [rank[one] for one in ([piece] if piece in rank else spelled_out(piece))]
    return ids


@pytest.fixture(scope="module")
def gemma(tmp_path_factory):
    file, tokens = gemma_file(tmp_path_factory.mktemp("gemma") / "t.gguf")
    spelled = ["▁" * len(token) if not token.strip(" ") else token for token in tokens]
    return tokenizer_of(File.of(file)), spelled


SHORT = st.text(st.sampled_from("abet 19.,$é🎸\n▁Title:"), max_size=20)


@given(SHORT | st.sampled_from(TEXTS))
def test_sentence_pieces_are_joined_as_it_joins_them(gemma, text):
    tokenizer, tokens = gemma
    (ids,) = tokenizer.encode([text])
    # Line ends are found in the text before anything is joined, the longest run first.
    parts = [part for part in regex.split(r"(\n\n\n|\n\n|\n)", text) if part]
    expected = []
    for part in parts:
        if part.strip("\n"):
            expected += joined_by_score(part.replace(" ", "▁"), tokens)
        else:
            expected.append(tokens.index(part))
    assert ids == expected
    assert tokenizer.decode(ids) == text.replace("▁", " ")


def test_sentence_pieces_are_those_of_transformers_gemma(gemma):
    tokenizer, tokens = gemma
    rank = {token: number for number, token in enumerate(tokens)}
    merges = [
        (token[:at], token[at:])
        for token in tokens[4:]
        for at in range(1, len(token))
        if token[:at] in rank and token[at:] in rank
    ]
    theirs = GemmaTokenizer(vocab=rank, merges=merges)
    theirs.add_tokens([AddedToken(run, normalized=False) for run in RUNS[:3]])
    for text in TEXTS:
        expected = theirs(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.encode([text]) == [expected], text
    assert (tokenizer.begin_id, tokenizer.end_id) == (2, 1)


def test_llama_s_space_in_front(tmp_path):
    """Llama 2 and Mistral: a text begins as if a space stood in front of it."""
    tokens = ["<unk>", "<s>", "</s>", *BYTES, *JOINED, *CHARACTERS]
    front = 259
    types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * (len(tokens) - front)

    def more(writer):
        writer.add_token_scores([0.0] * front + [-float(n) for n in range(len(tokens) - front)])
        for number, name in enumerate(("unk", "bos", "eos")):
            getattr(writer, f"add_{name}_token_id")(number)

    path = gguf_files.with_tokenizer(
        tmp_path / "t.gguf", model="llama", tokens=tokens, types=types, more=more
    )
    tokenizer = tokenizer_of(File.of(path))
    assert tokenizer.begin_id == 1
    for text in TEXTS:
        (ids,) = tokenizer.encode([text])
        assert ids == joined_by_score(("▁" + text).replace(" ", "▁"), tokens), text
        assert tokenizer.decode(ids) == text
