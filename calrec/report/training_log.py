"""The log of a training: its lines, what they hold, and which state was kept.

A run's own log names no stage; that of an exported checkpoint holds those of all stages.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

FILE = "training_log.jsonl"
"""Of a checkpoint."""
NDCG = "validation_ndcg@10"
SECONDS = "seconds"
"""Since the start or the resume of the run; no quantity of the training."""

TITLES: Mapping[str, str] = {
    "total": "Loss that was minimised",
    "nig": "Writing the next purchase (NIG)",
    "validation_nig": "Writing the next purchase, on held-out shoppers",
    "test_nig": "Writing the next purchase, on test shoppers",
    "tt": "Contrastive loss of the written item (TT)",
    "validation_tt": "Contrastive loss of the written item, on held-out shoppers",
    "test_tt": "Contrastive loss of the written item, on test shoppers",
    "ut": "Contrastive loss of the history (UT)",
    NDCG: "NDCG@10 of drawn and ranked texts (pessimistic)",
    "gradient_norm": "Norm of the gradient",
    "learning_rate": "Learning rate",
    "tokens_per_second": "Tokens a second",
    "productive": "Share of the time spent in steps",
    "share_of_peak": "Share of the chip's peak",
}
"""Known quantities, in the order shown; others follow under their own names."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of a log.

    Attributes:
      stage: as the log names it.
      step: of the stage.
      values: the numbers of the line, all finite.
    """

    stage: str
    step: int
    values: Mapping[str, float]


def entries(lines: Iterable[str], stage: str | None = None) -> tuple[tuple[Entry, ...], int]:
    """The lines that can be read, and how many cannot; empty ones are neither.

    Args:
      lines: of the file.
      stage: of lines that name none.
    """
    written = [line for line in lines if line.strip()]
    read = [found for line in written if (found := entry(_decoded(line), stage)) is not None]
    return tuple(read), len(written) - len(read)


def _decoded(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def entry(content: object, stage: str | None = None) -> Entry | None:
    """What a decoded line holds; None where it is no line of a log."""
    if not isinstance(content, dict):
        return None
    stage, step = content.get("stage", stage), content.get("step")
    if not isinstance(stage, str) or not _is_number(step):
        return None
    values = {
        name: float(value)
        for name, value in content.items()
        if name not in ("stage", "step") and _is_number(value)
    }
    return Entry(stage=stage, step=int(step), values=values)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def kept(log: Sequence[Entry]) -> Entry | None:
    """The entry of the state that was chosen: the best NDCG@10 where it was measured, else the
    smallest loss; of equals the later one. None where nothing was validated."""
    measured = [entry for entry in log if NDCG in entry.values]
    if measured:
        return max(measured, key=lambda entry: (entry.values[NDCG], entry.step))
    validated = [entry for entry in log if "validation_nig" in entry.values]
    return min(
        validated, key=lambda entry: (entry.values["validation_nig"], -entry.step), default=None
    )


def seconds(log: Sequence[Entry]) -> float:
    """How long a run took: its clock starts anew on each resume."""
    clock = [entry.values[SECONDS] for entry in log if SECONDS in entry.values]
    following = [*clock[1:], 0.0]
    return sum(one for one, later in zip(clock, following, strict=False) if later < one)
