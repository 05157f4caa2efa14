"""What a checkpoint's record says, as sections of a model card: the page's and the exported one.

Whatever stands in the record is taken: it comes with a checkpoint from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from calrec.evaluation.metrics import TITLES
from calrec.model.backbone.config import DecoderConfig
from calrec.model.checkpoint import Description
from calrec.report.rendering import ABSENT, markdown_text
from calrec.report.training_log import NDCG

Rows = tuple[tuple[str, ...], ...]
UNRECORDED = "not recorded"
NO_DATA = "The record names no training data."
_STAGES: Mapping[str, str] = {
    "pretrained": "Pretrained elsewhere",
    "pretrain": "Pre-training",
    "stage1": "Stage I, many shops",
    "stage2": "Stage II, one shop",
}


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a card.

    Attributes:
      title: heading.
      facts: name and value of each; shown before the table.
      columns: of the table; the first names the row.
      rows: of the table, as many cells as columns.
      remarks: sentences behind it.
      wide: whether it takes the whole width of the page.
    """

    title: str
    facts: Rows = ()
    columns: tuple[str, ...] = ()
    rows: Rows = ()
    remarks: tuple[str, ...] = ()
    wide: bool = False


def shown(value: object) -> str:
    """A recorded value, whatever it is."""
    if value is None:
        return UNRECORDED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def duration(seconds: object) -> str:
    """Minutes or hours."""
    if not isinstance(seconds, int | float):
        return UNRECORDED
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def stage_title(stage: str) -> str:
    """For people."""
    return _STAGES.get(stage, stage)


def parameters(shape: DecoderConfig) -> int:
    """How many weights a decoder of this shape has."""
    width, inner, head = shape.hidden_size, shape.intermediate_size, shape.head_dim
    queries, shared = shape.num_attention_heads * head, shape.num_key_value_heads * head
    layered = 2 if shape.norm == "layer" else 1  # a bias beside the weight
    norm = width * layered
    attention = width * (2 * queries + 2 * shared)
    attention += shape.attention_bias * (queries + 2 * shared) + shape.output_bias * width
    attention += shape.norm_queries_and_keys * 2 * head * layered
    wide = 1 + shape.gated_mlp
    mlp = (wide + 1) * width * inner + shape.mlp_bias * (wide * inner + width)
    layer = attention + mlp + norm * (4 if shape.norm_outputs else 2)
    tables = 1 + (not shape.tie_word_embeddings)
    positions = shape.max_position_embeddings * width if shape.rope is None else 0
    return tables * shape.vocab_size * width + positions + shape.num_hidden_layers * layer + norm


def stages(record: Description) -> Iterator[Mapping[str, Any]]:
    """The stages of a record that can be read, in order."""
    found = record.training.get("stages")
    yield from (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def training(record: Description) -> Section:
    """Settings and outcome of each stage."""
    rows = []
    for one in stages(record):
        settings = part(one, "settings")
        objective = part(settings, "objective")
        fine = one.get("stage") != "pretrain"
        rows.append(
            (
                stage_title(str(one.get("stage"))),
                shown(settings.get("steps")),
                shown(one.get("best_step")),
                shown(settings.get("batch_size")),
                shown(settings.get("learning_rate")),
                shown(objective.get("alpha")) if fine else ABSENT,
                shown(objective.get("beta")) if fine else ABSENT,
                shown(objective.get("tau")) if fine else ABSENT,
                shown(one.get("validation_nig")),
                shown(one[NDCG]) if NDCG in one else ABSENT,
                duration(one.get("seconds")),
            )
        )
    return Section(
        title="Training",
        columns=(
            "Stage",
            "Steps",
            "Kept step",
            "Batch",
            "Learning rate",
            "Alpha (TT)",
            "Beta (UT)",
            "Tau",
            "Validation loss",
            "Validation NDCG@10",
            "Took",
        ),
        rows=tuple(rows),
        remarks=(
            "Alpha and beta weigh the contrastive losses, tau is their temperature; pre-training"
            " has none. The kept step is the one with the highest validation NDCG@10 of texts drawn"
            " and ranked (pessimistic) where that was measured, else with the lowest loss.",
        )
        if rows
        else ("The record names no stage of training.",),
        wide=True,
    )


def part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What a record says under a name; nothing where that is no object."""
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def figures(record: Description) -> Section:
    """What evaluations wrote into the record."""
    rows = []
    for name, figure in sorted(record.figures.items()):
        metrics = figure.get("metrics") if isinstance(figure, dict) else None
        if isinstance(metrics, dict):
            ranks = tuple(_pair(metrics.get(metric)) for metric in TITLES)
            facts = (shown(figure.get(fact)) for fact in ("bought", "count", "users"))
            rows.append((name, *facts, *ranks))
    return Section(
        title="Measured figures",
        columns=("Shop, split, recommender", "Bought", "Count", "Users", *TITLES.values())
        if rows
        else (),
        rows=tuple(rows),
        remarks=(
            "Optimistic / pessimistic: the item really bought counted first or last among the items"
            " with its score. Bought: items of the history are ranked like all others, or stand"
            " last. Count: counting rules use training parts alone, or all before the targets.",
        )
        if rows
        else ("The record holds none; calrec-train figures writes those of evaluations into it.",),
        wide=True,
    )


def _pair(value: Any) -> str:
    try:
        return f"{value['optimistic']:.4f} / {value['pessimistic']:.4f}"
    except (TypeError, LookupError, ValueError):
        return ABSENT


def limits(record: Description, invented: bool) -> Section:
    """For what the model is meant; `invented` says that training saw invented shops alone."""
    remarks = [
        "Meant for looking at how a generative recommender works and for comparing such models;"
        " not for decisions about people.",
        "It knows the words of its training data: of shops in another language or trade it writes"
        " texts that name no item there.",
        "A text's probability is the model's own; it is no chance that somebody buys the item.",
    ]
    if invented:
        remarks.insert(
            1,
            "Trained on invented items and invented buyers only: its figures say nothing about"
            " real shops.",
        )
    if not record.figures:
        remarks.append("No figures are recorded, so how good it is is not known from here.")
    return Section(title="Intended use and limits", remarks=tuple(remarks), wide=True)


def markdown(section: Section) -> str:
    """A section with its heading; nothing in the record is read as markup."""
    parts = [f"## {markdown_text(section.title)}"]
    if section.facts:
        parts.append(_items(f"{markdown_text(n)}: {markdown_text(v)}" for n, v in section.facts))
    if section.rows:
        head, *rows = [[markdown_text(c) for c in row] for row in (section.columns, *section.rows)]
        lines = [head, ["---"] * len(head), *rows]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    if section.remarks:
        parts.append(_items(map(markdown_text, section.remarks)))
    return "\n\n".join(parts)


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
