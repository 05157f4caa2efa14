"""A search over a shop's whole catalogue after a history, and what became of items in it."""

from __future__ import annotations

from collections.abc import Sequence

from calrec.records.exploration import Exploration
from demo.inspect.shop import Shop

DEPTHS: dict[str, int | None] = {"10": 10, "50": 50, "200": 200, "all": None}
"""How many of the most probable texts are looked for, by name; `None` reads every item's."""
DEPTH = "50"
"""That finds most of the probability, and is there in a moment."""


def explore(
    shop: Shop,
    history: Sequence[str],
    asked: Sequence[str] = (),
    *,
    depth: str = DEPTH,
    template: str | None = None,
) -> Exploration:
    """The search by the served model.

    Args:
      shop: whose items are searched.
      history: item ids, oldest first; at least one.
      asked: ids of the items whose ways are told.
      depth: a key of `DEPTHS`.
      template: of the prompt; `None` is that of the checkpoint.

    Raises:
      CalrecError: if the shop has no such item, the checkpoint cannot be loaded, or every item of
        a large shop is to be read.
    """
    shop.items(asked)
    calrec = shop.calrec()
    if template is not None and template != calrec.model.text.template:
        calrec = calrec.with_template(template)
    return calrec.explore(shop.items(history), tuple(dict.fromkeys(asked)), count=DEPTHS[depth])
