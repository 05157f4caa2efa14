"""The tokenizer of a GGUF file: byte-level BPE, or SentencePiece's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from calrec.errors import CalrecError
from calrec.model.gguf.reading import File
from calrec.tokenizer import Tokenizer

# What the file says a token is.
_UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 2, 3, 4, 6
SPACE = "▁"
"""What SentencePiece writes for a space."""

_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """How a text is split before bytes are merged; `tokenizer.ggml.pre` names it.

    Attributes:
      pattern: of the pieces; None is GPT-2's.
      digits: whether each digit stands alone.
      composed: whether letters and their marks are made one first (NFC).
      whole_first: whether a piece that is a token needs no merges.
      begins: whether a begin token stands in front where the file does not say so.
    """

    pattern: str | None = None
    digits: bool = False
    composed: bool = False
    whole_first: bool = False
    begins: bool = False


_LLAMA3 = Splitting(pattern=_WORDS % "{1,3}", whole_first=True, begins=True)
_QWEN2 = Splitting(pattern=_WORDS % "", composed=True)
_DIGITS = Splitting(digits=True)
SPLITTINGS: Mapping[str, Splitting] = {
    "gpt-2": Splitting(),
    "smollm": _DIGITS,
    "starcoder": _DIGITS,
    "refact": _DIGITS,
    "llama-bpe": _LLAMA3,
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
    "qwen2": _QWEN2,
    "deepseek-r1-qwen": _QWEN2,
    "tekken": Splitting(pattern=_TEKKEN, whole_first=True, begins=True),
}


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The tokens of a file, by id.

    Attributes:
      tokens: their texts, as the merges know them.
      types: what the file says that they are.
      named: the file's own names of special tokens -> id.
    """

    tokens: list[str]
    types: list[int]
    named: Mapping[str, int] = field(default_factory=dict)

    def ids(self) -> dict[str, int]:
        """Text -> id."""
        return {token: number for number, token in enumerate(self.tokens)}

    def of_type(self, *types: int) -> list[str]:
        """The tokens of these types."""
        pairs = zip(self.tokens, self.types, strict=True)
        return [token for token, kind in pairs if kind in types]

    def token(self, name: str) -> str | None:
        """The token that the file calls so, such as `eos`; None where it does not."""
        return self.tokens[self.named[name]] if name in self.named else None


def tokenizer_of(file: File) -> Tokenizer:
    """The tokenizer that a file describes.

    Raises:
      CalrecError: for a kind or a pre-tokenizer that is not known, or a damaged vocabulary.
    """
    kind = file.text("tokenizer.ggml.model")
    if kind not in _KINDS:
        raise file.refused(f"a tokenizer of {', '.join(_KINDS)}", repr(kind))
    vocabulary = _vocabulary(file, spaced=kind == "llama")
    try:
        model, begins = _KINDS[kind](file, vocabulary)
        return _wrapped(file, vocabulary, model, begins)
    except CalrecError:
        raise
    # tokenizers raises plain exceptions for merges of unknown tokens and the like.
    except Exception as error:
        detail = " ".join(str(error).split())[:120]
        raise CalrecError(
            f"{file.path}: expected a whole vocabulary, found a damaged one ({detail}); convert"
            " the model again"
        ) from None


def _vocabulary(file: File, *, spaced: bool) -> Vocabulary:
    tokens = _list(file, "tokens")
    types = _list(file, "token_type") if "tokenizer.ggml.token_type" in file.metadata else []
    types = types or [1] * len(tokens)
    if len(types) != len(tokens) or len(set(tokens)) != len(tokens):
        raise CalrecError(
            f"{file.path}: expected {len(tokens)} tokens, each once and with its type, found"
            f" {len(set(tokens))} and {len(types)}; convert the model again"
        )
    if spaced:
        # Runs of spaces stand in the file as they are in a text.
        tokens = [SPACE * len(token) if token.strip(" ") == "" else token for token in tokens]
    named = {}
    for name, known in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        number = file.metadata.get(f"tokenizer.ggml.{known}_token_id")
        if isinstance(number, int) and number < len(tokens):
            named[name] = number
    return Vocabulary(tokens=tokens, types=types, named=named)


def _list(file: File, name: str) -> list[Any]:
    found = file.metadata.get(f"tokenizer.ggml.{name}")
    if not isinstance(found, list) or not found:
        raise CalrecError(
            f"{file.path}: expected tokenizer.ggml.{name} in its metadata, found none; convert the"
            " model again"
        )
    return found


