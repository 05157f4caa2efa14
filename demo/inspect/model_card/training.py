"""What a card says of the training: its data, its stages, and the figures measured since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calrec.evaluation.leaks import Seen, leaks, of_training
from calrec.evaluation.metrics import TITLES
from calrec.model.checkpoint import Description
from demo.inspect.model_card.section import Section, duration, shown
from demo.inspect.training_curves import stage_title


def stages(record: Description) -> Iterator[Mapping[str, Any]]:
    """The stages of a record that can be read, in order."""
    found = record.training.get("stages")
    yield from (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


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


def data(record: Description, shops: Mapping[str, str], shop: str) -> Section:
    """Which shops training saw, and whether this one is among them; arguments as for `card`."""
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


def training(record: Description) -> Section:
    """Settings and outcome of each stage."""
    rows = []
    for one in stages(record):
        settings = _settings(one, "settings")
        objective = _settings(settings, "objective")
        fine = one.get("stage") != "pretrain"
        rows.append(
            (
                stage_title(str(one.get("stage"))),
                shown(settings.get("steps")),
                shown(one.get("best_step")),
                shown(settings.get("batch_size")),
                shown(settings.get("learning_rate")),
                shown(objective.get("alpha")) if fine else "–",
                shown(objective.get("beta")) if fine else "–",
                shown(objective.get("tau")) if fine else "–",
                shown(one.get("validation_nig")),
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


def _settings(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def figures(record: Description) -> Section:
    """What evaluations wrote into the record."""
    rows = []
    for name in sorted(record.figures):
        figure = record.figures[name]
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
        return "–"
