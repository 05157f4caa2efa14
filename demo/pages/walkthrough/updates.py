"""What the walkthrough's events change: updates of its parts, and what its results are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from calrec.records import Item
from demo.html import widgets
from demo.inspect.draws import Draw
from demo.inspect.session import Session
from demo.inspect.shop import Shop
from demo.pages.events import SKIP
from demo.pages.walkthrough.address import WalkthroughAddress


class Assembly(NamedTuple):
    """Updates of the history's side of the page; `SKIP` leaves a part as it is."""

    history: Any = SKIP
    target: Any = SKIP
    message: Any = SKIP
    stale: Any = SKIP
    prompt: Any = SKIP
    shopper: Any = SKIP


class Listing(NamedTuple):
    """Updates of the catalogue's list and of what its filters offer."""

    browse: Any = SKIP
    category: Any = SKIP
    brand: Any = SKIP
    price: Any = SKIP


class Results(NamedTuple):
    """Updates of the results."""

    message: Any = SKIP
    status: Any = SKIP
    samples: Any = SKIP
    heat: Any = SKIP
    heat_empty: Any = SKIP
    ranks: Any = SKIP
    rankings: Any = SKIP
    prompt: Any = SKIP
    shown: Any = SKIP
    address: Any = SKIP
    run: Any = SKIP
    stop: Any = SKIP


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the results on the page are of: the visitor's session then, and all settings."""

    session: Session
    choice: WalkthroughAddress
    draw: Draw


def target_of(shop: Shop, session: Session) -> Item | None:
    """The item really bought next, where it is known.

    Raises:
      CalrecError: if the shop has no such item.
    """
    return None if session.target is None else shop.items([session.target])[0]


def stale_line(session: Session, shown: Shown | None) -> str:
    """A line above the results if they belong to another history than the one now shown."""
    read = shown and (shown.session.domain, shown.session.history)
    if not read or read == (session.domain, session.history):
        return ""
    return widgets.notice(
        "The history has changed since. These results belong to the earlier one: "
        "press Recommend for new ones."
    )
