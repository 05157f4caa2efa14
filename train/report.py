"""`calrec-evaluate report`: finished evaluations side by side, in the paper's layouts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from calrec.errors import CalrecError, printable
from calrec.evaluation.foreign import isolated, plain
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.records.files import check_place, whole_folder
from calrec.report.layouts.remarks import interval_words
from calrec.report.rendering import csv_text, markdown, markdown_text
from calrec.report.report import Content, content
from train.report_terminal import show

FORMAT = "calrec-report"
VERSION = 1
BRIEFLY = ("runs", "table2", "paired")
"""Tables that are printed where all are written."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Lay finished evaluations out as the paper does, with intervals, tests, slices and plots.

    Every table is printed. With --out all of it is written there, and the runs, the paper's Table 2
    and the paired differences are printed.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders that calrec-evaluate wrote, in the order in which the tables are to name them."""
    out: Path | None = None
    """Folder for report.html, report.md and a CSV a table; if not given, all tables are printed and
    nothing is written."""
    slice_metric: Literal["ndcg@10", "recall@1", "recall@10", "mrr"] = "ndcg@10"
    """Metric of the slices."""
    resamples: int = 2000
    """Bootstrap resamples behind an interval."""
    seed: int = 0
    """Of the resamples."""


def report(settings: Report, console: Console) -> Content:
    """Reads the runs, and prints the tables, or writes the report's folder and prints `BRIEFLY`.

    Args:
      settings: which runs, and where to write.
      console: to print on.

    Returns:
      the report's content.

    Raises:
      CalrecError: if a run is missing, damaged or of another version, one is named twice, a setting
        is out of its range, or `out` cannot be replaced. Nothing half-written stays behind.
    """
    try:
        bootstrap = Bootstrap(resamples=settings.resamples, seed=settings.seed)
    except ValueError as error:
        raise CalrecError(f"--{error}; choose another") from None
    if settings.out is not None:
        check_place(settings.out, ours=_is_report, what="report")  # before the work, not after it
    runs = _load(settings.runs)
    made = content(runs, bootstrap, settings.slice_metric)
    if settings.out is not None:
        with whole_folder(settings.out, ours=_is_report, what="report") as folder:
            _write(folder, made, runs, settings, bootstrap)
    for table in made.tables:
        if settings.out is None or table.key in BRIEFLY:
            show(table, console)
    if settings.out is not None:
        page = printable(plain(str(settings.out / "report.html")), console.encoding)
        console.print(
            f"all tables and plots: {page}", markup=False, highlight=False, soft_wrap=True
        )
    return made


def lead_words(
    runs: tuple[EvaluationRun, ...], bootstrap: Bootstrap, *, best: str = "bold and underlined"
) -> str:
    """What the report is made of.

    Args:
      runs: all of them.
      bootstrap: how intervals are made.
      best: how the best optimistic and the best pessimistic values look.
    """
    domains = ", ".join(dict.fromkeys(isolated(run.domain) for run in runs))
    return (
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} on {domains}. Values are optimistic /"
        " pessimistic: the item really bought first, or last, among those that score as it does;"
        f" the best are {best}. Beneath them {interval_words(bootstrap)}."
    )


def _load(folders: tuple[Path, ...]) -> tuple[EvaluationRun, ...]:
    if not folders:
        raise CalrecError(
            "expected the folders of evaluations, found none; name those that calrec-evaluate wrote"
        )
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise CalrecError(f"expected each run once, found {folder} twice; name it once")
        seen.add(folder.resolve())
    runs = tuple(EvaluationRun.load(folder) for folder in folders)
    for run in runs:
        run.check()
    return runs


def _write(
    folder: Path,
    made: Content,
    runs: tuple[EvaluationRun, ...],
    settings: Report,
    bootstrap: Bootstrap,
) -> None:
    from train.report_page import page  # brings in plotly

    lead = markdown_text(lead_words(runs, bootstrap, best="bold and in italics"))
    text = [f"# Evaluation report\n\n{lead}\n", *(markdown(table) for table in made.tables)]
    (folder / "report.md").write_text("\n".join(text), encoding="utf-8")
    for table in made.tables:
        (folder / f"{table.key}.csv").write_text(csv_text(table), encoding="utf-8")
    (folder / "report.html").write_text(page(made, lead_words(runs, bootstrap)), encoding="utf-8")
    about = {
        "format": FORMAT,
        "version": VERSION,
        "runs": [{"folder": str(run.folder), **run.written} for run in runs],
        "slice_metric": settings.slice_metric,
        "resamples": settings.resamples,
        "seed": settings.seed,
    }
    written = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(written, encoding="utf-8")


def _is_report(folder: Path) -> bool:
    try:
        about = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        known = all(
            path.is_file() and (path.suffix == ".csv" or path.stem == "report")
            for path in folder.iterdir()
        )
        return about["format"] == FORMAT and known
    except (OSError, ValueError, LookupError, TypeError):
        return False
