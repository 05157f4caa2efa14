"""What the Metrics page shows: from its address, checked against what there is, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from calrec.evaluation.metrics import TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.slices import OF_THE_CASE, Dimension
from calrec.ranking.rules import DEFAULT
from calrec.recommenders import register
from calrec.report.variants import main_first
from demo.inspect import url

MOST = 8
"""Runs shown together; more colours and columns nobody tells apart."""
METRIC = "ndcg@10"
CHOICES = ("runs", "metric", "dimension", "first", "second", "checkpoint")
"""What a visitor sets, by names of fields of `MetricsAddress`."""
DIMENSIONS: Mapping[str, Dimension] = {
    dimension.__name__.removeprefix("by_"): dimension for dimension in OF_THE_CASE
}
DIMENSION_TITLES: Mapping[str, str] = {
    "history_length": "How long the history is",
    "target_seen": "Whether training or validation has the item",
    "repeat": "Whether it was bought before",
    "popularity": "How often it is bought",
    "age": "How long it has been sold",
    "category": "Its category",
}


@dataclass(frozen=True, kw_only=True)
class MetricsAddress:
    """What is shown.

    Attributes:
      domain: the shop.
      runs: names of the runs that stand side by side.
      metric: of slices.
      dimension: a key of `DIMENSIONS`.
      first: the first of the two runs compared; empty for none.
      second: likewise.
      checkpoint: whose training and card are shown; empty for none.
    """

    domain: str
    runs: tuple[str, ...]
    metric: str
    dimension: str
    first: str
    second: str
    checkpoint: str

    def query(self, default: MetricsAddress) -> str:
        """The address, without what it would be anyway."""
        return url.write(url.changed(self, default))


class ReportOf(NamedTuple):
    """Of which runs a report is, and of which metric its parts are; the fields of the address."""

    domain: str
    runs: tuple[str, ...]
    metric: str


class SlicesOf(NamedTuple):
    """As `ReportOf`, for the metric over the bands of a dimension."""

    domain: str
    runs: tuple[str, ...]
    metric: str
    dimension: str


class PairOf(NamedTuple):
    """Which two runs are compared."""

    domain: str
    first: str
    second: str


class ModelOf(NamedTuple):
    """Whose training and card are shown; the fingerprint is of the shop's data, which it names."""

    domain: str
    fingerprint: str
    checkpoint: str


def checked(
    wanted: Mapping[str, Any],
    domain: str,
    runs: Mapping[str, EvaluationRun],
    fingerprint: str,
    checkpoints: Iterable[str],
) -> MetricsAddress:
    """A choice of what there is; whatever of `wanted` is none of it gives way to the default.

    Args:
      wanted: by names of fields of `MetricsAddress`; values may be anything, as they come from a
        browser.
      domain: the shop.
      runs: its runs, by name.
      fingerprint: of the shop's data; runs on the same data come first.
      checkpoints: names of those that can be shown, the default first.
    """
    asked = wanted.get("runs")
    asked = asked if isinstance(asked, list | tuple) else ()
    chosen = tuple(dict.fromkeys(name for name in asked if isinstance(name, str) and name in runs))
    pair = _pair(runs, fingerprint)
    known = list(checkpoints)
    return MetricsAddress(
        domain=domain,
        runs=chosen[:MOST] or default_runs(runs, fingerprint),
        metric=_one_of(wanted.get("metric"), TITLES, METRIC),
        dimension=_one_of(wanted.get("dimension"), DIMENSIONS, next(iter(DIMENSIONS))),
        first=_one_of(wanted.get("first"), runs, pair[0]),
        second=_one_of(wanted.get("second"), runs, pair[1]),
        checkpoint=_one_of(wanted.get("checkpoint"), known, next(iter(known), "")),
    )


def from_query(query: url.Query) -> dict[str, Any]:
    """What an address asks for, unchecked."""
    return {name: url.one(query, name) for name in CHOICES} | {"runs": query.get("runs", ())}


def default_runs(runs: Mapping[str, EvaluationRun], fingerprint: str) -> tuple[str, ...]:
    """One run a recommender and all of CALRec, on the shop's data as they are if there are such.

    All of them rank by the same rules.
    """
    names = {id(run): name for name, run in runs.items()}
    here = [run for run in runs.values() if run.fingerprint == fingerprint] or list(runs.values())
    here = _of_one_rule(here)
    generative = main_first([run for run in here if run.generative])
    others: dict[str, list[EvaluationRun]] = {}
    for run in here:
        if not run.generative:
            others.setdefault(run.recommender, []).append(run)
    one_each = [main_first(members)[0] for members in others.values()]
    # Where all do not fit, CALRec's main run stays and its furthest variants go.
    room = max(1, MOST - len(one_each))
    return tuple(names[id(run)] for run in [*generative[:room], *one_each][:MOST])


def _of_one_rule(runs: Sequence[EvaluationRun]) -> list[EvaluationRun]:
    """Those that may stand side by side: by the rules that most runs follow, the defaults first."""
    count = Counter(run.rules for run in runs)
    rules = max(count, key=lambda one: (count[one], one == DEFAULT), default=DEFAULT)
    return [run for run in runs if run.rules == rules]


def _pair(runs: Mapping[str, EvaluationRun], fingerprint: str) -> tuple[str, str]:
    shown = default_runs(runs, fingerprint)
    if len(shown) < 2:
        only = shown[0] if shown else ""
        return only, only
    trained = [entry.id for entry in register.entries().values() if entry.trained]
    first = _first_of(trained, shown, runs) or shown[0]
    rest: Sequence[str] = [name for name in shown if name != first]
    return first, _first_of(register.rivals(), rest, runs) or rest[0]


def _first_of(
    ids: Sequence[str], names: Sequence[str], runs: Mapping[str, EvaluationRun]
) -> str | None:
    return next((name for one in ids for name in names if runs[name].recommender == one), None)


def _one_of(value: object, known: Iterable[str], default: str) -> str:
    return value if isinstance(value, str) and value in known else default
