"""Which runs may stand side by side, and on which users.

Runs on one domain, split and data fingerprint that rank by the same rules form a group; within it
they are compared on the users that all of them evaluated. Nothing else is ever put into one figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

from calrec.errors import CalrecError
from calrec.evaluation import statistics
from calrec.evaluation.cases import Cases
from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS
from calrec.evaluation.runs import EvaluationRun, user_words
from calrec.evaluation.statistics import (
    NO_INTERVAL,
    Bootstrap,
    Difference,
    Estimate,
    Interval,
    paired_t_test,
)
from calrec.ranking.rules import Rules
from calrec.report.tables import Value, measured
from calrec.report.variants import decoder, entrant, main_first, names

SIDES = ("optimistic", "pessimistic")


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Runs on the same held-out purchases by the same rules.

    Attributes:
      title: the domain, with split, data and rules where they set it apart.
      domain: of all of them.
      split: likewise.
      rules: likewise.
      runs: in the order given.
    """

    title: str
    domain: str
    split: str
    rules: Rules
    runs: tuple[EvaluationRun, ...]

    def main_runs(self) -> tuple[EvaluationRun, ...]:
        """One run a recommender and decoder (`variants.main_first`), CALRec last, as in the paper.

        The hybrid, which writes texts, too, and CALRec's other decoders stand before it, or last
        where it is missing.
        """
        by_entrant: dict[str, list[EvaluationRun]] = {}
        for run in self.runs:
            by_entrant.setdefault(entrant(run), []).append(run)
        first = [main_first(runs)[0] for runs in by_entrant.values()]
        return tuple(sorted(first, key=paper_order))

    def not_shown(
        self, eligible: Sequence[EvaluationRun], shown: Sequence[EvaluationRun]
    ) -> list[str]:
        """A note that names the runs that would fit a table and found their place taken."""
        called = dict(zip(map(id, self.runs), names(self.runs), strict=True))
        rest = [called[id(run)] for run in eligible if not any(run is one for one in shown)]
        return [f"{self.title}: not shown, another run has the place: {'; '.join(rest)}."] * bool(
            rest
        )


def paper_order(run: EvaluationRun) -> tuple[bool, bool, bool]:
    """A key that sorts runs of several recommenders: others, then those that write texts, CALRec
    last, by the paper's decoder the very last."""
    return run.generative, run.recommender == "calrec", decoder(run) == "sample"


