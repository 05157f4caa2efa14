"""What a card says of the training data: which shops the model saw, and in which state."""

from __future__ import annotations

from collections.abc import Mapping

from calrec.evaluation.leaks import Seen, leaks, of_training
from calrec.model.checkpoint import Description
from calrec.report.model_card import NO_DATA, Section
from catalog.sources import sources


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
    remarks += tuple(f"Data: {source}." for source in sources(record.data.values()))
    return Section(
        title="Training data",
        columns=("Shop", "Seen in training", "Role then", "Its data then", "Its data here"),
        rows=rows,
        remarks=remarks if record.data else (*remarks, NO_DATA),
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
