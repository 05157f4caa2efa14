"""`calrec-evaluate`: a recommender's figures over the held-out purchases of one domain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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

from calrec import metrics
from calrec.compilation import keep_compiled
from calrec.errors import CalrecError, run_cli
from catalog.store import Catalogue, workspace_path
from train.cases import Cases, case_columns, load_cases
from train.evaluation_files import FORMAT, VERSION, evaluation_folder, write_json, write_table
from train.generation import generation_figures
from train.outcomes import Outcome, Tick, by_calrec, by_lir, by_markov, case_seed


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Ranks the item that each user really bought next and writes the figures.

    Attributes:
      domain: which domain of the workspace.
      recommender: lir (Last Item Repeater), markov (first-order Markov chain) or calrec.
      out: folder for metrics.json, meta.json, cases.parquet and, for calrec, samples.parquet.
      workspace: the built catalogue; else $CALREC_WORKSPACE, else ./workspace.
      checkpoint: for calrec: an exported folder, or a name such as sample.
      split: test (each user's last item) or validation (the one before it).
      users: how many users, drawn by the seed; all where it is not given.
      seed: draws the users and, for calrec, the samples.
      width: for calrec: users whose samples are drawn side by side; changes no figure.
    """

    domain: str
    recommender: Literal["lir", "markov", "calrec"]
    out: Path
    workspace: Path | None = None
    checkpoint: str | None = None
    split: Literal["test", "validation"] = "test"
    users: int | None = None
    seed: int = 0
    width: int = 8


def evaluate(settings: Evaluate, progress: Progress) -> dict[str, Any]:
    """Runs one evaluation and writes its folder.

    Args:
      settings: what to evaluate, and where to write it.
      progress: shows the cases done.

    Returns:
      the content of `metrics.json`.

    Raises:
      CalrecError: on a setting out of range, an unknown domain, no case, a checkpoint that cannot
        be loaded, or an `out` that cannot be replaced. Nothing half-written stays behind.
    """
    check(settings)
    task = progress.add_task(f"loading {settings.domain}", total=None)
    workspace = workspace_path(settings.workspace)
    with Catalogue.open(workspace, settings.domain) as catalogue:
        cases = load_cases(catalogue, settings.split, settings.users, settings.seed)
        with evaluation_folder(settings.out) as folder:
            progress.update(task, total=len(cases.targets), description=settings.recommender)
            outcome = run(
                settings, catalogue, cases, lambda count: progress.update(task, advance=count)
            )
            return write(folder, settings, catalogue, cases, outcome)


def write(
    folder: Path, settings: Evaluate, catalogue: Catalogue, cases: Cases, outcome: Outcome
) -> dict[str, Any]:
    """Writes an evaluation's files into a folder and returns the content of `metrics.json`."""
    users = len(cases.targets)
    shared = {
        "recommender": settings.recommender,
        "domain": settings.domain,
        "fingerprint": catalogue.info.fingerprint,
        "split": settings.split,
        "seed": settings.seed,
    }
    figures = {
        "users": users,
        "metrics": metrics.summarise(outcome.optimistic, outcome.pessimistic),
        "settings": {**shared, "tie": metrics.TIE, **outcome.settings},
    }
    if outcome.samples:
        figures["generation"] = generation_figures(outcome.samples, users)
        columns = {name: [row[name] for row in outcome.samples] for name in outcome.samples[0]}
        write_table(folder / "samples.parquet", columns)
    columns = case_columns(catalogue, cases, outcome.optimistic, outcome.pessimistic)
    if outcome.samples:
        # With it the page, or `CALRec.recommend`, draws the same samples again.
        columns["seed"] = [case_seed(settings.seed, user_id) for user_id in cases.user_ids]
    write_table(folder / "cases.parquet", columns)
    write_json(folder / "metrics.json", figures)
    write_json(folder / "meta.json", {"format": FORMAT, "version": VERSION, **shared})
    return figures


def check(settings: Evaluate) -> None:
    """Refuses settings that are out of range or do not go together.

    Raises:
      CalrecError: if so.
    """
    if settings.users is not None and settings.users <= 0:
        raise CalrecError(
            f"--users must be at least 1, found {settings.users}; leave it out for all"
        )
    if settings.seed < 0:
        raise CalrecError(f"--seed must be at least 0, found {settings.seed}; choose another")
    if settings.width <= 0:
        raise CalrecError(f"--width must be at least 1, found {settings.width}; leave it out for 8")
    if settings.recommender == "calrec" and settings.checkpoint is None:
        raise CalrecError(
            "--recommender calrec needs a checkpoint, found none; "
            "give --checkpoint with an exported folder or a name such as sample"
        )
    if settings.recommender != "calrec" and settings.checkpoint is not None:
        raise CalrecError(
            f"--recommender {settings.recommender} reads no checkpoint, found --checkpoint "
            f"{settings.checkpoint}; leave it out or evaluate calrec"
        )


def run(settings: Evaluate, catalogue: Catalogue, cases: Cases, tick: Tick) -> Outcome:
    """Evaluates the recommender that the settings name."""
    match settings.recommender:
        case "lir":
            return by_lir(catalogue, cases, tick)
        case "markov":
            return by_markov(catalogue, settings.split, cases, tick)
        case "calrec":
            keep_compiled(workspace_path(settings.workspace))
            return by_calrec(
                catalogue,
                settings.checkpoint,
                cases,
                tick,
                seed=settings.seed,
                width=settings.width,
            )


def show(figures: dict[str, Any], console: Console) -> None:
    """Prints the metrics as a small table, and beneath it what was generated."""
    shown, users = figures["settings"], figures["users"]
    console.print(f"{shown['recommender']} on {shown['domain']}, {shown['split']}, {users} users")
    table = Table()
    table.add_column("metric")
    table.add_column("optimistic", justify="right")
    table.add_column("pessimistic", justify="right")
    for name, value in figures["metrics"].items():
        table.add_row(name, f"{value['optimistic']:.4f}", f"{value['pessimistic']:.4f}")
    console.print(table)
    if generation := figures.get("generation"):
        rates = generation["match_rate"]
        console.print(
            f"texts with a format error {generation['format_error_rate']:.1%}, matching an item on "
            f"all four attributes {rates['all']['4']:.1%} (kept ones {rates['kept']['4']:.1%}), "
            f"distinct ones per user {generation['distinct_texts_mean']:.1f}"
        )


def command() -> None:
    """Parses the command line, evaluates, prints the table."""
    settings = tyro.cli(Evaluate, prog="calrec-evaluate")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    check(settings)
    console = Console(stderr=True)
    shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        figures = evaluate(settings, progress)
    show(figures, Console())


def main() -> None:
    """The command `calrec-evaluate`."""
    run_cli(command)


if __name__ == "__main__":
    main()
