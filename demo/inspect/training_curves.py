"""What the training log of a checkpoint says, as one curve a quantity.

    FOLDER/training_log.jsonl    one line every few steps: stage, step, seconds and the losses, of
                                 which `validation_*` stand only where the model was validated

A stage's steps begin at 1 again; curves lay the stages end to end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
from markupsafe import escape

from calrec.errors import CalrecError
from calrec.report.figures import COLOURS, GENERATIVE, layout
from calrec.report.model_card import stage_title

FILE = "training_log.jsonl"
POINTS = 600
"""Points drawn of a stage's curve, at most; more would say nothing more."""

TITLES: Mapping[str, str] = {
    "total": "Loss that was minimised",
    "nig": "Writing the next purchase (NIG)",
    "validation_nig": "Writing the next purchase, on held-out shoppers",
    "tt": "Contrastive loss of the written item (TT)",
    "ut": "Contrastive loss of the history (UT)",
}
"""Known quantities, in the order shown; others follow under their own names."""

_COLOURS = (COLOURS[0], GENERATIVE, *COLOURS[1:])
_NO_CURVE = ("stage", "step", "seconds")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A quantity over one stage.

    Attributes:
      stage: as the log names it.
      steps: counted over all stages, ascending.
      values: of the quantity.
    """

    stage: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A quantity over the training.

    Attributes:
      quantity: as the log names it.
      parts: one a stage that has it, in order.
    """

    quantity: str
    parts: tuple[Part, ...]

    @property
    def title(self) -> str:
        """For people."""
        return TITLES.get(self.quantity, self.quantity)


@dataclass(frozen=True, kw_only=True)
class Log:
    """A training log.

    Attributes:
      curves: one a quantity.
      stages: in the order in which they were run.
      damaged: lines that could not be read.
    """

    curves: tuple[Curve, ...]
    stages: tuple[str, ...]
    damaged: int

    def colours(self) -> dict[str, str]:
        """One a stage."""
        return {stage: _COLOURS[k % len(_COLOURS)] for k, stage in enumerate(self.stages)}


def read(folder: Path) -> Log:
    """The training log beside a checkpoint.

    Raises:
      CalrecError: if the checkpoint has none, or no line of it can be read.
    """
    path = folder / FILE
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        raise CalrecError(
            f"expected {FILE} in the checkpoint {folder.name}, found none: it was exported without"
            " its log, or trained elsewhere; calrec-train export lays it beside"
        ) from None
    entries = [entry for entry in map(_entry, lines) if entry is not None]
    written = sum(bool(line.strip()) for line in lines)
    if not entries:
        raise CalrecError(
            f"expected steps of a training in {FILE} of {folder.name}, found none; export the"
            " checkpoint again"
        )
    return _log(entries, damaged=written - len(entries))


def _entry(line: str) -> tuple[str, int, dict[str, float]] | None:
    """Stage, step and quantities; `None` for a line that is no entry."""
    try:
        content = json.loads(line)
        stage, step = content["stage"], content["step"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    if not isinstance(stage, str) or not _is_number(step):
        return None
    values = {
        name: float(value)
        for name, value in content.items()
        if name not in _NO_CURVE and _is_number(value)
    }
    return stage, int(step), values


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _log(entries: list[tuple[str, int, dict[str, float]]], damaged: int) -> Log:
    stages = tuple(dict.fromkeys(stage for stage, _, _ in entries))
    points: dict[str, dict[str, dict[int, float]]] = {}
    before = 0
    for stage in stages:
        own = [(step, values) for name, step, values in entries if name == stage]
        for step, values in own:
            for name, value in values.items():
                # A training that was taken up again logs some steps twice: the later one counts.
                points.setdefault(name, {}).setdefault(stage, {})[before + step] = value
        before += max(step for step, _ in own)
    order = [*(name for name in TITLES if name in points), *sorted(points.keys() - TITLES.keys())]
    curves = tuple(
        Curve(
            quantity=name,
            parts=tuple(_part(stage, points[name][stage]) for stage in points[name]),
        )
        for name in order
    )
    return Log(curves=curves, stages=stages, damaged=damaged)


def _part(stage: str, by_step: dict[int, float]) -> Part:
    steps = sorted(by_step)
    stride = -(-len(steps) // POINTS)
    # Thinned from the end: where the training ended is always there.
    steps = steps[::-1][::stride][::-1]
    return Part(stage=stage, steps=tuple(steps), values=tuple(by_step[step] for step in steps))


def figure(curve: Curve, colours: Mapping[str, str]) -> go.Figure:
    """A quantity over all steps; each stage in its own colour, the last value of each marked.

    Args:
      curve: of a log.
      colours: `Log.colours`.
    """
    drawn = go.Figure()
    for part in curve.parts:
        name = escape(stage_title(part.stage))
        colour = colours[part.stage]
        sparse = len(part.steps) < 40
        drawn.add_scatter(
            x=part.steps,
            y=part.values,
            mode="lines+markers" if sparse else "lines",
            line={"color": colour, "width": 1.8},
            marker={"color": colour, "size": 5},
            hovertemplate=f"{name}<br>step %{{x:,}}: %{{y:.4f}}<extra></extra>",
        )
        drawn.add_scatter(
            x=part.steps[-1:],
            y=part.values[-1:],
            mode="markers",
            marker={"color": colour, "size": 8},
            hoverinfo="skip",
        )
    layout(drawn, height=230)
    drawn.update_xaxes(title={"text": "step"}, tickformat=",", nticks=6)
    drawn.update_yaxes(nticks=6)
    return drawn
