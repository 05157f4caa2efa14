"""What decided an item's place: how probable its best text is, or how well it matches that text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from calrec.records import Recommendation
from calrec.records.ranks import TIE
from demo.html.chances import against, chance, percent

_ALIKE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Factors:
    """A score as a product.

    Attributes:
      column: of the text that gives the most.
      chance: the probability of that text.
      weight: what this makes of a full match, exp(epsilon x the text's score); 1 unweighed.
      match: how well the item matches the text beside its best item, 0 to 1.
      raw: BM25 of the item for the text.
      best: BM25 of the text's best item.
    """

    column: int
    chance: float
    weight: float
    match: float
    raw: float
    best: float


def factors(record: Recommendation, row: int) -> Factors | None:
    """The score of a row as a product (Algorithm 1, lines 9-11).

    `None` where it is none: where no text matches, where texts are matched by something else than
    words, or where a score is not that of the best text alone.
    """
    settings = record.settings.get("ranking", {})
    if settings.get("retrieval") not in ("bm25", "rerank") or settings.get("pooling") != "max":
        return None
    ranking = record.ranking
    column = ranking.winner(row)
    if column is None:
        return None
    score, match = float(ranking.modulated[row, column]), float(ranking.scaled[row, column])
    if abs(score - ranking.scores[row]) > TIE:
        return None
    return Factors(
        column=column,
        chance=chance(ranking.column_scores[column]),
        weight=score / match,
        match=match,
        raw=float(ranking.raw[row, column]),
        best=float(ranking.raw[int(ranking.scaled[:, column].argmax()), column]),
    )


class Reason(NamedTuple):
    """What decided a place, in a few words, and what else is to be said of it."""

    short: str
    more: str = ""


def reason(record: Recommendation, row: int, above: int | None) -> Reason | None:
    """Why a row stands where it does, behind the row of the place above; `None`: it is the first.

    `None` where no text has a say.
    """
    if not record.samples or record.ranking.winner(row) is None:
        return None
    scores = record.ranking.scores
    if above is not None and abs(scores[above] - scores[row]) <= TIE:
        return Reason("Same score as the place above")
    retrieval = record.settings.get("ranking", {}).get("retrieval")
    if retrieval == "exact":
        return _by_own_text(record, row, above)
    if retrieval == "hierarchical":
        return _by_share(record, row, above)
    here = factors(record, row)
    if here is None:
        return _pooled(record)
    return _first(here) if above is None else _behind(here, factors(record, above))


def _first(here: Factors) -> Reason:
    best = "the most probable text" if here.column == 0 else f"text {here.column + 1}"
    return Reason(f"Best match of {best}, {percent(here.chance)}")


def _behind(here: Factors, above: Factors | None) -> Reason | None:
    """Which of the two factors is the smaller beside that of the place above."""
    if above is None:
        return None
    match = math.log(above.match) - math.log(here.match)
    weight = math.log(above.weight) - math.log(here.weight)
    one, other = against(here.chance, above.chance)
    decimals = 2 if f"{here.match:.2f}" != f"{above.match:.2f}" else 4
    fits = f"match {here.match:.{decimals}f} against {above.match:.{decimals}f}"
    by_text = f"Text probability: {one} against {other}"
    by_match = f"M{fits[1:]}"
    if match <= _ALIKE:
        how = "as well as" if abs(match) <= _ALIKE else "better than"
        return Reason(by_text, f"It matches its text {how} the item above its own")
    if weight <= _ALIKE:
        same = here.column == above.column
        text = "The text is the same" if same else "Its text is no less probable"
        return Reason(by_match, text)
    if match >= weight:
        return Reason(by_match, f"Its text is less probable, too: {one} against {other}")
    return Reason(by_text, f"It matches less, too: {fits}")


def _by_own_text(record: Recommendation, row: int, above: int | None) -> Reason:
    scores = record.ranking.scores
    if above is None:
        return Reason(f"Most probable text, {percent(chance(float(scores[row])))}")
    one, other = against(chance(float(scores[row])), chance(float(scores[above])))
    return Reason(f"Text probability: {one} against {other}")


def _by_share(record: Recommendation, row: int, above: int | None) -> Reason:
    """By the scale of `calrec.ranking.hierarchical`: 1 / (1 + ln(p of the best / p))."""
    if above is None:
        return Reason("Most probability in the texts that name it")
    share = float(np.exp(1 - 1 / record.ranking.scores[row]))
    return Reason(f"Text probability: {percent(share)} of what the first has")


def _pooled(record: Recommendation) -> Reason | None:
    pooling = record.settings.get("ranking", {}).get("pooling")
    what = {"mean": "Mean of all texts' weighed matches", "min": "Least of the weighed matches"}
    return Reason(what[pooling]) if pooling in what else None
