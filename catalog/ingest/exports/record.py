"""What is known of an export: names of columns, and words for the state of an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NAMED = (
    "order_id",
    "user_id",
    "item_id",
    "timestamp",
    "title",
    "category",
    "brand",
    "price",
    "quantity",
    "status",
)
"""What `--column` can name in order lines."""

CANCELLED = ("cancelled", "canceled", "refunded", "voided", "failed", "returned")
"""States of an order that was no purchase, for an export that is not known."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What an export calls things.

    Attributes:
      name: for people.
      told_by: of each of these groups of names one has to be there.
      names: our name to theirs, of which the first that is there counts. Beside `NAMED` there are
        `other_user_id` and `other_item_id` (for a line that lacks the first), `line_total` (price
        times quantity), `cancelled_at` (filled where the order was cancelled), `units_refunded` and
        `units_cancelled` (of the line's quantity) and `parent_id` (filled in a line that is a part
        of another line, as of a bundle).
      cancelled: states of an order that was no purchase.
      usual: states of a purchase; any other is counted as one, too, and named.
      credit: regular expression of the number of an order that takes another back.
      lines: the column that holds the order's lines as a JSON list, where a row is an order.
      line_names: as `names`, of the objects in that list.
      inside: our name to a JSON path, where `names` gives an object.
    """

    name: str
    told_by: tuple[tuple[str, ...], ...]
    names: Mapping[str, tuple[str, ...]]
    cancelled: tuple[str, ...] = CANCELLED
    usual: tuple[str, ...] = ()
    credit: str | None = None
    lines: str | None = None
    line_names: Mapping[str, str] = field(default_factory=dict)
    inside: Mapping[str, str] = field(default_factory=dict)
