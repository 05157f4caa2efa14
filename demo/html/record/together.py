"""What two purchases did to a text together, and what their order did, as a matrix and as bars."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from calrec.records import Item
from calrec.records.attribution import Attribution
from demo.html.record.causes import NOTHING, times
from demo.html.templating import render
from demo.html.wording import title_of

NAMED = 5
"""Pairs told in words: those that differ most from both alone."""
_FULL = 3.0
"""Nats at which a cell has its full colour: a factor of twenty."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Two purchases.

    Attributes:
      kind: `or` where the text is less probable without both than each alone, added up, would make
        it; `and` where it is more probable; else `none`.
      strength: of the colour, 0 to 1.
      said: in words.
      verdict: what that tells.
    """

    kind: str
    strength: float
    said: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Swap:
    """A purchase and the next one in each other's place.

    Attributes:
      numbers: their places in the history, from 1.
      titles: theirs.
      said: what that does to the text.
      width: of the bar, percent.
      kind: `for` where the order as it is makes the text more probable, `against`, or `none`.
    """

    numbers: tuple[int, int]
    titles: tuple[str, str]
    said: str
    width: float
    kind: str


def cells(attribution: Attribution, text: int) -> dict[tuple[int, int], Cell]:
    """A cell for each two of the purchases that the model reads, by their rows, the earlier first.

    Args:
      attribution: with pairs.
      text: of it, by its column.
    """
    joint = attribution.joint_changes
    assert joint is not None
    assert attribution.pairs is not None
    alone = attribution.changes[:, text]
    both = attribution.pairs[:, :, text] - attribution.totals[text]
    first = attribution.items_cut + 1
    found = {}
    for i, j in itertools.combinations(range(len(alone)), 2):
        beyond = float(joint[i, j, text])
        kind = "none" if abs(beyond) < NOTHING else "or" if beyond < 0 else "and"
        said = (
            f"{first + i} and {first + j}: {times(both[i, j])} without both,"
            f" {times(alone[i])} without {first + i} alone, {times(alone[j])} without"
            f" {first + j} alone"
        )
        found[i, j] = Cell(
            kind=kind,
            strength=min(1.0, abs(beyond) / _FULL),
            said=said,
            verdict=_verdict(kind, speaks_for=max(alone[i], alone[j]) < NOTHING),
        )
    return found


def _verdict(kind: str, *, speaks_for: bool) -> str:
    """What a pair tells; where one of the two speaks against the text, no more than the figures."""
    if speaks_for:
        return "One stands in for the other." if kind == "or" else "It takes both."
    return f"Together {'less' if kind == 'or' else 'more'} probable than each alone, added up."


def swaps(history: Sequence[Item], attribution: Attribution, text: int) -> list[Swap]:
    """A bar for each two neighbours that the model reads; as `cells`, with swaps."""
    orders = attribution.order_changes
    assert orders is not None
    changes = orders[:, text].tolist()
    most = max((abs(change) for change in changes), default=0.0)
    return [
        Swap(
            numbers=(i + 1, i + 2),
            titles=(title_of(history[i]), title_of(history[i + 1])),
            said="no difference"
            if abs(change) < NOTHING
            else f"{times(change)} in the other order",
            width=100 * abs(change) / most if most else 0.0,
            kind="none" if abs(change) < NOTHING else "for" if change < 0 else "against",
        )
        for i, change in enumerate(changes, attribution.items_cut)
    ]


def together_view(
    history: Sequence[Item], attribution: Attribution, text: int, names: Sequence[str]
) -> Markup:
    """The matrix of pairs, the telling ones in words, and the bars of swaps.

    Args:
      history: oldest first.
      attribution: of this history, with pairs and swaps.
      text: which one is shown.
      names: of all its texts, for the buttons.
    """
    found = cells(attribution, text)
    telling = sorted(found, key=lambda pair: -found[pair].strength)
    named = [found[pair] for pair in telling if found[pair].kind != "none"][:NAMED]
    rows = range(len(attribution.without))
    first = attribution.items_cut
    heads = [(first + i + 1, title_of(history[first + i])) for i in rows]
    matrix = [[found.get((min(i, j), max(i, j))) for j in rows] for i in rows]
    return render(
        "record/together",
        "together",
        text=text,
        names=list(names),
        heads=heads,
        matrix=matrix,
        named=named,
        swaps=swaps(history, attribution, text),
    )
