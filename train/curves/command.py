"""The command `calrec-train report`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from calrec.errors import printable
from calrec.evaluation.foreign import plain
from calrec.records.files import check_place, whole_folder

FORMAT = "calrec-training-report"
VERSION = 1
_FILES = {"report.html", "report.json", "figure2.png"}


@dataclass(frozen=True, kw_only=True)
class Report:
    """Draw the curves of runs side by side (the paper's Fig. 2), as a page that opens offline."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs, or of exported checkpoints, in the order of their colours."""
    out: Path
    """Folder for report.html and, where Chromium is installed, figure2.png."""


def report(command: Report, console: Console) -> None:
    """Writes the report's folder and prints the table of the runs.

    Raises:
      CalrecError: if a run is missing, damaged or named twice, or `out` cannot be replaced. Nothing
        half-written stays behind.
    """
    from train.curves.page import page, picture_page  # brings in plotly
    from train.curves.picture import photograph
    from train.curves.runs import load
    from train.curves.table import table
    from train.report_terminal import show

    check_place(command.out, ours=_is_report, what="report")  # before the work, not after it
    runs = load(command.runs)
    made = table(runs)
    with whole_folder(command.out, ours=_is_report, what="report") as folder:
        (folder / "report.html").write_text(page(runs, made), encoding="utf-8")
        about = {"format": FORMAT, "version": VERSION, "runs": [str(run) for run in command.runs]}
        (folder / "report.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        absent = photograph(*picture_page(runs), folder / "figure2.png")
    show(made, console)
    for line in filter(None, (absent, f"all curves: {command.out / 'report.html'}")):
        shown = printable(plain(line), console.encoding)
        console.print(shown, markup=False, highlight=False, soft_wrap=True)


def _is_report(folder: Path) -> bool:
    try:
        about = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        return about["format"] == FORMAT and {p.name for p in folder.iterdir()} <= _FILES
    except (OSError, ValueError, LookupError, TypeError):
        return False
