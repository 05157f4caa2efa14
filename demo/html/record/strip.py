"""The ranks of an item over several draws: a strip of dots on a logarithmic scale."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import mean

from markupsafe import Markup

from demo.html.templating import render
from demo.html.wording import count, rank_range
from demo.inspect.rank_spread import Ranks, RankSpread

BINS = 48
"""Places of the scale at which dots pile up rather than lie over one another."""


def view(spread: RankSpread, shown: str, missing: str = "") -> Markup:
    """The strip with a sentence above it, and all ranks behind a fold.

    Args:
      spread: at least one draw.
      shown: what the draw is called whose rank is shown elsewhere, such as "this run".
      missing: why there is no mark of the exact decoder; empty where nothing is to be said.
    """
    piles: dict[int, list[int]] = defaultdict(list)
    places = [_percent(first, spread.total) for first, _ in spread.ranks]
    for draw, place in enumerate(places):
        piles[round(BINS * place / 100)].append(draw)
    said = [tip(spread, *one) for one in zip(spread.seeds, spread.ranks, strict=True)]
    own = spread.ranks.index(spread.own) if spread.own in spread.ranks else None
    return render(
        "record/strip",
        "strip",
        sentences(spread, shown),
        piles=[
            (mean(places[draw] for draw in pile), [(said[draw], draw == own) for draw in pile])
            for _, pile in sorted(piles.items())
        ],
        height=max(map(len, piles.values())),
        own=(_percent(spread.own[0], spread.total), f"{shown}: {words(spread, spread.own)}"),
        exact=_exact(spread),
        missing=missing,
        ticks=[(_percent(tick, spread.total), f"{tick:,}") for tick in ticks(spread.total)],
        rows=[
            (seed, words(spread, ranks), number == own)
            for number, (seed, ranks) in enumerate(zip(spread.seeds, spread.ranks, strict=True))
        ],
    )


def words(spread: RankSpread, ranks: Ranks) -> str:
    """A rank of the strip: `4`, `3 to 5`, `not found`."""
    return "not found" if spread.is_unfound(ranks) else rank_range(*ranks)


def tip(spread: RankSpread, seed: int, ranks: Ranks) -> str:
    """What a dot is."""
    return f"seed {seed}: {words(spread, ranks)}"


def sentences(spread: RankSpread, shown: str) -> list[str]:
    """What the strip says, in plain words."""
    draws = len(spread.ranks)
    said = [_lead(spread)]
    if spread.unfound < draws:
        first = f"first in {firsts}" if (firsts := spread.within(1)) else "never first"
        ten = f"among the first ten in {spread.within(10)} of {count(draws, 'draw')}"
        said.append(f"It is {first}, and {ten}.")
    if 0 < spread.unfound < draws:
        said.append(
            f"In {count(spread.unfound, 'draw')} it is not found: no text tells it from the last."
        )
    if spread.tied:
        same = "other items have the same score; counted is the first of their places"
        said.append(f"In {count(spread.tied, 'draw')} {same}.")
    own = words(spread, spread.own)
    unfound = spread.is_unfound(spread.own)
    said.append(f"In {shown} it is not found." if unfound else f"Its place in {shown} is {own}.")
    return said


def _lead(spread: RankSpread) -> str:
    draws = len(spread.ranks)
    if spread.unfound == draws:
        return f"In none of {count(draws, 'draw')} is it found: no text tells it from the last."
    if spread.best == spread.worst and not spread.unfound:
        return f"All {draws} draws give the same place: {spread.best:,}."
    found = ", where it is found" if spread.unfound else ""
    return (
        f"Drawn {draws} times, its place goes from {spread.best:,} to {spread.worst:,}{found}; at"
        f" least half of the time it is {spread.middle:,} or better."
    )


def _exact(spread: RankSpread) -> tuple[float, str] | None:
    if spread.exact is None:
        return None
    said = "without drawing (the most probable items)"
    if spread.is_unfound(spread.exact):
        return 100.0, f"{said}: not among them"
    return _percent(spread.exact[0], spread.total), f"{said}: {rank_range(*spread.exact)}"


def ticks(total: int) -> list[int]:
    """Powers of ten up to the number of items."""
    return [10**k for k in range(len(str(total)))]


def _percent(rank: int, total: int) -> float:
    """From 0, the first place, to 100, the last."""
    return 100 * math.log(rank) / math.log(total) if total > 1 else 0.0
