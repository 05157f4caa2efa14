"""What the training log of a checkpoint says, as one curve a quantity.

    FOLDER/training_log.jsonl    one line every few steps: stage, step, seconds and the losses, of
                                 which `validation_*` stand only where the model was validated

A stage's steps begin at 1 again; curves lay the stages end to end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
from markupsafe import escape

from calrec.errors import CalrecError
from calrec.report.figures import COLOURS, GENERATIVE, layout
from calrec.report.model_card import stage_title
from calrec.report.training_log import FILE, SECONDS, TITLES, Entry, entries

POINTS = 600
"""Points drawn of a stage's curve, at most; more would say nothing more."""

_COLOURS = (COLOURS[0], GENERATIVE, *COLOURS[1:])


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
    found, damaged = entries(lines)
    if not found:
        raise CalrecError(
            f"expected steps of a training in {FILE} of {folder.name}, found none; export the"
            " checkpoint again"
        )
    return _log(found, damaged)


def _log(found: tuple[Entry, ...], damaged: int) -> Log:
    stages = tuple(dict.fromkeys(entry.stage for entry in found))
    points: dict[str, dict[str, dict[int, float]]] = {}
    before = 0
    for stage in stages:
        own = [entry for entry in found if entry.stage == stage]
        for entry in own:
            for name, value in entry.values.items():
                # A training that was taken up again logs some steps twice: the later one counts.
                points.setdefault(name, {}).setdefault(stage, {})[before + entry.step] = value
        before += max(entry.step for entry in own)
    points.pop(SECONDS, None)
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
