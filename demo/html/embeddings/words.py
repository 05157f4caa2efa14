"""Words around the plots: legends, the nearest items, and what the cosines say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from calrec.evaluation.alignment import Alignment, cosine
from calrec.model.checkpoint import Description
from calrec.records.ranks import ranks_of
from demo.html.embeddings import plots
from demo.html.templating import render
from demo.html.widgets import empty_state, lead
from demo.html.wording import count
from demo.inspect.item_map import ItemMap
from demo.inspect.links import to_item
from demo.inspect.projection import PCA
from demo.inspect.towers import Towers, Visitor

NEAREST = 10


def map_lead(of: ItemMap, seed: int) -> Markup:
    """What the map shows, and how much it leaves out."""
    projected, drawn, items = of.projected, len(of.drawn), len(of.items)
    if isinstance(projected, PCA):
        first, second = projected.share
        how = (
            f"The two directions keep {first + second:.0%} of the variance ({first:.0%} and"
            f" {second:.0%}): items that lie apart here are apart, those on one spot may still"
            " differ in the other directions."
        )
    else:
        how = (
            "Items with a high cosine lie together; distances between groups mean little. The"
            " shopper's history lies amid the items that it has the highest cosines with."
        )
    shown = f"All {count(items, 'item')}"
    if drawn < items:
        shown = f"{drawn:,} of {count(items, 'item')}, drawn with seed {seed}"
    keys = "Press a dot to see its item; drag over the map to zoom, double-click to go back."
    return lead(f"{shown}. {how} {keys}")


def map_legend(of: ItemMap) -> Markup:
    """Names, colours and signs."""
    entries = plots.map_legend(plots.category_colours(of.categories), of.special)
    return render("embeddings", "map_legend", entries)


def nearest_html(of: ItemMap) -> Markup:
    """The items whose vectors lie nearest to the user vector, with buttons to add them."""
    items, cosines, target = of.items, of.cosines, of.special.target
    if cosines is None:
        return empty_state(
            "No history yet",
            "Press Random shopper, or put a history together in the Walkthrough: then the shopper's"
            " vector and what lies near it appear here.",
        )
    order = np.argsort(-cosines, kind="stable")[:NEAREST]
    rows = [
        (items[i], float(cosines[i]), int(i) in of.special.history, int(i) == target) for i in order
    ]
    place = None
    if target is not None:
        optimistic, pessimistic = ranks_of(cosines, target)
        place = int(optimistic), int(pessimistic), float(cosines[target])
    addresses = {item.item_id: to_item(of.shop, item.item_id) for item, *_ in rows}
    return render("embeddings", "nearest", rows, place, len(items), addresses)


def visitor_marks(visitor: Visitor | None) -> tuple[float | None, float | None]:
    """Cosine with the own target, of the history and of the target read behind it."""
    if visitor is None or visitor.v_t is None or visitor.v_tu is None:
        return None, None
    own = cosine(np.stack([visitor.v_u, visitor.v_tu]), visitor.v_t[None])[:, 0]
    return float(own[0]), float(own[1])


def towers_html(name: str, towers: Towers, marks: Sequence[float | None], contrast: str) -> Markup:
    """What the cosines of one checkpoint say, in sentences."""
    says = [
        (what, one.summary(), _half(one), mark, one is towers.read)
        for what, one, mark in (
            ("A history", towers.history, marks[0]),
            ("A purchase read behind its history", towers.read, marks[1]),
        )
    ]
    return render("embeddings", "towers", name, contrast, says)


def _half(one: Alignment) -> str:
    """Where the own item stands for half of the shoppers, ties counted in their favour."""
    middle = int(np.sort(one.ranks()[0])[(len(one.target) - 1) // 2])
    items = one.cosine.shape[1]
    if middle == 1:
        return f"For at least half of them no other of the {items:,} items is nearer."
    return f"For half of them the own item is among the nearest {middle:,} of {items:,}."


def spread_caption(read: bool) -> Markup:
    """What a plot of cosines shows."""
    what = (
        "After: the vector of the purchase read behind the shopper's history (v_TU), beside the"
        " vectors of items read alone (v_T). The contrastive loss of the purchase (L_TT) compares"
        " these"
        if read
        else "Before: the shopper's vector, of the history alone (v_U), beside the vectors of items"
        " read alone (v_T). The contrastive loss of the history (L_UT) compares these"
    )
    return lead(f"{what}.")


def spread_legend(marked: bool) -> Markup:
    """Colours of the plots of cosines."""
    entries = [
        ("with the own purchase", plots.TARGET),
        ("with other shoppers' purchases", plots.OTHER),
    ]
    entries += [("this shopper", plots.USER)] if marked else []
    return render("embeddings", "spread_legend", entries)


def contrast_words(record: Description | None) -> str:
    """Whether a checkpoint's fine-tuning had contrastive losses, as far as its record tells."""
    unknown = "How it was trained is not recorded."
    if record is None:
        return unknown
    stages = record.training.get("stages")
    tuned = [one for one in stages if _fine(one)] if isinstance(stages, list) else []
    if not stages:
        return unknown
    if not tuned:
        return "Trained without contrastive losses: it was not fine-tuned."
    try:
        weights = [
            (
                float(one["settings"]["objective"]["alpha"]),
                float(one["settings"]["objective"]["beta"]),
            )
            for one in tuned
        ]
    except (KeyError, TypeError, ValueError):
        return unknown
    alpha, beta = weights[-1]
    if not any(a or b for a, b in weights):
        return "Trained without contrastive losses."
    pull = (
        f"Trained with contrastive losses: TT with weight {alpha:g} pulls what is read behind a"
        " history towards the item alone"
    )
    if beta < 0:
        return f"{pull}, UT with weight {beta:g} holds the history itself a little away from it."
    return f"{pull}, UT with weight {beta:g} the history itself." if beta else f"{pull}."


def _fine(stage: Any) -> bool:
    return isinstance(stage, Mapping) and stage.get("stage") in ("stage1", "stage2")


def progress(text: str, done: int, of: int) -> Markup:
    """How far a computation is."""
    return render("parts", "progress", done / of if of else 0, 0, f"{text}: {done:,} of {of:,}.")


def question(items: int, parameters: int | None) -> Markup:
    """Whether the vectors of a large shop are to be computed; `parameters` where they are known."""
    takes = "may take minutes"
    if parameters is not None:
        takes = f"takes {estimate(items, parameters)} on two processor cores"
    return empty_state(
        f"The {count(items, 'item')} of this shop have no vectors yet",
        f"The model has to read each of them once. That {takes}; meanwhile it answers nobody"
        " else. The result is kept.",
    )


def estimate(items: int, parameters: int) -> str:
    """How long the vectors of a shop take, roughly, in words."""
    # Measured: 1.6 ns an item and parameter on two CPU cores, items of some 40 tokens.
    seconds = items * parameters * 1.6e-9
    if seconds < 50:
        return "less than a minute"
    minutes = round(seconds / 60) or 1
    if minutes < 90:
        return f"about {count(minutes, 'minute')}"
    return f"about {count(round(minutes / 60), 'hour')}"
