"""What the model itself makes of an item: how probable its own text is, and where it was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calrec.recommenders.calrec import CALRec
from calrec.records import Item, Sample
from calrec.text import item_text, parse

FIRST = 10
"""Most probable items that a search looks for, to tell where others were lost."""


@dataclass(frozen=True, kw_only=True)
class LostAt:
    """The token at which an item fell behind the most probable ones.

    Attributes:
      place: which token of its text, from 0.
      token: as text.
      instead: tokens in its place that led on, best first; none where all of them fell behind.
    """

    place: int
    token: str
    instead: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OwnText:
    """An item's own text after a history, scored and not written.

    Attributes:
      sample: the text with the log-probability of each token, in nats.
      first_score: log-probability of the text of the item it is compared with.
      place: among the `FIRST` most probable texts of the shop, from 1; `None` behind them.
      lost: where it fell behind them; `None` for one of them.
    """

    sample: Sample
    first_score: float
    place: int | None
    lost: LostAt | None


def own_text(calrec: CALRec, history: Sequence[Item], index: int, first: int) -> OwnText:
    """What the model makes of an item.

    Args:
      calrec: over the shop's items.
      history: oldest item first.
      index: of the item.
      first: index of the item that it is compared with.

    Raises:
      CalrecError: if the history is empty.
    """
    model, items = calrec.model, calrec.texts.items
    piece = model.tokenizer.piece
    known = model.likelihoods(history, [items[index], items[first]])
    ids, log_probs = known.tokens(0).tolist(), known.of_tokens(0).tolist()
    text = item_text(items[index], model.text)
    sample = Sample(
        text=text,
        token_ids=tuple(ids),
        token_texts=tuple(map(piece, ids)),
        log_probs=tuple(log_probs),
        score=float(known.totals[0]),
        order=0,
        finished=True,
        attributes=parse(text, model.text),
    )
    beam = calrec.beam(history, FIRST)
    trie, lost = beam.explored.trie, beam.lost(index)
    if lost is None:
        place = beam.leaves.tolist().index(int(trie.leaves[index])) + 1
        return OwnText(sample=sample, first_score=float(known.totals[1]), place=place, lost=None)
    instead = tuple(piece(int(trie.tokens[node])) for node in lost.instead[:3].tolist())
    at = LostAt(place=lost.place, token=piece(int(trie.tokens[lost.node])), instead=instead)
    return OwnText(sample=sample, first_score=float(known.totals[1]), place=None, lost=at)
