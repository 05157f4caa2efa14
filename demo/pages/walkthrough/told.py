"""What is known of a result, for its story."""

from __future__ import annotations

from calrec.records.attribution import Attribution
from calrec.text import TextSettings
from demo.html.record.story import Told
from demo.inspect.generations import GenerationKey
from demo.inspect.session import Session, target_of
from demo.inspect.shop import Shop
from demo.inspect.side_by_side import SideBySide


def told(
    shop: Shop,
    made: SideBySide,
    session: Session,
    key: GenerationKey,
    attribution: Attribution | None = None,
) -> Told:
    """What is known of a result.

    Args:
      shop: whose items are ranked.
      made: the rankings.
      session: whose history it is.
      key: names the texts.
      attribution: of their columns, where it was computed.
    """
    text = TextSettings(**made.calrec.settings.get("text", {}))
    return Told(
        made=made,
        items=shop.by_id,
        attributes=shop.attributes(text),
        target=target_of(session, shop),
        shopper="" if session.edited else session.user_id or "",
        asked=None if key.finished is None else key.samples,
        attribution=attribution,
    )
