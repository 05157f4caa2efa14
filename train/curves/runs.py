"""What a run left to be drawn: its settings and the quantities of its log, by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calrec.errors import CalrecError
from calrec.model.checkpoint import describe
from calrec.report import model_card, training_log
from calrec.report.training_log import Entry
from train.run.description import Run

LOSSES: Mapping[str, Mapping[str, str]] = {
    "nig": {"training": "nig", "validation": "validation_nig", "test": "test_nig"},
    "tt": {"training": "tt", "validation": "validation_tt", "test": "test_tt"},
}
"""The two panels of Fig. 2: what the log calls each loss on each split."""


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """One stage of one training.

    Attributes:
      name: for people; differs between the runs of a report.
      stage: `pretrain`, `stage1`, `stage2`.
      settings: of the stage, as they were recorded.
      log: at least one entry, by step.
    """

    name: str
    stage: str
    settings: Mapping[str, Any]
    log: tuple[Entry, ...]

    @property
    def objective(self) -> Mapping[str, Any]:
        """The weights of the losses, as recorded; empty where there is no record."""
        found = self.settings.get("objective")
        return found if isinstance(found, dict) else {}

    @property
    def contrast(self) -> bool:
        """Whether a contrastive loss was minimised."""
        weights = (self.objective.get("alpha"), self.objective.get("beta"))
        return self.stage != "pretrain" and any(weights)

    @property
    def label(self) -> str:
        """Name, and whether there was contrast."""
        if self.stage == "pretrain":
            return f"{self.name} (pre-training)"
        return f"{self.name} ({'with' if self.contrast else 'without'} contrast)"

    @property
    def kept(self) -> Entry | None:
        """Of the state that was chosen."""
        return training_log.kept(self.log)

    def points(self, quantity: str) -> dict[int, float]:
        """A quantity by step, ascending; of a step that was made again the later value."""
        found = {e.step: e.values[quantity] for e in self.log if quantity in e.values}
        return dict(sorted(found.items()))

    def missing(self) -> str:
        """Which curves of Fig. 2 its log does not hold, in one line; empty where it has all."""
        gone = {
            loss: [split for split, name in splits.items() if not self.points(name)]
            for loss, splits in LOSSES.items()
        }
        parts = [f"no {loss.upper()} on {', '.join(s)} users" for loss, s in gone.items() if s]
        return f"The log of {self.label} holds {' and '.join(parts)}." if parts else ""


def load(folders: Sequence[Path]) -> tuple[TrainedRun, ...]:
    """The runs of folders of `calrec-train`; of an exported checkpoint each of its stages.

    Raises:
      CalrecError: for no folder, one that is named twice, is neither of the two, or has no log.
    """
    if not folders:
        raise CalrecError("expected the folders of training runs, found none; name one or more")
    twice = [f for f, n in Counter(folder.resolve() for folder in folders).items() if n > 1]
    if twice:
        raise CalrecError(f"expected each run once, found {twice[0]} twice; name it once")
    names = Counter(folder.resolve().name for folder in folders)
    return tuple(
        run
        for folder in folders
        for run in _of_folder(
            folder, folder.resolve().name if names[folder.resolve().name] == 1 else str(folder)
        )
    )


def _of_folder(folder: Path, name: str) -> Iterator[TrainedRun]:
    if (folder / "calrec.json").is_file():
        yield from _of_checkpoint(folder, name)
        return
    run = Run.load(folder)
    log = _entries(folder / "log.jsonl", run.stage)
    yield TrainedRun(name=name, stage=run.stage, settings=run.settings, log=log)


def _of_checkpoint(folder: Path, name: str) -> Iterator[TrainedRun]:
    log = _entries(folder / training_log.FILE)
    for one in model_card.stages(describe(folder)):
        stage, settings = str(one.get("stage")), one.get("settings")
        own = tuple(entry for entry in log if entry.stage == stage)
        if own:
            yield TrainedRun(
                name=f"{name}/{stage}",
                stage=stage,
                settings=settings if isinstance(settings, dict) else {},
                log=own,
            )


def _entries(path: Path, stage: str | None = None) -> tuple[Entry, ...]:
    """The log's lines; one that a kill has cut, or any other damaged one, is passed over."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found, _ = training_log.entries(text.splitlines(), stage)
    if not found:
        raise CalrecError(
            f"expected logged steps in {path}, found none; train the run on, or leave it out"
        )
    return tuple(sorted(found, key=lambda entry: entry.step))
