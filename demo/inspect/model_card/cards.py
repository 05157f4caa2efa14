"""The model card: what a checkpoint records of itself, in words.

It says what the record says and nothing else: sizes, settings, training, measured figures, and
for whom the model is meant. `demo.html.model_card_text` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from calrec.model.checkpoint import Description, describe
from catalog.sample import DEPARTMENTS
from demo.inspect.model_card import decoder, training
from demo.inspect.model_card.section import Section, listed, short_count


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
    return card(folder.name, describe(folder), shops, shop, tokens=decoder.vocabulary(folder))


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
            decoder.size(record, tokens),
            decoder.reading(record),
            decoder.recommending(record),
            training.data(record, shops, shop),
            training.training(record),
            training.figures(record),
            _use(record, invented),
        ),
    )


def _lead(record: Description, invented: bool) -> str:
    size = short_count(decoder.parameters(record.decoder))
    begun = next((one.get("stage") for one in training.stages(record)), None)
    scratch = ", trained from scratch" if begun == "pretrain" else ""
    where = ""
    if record.data:
        shop = "shop" if len(record.data) == 1 else "shops"
        shops = f"invented {shop}" if invented else f"purchases of the {shop}"
        where = f" on the {shops} {listed(sorted(record.data))}"
        where = f"{'' if scratch else ', trained'}{where}"
    return (
        f"A language model of {size} parameters{scratch}{where}. It reads a purchase history as"
        " text and writes the text of the next purchase."
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
