"""What one visitor has assembled, and the edits to it: ids only, one immutable value per step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from calrec.errors import CalrecError
from demo.inspect import url

if TYPE_CHECKING:
    from calrec.records import Item
    from demo.inspect.application import Application
    from demo.inspect.shop import Shop

MOST = 200
"""Items of a history; no model reads more, and no address carries more."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """One visitor's shop, purchase history and, where known, the true next item.

    Attributes:
      domain: the shop.
      history: item ids, oldest first; an item may occur more than once.
      target: id of the item really bought next; the recommenders never see it.
      user_id: the shopper that was loaded.
      edited: whether the history differs from the loaded shopper's.
    """

    domain: str
    history: tuple[str, ...] = ()
    target: str | None = None
    user_id: str | None = None
    edited: bool = False


def _edited(session: Session, history: tuple[str, ...]) -> Session:
    return replace(session, history=history, edited=session.user_id is not None)


def added(session: Session, item_id: str) -> Session:
    """The item bought last is `item_id`; unchanged if the history is full."""
    if len(session.history) >= MOST:
        return session
    return _edited(session, (*session.history, item_id))


def removed(session: Session, position: int, item_id: str) -> Session:
    """Without the purchase at `position`; unchanged if another item stands there by now."""
    if not _holds(session, position, item_id):
        return session
    return _edited(session, session.history[:position] + session.history[position + 1 :])


def moved(session: Session, position: int, item_id: str, step: int) -> Session:
    """The purchase at `position` changes places with the one `step` (1 or -1) further.

    Unchanged if another item stands there by now or the list ends there.
    """
    other = position + step
    if not _holds(session, position, item_id) or not 0 <= other < len(session.history):
        return session
    history = list(session.history)
    history[position], history[other] = history[other], history[position]
    return _edited(session, tuple(history))


def cleared(session: Session) -> Session:
    """An empty history in the same shop, with no shopper and no known next item."""
    return Session(domain=session.domain)


def of_shopper(shop: Shop, user_id: str) -> Session:
    """A shopper's history, with the held-out purchase as the known target.

    Raises:
      CalrecError: if the shop has no such shopper, or none of the shopper's purchases is held out.
    """
    case = shop.catalogue.case(user_id)
    return Session(
        domain=shop.domain,
        history=tuple(item.item_id for item in case.history),
        target=case.target.item_id,
        user_id=user_id,
    )


def target_of(session: Session, shop: Shop) -> Item | None:
    """The item really bought next, where it is known.

    Raises:
      CalrecError: if the shop has no such item.
    """
    return None if session.target is None else shop.items([session.target])[0]


def query_of(session: Session) -> str:
    """The session as an address carries it: the shopper alone where that says all."""
    whole = {"shop": session.domain, "user": session.user_id}
    if session.user_id is None or session.edited:
        # A shopper's history with everything removed is not the shopper's whole one.
        emptied = "1" if session.edited and not session.history else ""
        whole |= {"item": session.history, "target": session.target, "emptied": emptied}
    return url.write(whole)


def from_query(query: url.Query, app: Application) -> Session:
    """The session that an address carries; the first shop where it names none.

    Raises:
      CalrecError: if there is no such shop, shopper or item.
    """
    shop = app.shop(url.one(query, "shop", next(iter(app.domains))))
    user_id = url.one(query, "user") or None
    history = tuple(query.get("item", ()))
    if len(history) > MOST:
        raise CalrecError(
            f"expected a history of at most {MOST} items, found {len(history):,}: shorten it"
        )
    if user_id is not None:
        loaded = of_shopper(shop, user_id)
        shop.items(history)
        edited = bool(history) or url.one(query, "emptied") == "1"
        return replace(loaded, history=history, edited=True) if edited else loaded
    target = url.one(query, "target") or None
    shop.items([*history, *([target] if target else [])])
    return Session(domain=shop.domain, history=history, target=target)


def _holds(session: Session, position: int, item_id: str) -> bool:
    return 0 <= position < len(session.history) and session.history[position] == item_id
