"""The model card: what a checkpoint records of itself, in words; `demo.html.model_card_text`
writes it.

It says what the record says and nothing else: sizes, settings, training, measured figures, and
for whom the model is meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calrec.evaluation.leaks import Seen, leaks, of_training
from calrec.evaluation.metrics import TITLES
from calrec.model.backbone.config import DecoderConfig
from calrec.model.checkpoint import Description, describe
from catalog.sample import DEPARTMENTS
from demo.inspect.training_curves import stage_title

Rows = tuple[tuple[str, ...], ...]
UNRECORDED = "not recorded"


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


@dataclass(frozen=True, kw_only=True)
class Card:
    """A model card.

    Attributes:
      name: of the checkpoint.
      lead: one paragraph that says what the model is.
      sections: in order.
    """

    name: str
    lead: str
    sections: tuple[Section, ...]


def read(folder: Path, shops: Mapping[str, str], shop: str = "") -> Card:
    """The card of a checkpoint.

    Args:
      folder: of the checkpoint.
      shops: fingerprint of the data of each shop of the workspace, by name.
      shop: the one that is looked at.

    Raises:
      CalrecError: if the checkpoint cannot be read.
    """
    return card(folder.name, describe(folder), shops, shop, tokens=_vocabulary(folder))


def card(
    name: str,
    record: Description,
    shops: Mapping[str, str],
    shop: str = "",
    *,
    tokens: int | None = None,
) -> Card:
    """The card of a checkpoint's record.

    Args:
      name: of the checkpoint.
      record: its `calrec.json`.
      shops: as for `read`.
      shop: likewise.
      tokens: that its tokenizer knows; `None` where that is unknown.
    """
    invented = bool(record.data) and set(record.data) <= set(DEPARTMENTS)
    return Card(
        name=name,
        lead=_lead(record, invented),
        sections=(
            _size(record, tokens),
            _reading(record),
            _recommending(record),
            _data(record, shops, shop),
            _training(record),
            _figures(record),
            _use(record, invented),
        ),
    )


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


def _vocabulary(folder: Path) -> int | None:
    try:
        content = json.loads((folder / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))
        known = set(content["model"]["vocab"])
        return len(known | {token["content"] for token in content.get("added_tokens", ())})
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _stages(record: Description) -> Iterator[Mapping[str, Any]]:
    stages = record.training.get("stages")
    yield from (one for one in stages if isinstance(one, dict)) if isinstance(stages, list) else ()


def _lead(record: Description, invented: bool) -> str:
    size = _short_count(parameters(record.decoder))
    begun = next((one.get("stage") for one in _stages(record)), None)
    scratch = ", trained from scratch" if begun == "pretrain" else ""
    where = ""
    if record.data:
        shop = "shop" if len(record.data) == 1 else "shops"
        shops = f"invented {shop}" if invented else f"purchases of the {shop}"
        where = f" on the {shops} {_listed(sorted(record.data))}"
        where = f"{'' if scratch else ', trained'}{where}"
    return (
        f"A language model of {size} parameters{scratch}{where}. It reads a purchase history as"
        " text and writes the text of the next purchase."
    )


def _size(record: Description, tokens: int | None) -> Section:
    shape = record.decoder
    heads = f"{shape.num_attention_heads} query, {shape.num_key_value_heads} key and value"
    return Section(
        title="Size and shape",
        facts=(
            ("Parameters", f"{parameters(shape):,}"),
            ("Stored as", record.dtype),
            ("Family", shape.family),
            ("Layers", f"{shape.num_hidden_layers:,}"),
            ("Width", f"{shape.hidden_size:,}, inside a layer {shape.intermediate_size:,}"),
            ("Attention heads", f"{heads}, {shape.head_dim:,} numbers each"),
            ("Longest text", f"{shape.max_position_embeddings:,} tokens"),
            (
                "Vocabulary",
                f"{shape.vocab_size:,} places"
                + ("" if tokens is None else f", tokenizer of {tokens:,} tokens"),
            ),
        ),
    )


def _reading(record: Description) -> Section:
    title, category, brand, price = record.text.limits()
    return Section(
        title="How it reads",
        facts=(
            ("Text template", record.text.template),
            (
                "Words kept of an item",
                f"title {title}, category {category}, brand {brand}, price {price}",
            ),
            ("A history takes at most", f"{record.max_prompt_tokens:,} tokens"),
        ),
    )


def _recommending(record: Description) -> Section:
    sampling, ranking = record.sampling, record.ranking
    return Section(
        title="How it recommends",
        facts=(
            ("Texts written", _shown(sampling.get("samples"))),
            ("Temperature", _shown(sampling.get("temperature"))),
            ("Longest text written", f"{_shown(sampling.get('max_new_tokens'))} tokens"),
            ("Texts kept", f"{ranking.n_pred:,}"),
            ("From texts to items", ranking.retrieval),
            ("Weight of a text's probability", _shown(ranking.epsilon)),
            ("Pooling over texts", ranking.pooling),
            ("Modulation by probability", "on" if ranking.modulation else "off"),
        ),
    )


def seen_words(trained_on: str | None, now: str | None) -> str:
    """Whether a shop was in the training data.

    Args:
      trained_on: fingerprint of the shop's data that training saw; `None` if it saw none.
      now: fingerprint of the data in the workspace; `None` if the shop is not there.
    """
    if trained_on is None:
        return "never seen in training"
    if now is None:
        return "in training; not in this workspace"
    return "in training, as it is here" if trained_on == now else "in training, in another state"


def _data(record: Description, shops: Mapping[str, str], shop: str) -> Section:
    names = dict.fromkeys([*sorted(record.data), *shops])
    seen = of_training(record.training)
    rows = tuple(
        (
            name,
            seen_words(record.data.get(name), shops.get(name)),
            _roles(seen, name),
            (record.data.get(name) or "–")[:12],
            (shops.get(name) or "–")[:12],
        )
        for name in names
    )
    here = {
        "never seen in training": f"This shop, {shop}, was never seen in training.",
        "in training, as it is here": (
            f"This shop, {shop}, was in training with the very data that it has here."
        ),
        "in training, in another state": (
            f"This shop, {shop}, was in training in another state: its held-out purchases may have"
            " been seen, so its figures may be too good."
        ),
    }
    remarks = ()
    if shop in shops:
        words = seen_words(record.data.get(shop), shops[shop])
        remarks = (here[words], *_known(seen, shop, shops[shop]))
    return Section(
        title="Training data",
        columns=("Shop", "Seen in training", "Role then", "Its data then", "Its data here"),
        rows=rows,
        remarks=remarks if record.data else (*remarks, "The record names no training data."),
        wide=True,
    )


def _roles(seen: tuple[Seen, ...] | None, name: str) -> str:
    if seen is None:
        return "not known"
    return ", ".join(dict.fromkeys(one.role for one in seen if one.domain == name)) or "–"


def _known(seen: tuple[Seen, ...] | None, shop: str, fingerprint: str) -> list[str]:
    """What the model may know of a shop's held-out purchases, split by split."""
    asked = {"domain": shop, "fingerprint": fingerprint, "role": "evaluation"}
    told = {split: leaks(seen, split=split, **asked) for split in ("test", "validation")}
    if told["test"] == told["validation"]:
        lines = {"Its held-out purchases": told["test"]}
    else:
        lines = {f"Its {split} purchases": found for split, found in told.items()}
    return [
        f"{which}: {'; '.join(found) or 'neither trained nor selected on'}."
        for which, found in lines.items()
    ]


