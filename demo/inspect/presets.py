"""Telling cases of a shop, found in its evaluations: chosen by outcome, half of them failures.

    python -m demo.inspect.presets WORKSPACE DOMAIN CALREC_RUN LIR_RUN

finds those of a shop in two runs and prints what stands in `presets.json` for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.ranking.algorithm import fold
from calrec.ranking.rules import DEFAULT
from calrec.report.comparison import Comparison, groups
from catalog.store import Catalogue
from demo.inspect.evaluations import Evaluations
from demo.inspect.shop import Shop
from demo.inspect.telling import KINDS, Figures, balanced

SHIPPED = Path(__file__).with_name("presets.json")
"""Figures of the sample shops' cases, by the fingerprint of the data and for one checkpoint."""
_LOOKED_AT = 40
"""Cases of a kind whose texts are read, those that promise most first."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A case worth looking at.

    Attributes:
      kind: short name.
      title: what it shows.
      text: one sentence of the case's own figures.
      fails: whether the item really bought is not among the model's first ten.
      user_id: whose case.
      seed: of the samples; with it the model writes what it wrote in the evaluation.
    """

    kind: str
    title: str
    text: str
    fails: bool
    user_id: str
    seed: int


def presets(shop: Shop, evaluations: Evaluations, model: str | None) -> tuple[Preset, ...]:
    """The telling cases of a shop, of each kind at most one; none where nothing is known of it.

    Args:
      shop: whose.
      evaluations: where they are looked for unless they came with the sample shop.
      model: `Description.identity` of the model that answers; of any other nothing is told.
    """
    try:
        known = json.loads(SHIPPED.read_text(encoding="utf-8")).get(shop.fingerprint, {})
        if model is not None and known.get("model") == model:
            found = {kind: Figures(**figures) for kind, figures in known["cases"].items()}
        else:
            found = _of_runs(shop, evaluations, model)
    except (CalrecError, pa.ArrowException, OSError, KeyError):
        return ()  # what is wrong with an evaluation stands on the pages that are of it
    holding = {kind: one for kind, one in found.items() if KINDS[kind].holds(one)}
    return tuple(
        Preset(
            kind=kind,
            title=KINDS[kind].title,
            text=KINDS[kind].said(one),
            fails=not one.found,
            user_id=one.user_id,
            seed=one.seed,
        )
        for kind, one in balanced(holding).items()
    )


def _of_runs(shop: Shop, evaluations: Evaluations, model: str | None) -> dict[str, Figures]:
    runs = [
        run
        for run in evaluations.of(shop.domain).runs.values()
        if run.fingerprint == shop.fingerprint
        and run.split == "test"
        and (run.recommender != "calrec" or (run.checkpoint and run.checkpoint.digest) == model)
    ]
    for group in groups(sorted(runs, key=lambda run: run.rules != DEFAULT)):
        best: dict[str, EvaluationRun] = {}
        for run in sorted(reversed(group.runs), key=lambda run: run.users):
            best[run.recommender] = run
        if {"calrec", "lir"} <= best.keys():
            return found(best["calrec"], best["lir"], about(shop.catalogue))
    return {}


def about(catalogue: Catalogue) -> Callable[[str, str], tuple[int, bool]]:
    """Of a user and an item: which purchase it was (0: none), and whether the last is elsewhere."""

    def looked_up(user_id: str, item_id: str) -> tuple[int, bool]:
        history = [item.item_id for item in catalogue.case(user_id).history]
        index, categories = catalogue.index, catalogue.categories
        bought = len(history) - history[::-1].index(item_id) if item_id in history else 0
        return bought, categories[index[history[-1]]] != categories[index[item_id]]

    return looked_up


