"""One case of an evaluation: what was bought, what each recommender made of it.

The same HTML stands on the page, beside a pinned case, and in an exported file: it needs no script.
"""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from demo.html.case_study.listing import flags
from demo.html.record import prompt, strip, texts
from demo.html.record.matching import matrix
from demo.html.record.ranking import Table, ranked_items, rankings_view
from demo.html.templating import render
from demo.inspect.case_filters import NO_CATEGORY
from demo.inspect.case_study import Side, Study
from demo.inspect.links import to_cases, to_item
from demo.inspect.reasons import REASONS
from demo.inspect.stored import Stored

CATEGORY = "category of the target"
"""Of the links: no item's id."""
TOP = 10
"""Places shown of each ranking."""
ROWS = 12
"""Items shown of the score matrix."""


def case_view(
    study: Study,
    heading: str = "Case",
    columns: Markup | str = "",
    *,
    scripted: bool = True,
    key: str = "",
    shop: str = "",
    runs: tuple[str, str] = ("", ""),
) -> Markup:
    """The whole case.

    Args:
      study: the case.
      heading: what it is called.
      columns: the first ten of further evaluations.
      scripted: as in `demo.html.record.matching.matrix`, and so is `key`.
      key: begins the ids of its parts; the heading where it is empty.
      shop: its name, where items and category are links into the pages; empty for none.
      runs: folder names of A and B, for those links.
    """
    writer = study.generated
    record = writer.record if writer else None
    generation = record.generation if record else None
    return render(
        "cases/case",
        "case",
        study,
        heading=heading,
        flags=[*flags(study.row), *_sources(study)],
        reasons=[REASONS[key] for key in study.reasons if key in REASONS],
        notices=_notices(study),
        ranked=[(side, _is_ranked(side, study.row["target"])) for side in study.sides],
        spreads=[
            (side, strip.view(side.spread, "this evaluation"))
            for side in study.sides
            if side.spread is not None
        ],
        columns=columns,
        writer=writer.name if writer else None,
        wrote=texts.view(record, pressed=False) if record else None,
        matrix=_matrix(study, key or heading.lower().replace(" ", "-"), scripted),
        rankings=_rankings(study),
        prompt=prompt.of(generation) if generation and generation.prompt else None,
        links=_links(study, shop, runs) if shop else None,
    )


def _links(study: Study, shop: str, runs: tuple[str, str]) -> Mapping[str, str]:
    """Addresses by item id, and that of the category's cases as `category`."""
    shown = [*(study.case.history if study.case else ()), *filter(None, [study.target])]
    category = study.row["category"] or NO_CATEGORY
    return {item.item_id: to_item(shop, item.item_id) for item in shown} | {
        CATEGORY: to_cases(shop, *runs, category=category),
    }


def _matrix(study: Study, key: str, scripted: bool) -> Markup | None:
    writer = study.generated
    if writer is None or writer.record is None:
        return None
    return matrix(
        writer.record,
        study.items,
        study.target,
        writer.corpus,
        key=key,
        rows=ROWS,
        scripted=scripted,
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
    ranking = side.record.ranking if side.record else None
    return ranking is None or target not in ranking.item_ids or ranking.is_ranked(target)


def _rankings(study: Study) -> Markup | str:
    sides = [(one, one.stored) for one in study.sides if isinstance(one.stored, Stored)]
    if not sides:
        return ""
    if not all(stored.whole for _, stored in sides):
        apart = [_alone(side, stored, study) for side, stored in sides]
        return render("cases/case", "apart", apart)
    first, *rest = [stored.record for _, stored in sides]
    corpora = [side.corpus for side, _ in sides]
    return rankings_view(first, rest, study.items, study.target, corpora, top=TOP)


def _alone(side: Side, stored: Stored, study: Study) -> Markup:
    """One ranking by itself: all of it, or the places that the run wrote."""
    record = stored.record
    if stored.whole:
        shown = rankings_view(record, [], study.items, study.target, [side.corpus], top=TOP)
        return render("cases/case", "whole", shown)
    ranking = record.ranking
    target = study.target if study.row["target"] in ranking.item_ids else None
    rows = ranked_items(record, study.items, target, TOP)
    return render("cases/case", "best", Table(name=side.name, rows=rows))
