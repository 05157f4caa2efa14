"""Eight telling cases of a shop, found in its stored evaluations."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.ranking.rules import DEFAULT
from calrec.report.comparison import Comparison, groups
from catalog.store import Catalogue
from demo.inspect.evaluations import Evaluations
from demo.inspect.shop import Shop

SHIPPED = Path(__file__).with_name("presets.json")
"""Cases of the sample shop, by the fingerprint of its data: found once, on all of its users."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A case worth looking at.

    Attributes:
      kind: short name.
      title: what it shows.
      text: one sentence for lay people.
      user_id: whose case.
      seed: of the samples; with it the model writes what it wrote in the evaluation.
    """

    kind: str
    title: str
    text: str
    user_id: str
    seed: int


KINDS: dict[str, tuple[str, str]] = {
    "repurchase": ("Bought again", "The next purchase is one that was made before."),
    "accessory": (
        "From another shelf",
        "The right item is of another kind than the last one.",
    ),
    "sure": ("The model is sure", "Nearly all texts are the same one, and it is right."),
    "unsure": (
        "The model hesitates",
        "Every text is another one, the right item is among them.",
    ),
    "cold": ("Never sold before", "The right item was in no history that the model learnt from."),
    "tie": ("A tie", "Several items have the same text, so the rank is a range."),
    "lir": (
        "The simple rule wins",
        "The last purchase's words find it, CALRec does not.",
    ),
    "error": (
        "A format error",
        "One text lacks the labels; its plain words are matched.",
    ),
}
"""Title and sentence of each kind."""


def presets(shop: Shop, evaluations: Evaluations) -> tuple[Preset, ...]:
    """The telling cases of a shop, of each kind at most one; none where nothing is known of it."""
    try:
        shipped = json.loads(SHIPPED.read_text(encoding="utf-8")).get(shop.fingerprint)
        users = shipped if shipped is not None else _of_runs(shop, evaluations)
    except (CalrecError, pa.ArrowException, OSError, KeyError):
        return ()  # what is wrong with an evaluation stands on the pages that are of it
    return tuple(
        Preset(kind=kind, title=title, text=text, user_id=users[kind][0], seed=users[kind][1])
        for kind, (title, text) in KINDS.items()
        if kind in users
    )


def _of_runs(shop: Shop, evaluations: Evaluations) -> dict[str, tuple[str, int]]:
    runs = [
        run
        for run in evaluations.of(shop.domain).runs.values()
        if run.fingerprint == shop.fingerprint and run.split == "test"
    ]
    for group in groups(sorted(runs, key=lambda run: run.rules != DEFAULT)):
        best: dict[str, EvaluationRun] = {}
        for run in sorted(reversed(group.runs), key=lambda run: run.users):
            best[run.recommender] = run
        if {"calrec", "lir"} <= best.keys():
            return found(best["calrec"], best["lir"], differs_in_category(shop.catalogue))
    return {}


def differs_in_category(catalogue: Catalogue) -> Callable[[str, str], bool]:
    """A test of whether a user's last purchase is of another category than an item."""

    def differs(user_id: str, item_id: str) -> bool:
        last = catalogue.case(user_id).history[-1].item_id
        index = catalogue.index
        return catalogue.categories[index[last]] != catalogue.categories[index[item_id]]

    return differs


def found(
    calrec: EvaluationRun, lir: EvaluationRun, differs: Callable[[str, str], bool]
) -> dict[str, tuple[str, int]]:
    """One user of each kind, and the seed of its samples, among those whom both runs evaluated.

    The same runs give the same users; no user stands for two kinds.

    Args:
      calrec: a run with generated texts.
      lir: of the Last Item Repeater, on the same data.
      differs: whether a user's last purchase is of another category than an item.
    """
    both = Comparison.of((calrec, lir), Bootstrap(resamples=1, seed=0))
    if len(both.runs) < 2:
        return {}
    ours, theirs = both.cases
    users, targets = ours.user_ids.to_pylist(), ours.target_item_ids.to_pylist()
    nothing = np.zeros(len(users), dtype=np.int64)
    errors = ours.generated["format_errors"]
    distinct = ours.generated.get("distinct_texts", nothing)
    seeds = ours.generated.get("seed", nothing)
    rank, worst, simple = ours.optimistic, ours.pessimistic, theirs.optimistic
    fresh = ~ours.target_in_history
    long_enough = ours.history_length >= 3
    # Of each kind: who is of it, and by what the most telling one comes first (least).
    kinds: dict[str, tuple[Bool[np.ndarray, " C"], Float[np.ndarray, " C"]]] = {
        "error": (errors > 0, rank.astype(float)),
        "tie": ((worst > rank) & (rank <= 10), -(worst - rank).astype(float)),
        "cold": (ours.target_cold, rank.astype(float)),
        "lir": ((simple <= 3) & (rank > 10), -rank.astype(float)),
        "sure": ((rank == 1) & (worst == 1) & long_enough & fresh & (simple > 10), distinct * 1.0),
        "repurchase": (
            ours.target_in_history & ~ours.target_is_last & (worst <= 2),
            -simple.astype(float),
        ),
        "unsure": ((rank <= 5) & long_enough & fresh, -distinct * 1.0),
        "accessory": ((worst == 1) & fresh & long_enough, -simple.astype(float)),
    }
    chosen: dict[str, tuple[str, int]] = {}
    for kind, (of_it, telling) in kinds.items():
        for place in np.lexsort((np.arange(len(users)), telling)):
            user = users[place]
            if not of_it[place] or user in {known for known, _ in chosen.values()}:
                continue
            if kind == "accessory" and not differs(user, targets[place]):
                continue
            chosen[kind] = user, int(seeds[place])
            break
    return chosen