def _byte_level(file: File, vocabulary: Vocabulary) -> tuple[Any, bool]:
    """A byte-level BPE, split as the file's pre-tokenizer does; whether a text begins with bos."""
    from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers
    from tokenizers import Tokenizer as Model

    name = file.text("tokenizer.ggml.pre", "none")
    if name not in SPLITTINGS:
        raise file.refused(f"a pre-tokenizer of {', '.join(SPLITTINGS)}", repr(name))
    known = SPLITTINGS[name]
    merges = [tuple(merge.split(" ", 1)) for merge in _list(file, "merges")]
    bpe: Any = models.BPE(
        vocab=vocabulary.ids(), merges=merges, ignore_merges=known.whole_first, fuse_unk=False
    )
    model = Model(bpe)
    own = known.pattern is None
    steps: list[Any] = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=own)]
    if known.pattern is not None:
        steps.insert(0, pre_tokenizers.Split(Regex(known.pattern), "isolated"))
    if known.digits:
        steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
    model.pre_tokenizer = pre_tokenizers.Sequence(steps) if len(steps) > 1 else steps[0]
    if known.composed:
        model.normalizer = normalizers.NFC()
    model.decoder = decoders.ByteLevel()
    return model, known.begins


def _sentence_piece(file: File, vocabulary: Vocabulary) -> tuple[Any, bool]:
    """SentencePiece's BPE: its merges follow from the scores; bytes stand for what is no token."""
    from tokenizers import Tokenizer as Model
    from tokenizers import decoders, models, normalizers, pre_tokenizers

    for name in ("remove_extra_whitespaces", "precompiled_charsmap"):
        if file.metadata.get(f"tokenizer.ggml.{name}"):
            raise file.refused(f"no {name} of a tokenizer", "some")
    ids = vocabulary.ids()
    merges = _merges(file, vocabulary, ids)
    fallback = bool(vocabulary.of_type(_BYTE))
    unknown = vocabulary.token("unk") or next(iter(vocabulary.of_type(_UNKNOWN)), None)
    bpe: Any = models.BPE(
        vocab=ids, merges=merges, fuse_unk=True, byte_fallback=fallback, unk_token=unknown
    )
    model = Model(bpe)
    spaces: Any = normalizers.Replace(" ", SPACE)
    steps: list[Any] = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if file.metadata.get("tokenizer.ggml.add_space_prefix", True):
        spaces = normalizers.Sequence([normalizers.Prepend(SPACE), spaces])
        steps.append(decoders.Strip(" ", 1, 0))
    else:
        model.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    model.normalizer = spaces
    model.decoder = decoders.Sequence(steps)
    return model, True


def _merges(file: File, vocabulary: Vocabulary, ids: Mapping[str, int]) -> list[tuple[str, str]]:
    """Every split of a token into two, in the order in which SentencePiece would join them."""
    from transformers.tokenization_utils_base import generate_merges

    scores = _list(file, "scores")
    if len(scores) != len(vocabulary.tokens):
        raise CalrecError(
            f"{file.path}: expected {len(vocabulary.tokens)} scores of tokens, found"
            f" {len(scores)}; convert the model again"
        )
    if file.architecture.startswith("gemma"):
        # Its file gives runs of spaces and line ends the worst score. They are joined first, and
        # stand in front: its tokens are in the order of their joining.
        scores = [-float(number) for number in ids.values()]
    return generate_merges(ids, dict(zip(ids, scores, strict=True)))


_KINDS: Mapping[str, Callable[[File, Vocabulary], tuple[Any, bool]]] = {
    "gpt2": _byte_level,
    "llama": _sentence_piece,
}


def _wrapped(file: File, vocabulary: Vocabulary, model: Any, begins: bool) -> Tokenizer:
    """With special tokens, those of users, and the begin token if texts have one."""
    from tokenizers import AddedToken, processors
    from transformers import PreTrainedTokenizerFast

    special = vocabulary.of_type(_UNKNOWN, _CONTROL)
    model.add_special_tokens([AddedToken(one, normalized=False) for one in special])
    # A run of spaces is a token of the text with its spaces replaced, found by merging.
    apart = [one for one in vocabulary.of_type(_USER_DEFINED) if one.strip(SPACE)]
    model.add_tokens([AddedToken(one, normalized=False) for one in apart])
    begin = vocabulary.token("bos")
    begins = bool(file.metadata.get("tokenizer.ggml.add_bos_token", begins))
    if begins and begin is None:
        raise CalrecError(
            f"{file.path}: expected the begin token that add_bos_token asks for, found no"
            " bos_token_id; convert the model again"
        )
    if begins:
        model.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A",
            pair=f"{begin} $A {begin}:1 $B:1",
            special_tokens=[(begin, vocabulary.named["bos"])],
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=model,
        clean_up_tokenization_spaces=False,
        model_max_length=file.own(int, "context_length"),
        **{f"{name}_token": vocabulary.token(name) for name in vocabulary.named},
    )
    fast.chat_template = file.metadata.get("tokenizer.chat_template")
    return Tokenizer(fast, begin_id=vocabulary.named["bos"] if begins else None)
