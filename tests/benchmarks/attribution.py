"""Which purchases caused a text: whether the truth comes first, and how long it takes.

    python tests/benchmarks/attribution.py --cases 200

The sample shop's generator says which purchase led to each shopper's last one: the one before it in
its thread, mostly. The shipped checkpoint `sample` scores the last purchase with each earlier one
left out. Cases are shoppers of all three departments with purchases of at least three threads
before, whose last purchase something led to; the first ones of each department, in turn.

"First" is the share of cases in which leaving out the purchase that led to the last one lowers its
log-probability more than leaving out any other; "its thread first", that in which any purchase of
the same thread does. Times are of the longest history, the third run of each.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from calrec import GenerativeModel, Item
from calrec.model.compilation import keep_compiled
from catalog.sample import DEPARTMENTS, Led, led_by


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What to measure.

    Attributes:
      cases: of all departments together.
      checkpoint: which model.
      out: a file for what was found, a line of JSON for each case as soon as it is done.
    """

    cases: int = 200
    checkpoint: str = "sample"
    out: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """A shopper whose last purchase is explained.

    Attributes:
      user: who.
      history: all purchases but the last, oldest first.
      target: the last.
      led: what the generator says of all of them.
    """

    user: str
    history: list[Item]
    target: Item
    led: Led

    @property
    def cause(self) -> int:
        """The place of the purchase that led to the last one."""
        place = self.led.led_by[-1]
        assert place is not None
        return place

    @property
    def in_thread(self) -> np.ndarray:
        """Which purchases are of the last one's thread."""
        *before, own = self.led.threads
        return np.array([thread == own for thread in before])


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The change of a case's last purchase by each earlier one, in nats."""

    case: Case
    changes: Float[np.ndarray, " R"]

    @property
    def is_first(self) -> bool:
        """Whether what led to the purchase changes most."""
        return int(self.changes.argmin()) == self.case.cause

    @property
    def is_thread_first(self) -> bool:
        """Whether a purchase of its thread, or what led to it, does."""
        return self.is_first or bool(self.case.in_thread[self.changes.argmin()])


def cases_of(domain: str) -> Iterator[Case]:
    """The shoppers of a department with three threads and a cause."""
    table, led = led_by(domain)
    items = {row["item_id"]: Item(**row) for row in table.to_pylist()}
    for user, one in led.items():
        if one.led_by[-1] is not None and len(set(one.threads[:-1])) >= 3:
            bought = [items[item_id] for item_id in one.items]
            yield Case(user=user, history=bought[:-1], target=bought[-1], led=one)


def finding(model: GenerativeModel, case: Case) -> Finding:
    """What leaving out each purchase does to the last one."""
    found = model.attribution(case.history, [case.target])
    assert found.items_cut == 0
    return Finding(case=case, changes=found.changes[:, 0])


def summary(findings: list[Finding]) -> dict[str, float]:
    """Shares of the cases, and medians of the changes over all their purchases."""
    causes = [one.changes[one.case.cause] for one in findings]
    others = np.concatenate([one.changes[~one.case.in_thread] for one in findings])
    return {
        "cases": len(findings),
        "first": float(np.mean([one.is_first for one in findings])),
        "its thread first": float(np.mean([one.is_thread_first for one in findings])),
        "median change by what led to it": float(np.median(causes)),
        "median change by other threads": float(np.median(others)),
        "95 % of these are above": float(np.quantile(others, 0.05)),
    }


def _note(one: Finding, out: Path) -> None:
    facts = {"user": one.case.user, "changes": one.changes.tolist(), **one.case.led._asdict()}
    with out.open("a") as file:
        file.write(json.dumps(facts) + "\n")


def _seconds(work: Callable[[], object]) -> float:
    for _ in range(3):
        start = time.perf_counter()
        work()
    return time.perf_counter() - start


def main(benchmark: Benchmark) -> None:
    """Prints both tables."""
    keep_compiled()
    model = GenerativeModel.from_checkpoint(benchmark.checkpoint)
    in_turn = zip(*(cases_of(domain) for domain in DEPARTMENTS), strict=False)
    cases = list(islice(itertools.chain.from_iterable(in_turn), benchmark.cases))
    found = []
    for case in cases:
        found.append(finding(model, case))
        if benchmark.out is not None:
            _note(found[-1], benchmark.out)
    table = Table("", "of the last purchase's log-probability, nats")
    for name, value in summary(found).items():
        table.add_row(name, f"{value:.2f}" if value % 1 else f"{value:.0f}")
    Console().print(table)

    longest = max(cases, key=lambda case: len(case.history))
    texts = [case.target for case in cases[:10]]
    times = Table(f"{len(longest.history)} purchases", "seconds")
    for name, work in {
        "one text": lambda: model.attribution(longest.history, texts[:1]),
        "ten texts": lambda: model.attribution(longest.history, texts),
        "one text, pairs": lambda: model.attribution(longest.history, texts[:1], pairs=True),
        "one text, swaps": lambda: model.attribution(longest.history, texts[:1], swaps=True),
    }.items():
        times.add_row(name, f"{_seconds(work):.2f}")
    Console().print(times)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(tyro.cli(Benchmark))
