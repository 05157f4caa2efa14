r"""What a word is: the one place that decides it, by one of two named rules.

`paper` is what the paper's figures were made with: runs of `\w`, in lower case. It serves Europe's
scripts: to it a run of Chinese is one word, and a vowel sign of Hindi ends a word.

`unicode` serves every script that a shop may write:

- Compatibility forms (full width, ligatures, half-width katakana, Arabic presentation forms) and
  accents composed or not are one (NFKC); a trade mark sign is no letters.
- Case is folded, so that `STRASSE` is `straße`. The letters i of Turkish, with and without a dot,
  are one: text in capitals does not tell which alphabet it is in.
- Combining marks stay with their letters. Those that a writer may leave out are left out: vowel
  signs and tatweel of Arabic, points of Hebrew; and so is what has no shape: soft hyphens, joiners.
- Scripts without spaces are cut into overlapping pairs of characters, each with its marks, as
  Lucene's CJK analyser does: Chinese, Japanese and Korean, Thai, Lao, Khmer and Myanmar. One that
  stands alone is a word.
- `C++`, `C#` and their like, and `.NET`, are words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain, pairwise
from typing import Literal, NamedTuple, get_args

import regex

from calrec.records import digests

Rule = Literal["paper", "unicode"]
"""The name of a rule."""

RULES: tuple[Rule, ...] = get_args(Rule)

_PAPER = re.compile(r"\w+")

# `lb=SA` are the scripts of South East Asia, by how their lines break. The long vowel sign of
# Japanese belongs to two scripts.
_WITHOUT_SPACES = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}ー\p{lb=SA}"
_SPACELESS = rf"[[{_WITHOUT_SPACES}]&&[\p{{L}}\p{{Nl}}]]"
# Korean has spaces, but only pairs find the parts of its compounds.
_PAIRED = rf"[[{_WITHOUT_SPACES}\p{{Hangul}}]&&[\p{{L}}\p{{Nl}}]]"
_PLAIN = rf"[[\p{{L}}\p{{N}}_]--{_PAIRED}]"
_INSIDE = r"[\p{L}\p{N}\p{M}_]"
# A letter that stands alone (`C++`, `A+++`, `F#`, but not `b#12`), and `.NET`, also in `ASP.NET`.
_NAME = (
    rf"(?<!{_INSIDE})[a-z](?:\+{{2,}}|\#(?!{_INSIDE}))"
    r"|(?:(?<![\p{L}\p{N}\p{M}_.])|(?<=\b(?:asp|ado|vb)))\.net"
    rf"(?!{_INSIDE})"
)
_PIECE = regex.compile(
    rf"(?P<word>{_NAME}|{_PLAIN}(?:{_PLAIN}|\p{{M}})*)|(?P<run>(?:{_PAIRED}\p{{M}}*)+)", regex.V1
)
_UNIT = regex.compile(rf"{_PAIRED}\p{{M}}*", regex.V1)
_COUNTED = regex.compile(rf"(?P<unit>{_SPACELESS}\p{{M}}*)|[[{_INSIDE}]--{_SPACELESS}]+", regex.V1)
_SPACELESS_LETTER = regex.compile(_SPACELESS, regex.V1)
# With what joins it from behind a sign that is left out, such as a soft hyphen.
_CLUSTER = regex.compile(r"\X(?:[\p{DI}\p{Me}\uFE70-\uFE7F]*[\p{M}\p{hst=V}\p{hst=T}]+)*")
# Most of what Europe writes, accents composed: a character is one of the folded text or more, and
# runs of `\w` are words. It is read some ten times as fast for that.
_EUROPEAN = re.compile(
    "[\x00-\xac\xae-\xbb\xbf-\u02af\u0370-\u0482\u048a-\u052f\u1e00-\u1eff\u2010-\u2027\u2030-\u205e€]*"
)

# Nothing that is seen, or (Arabic) a vowel sign on a space of its own; and frames (`1⃣`).
_SHAPELESS = regex.compile(r"[\p{DI}\p{Me}\uFE70-\uFE7F]")
# Vowel signs; not the hamza (U+0653 to U+0655), which makes another letter.
_OPTIONAL = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u0652"
    "\u0656-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08ff]"
)
# NFKC would join these signs to the word before them: a half to `5½`, TM to `Lego™`.
_SIGN = re.compile("[\u00bc-\u00be\u2100-\u2101\u2105-\u2106\u2116\u2120-\u2122\u2150-\u215f"
                   "\u2189\u213b\u2460-\u24ff]")  # fmt: skip
_MARKS_OF_TRADE = ("\u2120", "\u2122")
# C♯; and the voicing marks of Japanese, which NFKC puts on a space where they stand for themselves.
_ALIKE = str.maketrans({"♯": "#", "\u309b": "\u3099", "\u309c": "\u309a"})
_DOTTED = re.compile("i\u0307+")
# Count as letters (пʼять, Hawaiʻi), but most people write them as signs.
_APOSTROPHES = ("\u02bb", "\u02bc")


class Place(NamedTuple):
    """A word and the characters of the text that it comes from, from `start` up to `end`."""

    word: str
    start: int
    end: int


def ruled(fingerprint: str, rule: Rule) -> str:
    """The fingerprint of data whose words are cut by that rule.

    Args:
      fingerprint: of the data alone, sha256; by the paper's rule theirs, as before there were two.
      rule: which.
    """
    if rule == "paper":
        return fingerprint
    return digests.of_bytes(f"{fingerprint} {rule}".encode())


def words(text: str, rule: Rule = "paper") -> list[str]:
    """The text's words by that rule, in order, repeats kept: what BM25 and the search see of it."""
    if rule == "paper":
        return _PAPER.findall(text.lower())
    folded = fold(text)
    if _is_plain(text, folded):
        return _PAPER.findall(folded)
    return list(chain.from_iterable(_pieces(folded)))


