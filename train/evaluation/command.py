"""`calrec-evaluate`: a recommender over a domain's held-out purchases; reports over runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from calrec.evaluation.runs import EvaluationRun
from train.evaluation.run import evaluate
from train.evaluation.settings import Evaluate

DESCRIPTION = """Rank the item that each user really bought next, and write all that came of it.

`calrec-evaluate report RUN...` makes tables and plots of finished runs."""

SAY_EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""


class Bar:
    """Progress on a terminal."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=None)

    def say(self, step: str) -> None:
        """What is being done."""
        self._bar.update(self._task, description=step)

    def start(self, total: int, finished: int) -> None:
        """How many cases there are."""
        # The speed of the remaining time is that of this start alone.
        self._bar.reset(self._task, total=total, completed=finished)

    def advance(self, cases: int) -> None:
        """More are finished."""
        self._bar.update(self._task, advance=cases)

    def found(self, folder: Path) -> None:
        """That it was finished before."""
        self._bar.console.print(_finished(folder), highlight=False, soft_wrap=True)

    def stop(self, kept: int, folder: Path) -> None:
        """How many are kept."""
        self._bar.console.print(_kept(kept, folder), highlight=False, soft_wrap=True)


class Lines:
    """Progress as a line now and then, for logs."""

    def __init__(self) -> None:
        self._step = ""
        self._total = self._done = self._before = 0
        self._start = self._last = time.monotonic()

    def say(self, step: str) -> None:
        """What is being done."""
        self._step = step

    def start(self, total: int, finished: int) -> None:
        """How many cases there are."""
        self._total, self._done, self._before = total, finished, finished
        self._start = self._last = time.monotonic()
        if finished:
            print(f"{finished:,} of {total:,} users were finished before", file=sys.stderr)

    def advance(self, cases: int) -> None:
        """More are finished."""
        self._done += cases
        now = time.monotonic()
        if now - self._last < SAY_EVERY:
            return
        self._last = now
        each = (now - self._start) / (self._done - self._before)
        left = int(each * (self._total - self._done))
        print(
            f"{self._step}: {self._done:,} of {self._total:,} users, "
            f"{left // 60}:{left % 60:02} left",
            file=sys.stderr,
        )

    def found(self, folder: Path) -> None:
        """That it was finished before."""
        print(_finished(folder), file=sys.stderr)

    def stop(self, kept: int, folder: Path) -> None:
        """How many are kept."""
        print(_kept(kept, folder), file=sys.stderr)


def _finished(folder: Path) -> str:
    return f"this evaluation is finished in {folder} already; nothing was evaluated again"


def _kept(kept: int, folder: Path) -> str:
    if not kept:
        return "nothing is kept of so short a run"
    return f"{kept:,} finished users are kept in {folder}; the same command goes on from there"


@contextmanager
def shown_progress() -> Iterator[Bar | Lines]:
    """Progress on standard error: a bar on a terminal, else lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield Bar(bar)


def show(run: EvaluationRun, console: Console) -> None:
    """Prints the metrics as a small table, and beneath it what was generated."""
    whole = run.users == run.all_users
    of_all = f"{run.users:,} users" if whole else f"{run.users:,} of {run.all_users:,} users"
    console.print(f"{run.recommender} on {run.domain}, {run.split}, {of_all}")
    console.print(f"bought {run.rules.bought}, count {run.rules.count}")
    table = Table()
    table.add_column("metric")
    table.add_column("optimistic", justify="right")
    table.add_column("pessimistic", justify="right")
    for name, value in run.figures["metrics"].items():
        table.add_row(name, f"{value['optimistic']:.4f}", f"{value['pessimistic']:.4f}")
    console.print(table)
    if by_seed := run.figures.get("by_seed"):
        _show_seeds(by_seed, console)
    if generation := run.figures.get("generation"):
        rates = generation["match_rate"]
        console.print(
            f"texts with a format error {generation['format_error_rate']:.1%}, matching an item on "
            f"all four attributes {rates['all']['4']:.1%} (kept ones {rates['kept']['4']:.1%}), "
            f"distinct ones per user {generation['distinct_texts_mean']:.1f}"
        )
    if decoding := run.figures.get("decoding"):
        least, most = (decoding["outside"][bound] for bound in ("least", "most"))
        console.print(
            f"{run.meta.settings['decoder']}: exact for {decoding['exact']:.1%} of the users; "
            f"probability outside the items' texts {least:.1%} to {most:.1%}"
        )
    _show_seconds(run, console)
    if run.leaks:
        console.print(f"warning: {run.recommender}: {'; '.join(run.leaks)}", soft_wrap=True)


def _show_seeds(by_seed: Mapping[str, Any], console: Console) -> None:
    """What the metrics are over the seeds, and how far they spread."""
    seeds = by_seed["seeds"]
    table = Table(title=f"over {len(seeds)} seeds, {seeds[0]} to {seeds[-1]}: mean ± sd")
    table.add_column("metric")
    table.add_column("optimistic", justify="right")
    table.add_column("pessimistic", justify="right")
    for name, sides in by_seed["metrics"].items():
        table.add_row(name, *(f"{one['mean']:.4f} ± {one['sd']:.4f}" for one in sides.values()))
    console.print(table)


def _show_seconds(run: EvaluationRun, console: Console) -> None:
    if spent := run.meta.seconds:
        console.print(
            f"{spent['total']:.1f} s: loading {spent['load']:.1f}, ranking {spent['rank']:.1f}, "
            f"writing {spent['write']:.1f}"
        )
    if each := run.figures.get("user_seconds"):
        when = "sampling" if run.meta.samples_seed is None else "sampled before"
        console.print(
            f"of a user: {when} {1000 * each['sample']:.0f} ms, "
            f"matching {1000 * each['match']:.1f} ms"
        )


def execute(arguments: list[str]) -> None:
    """Runs `report RUN...` or an evaluation."""
    if arguments[:1] == ["report"]:
        from train.report import Report, report

        report(tyro.cli(Report, prog="calrec-evaluate report", args=arguments[1:]), Console())
        return
    settings = tyro.cli(Evaluate, prog="calrec-evaluate", args=arguments, description=DESCRIPTION)
    with shown_progress() as progress:
        run = evaluate(settings, progress)
    show(run, Console())
