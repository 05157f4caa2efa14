"""The README.md of a checkpoint: what `calrec.json` says, in the form of the Hugging Face Hub.

The checkpoint's identity is in `calrec.json`; this file is no part of it and may be edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import jax
from flax import nnx
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from calrec.evaluation.metrics import TITLES
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from calrec.model.checkpoint import Description
from calrec.report.rendering import ABSENT, markdown_text, number
from catalog.sample import DEPARTMENTS

FILE = "README.md"
LICENCE = "apache-2.0"
"""The project's, by the Hub's name for it."""
_SIDES = ("optimistic", "pessimistic")


def text(description: Description) -> str:
    """The file's text, of the checkpoint's record alone."""
    stages = description.training.get("stages", [])
    begun = stages[0] if stages else {}
    pretrained = begun["settings"]["folder"] if begun.get("stage") == "pretrained" else None
    domains = sorted(description.data)
    card = ModelCard.from_template(
        ModelCardData(
            library_name="calrec",
            license=LICENCE if pretrained is None else "other",
            tags=["recommendation", "sequential-recommendation", "calrec"],
            model_name="CALRec",
            eval_results=list(_results(description.figures)) or None,
        ),
        template_str=resources.files("train").joinpath("model_card.md.jinja").read_text("utf-8"),
        trained_on=markdown_text(f", trained on {', '.join(domains)}") if domains else "",
        parameters=f"{parameters(description.decoder):,}",
        family=description.decoder.family,
        dtype=description.dtype,
        pretrained=pretrained and markdown_text(pretrained),
        stages=_stages(stages),
        data=_table(("Shop", "Fingerprint"), sorted(description.data.items())),
        figures=_figures(description.figures),
        invented=bool(domains) and set(domains) <= set(DEPARTMENTS),
    )
    return str(card)


def parameters(shape: DecoderConfig) -> int:
    """How many weights a decoder of this shape has."""
    model = nnx.eval_shape(lambda: Decoder(shape, rngs=nnx.Rngs(0)))
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model)))


def _results(figures: Mapping[str, Any]) -> Iterator[EvalResult]:
    """Both sides of each metric of the model itself; the figures hold baselines, too."""
    for name, figure in sorted(figures.items()):
        if "generation" not in figure:
            continue
        domain, split, _ = name.split(" ", 2)
        for metric, title in TITLES.items():
            for side in _SIDES:
                yield EvalResult(
                    task_type="recommendation",
                    task_name="Sequential recommendation",
                    dataset_type=domain,
                    dataset_name=name,
                    dataset_split=split,
                    metric_type=metric,
                    metric_name=f"{title}, {side}",
                    metric_value=figure["metrics"][metric][side],
                )


def _figures(figures: Mapping[str, Any]) -> str:
    columns = ("Shop, split, recommender", "Bought", "Count", "Users", *TITLES.values())
    rows = []
    for name, figure in sorted(figures.items()):
        pairs = (
            " / ".join(number(figure["metrics"][metric][side], "metric") for side in _SIDES)
            for metric in TITLES
        )
        rows.append((name, figure["bought"], figure["count"], f"{figure['users']:,}", *pairs))
    return _table(columns, rows)


def _stages(stages: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for stage in stages:
        settings = stage["settings"]
        # Plain language modelling has the two weights in its settings and no use for them.
        weights = settings.get("objective", {}) if stage["stage"] in ("stage1", "stage2") else {}
        shown = (settings.get("steps"), stage.get("best_step"), settings.get("learning_rate"))
        shown += (weights.get("alpha"), weights.get("beta"), stage.get("validation_nig"))
        rows.append((stage["stage"], *map(_shown, shown)))
    columns = ("Stage", "Steps", "Kept step", "Learning rate", "Alpha", "Beta", "Validation loss")
    return _table(columns, rows)


def _shown(value: float | None) -> str:
    return ABSENT if value is None else f"{value:g}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; empty without rows. Names and labels are foreign text."""
    lines = [columns, ["---"] * len(columns)] if rows else []
    lines += [[markdown_text(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
