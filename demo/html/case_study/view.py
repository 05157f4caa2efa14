"""One case of an evaluation: what was bought, what each recommender made of it.

The same HTML stands on the page, beside a pinned case, and in an exported file: it needs no script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from calrec.ranking.corpus import Corpus
from calrec.records import Item, Recommendation
from catalog.sequences import Case
from demo.html.case_study.listing import flags
from demo.html.case_study.matrix import matrix
from demo.html.record import prompt, texts
from demo.html.record.ranking import BOUGHT_BEFORE, moved, rankings_view, shown_rows
from demo.html.templating import render
from demo.html.widgets import item_block, notice
from demo.html.wording import count, escape, rank_range, rank_sentence
from demo.inspect.annotations import Annotation
from demo.inspect.stored import Stored

SHOWN = 8
"""Latest purchases shown of a history; the earlier ones are folded away."""
TOP = 10
"""Places shown of each ranking."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One run's part of a case.

    Attributes:
      letter: A or B.
      name: what the run is called.
      ranks: optimistic and pessimistic rank of the target, as the run wrote them.
      total: items ranked.
      stored: what it ranked, or the line that says why that cannot be shown.
      corpus: tells how much each word adds to a score, where the run matched words.
    """

    letter: str
    name: str
    ranks: tuple[int, int]
    total: int
    stored: Stored | str
    corpus: Corpus | None = None

    @property
    def record(self) -> Recommendation | None:
        """What it ranked."""
        return self.stored.record if isinstance(self.stored, Stored) else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """A case with both runs' parts.

    Attributes:
      row: of the case table.
      case: history and target; `None` where the catalogue has no such user any more.
      sides: one or two.
      items: by id, all of the shop.
      noted: star, note and labels.
    """

    row: Mapping[str, Any]
    case: Case | None
    sides: tuple[Side, ...]
    items: Mapping[str, Item]
    noted: Annotation

    @property
    def user_id(self) -> str:
        """Whose case."""
        return self.row["user_id"]

    @property
    def generated(self) -> Side | None:
        """The first side with texts."""
        return next((s for s in self.sides if s.record is not None and s.record.samples), None)

    @property
    def target(self) -> Item | None:
        """The item really bought, if the catalogue has it."""
        return self.items.get(self.row["target"])


def case_view(study: Study, heading: str = "Case") -> Markup:
    """The whole case."""
    parts = [_head(study, heading), _truth(study), _ranks(study), _history(study)]
    if side := study.generated:
        record = side.record
        parts.append(_section(f"What {side.name} wrote", texts.view(record, pressed=False)))
        drawn = matrix(record, study.items, study.target)
        if drawn:
            parts.append(
                _section(
                    "From texts to items",
                    '<p class="cr-sub cr-wrap">Rows are items, columns the kept texts: the '
                    "stronger the colour, the better they match. A frame marks the text that "
                    f"decides.</p>{drawn}",
                )
            )
    parts.append(_rankings(study))
    if (side := study.generated) and side.record.generation.prompt:
        parts.append(
            f'<details class="cr-more"><summary>The prompt that {escape(side.name)} read</summary>'
            f"{prompt.of(side.record.generation)}</details>"
        )
    return Markup(
        f'<article class="cr-case" data-user="{escape(study.user_id)}">{"".join(parts)}</article>'
    )


def _section(title: str, inside: str) -> str:
    return f'<section><h3 class="cr-label"><bdi>{escape(title)}</bdi></h3>{inside}</section>'


def _head(study: Study, heading: str) -> str:
    found = flags(study.row)
    for side in study.sides:
        if isinstance(side.stored, Stored):
            found.append((f"{side.letter}: {side.stored.source}", "plain", side.name))
    badges = "".join(render("parts", "badge", *one) for one in found)
    notes = "".join(
        notice(line)
        for side in study.sides
        for line in (side.stored.notes if isinstance(side.stored, Stored) else (side.stored,))
    )
    return (
        f'<header class="cr-case-head"><h2>{escape(heading)} <code>{escape(study.user_id)}</code>'
        f'</h2><p class="cr-case-badges">{badges}</p>{notes}</header>'
    )


def _truth(study: Study) -> str:
    row, item = study.row, study.target
    block = (
        item_block(item)
        if item
        else f'<span class="cr-item">{escape(row["target"])}, which the catalogue lacks</span>'
    )
    sold = count(row["popularity"], "purchase")
    return (
        '<div class="cr-target"><p class="cr-label">The item really bought next</p>'
        f'{block}<p class="cr-sub cr-wrap">{sold} of it in the training part</p></div>'
    )


def _sentence(side: Side, target: str) -> str:
    record = side.record
    ranking = record and record.ranking
    ranked = ranking is None or target not in ranking.item_ids or ranking.is_ranked(target)
    return rank_sentence(*side.ranks, side.total, ranked)


def _ranks(study: Study) -> str:
    target = study.row["target"]
    cards = "".join(
        f'<div class="cr-card"><p class="cr-label"><span class="cr-side">{side.letter}</span>'
        f'<bdi>{escape(side.name)}</bdi></p><p class="cr-rank">{rank_range(*side.ranks)}'
        f"<small> of {side.total:,}</small></p>"
        f'<p class="cr-sub cr-wrap">{_sentence(side, target)}</p></div>'
        for side in study.sides
    )
    return f'<div class="cr-cards">{cards}</div>'


def _history(study: Study) -> str:
    if study.case is None:
        return _section("History", notice("The catalogue no longer has this user's purchases."))
    history = study.case.history
    lines = [
        f'<li class="cr-line"><span class="cr-number">{k + 1}</span>{item_block(item)}</li>'
        for k, item in enumerate(history)
    ]
    early, late = lines[:-SHOWN], lines[-SHOWN:]
    before = (
        f'<details class="cr-more"><summary>{count(len(early), "earlier purchase")}</summary>'
        f'<ol class="cr-list">{"".join(early)}</ol></details>'
        if early
        else ""
    )
    return _section(
        f"History: {count(len(history), 'purchase')}, the latest last",
        f'{before}<ol class="cr-list">{"".join(late)}</ol>',
    )


def _rankings(study: Study) -> str:
    sides = [side for side in study.sides if side.record is not None]
    if not sides:
        return ""
    whole = [side for side in sides if side.stored.whole]
    if len(whole) == len(sides):
        first, *rest = sides
        drawn = rankings_view(
            first.record,
            [side.record for side in rest],
            study.items,
            study.target,
            [side.corpus for side in sides],
            top=TOP,
        )
    else:
        drawn = f'<div class="cr-cards cr-wide">{"".join(_alone(s, study) for s in sides)}</div>'
    return _section("The first places", drawn)


def _alone(side: Side, study: Study) -> str:
    """One ranking by itself: there are no places of the other's items to set beside it."""
    if side.stored.whole:
        drawn = rankings_view(side.record, [], study.items, study.target, [side.corpus], top=TOP)
        return f"<div>{drawn}</div>"
    record = side.record
    target = study.target if study.row["target"] in record.ranking.item_ids else None
    body, last = "", moved(record)
    for place, row in enumerate(shown_rows(record, target, TOP)):
        item = study.items[record.ranking.item_ids[row]]
        is_target = target is not None and item.item_id == target.item_id
        number = str(place + 1) if place < TOP else rank_range(*record.ranking.ranks(item.item_id))
        mark = '<span class="cr-badge cr-true">really bought</span>' if is_target else ""
        score = f"{record.ranking.scores[row]:,.3f}"
        if item.item_id in last:
            mark, score = f"{mark}{BOUGHT_BEFORE}", "–"
        body += (
            f'<tr{" class=cr-hit" if is_target else ""}><td class="cr-number">{number}</td>'
            f'<td>{item_block(item)}{mark}</td><td class="cr-value">{score}</td></tr>'
        )
    name = escape(side.name)
    return (
        f'<div class="cr-card"><p class="cr-label"><bdi>{name}</bdi></p><div class="cr-scroll" '
        f'tabindex="0" role="region" aria-label="Ranking of {name}"><table class="cr-ranking">'
        '<thead><tr><th scope="col">rank</th><th scope="col">item</th><th scope="col">score</th>'
        f"</tr></thead><tbody>{body}</tbody></table></div></div>"
    )
