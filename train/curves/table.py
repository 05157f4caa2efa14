"""The runs as a table: what each was, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from calrec.report.model_card import duration, stage_title
from calrec.report.rendering import ABSENT
from calrec.report.tables import Cell, Column, Table, Unit, Value
from calrec.report.training_log import NDCG, seconds
from train.curves.runs import TrainedRun

_COLUMNS = (
    "Run",
    "Stage",
    "Steps",
    "Kept step",
    "Users a step",
    "Alpha",
    "Beta",
    "Tau",
    "NDCG@10, kept step",
    "Validation loss, kept step",
    "Tokens/s",
    "Productive",
    "Took",
)


def table(runs: Sequence[TrainedRun]) -> Table:
    """A row a run."""
    return Table(
        key="runs",
        title="Runs",
        columns=tuple(Column(title=title) for title in _COLUMNS),
        rows=tuple(map(_row, runs)),
        notes=(
            "The kept step is the one with the best pessimistic NDCG@10 on validation users where"
            " that was measured, else the one with the lowest validation loss (NIG).",
            "Productive is the share of the time that went into steps: the rest is compiling,"
            " validating, saving and making batches. Both it and tokens/s are as last logged.",
        ),
    )


def _row(run: TrainedRun) -> tuple[Cell, ...]:
    kept, objective = run.kept, run.objective
    fine = run.stage != "pretrain"
    made, planned = run.log[-1].step, run.settings.get("steps")
    return (
        run.name,
        stage_title(run.stage),
        f"{made:,}" if made == planned or planned is None else f"{made:,} of {planned:,}",
        _number(kept and kept.step, "count"),
        _number(run.settings.get("batch_size"), "count") if fine else None,
        *(_setting(objective.get(name)) if fine else None for name in ("alpha", "beta", "tau")),
        _number(kept and kept.values.get(NDCG), "metric"),
        _number(kept and kept.values.get("validation_nig"), "metric"),
        _number(_last(run, "tokens_per_second"), "count"),
        _number(_last(run, "productive"), "share"),
        duration(seconds(run.log)),
    )


def _last(run: TrainedRun, quantity: str) -> float | None:
    return next(reversed(run.points(quantity).values()), None)


def _number(value: float | None, unit: Unit) -> Cell:
    return None if value is None else Value(optimistic=value, unit=unit)


def _setting(value: object) -> Cell:
    return f"{value:g}" if isinstance(value, int | float) else ABSENT
