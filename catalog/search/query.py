"""Parses a typed search into a tree of Whoosh queries.

    guitar strings      both words           "guitar strings"    these words next to each other
    amp OR pedal        either               guitar NOT korg     without
    brand:fender        in this attribute    guit*               words that begin so
    item_id:B00001      the item itself       guitar -korg         without, too

The last word may be the beginning of one, so that a search works while it is typed. Words are those
of the rule `unicode` (`calrec.text.words`): of a script without spaces, characters that stand
together are looked for as they stand, anywhere in a longer run.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence

import regex

from calrec.text.words import groups, units, words
from catalog.index import FIELDS

with warnings.catch_warnings():
    # Whoosh's last release is of 2016: compiling it, at its first import, warns of old escapes.
    warnings.simplefilter("ignore")
    from whoosh import qparser
    from whoosh.analysis import IDAnalyzer
    from whoosh.fields import ID, TEXT, Schema
    from whoosh.query import (  # noqa: F401  # all that a tree is made of
        And,
        Not,
        NullQuery,
        Or,
        Phrase,
        Prefix,
        Query,
        Term,
    )

ANYWHERE = "anywhere"  # the field of words that may stand in any attribute
ITEM_ID = "item_id"
MAX_QUERY = 200  # characters; a search box needs no more, and parsing time grows with it

# Whoosh's own pattern also takes `brand:fen*`, `(fen*` and `-fen*` as beginnings, punctuation and
# all.
_PREFIX = r'(?P<text>(?!-)[^ \t\r\n*:()"]+)[*](?= |$|\))'
_SPACE = re.compile(r"\s+")
# Whoosh's own, and the dash before a word that other searches know; none within a word (`wi-fi`).
_NOT = r"""(?:^|(?<=[\s()]))(?:NOT(?=\s)|-(?=\.?[\w"(]))"""
_OPEN_END = regex.compile(r"[\p{L}\p{N}\p{M}\p{DI}_]\s*$")


def _parser() -> qparser.QueryParser:
    # Texts come out of the parser whole; what their words are is decided behind it.
    whole = TEXT(analyzer=IDAnalyzer(), phrase=False)
    fields = Schema(**{field: whole for field in (*FIELDS, ANYWHERE)}, **{ITEM_ID: ID()})
    # No wildcards, ranges or fuzzy words: a hostile pattern of them runs for minutes.
    plugins = [
        qparser.WhitespacePlugin(),
        qparser.PhrasePlugin(),
        qparser.PrefixPlugin(_PREFIX),
        qparser.FieldsPlugin(),
        qparser.GroupPlugin(),
        qparser.OperatorsPlugin(
            Not=_NOT,
            AndNot=None,  # pyright: ignore[reportArgumentType]  # its way to leave one out
            AndMaybe=None,  # pyright: ignore[reportArgumentType]
            Require=None,  # pyright: ignore[reportArgumentType]
        ),
    ]
    return qparser.QueryParser(ANYWHERE, fields, plugins=plugins)


_PARSER = _parser()


def clean(text: str) -> tuple[str, str]:
    """The text as far as it is searched, on one line, and a note if it was cut, else ""."""
    text, note = _SPACE.sub(" ", text), ""
    if len(text) > MAX_QUERY:
        text, note = text[:MAX_QUERY], f"only the first {MAX_QUERY} characters were searched"
    return text.encode(errors="ignore").decode(), note  # half a surrogate pair is no character


def parse(text: str) -> tuple[Query, str]:
    """The tree of any text that `clean` gave, and one line if it was not read as it stands.

    Returns:
      A tree of `And`, `Or`, `Not`, `Term`, `Phrase` and `Prefix` whose words are cut as an item's
      are; `NullQuery` where the text holds no word.
    """
    note = ""
    try:
        tree = _PARSER.parse(text, normalize=False)
    # What Whoosh's parser does with an operator that has nothing to work on (`NOT NOT`).
    except (IndexError, AssertionError):
        note = "AND, OR, NOT and - were read as plain words: one of them has nothing to join"
        tree = _PARSER.parse(text.lower().replace("-", " "), normalize=False)
    tree = _cut(tree)
    if ends_open(text):
        tree = _rewrite_last(tree, _or_beginning)
    return tree.normalize(), note


def ends_open(text: str) -> bool:
    """Whether the text's last word may go on."""
    return _OPEN_END.search(text) is not None


def found_terms(tree: Query) -> list[Term | Prefix]:
    """The words that an item is found by, in the tree's order: all but those behind a `NOT`."""
    if isinstance(tree, And | Or):
        return [term for child in tree for term in found_terms(child)]
    if isinstance(tree, Phrase):
        return [Term(tree.fieldname, word) for word in tree.words]
    return [tree] if isinstance(tree, Term | Prefix) else []


def _rewrite_last(tree: Query, rewrite: Callable[[Term], Query]) -> Query:
    """Replaces the last word, if it stands alone and not behind a `NOT`."""
    if isinstance(tree, And | Or) and len(tree):
        return type(tree)([*tree[:-1], _rewrite_last(tree[-1], rewrite)])
    return rewrite(tree) if isinstance(tree, Term) else tree


def _or_beginning(term: Term) -> Query:
    # The whole word stays beside it: only that scores by how well it fits.
    return Or([term, Prefix(term.fieldname, term.text)])


def _cut(tree: Query) -> Query:
    """The tree with its texts cut into words, as an item's are."""
    if isinstance(tree, And | Or):
        return type(tree)([_cut(child) for child in tree])
    if isinstance(tree, Not):
        return Not(_cut(tree.query))
    if isinstance(tree, Phrase):
        cut = words(" ".join(tree.words), "unicode")
        return Phrase(tree.fieldname, cut) if len(cut) > 1 else _together(tree.fieldname, cut)
    if not isinstance(tree, Term | Prefix) or tree.fieldname == ITEM_ID:
        return tree
    parts = [_together(tree.fieldname, cut) for cut in groups(tree.text)]
    if isinstance(tree, Prefix) and parts and isinstance(parts[-1], Term):
        parts[-1] = Prefix(tree.fieldname, parts[-1].text)
    return And(parts)


def _together(field: str, cut: Sequence[str]) -> Query:
    """The words of one of `calrec.text.words.groups`, in that field."""
    if len(cut) != 1:
        return Phrase(field, list(cut))
    term = Term(field, cut[0])
    # A character alone is found within a run, too.
    return _or_beginning(term) if len(units(cut[0])) == 1 else term
