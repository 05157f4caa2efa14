"""The decoders as people know them: what the command's help, the documents and the pages say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from calrec.records.settings import Decoder, Retrieval


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """A way in which texts come of a model.

    Attributes:
      id: its name for programs.
      label: its name for people.
      sentence: what it does.
      bound: whether it writes nothing but texts of the shop's items, whose exact log-probabilities
        are then the items' scores.
      draws: whether it draws, so that a seed and a temperature have a say.
    """

    id: Decoder
    label: str
    sentence: str
    bound: bool = True
    draws: bool = False

    @property
    def retrieval(self) -> Retrieval:
        """From its texts to items, where nothing else is asked for."""
        return "exact" if self.bound else "bm25"


_ALL = (
    Decoding(
        id="sample",
        label="Free texts",
        sentence="Draws word after word freely, as in the paper; a text need not be an item's.",
        bound=False,
        draws=True,
    ),
    Decoding(
        id="trie-sample",
        label="Items by chance",
        sentence="Draws items' own texts, probable ones more often; one may come several times.",
        draws=True,
    ),
    Decoding(
        id="trie-unique",
        label="Items by chance, each once",
        sentence="Draws items' own texts, probable ones sooner; none comes twice.",
        draws=True,
    ),
    Decoding(
        id="trie-beam",
        label="The most probable items",
        sentence="Finds the items' own texts of the highest probability; nothing is drawn.",
    ),
    Decoding(
        id="likelihood",
        label="All items",
        sentence="Reads every candidate's text and computes its probability; nothing is drawn.",
    ),
)
DECODERS: Mapping[Decoder, Decoding] = MappingProxyType({one.id: one for one in _ALL})
"""By id, the paper's first."""


def described() -> str:
    """All of them in one paragraph: `id: sentence id: sentence`."""
    return " ".join(f"{one.id}: {one.sentence}" for one in _ALL)
