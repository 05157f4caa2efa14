"""The model card: what a checkpoint records of itself, in words.

It says what the record says and nothing else: sizes, settings, training, measured figures, and
for whom the model is meant. `demo.html.model_card_text` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calrec.model.checkpoint import Description, describe
from calrec.report import model_card
from calrec.report.model_card import Section
from catalog.sample import invented
from demo.inspect.model_card import decoder, training


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
    all_invented = invented(record.data)
    return Card(
        name=name,
        lead=f"{lead(record)} It reads a purchase history as text and writes the text of the next"
        " purchase.",
        sections=(
            decoder.size(record, tokens),
            decoder.reading(record),
            decoder.recommending(record),
            training.data(record, shops, shop),
            model_card.training(record),
            model_card.figures(record),
            model_card.limits(record, all_invented),
        ),
    )


def lead(record: Description) -> str:
    """What the model is, and of what and on what it was trained: a sentence."""
    size = _short_count(model_card.parameters(record.decoder))
    begun = next(model_card.stages(record), {})
    scratch = ", trained from scratch" if begun.get("stage") == "pretrain" else ""
    where = ""
    if record.data:
        all_invented = invented(record.data)
        shop = "shop" if len(record.data) == 1 else "shops"
        shops = f"invented {shop}" if all_invented else f"purchases of the {shop}"
        *others, last = sorted(record.data)
        named = f"{', '.join(others)} and {last}" if others else last
        where = f" on the {shops} {named}"
        where = f"{'' if scratch else ', trained'}{where}"
    return f"A language model of {size} parameters{_base(record, begun)}{scratch}{where}."


def _base(record: Description, begun: Mapping[str, Any]) -> str:
    """Which pretrained model it was, and whether adapters speak beside it."""
    if record.adapters is not None:
        return f", {record.adapters.name} with adapters of rank {record.adapters.lora.rank:,}"
    if begun.get("stage") == "pretrained":
        folder = model_card.part(begun, "settings").get("folder")
        named = f" ({folder})" if folder else ""
        return f", pretrained elsewhere{named}{'' if record.data else ' and left as it is'}"
    return ""


def _short_count(number: int) -> str:
    """A number in words, such as 1.2 million."""
    for size, word in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if number >= size:
            return f"{number / size:.1f}{word}"
    return str(number)