def _training(record: Description) -> Section:
    rows = []
    for one in _stages(record):
        settings = one.get("settings") if isinstance(one.get("settings"), dict) else {}
        objective = settings.get("objective")
        objective = objective if isinstance(objective, dict) else {}
        fine = one.get("stage") != "pretrain"
        rows.append(
            (
                stage_title(str(one.get("stage"))),
                _shown(settings.get("steps")),
                _shown(one.get("best_step")),
                _shown(settings.get("batch_size")),
                _shown(settings.get("learning_rate")),
                _shown(objective.get("alpha")) if fine else "–",
                _shown(objective.get("beta")) if fine else "–",
                _shown(objective.get("tau")) if fine else "–",
                _shown(one.get("validation_nig")),
                _duration(one.get("seconds")),
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
            "Took",
        ),
        rows=tuple(rows),
        remarks=(
            "Alpha and beta weigh the contrastive losses, tau is their temperature; pre-training"
            " has none. The kept step is the one with the lowest validation loss.",
        )
        if rows
        else ("The record names no stage of training.",),
        wide=True,
    )


def _figures(record: Description) -> Section:
    rows = []
    for name in sorted(record.figures):
        figure = record.figures[name]
        metrics = figure.get("metrics") if isinstance(figure, dict) else None
        if isinstance(metrics, dict):
            shown = tuple(_pair(metrics.get(metric)) for metric in TITLES)
            facts = (_shown(figure.get(fact)) for fact in ("bought", "count", "users"))
            rows.append((name, *facts, *shown))
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


def _use(record: Description, invented: bool) -> Section:
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


def _pair(value: object) -> str:
    try:
        return f"{value['optimistic']:.4f} / {value['pessimistic']:.4f}"  # type: ignore[index]
    except (TypeError, LookupError, ValueError):
        return "–"


def _shown(value: object) -> str:
    if value is None:
        return UNRECORDED
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _duration(seconds: object) -> str:
    if not isinstance(seconds, int | float):
        return UNRECORDED
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def _short_count(number: int) -> str:
    for size, word in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if number >= size:
            return f"{number / size:.1f}{word}"
    return str(number)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