def groups(text: str) -> list[list[str]]:
    """The words by the rule `unicode`; the pairs of characters that stand together, together."""
    return list(_pieces(fold(text)))


def units(word: str) -> list[str]:
    """The one or two characters of a word by the rule `unicode` of a script that is cut into pairs.

    Empty for any other word.
    """
    return [] if word.isascii() else _UNIT.findall(word)


def fold(text: str) -> str:
    """The text as the rule `unicode` compares it: what is the same word is the same string."""
    if text.isascii():
        return text.lower()
    if _EUROPEAN.fullmatch(text):
        return _dotless(_cased(text))
    text = _SIGN.sub(_apart, _SHAPELESS.sub("", text)).translate(_ALIKE)
    return _dotless(_OPTIONAL.sub("", _cased(text)))


def places(text: str) -> list[Place]:
    """The words by the rule `unicode` and where they stand, in the order of their beginnings.

    Each character of a run is there, too, besides its pairs: a search may ask for one alone.
    """
    folded, origin = _with_origin(text)
    found = []
    if _is_plain(text, folded):
        found = [(word[0], *word.span()) for word in _PAPER.finditer(folded)]
    else:
        for piece in _PIECE.finditer(folded):
            found += _places_of(piece, folded)
    return [Place(word, origin(start)[0], origin(end - 1)[1]) for word, start, end in found]


def first_words(text: str, limit: int) -> str:
    """The first `limit` words as white space separates them, with single spaces between them.

    Two characters of a script that has no spaces count as a word, and in a text without any white
    space each word by the rule `unicode` does: else such a text would have no limit.
    """
    chunks = text.split()
    # A word and a character take two signs at least, and are three half words.
    short = 3 * len(text) <= 4 * limit
    spaced = text.isascii() or not _SPACELESS_LETTER.search(text)
    if short or (spaced and len(chunks) != 1):
        return " ".join(chunks[:limit])
    kept, halves = [], 2 * limit
    for chunk in chunks:
        part, used = _within(chunk, halves, alone=len(chunks) == 1)
        kept.append(part)
        halves -= used
        if halves <= 0 or part != chunk:
            break
    return " ".join(filter(None, kept))


def _pieces(folded: str) -> Iterator[list[str]]:
    for piece in _PIECE.finditer(folded):
        if word := piece["word"]:
            yield [word]
        else:
            units = _UNIT.findall(piece["run"])
            yield [one + other for one, other in pairwise(units)] or units


def _places_of(piece: regex.Match, folded: str) -> list[tuple[str, int, int]]:
    """A word, or the characters and the pairs of a run, with where they stand."""
    if piece["word"]:
        return [(piece["word"], *piece.span())]
    alone = [(unit[0], *unit.span()) for unit in _UNIT.finditer(folded, *piece.span())]
    pairs = [(one + other, start, end) for (one, start, _), (other, _, end) in pairwise(alone)]
    return sorted(alone + pairs, key=lambda place: place[1:])


def _cased(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _dotless(text: str) -> str:
    """One letter i, and one apostrophe; marks that come to stand behind a letter by it join it."""
    text = _DOTTED.sub("i", text.replace("ı", "i"))
    for apostrophe in _APOSTROPHES:
        text = text.replace(apostrophe, "'")
    return unicodedata.normalize("NFC", text)


def _apart(sign: re.Match) -> str:
    return " " if sign[0] in _MARKS_OF_TRADE else f" {sign[0]} "


def _is_plain(text: str, folded: str) -> bool:
    """Whether the words of the text are the runs of `\\w` in the folded one."""
    names = "#" in folded or "++" in folded or ".net" in folded
    return not names and (text.isascii() or _EUROPEAN.fullmatch(text) is not None)


def _with_origin(text: str) -> tuple[str, Callable[[int], tuple[int, int]]]:
    """The folded text, and for a place in it the characters of the text that it comes from.

    Folded cluster by cluster, as no composition goes beyond one: of signs as they are compared, as
    a voicing mark of Japanese makes a cluster of its own and joins the letter before it.
    """
    if text.isascii() or _EUROPEAN.fullmatch(text):
        folded = fold(text)
        if len(folded) == len(text):
            return folded, lambda place: (place, place + 1)
    parts, spans = [], []
    for cluster in _CLUSTER.finditer(text.translate(_ALIKE)):
        part = _folded_cluster(cluster[0])
        parts.append(part)
        spans += [cluster.span()] * len(part)
    return "".join(parts), spans.__getitem__


@lru_cache(maxsize=10_000)
def _folded_cluster(cluster: str) -> str:
    return fold(cluster)


def _within(chunk: str, halves: int, *, alone: bool) -> tuple[str, int]:
    """The beginning of a chunk within so many half words, and how many it uses."""
    counted = [(2 - bool(found["unit"]), found.end()) for found in _COUNTED.finditer(chunk)]
    if not alone and all(weight == 2 for weight, _ in counted):
        return (chunk, 2) if halves > 1 else ("", 0)
    used = end = 0
    for weight, stop in counted:
        if used + weight > halves:
            return chunk[:end], used
        used, end = used + weight, stop
    return chunk, max(used, 2)
