"""A Hugging Face tokenizer folder: load any, or train a byte-level BPE on a catalogue's texts."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from calrec.errors import CalrecError

END = "<eos>"
PAD = "<pad>"
Merges = Literal["words", "attributes", "items"]
"""How far a trained token may reach: within a word, over the words of one attribute, or over the
labels between attributes, too."""
SMALLEST = 256 + 2
"""Tokens that a byte-level vocabulary cannot do without: every byte, and the two above."""


class Tokenizer:
    """Text to token ids and back, with no special token added by itself.

    Attributes:
      begin_id: id of the token that the model was trained to find in front of every text, as
        Gemma's `<bos>`; None where it has none.
      end_id: id of the end-of-sequence token.
      vocab_size: one more than the highest id, special ones included.
    """

    def __init__(self, fast: Any, *, begin_id: int | None = None) -> None:
        """Wraps a `transformers` fast tokenizer."""
        if fast.eos_token_id is None:
            raise CalrecError(
                "tokenizer: expected an end-of-sequence token (eos_token), found none;"
                " name one in its tokenizer_config.json"
            )
        self._fast = fast
        self._pieces: dict[int, str] = {}
        self.begin_id = begin_id
        self.end_id = int(fast.eos_token_id)
        self.vocab_size = 1 + max(fast.get_vocab().values())

    @classmethod
    def load(cls, folder: str | Path) -> Tokenizer:
        """Loads a folder with a `tokenizer.json` (or a form that transformers converts).

        Whether there is a begin token is the folder's to say: `add_bos_token` of
        tokenizer_config.json, else what tokenizer.json's post-processor puts in front of a text.

        Raises:
          CalrecError: if the folder is missing or no tokenizer can be read from it.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise CalrecError(
                f"tokenizer: expected a folder with tokenizer.json, found no {folder}; name another"
            )
        transformers = _transformers()
        # As it is written; by the model's name, transformers would put some together anew.
        plain = (folder / "tokenizer.json").is_file()
        kind = transformers.PreTrainedTokenizerFast if plain else transformers.AutoTokenizer
        try:
            fast = kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            if fast.eos_token_id is None:
                fast.eos_token = _named_in_config(folder, fast, "eos_token_id")
            if fast.bos_token_id is None:
                fast.bos_token = _named_in_config(folder, fast, "bos_token_id")
            return cls(fast, begin_id=_begin_of(folder, fast))
        except CalrecError:
            raise
        # transformers raises whatever its parsers raise; every one means an unreadable folder.
        except Exception as error:
            raise CalrecError(
                f"tokenizer: expected a readable tokenizer.json in {folder}, found none"
                f" ({type(error).__name__}); export the checkpoint again, or copy the tokenizer"
            ) from error

    @classmethod
    def train(
        cls,
        texts: Sequence[str],
        vocab_size: int,
        *,
        units: Sequence[str] = (),
        merges: Merges = "words",
    ) -> Tokenizer:
        """A byte-level BPE; the same texts give the same one.

        Args:
          texts: what to learn it on.
          vocab_size: the most tokens.
          units: fixed strings, such as labels, that never share a token with what surrounds them
            and soon become one token each: they are most of a short text.
          merges: how far other tokens reach: `words`, or all that stands between two units (the
            two other kinds differ in what is a unit). A whole title may be one token then, and a
            text of three units has about half the tokens, from a vocabulary of three times the
            size.
        """
        if vocab_size < SMALLEST:
            raise CalrecError(
                f"tokenizer: expected a vocabulary of at least {SMALLEST} tokens (every byte and"
                f" two special ones), found {vocab_size}; give a larger one"
            )
        from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
        from tokenizers import Tokenizer as Model

        longest_first = sorted(units, key=lambda unit: (-len(unit), unit))
        # A word with the space before it, a decimal number whole.
        words = [r" ?[^\s,.]+(?:\.\d+)*"] if merges == "words" or not units else []
        pattern = "|".join([*map(re.escape, longest_first), *words])
        model = Model(models.BPE())
        model.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        model.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[PAD, END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        model.train_from_iterator([*texts, *(list(units) * max(len(texts), 1))], trainer)
        return cls(
            _transformers().PreTrainedTokenizerFast(
                tokenizer_object=model,
                pad_token=PAD,
                eos_token=END,
                clean_up_tokenization_spaces=False,
            )
        )

    def beginning_with(self, begin_id: int | None) -> Tokenizer:
        """The same tokenizer of a model with this begin token, or none."""
        return Tokenizer(self._fast, begin_id=begin_id)

    def with_tokens(self, texts: Sequence[str]) -> tuple[Tokenizer, list[list[int]]]:
        """One that reads each of these texts, wherever it stands, as a token of its own.

        Args:
          texts: fixed strings, such as labels; those that are one token already are left out.

        Returns:
          the tokenizer, its new tokens behind the others; and for each new one the ids that the
          text had before.
        """
        from tokenizers import AddedToken

        several = [
            (text, ids) for text, ids in zip(texts, self.encode(texts), strict=True) if len(ids) > 1
        ]
        fast = copy.deepcopy(self._fast)
        fast.add_tokens([AddedToken(text, normalized=False, special=False) for text, _ in several])
        return Tokenizer(fast, begin_id=self.begin_id), [ids for _, ids in several]

    def save(self, folder: str | Path) -> None:
        """Writes a Hugging Face tokenizer folder, for earlier versions of transformers too."""
        self._fast.save_pretrained(folder)
        path = Path(folder) / "tokenizer_config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        # Version 5's name of the class, and how the folder was once loaded.
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
        for name in ("is_local", "local_files_only"):
            config.pop(name, None)
        config["add_bos_token"] = self.begin_id is not None
        if self.begin_id is not None:
            config["bos_token"] = self._fast.convert_ids_to_tokens(self.begin_id)
        path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def special_ids(self) -> dict[str, int | None]:
        """The special tokens' ids as a model's `config.json` names them."""
        fast = self._fast
        return {
            "bos_token_id": fast.bos_token_id,
            "eos_token_id": self.end_id,
            "pad_token_id": fast.pad_token_id,
        }

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text; what reads like a special token in it is plain text."""
        if not texts:
            return []
        return self._fast(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            verbose=False,
        )["input_ids"]

    def vocabulary(self) -> dict[str, int]:
        """Every token and its id."""
        return self._fast.get_vocab()

    def piece(self, token_id: int) -> str:
        """One token as text, special ones included; a part of a character reads as U+FFFD."""
        if token_id not in self._pieces:
            self._pieces[token_id] = self._fast.decode(
                [token_id], clean_up_tokenization_spaces=False
            )
        return self._pieces[token_id]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens left out."""
        return self._fast.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )

    def decode_many(self, many: Sequence[Sequence[int]]) -> list[str]:
        """The same for several texts at once."""
        if not many:
            return []
        return self._fast.batch_decode(
            list(map(list, many)), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


def _transformers() -> Any:
    """The library, which is used for tokenizers alone; else it warns that torch is missing."""
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    import transformers

    return transformers


def _named_in_config(folder: Path, fast: Any, name: str) -> str | None:
    """A token that a model's `config.json` names, where the tokenizer's files name none."""
    found = _setting(folder / "config.json", name)
    found = found[0] if isinstance(found, list) and found else found
    return fast.convert_ids_to_tokens(found) if isinstance(found, int) else None


def _begin_of(folder: Path, fast: Any) -> int | None:
    """The token in front of every text, by the folder's own settings."""
    stated = _setting(folder / "tokenizer_config.json", "add_bos_token")
    if stated is None:
        encoded = fast.backend_tokenizer.encode("a")
        return encoded.ids[0] if encoded.special_tokens_mask[0] else None
    if not stated:
        return None
    if fast.bos_token_id is None:
        raise CalrecError(
            f"tokenizer {folder}: expected the bos_token that add_bos_token asks for, found none;"
            " name it in tokenizer_config.json, or set add_bos_token to false"
        )
    return int(fast.bos_token_id)


def _setting(path: Path, name: str) -> Any:
    """What a JSON file says of a name; None where it is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))[name]
    except (OSError, ValueError, LookupError, TypeError):
        return None
