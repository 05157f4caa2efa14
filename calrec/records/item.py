"""An item of a catalogue, and the attributes that its text carries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """The four attributes that an item's text carries; `None` where one is not known."""

    title: str | None = None
    category: str | None = None
    brand: str | None = None
    price: str | None = None

    def values(self) -> tuple[str | None, str | None, str | None, str | None]:
        """Title, category, brand and price, in the order of the text."""
        return (self.title, self.category, self.brand, self.price)


@dataclass(frozen=True, kw_only=True)
class Item(Attributes):
    """One item of a catalogue. Distinct items may carry equal text."""

    item_id: str
