"""What one visitor has assembled, and the edits to it: ids only, one immutable value per step."""

from __future__ import annotations

from dataclasses import dataclass, replace


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
    """The item bought last is `item_id`."""
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


def _holds(session: Session, position: int, item_id: str) -> bool:
    return 0 <= position < len(session.history) and session.history[position] == item_id
