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
from demo.html.record.ranking import Place, Table, moved, rankings_view, shown_rows
from demo.html.templating import render
from demo.html.wording import rank_range
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
    writer = study.generated
    record = writer and writer.record
    history = study.case.history if study.case else ()
    return render(
        "cases/case",
        "case",
        study,
        heading=heading,
        flags=[*flags(study.row), *_sources(study)],
        notices=_notices(study),
        ranked=[(side, _is_ranked(side, study.row["target"])) for side in study.sides],
        earlier=max(len(history) - SHOWN, 0),
        writer=writer and writer.name,
        wrote=record and texts.view(record, pressed=False),
        matrix=record and matrix(record, study.items, study.target),
        rankings=_rankings(study),
        prompt=record and record.generation.prompt and prompt.of(record.generation),
    )


def _sources(study: Study) -> list[tuple[str, str, str]]:
    return [
        (f"{side.letter}: {side.stored.source}", "plain", side.name)
        for side in study.sides
        if isinstance(side.stored, Stored)
    ]


def _notices(study: Study) -> list[str]:
    return [
        line
        for side in study.sides
        for line in (side.stored.notes if isinstance(side.stored, Stored) else (side.stored,))
    ]


def _is_ranked(side: Side, target: str) -> bool:
    """Whether the run says anything of the target, as far as is known."""
    ranking = side.record and side.record.ranking
    return ranking is None or target not in ranking.item_ids or ranking.is_ranked(target)


def _rankings(study: Study) -> Markup | str:
    sides = [side for side in study.sides if side.record is not None]
    if not sides:
        return ""
    if not all(side.stored.whole for side in sides):
        return render("cases/case", "apart", [_alone(side, study) for side in sides])
    first, *rest = sides
    return rankings_view(
        first.record,
        [side.record for side in rest],
        study.items,
        study.target,
        [side.corpus for side in sides],
        top=TOP,
    )


def _alone(side: Side, study: Study) -> Markup:
    """One ranking by itself: all of it, or the places that the run wrote."""
    if side.stored.whole:
        drawn = rankings_view(side.record, [], study.items, study.target, [side.corpus], top=TOP)
        return render("cases/case", "whole", drawn)
    ranking = side.record.ranking
    target = study.target if study.row["target"] in ranking.item_ids else None
    rows, last = [], moved(side.record)
    for place, row in enumerate(shown_rows(side.record, target, TOP)):
        item = study.items[ranking.item_ids[row]]
        is_moved = item.item_id in last
        rows.append(
            Place(
                item=item,
                number=str(place + 1) if place < TOP else rank_range(*ranking.ranks(item.item_id)),
                score="–" if is_moved else f"{ranking.scores[row]:,.3f}",
                is_target=target is not None and item.item_id == target.item_id,
                is_moved=is_moved,
            )
        )
    return render("cases/case", "best", Table(name=side.name, rows=rows))
