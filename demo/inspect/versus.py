"""Two recommendations of one shop side by side: places that moved, texts that came and went."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from calrec.ranking.algorithm import fold
from calrec.records import Recommendation, Sample
from calrec.records.ranks import ranks_of


@dataclass(frozen=True, kw_only=True)
class Moved:
    """An item's ranks on both sides, optimistic and pessimistic."""

    item_id: str
    before: tuple[int, int]
    after: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Side:
    """A text on one side.

    Attributes:
      chance: its probability, 0 to 1.
      times: how often it was drawn.
    """

    chance: float
    times: int


@dataclass(frozen=True, kw_only=True)
class Written:
    """A text and what it is on each side; `None` where it was not written."""

    sample: Sample
    before: Side | None
    after: Side | None


@dataclass(frozen=True, kw_only=True)
class Versus:
    """What differs.

    Attributes:
      items: that are among the first of either side, in the order of the second.
      texts: of either side, the most probable first; white space tells none apart.
    """

    items: tuple[Moved, ...]
    texts: tuple[Written, ...]


def versus(before: Recommendation, after: Recommendation, *, top: int = 10) -> Versus:
    """Compares two recommendations over the same items.

    Args:
      before: with texts.
      after: likewise.
      top: places of either side whose items are compared.
    """
    rows = [int(row) for one in (after, before) for row in one.ranking.order()[:top]]
    return Versus(
        items=tuple(moved(before, after, row) for row in dict.fromkeys(rows)),
        texts=_texts(before, after),
    )


def moved(before: Recommendation, after: Recommendation, row: int) -> Moved:
    """The ranks of the item of that row on both sides."""
    return Moved(
        item_id=after.ranking.item_ids[row], before=_ranks(before, row), after=_ranks(after, row)
    )


def _ranks(record: Recommendation, row: int) -> tuple[int, int]:
    optimistic, pessimistic = ranks_of(record.ranking.scores, row, record.ranking.unranked)
    return int(optimistic), int(pessimistic)


def _texts(before: Recommendation, after: Recommendation) -> tuple[Written, ...]:
    sides = [_sides(before), _sides(after)]
    samples = {fold(s.text): s for one in (before, after) for s in one.samples}
    written = (
        Written(sample=sample, before=sides[0].get(text), after=sides[1].get(text))
        for text, sample in samples.items()
    )
    return tuple(sorted(written, key=lambda one: -max(_chance(one.before), _chance(one.after))))


def _sides(record: Recommendation) -> dict[str, Side]:
    times = Counter(fold(sample.text) for sample in record.samples)
    return {
        fold(sample.text): Side(
            chance=math.exp(min(sample.score, 0.0)), times=times[fold(sample.text)]
        )
        for sample in record.samples
    }


def _chance(side: Side | None) -> float:
    return side.chance if side is not None else 0.0