def found(
    calrec: EvaluationRun, lir: EvaluationRun, looked_up: Callable[[str, str], tuple[int, bool]]
) -> dict[str, Figures]:
    """One case of each kind, among those whom both runs evaluated.

    The same runs give the same ones; no user stands for two kinds.

    Args:
      calrec: a run with generated texts.
      lir: of the Last Item Repeater, on the same data.
      looked_up: `about` of the shop.
    """
    both = Comparison.of((calrec, lir), Bootstrap(resamples=1, seed=0))
    if len(both.runs) < 2:
        return {}
    ours, theirs = both.cases
    users = ours.user_ids.to_pylist()
    distinct, errors = (
        ours.generated.get(name, np.zeros(len(users), dtype=np.int64))
        for name in ("distinct_texts", "format_errors")
    )
    rank, worst, simple = ours.optimistic, ours.pessimistic, theirs.optimistic
    # The most promising first; whether a case is of the kind, its figures say.
    promise = {
        "error": np.where(errors > 0, rank, np.inf),
        "tie": np.where((rank <= 10) & (worst > 10), rank - worst, np.inf),
        "cold": np.where(ours.target_cold, worst, np.inf),
        "lir": np.where((simple <= 3) & (rank > 10), -rank, np.inf),
        "wrong": np.where(rank > 10, distinct, np.inf),
        "unsure": np.where(rank > 10, -distinct, np.inf),
        "sure": np.where((worst == 1) & ~ours.target_in_history, distinct, np.inf),
        "repurchase": np.where(
            ours.target_in_history & ~ours.target_is_last & (worst <= 2), -simple, np.inf
        ),
        "accessory": np.where((worst == 1) & ~ours.target_in_history, -simple, np.inf),
    }
    chosen: dict[str, Figures] = {}
    for kind, order in promise.items():
        places = [int(p) for p in np.argsort(order, kind="stable") if np.isfinite(order[p])]
        taken = {one.user_id for one in chosen.values()}
        looked_at = [p for p in places if users[p] not in taken][:_LOOKED_AT]
        cases = [_figures(calrec, both, place, looked_up) for place in looked_at]
        holding = [one for one in cases if KINDS[kind].holds(one)]
        if holding:
            chosen[kind] = min(holding, key=KINDS[kind].telling)
    return chosen


def _figures(
    run: EvaluationRun,
    both: Comparison,
    place: int,
    looked_up: Callable[[str, str], tuple[int, bool]],
) -> Figures:
    ours, theirs = both.cases
    user, target = ours.user_ids[place].as_py(), ours.target_item_ids[place].as_py()
    rows = run.samples([user]).to_pylist()
    groups_of: dict[str, list[bool]] = {}
    for row in rows:
        groups_of.setdefault(fold(row["text"]), []).append(bool(row["names_target"]))
    most = max(groups_of.values(), key=len)
    faulty = [row for row in rows if row["format_error"]]
    bought, elsewhere = looked_up(user, target)
    return Figures(
        user_id=user,
        seed=int(ours.generated["seed"][place]),
        texts=len(rows),
        same=len(most),
        distinct=len(groups_of),
        right=most[0],
        named=sum(sum(one) for one in groups_of.values()),
        faulty=len(faulty),
        used=sum(bool(row["kept"]) for row in faulty),
        rank=int(ours.optimistic[place]),
        worst=int(ours.pessimistic[place]),
        simple=int(theirs.optimistic[place]),
        items=run.data.items,
        length=int(ours.history_length[place]),
        bought=bought,
        cold=bool(ours.target_cold[place]),
        elsewhere=elsewhere,
    )


def _main(workspace: str, domain: str, calrec: str, lir: str) -> None:
    run, other = (EvaluationRun.load(Path(name)) for name in (calrec, lir))
    cases = found(run, other, about(Catalogue.open(Path(workspace), domain)))
    model = run.checkpoint and run.checkpoint.digest
    told = {kind: asdict(one) for kind, one in cases.items()}
    print(json.dumps({run.fingerprint: {"model": model, "cases": told}}, indent=1))


if __name__ == "__main__":
    _main(*sys.argv[1:])
