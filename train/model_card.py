"""The README.md of a checkpoint: what `calrec.json` says, in the form of the Hugging Face Hub.

The checkpoint's identity is in `calrec.json`; this file is no part of it and may be edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from calrec.evaluation.metrics import TITLES
from calrec.model.checkpoint import Description
from calrec.report import model_card
from calrec.report.rendering import markdown_text
from catalog.sample import invented
from catalog.sources import sources

FILE = "README.md"
LICENCE = "apache-2.0"
"""The project's, by the Hub's name for it."""


def text(description: Description) -> str:
    """The file's text, of the checkpoint's record alone."""
    begun, *further = [*model_card.stages(description)] or [{}]
    is_pretrained = begun.get("stage") == "pretrained"
    pretrained = str(model_card.part(begun, "settings").get("folder")) if is_pretrained else None
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
        parameters=f"{model_card.parameters(description.decoder):,}",
        family=description.decoder.family,
        dtype=description.dtype,
        pretrained=pretrained and markdown_text(pretrained),
        tuned=bool(further),
        sections="\n\n".join(map(model_card.markdown, _sections(description))),
    )
    return str(card)


def _sections(record: Description) -> Iterator[model_card.Section]:
    yield model_card.training(record)
    yield model_card.Section(
        title="Training data",
        columns=("Shop", "Fingerprint"),
        rows=tuple(sorted(record.data.items())),
        remarks=(
            "A fingerprint tells whether a shop's data are those of the training.",
            *(f"Data: {source}." for source in sources(record.data.values())),
        )
        if record.data
        else (model_card.NO_DATA,),
    )
    yield model_card.figures(record)
    yield model_card.limits(record, invented(record.data))


def _results(figures: Mapping[str, Any]) -> Iterator[EvalResult]:
    """Both sides of each metric of the model itself; the figures hold baselines, too.

    What is not as `train.export.record_figures` writes it is left out: the record comes with a
    checkpoint from anywhere.
    """
    for name, figure in sorted(figures.items()):
        if not isinstance(figure, Mapping) or "generation" not in figure:
            continue
        domain, split, *_ = [*name.split(" ", 2), ""]
        for metric, title in TITLES.items():
            sides = model_card.part(model_card.part(figure, "metrics"), metric)
            for side in ("optimistic", "pessimistic"):
                if not isinstance(sides.get(side), int | float):
                    continue
                yield EvalResult(
                    task_type="recommendation",
                    task_name="Sequential recommendation",
                    dataset_type=domain,
                    dataset_name=name,
                    # The Hub takes figures of one type, configuration and split for one dataset's.
                    dataset_config=name,
                    dataset_split=split,
                    metric_type=metric,
                    metric_name=f"{title}, {side}",
                    metric_value=sides[side],
                )