def groups(runs: Sequence[EvaluationRun]) -> tuple[Group, ...]:
    """Puts the runs that may be compared together, in the order in which they first come."""
    found: dict[tuple[str, str, str, Rules], list[EvaluationRun]] = {}
    for run in runs:
        key = (run.domain, run.split, run.fingerprint, run.rules)
        found.setdefault(key, []).append(run)
    data_of: dict[tuple[str, str], set[str]] = {}
    rules_of: dict[tuple[str, str], set[Rules]] = {}
    for domain, split, data, rules in found:
        data_of.setdefault((domain, split), set()).add(data)
        rules_of.setdefault((domain, split), set()).add(rules)
    return tuple(
        Group(
            title=isolated(domain)
            + (f", {split}" if split != "test" else "")
            + (f", data {data[:8]}" if len(data_of[domain, split]) > 1 else "")
            + (f", {rules}" if len(rules_of[domain, split]) > 1 else ""),
            domain=domain,
            split=split,
            rules=rules,
            runs=tuple(members),
        )
        for (domain, split, data, rules), members in found.items()
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Runs of one group on the users that they have in common.

    Attributes:
      runs: those compared.
      names: what each is called.
      cases: of each run, the common users' in the same order.
      left_out: runs without a user in common with those before them.
      bootstrap: how intervals are made.
    """

    runs: tuple[EvaluationRun, ...]
    names: tuple[str, ...]
    cases: tuple[Cases, ...]
    left_out: tuple[EvaluationRun, ...]
    bootstrap: Bootstrap

    @classmethod
    def of(
        cls, runs: Sequence[EvaluationRun], bootstrap: Bootstrap, first: EvaluationRun | None = None
    ) -> Comparison:
        """Finds the common users.

        Args:
          runs: of one group, at least one.
          bootstrap: how intervals are made.
          first: the run that stays in whatever else is left out; the first of `runs` if not given.

        Raises:
          CalrecError: if two runs rank by other rules, or disagree on what a user really bought.
        """
        if len(unlike := {run.rules: run for run in runs}) > 1:
            (one, first_run), (other, second_run), *_ = unlike.items()
            raise CalrecError(
                f"expected runs that rank by the same rules, found {one} in {first_run.folder} and"
                f" {other} in {second_run.folder}; evaluate both with the same --bought and --count"
            )
        anchor = first or runs[0]
        common, left_out = anchor.cases.user_ids, []
        for run in runs:
            both = common.filter(_among(common, run.cases.user_ids, "is_in"))
            if len(both):
                common = both
            else:
                left_out.append(run)
        kept = tuple(run for run in runs if run not in left_out)
        cases = tuple(_on(run, common) for run in kept)
        for run, own in zip(kept, cases, strict=True):
            if not own.target_item_ids.equals(cases[0].target_item_ids):
                raise CalrecError(
                    f"expected the same purchases in {kept[0].folder} and {run.folder}, which name"
                    " the same data, found different ones; evaluate both again"
                )
        return cls(
            runs=kept,
            names=names(kept),
            cases=cases,
            left_out=tuple(left_out),
            bootstrap=bootstrap,
        )

    @property
    def users(self) -> int:
        """How many users all runs have in common."""
        return len(self.cases[0])

    @property
    def note(self) -> str:
        """On which users this comparison stands."""
        evaluated = {run.subset for run in self.runs}
        if len(evaluated) == 1 and self.runs[0].users == self.users:
            text = "the only user" if self.users == 1 else f"all {user_words(self.users)}"
            if self.users < self.runs[0].all_users:
                text = evaluated.pop()
        else:
            each = "; ".join(
                f"{name}: {run.subset}" for name, run in zip(self.names, self.runs, strict=True)
            )
            text = f"the {user_words(self.users)} in common ({each})"
        out = ", ".join(name for name in names(self.left_out))
        return text + (f"; left out, without a user in common: {out}" if out else "")

    @cached_property
    def _resampled(self) -> Float[np.ndarray, "R M"]:
        columns = [
            own.values[metric, side] for own in self.cases for metric in METRICS for side in SIDES
        ]
        return statistics.resampled_means(np.stack(columns, axis=1), self.bootstrap)

    def _replicates(self, run: int, metric: str, side: str) -> Float[np.ndarray, " R"]:
        place = (run * len(METRICS) + list(METRICS).index(metric)) * len(SIDES) + SIDES.index(side)
        return self._resampled[:, place]

    def _interval(self, replicates: Float[np.ndarray, " R"]) -> Interval:
        return statistics.interval(replicates, self.bootstrap) if self.users > 1 else NO_INTERVAL

    def mean(self, run: int, metric: str, side: str) -> float:
        """The metric of a run over the common users."""
        return float(self.cases[run].values[metric, side].mean())

    def estimate(self, run: int, metric: str) -> Estimate:
        """A metric of a run over the common users; one user has no intervals."""
        optimistic, pessimistic = SIDES
        return Estimate(
            optimistic=self.mean(run, metric, optimistic),
            pessimistic=self.mean(run, metric, pessimistic),
            optimistic_interval=self._interval(self._replicates(run, metric, optimistic)),
            pessimistic_interval=self._interval(self._replicates(run, metric, pessimistic)),
        )

    def value(self, run: int, metric: str) -> Value:
        """The same, as it stands in a table."""
        return measured(self.estimate(run, metric))

    def difference(self, first: int, second: int, metric: str, side: str) -> Difference:
        """First minus second over the common users: the same resamples for both, and a t-test."""
        one, two = (self.cases[run].values[metric, side] for run in (first, second))
        replicates = self._replicates(first, metric, side) - self._replicates(second, metric, side)
        return Difference(
            mean=float((one - two).mean()),
            interval=self._interval(replicates),
            test=paired_t_test(one, two),
            pairs=self.users,
        )


def _on(run: EvaluationRun, users: pa.Array) -> Cases:
    if run.cases.user_ids.equals(users):
        return run.cases
    places = _among(users, run.cases.user_ids, "index_in")
    return run.cases.take(places.to_numpy())


def _among(users: pa.Array, known: pa.Array, function: Literal["is_in", "index_in"]) -> Any:
    """Of each user whether it is among the known ones, or its place there."""
    return pc.call_function(function, [users], options=pc.SetLookupOptions(known))
