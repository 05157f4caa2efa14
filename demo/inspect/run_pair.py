"""Two runs of a shop that are compared case by case, and which ones those are by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from calrec.evaluation.runs import EvaluationRun, user_words
from calrec.report.comparison import groups
from calrec.report.variants import main_first, names
from demo.inspect.annotations import Place
from demo.inspect.application import Application
from demo.inspect.columns import MOST
from demo.inspect.session import Session
from demo.inspect.shop import Shop


@dataclass(frozen=True, kw_only=True, eq=False)
class RunPair:
    """The runs A and B, and what else there is to choose.

    Attributes:
      shop: theirs.
      first: A.
      second: B; A itself where there is no other.
      called: what every run of the shop is called, by folder name.
      users: how many users each evaluated.
      offered: folder names that may be A.
      rivals: folder names that may be B beside this A.
      problems: lines about runs asked for and not found, or not readable.
      runs: all of the shop, by folder name.
    """

    shop: Shop
    first: EvaluationRun
    second: EvaluationRun
    called: Mapping[str, str]
    users: Mapping[str, int]
    offered: tuple[str, ...]
    rivals: tuple[str, ...]
    problems: tuple[str, ...]
    runs: Mapping[str, EvaluationRun] = field(default_factory=dict)

    @classmethod
    def of(cls, app: Application, domain: str, run: str, against: str) -> RunPair | tuple[str, ...]:
        """The two runs that an address asks for, or the defaults.

        Returns:
          the pair, or, where the shop has no run at all, lines about those not readable.
        """
        runs, problems = app.evaluations.of(domain)
        if not runs:
            return problems
        first = runs.get(run) or _default(list(runs.values()))
        said = [*problems, *_not_found(domain, run, runs, first)]
        group = next(g for g in groups(list(runs.values())) if first in g.runs)
        rivals = {r.folder.name: r for r in group.runs if r is not first}
        second = rivals.get(against) or _rival(first, list(rivals.values()))
        if against != first.folder.name:
            said += _not_found(domain, against, rivals, second)
        return cls(
            shop=app.shop(domain),
            first=first,
            second=second,
            called=dict(zip(runs, names(list(runs.values())), strict=True)),
            users={name: run.users for name, run in runs.items()},
            offered=tuple(runs),
            rivals=tuple(rivals),
            problems=tuple(said),
            runs=runs,
        )

    @property
    def names(self) -> tuple[str, str]:
        """What A and B are called."""
        return self.called[self.first.folder.name], self.called[self.second.folder.name]

    def choices(self, offered: Sequence[str]) -> list[tuple[str, str]]:
        """Runs as choices of a list."""
        return [(f"{self.called[n]}, {user_words(self.users[n])}", n) for n in offered]

    @property
    def alone(self) -> bool:
        """Whether there is nothing to compare with."""
        return self.first is self.second

    @property
    def others(self) -> tuple[str, ...]:
        """Folder names of the runs on the same purchases besides A and B."""
        return tuple(name for name in self.rivals if name != self.second.folder.name)

    def beside(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Those of the others that have a column of their own.

        Args:
          asked: their names; without any the first ones are shown, and a name that is no run's
            stands for none.
        """
        room = MOST - 2
        return tuple(name for name in self.others if name in asked or not asked)[:room]

    @property
    def place(self) -> Place:
        """Where annotations of these cases belong."""
        return Place(self.first.domain, self.first.fingerprint, self.first.split)

    def session(self, user_id: str) -> Session:
        """A user's case as a visitor's session.

        Raises:
          CalrecError: if the shop has no such case any more.
        """
        case = self.shop.catalogue.case(user_id, self.first.split)
        return Session(
            domain=self.first.domain,
            history=tuple(item.item_id for item in case.history),
            target=case.target.item_id,
            user_id=user_id if self.first.split == "test" else None,
        )


def _default(runs: list[EvaluationRun]) -> EvaluationRun:
    """CALRec's run of the most users; of equal ones the paper's way first."""
    generative = [run for run in runs if run.generative]
    ordered = main_first(generative or runs)
    tested = [run for run in ordered if run.split == "test"]
    return max(tested or ordered, key=lambda run: run.users)


def _rival(first: EvaluationRun, rivals: list[EvaluationRun]) -> EvaluationRun:
    """LIR's run, else the first other one; the run itself where there is none."""
    lir = [run for run in rivals if run.recommender == "lir"]
    return max(lir or rivals[:1] or [first], key=lambda run: run.users)


def _not_found(
    domain: str, asked: str, runs: Mapping[str, EvaluationRun], shown: EvaluationRun
) -> list[str]:
    if not asked or asked in runs:
        return []
    return [
        f"expected an evaluation of {domain} on the same purchases and by the same rules, found no "
        f"{asked[:80]!r}; shown is {shown.folder.name}"
    ]
