"""A result as part of a report, made anew from its address."""

from __future__ import annotations

from markupsafe import Markup

from calrec.errors import CalrecError
from calrec.records.decoders import DECODERS
from demo.html import walkthrough
from demo.html.record import result
from demo.html.wording import count
from demo.inspect.generations import GenerationKey
from demo.inspect.session import Session
from demo.inspect.url import Query
from demo.pages.walkthrough import results
from demo.pages.walkthrough.address import from_query
from demo.pages.walkthrough.recommending import Recommending
from demo.pages.walkthrough.results import Shown
from demo.pages.walkthrough.told import told


class Saving:
    """Results of `Recommending`, saved; holds nothing of a visitor."""

    def __init__(self, recommending: Recommending) -> None:
        self._recommending = recommending

    def saved(self, session: Session, query: Query, key: str) -> Markup:
        """The result of an address; `key` begins the ids of its parts.

        Raises:
          CalrecError: if the history is empty, or nothing can be recommended for it.
        """
        if not session.history:
            raise CalrecError(
                "expected a history of purchases, found an empty one; remove this view"
            )
        shop, choice = self._recommending.shop_of(session), from_query(query)
        named = choice.generation_key(shop, session.history)
        texts = self._recommending.texts(shop, named)
        shown = Shown(
            session=session,
            choice=choice.with_texts_of(named),
            key=named,
            decoding=texts.decoding,
        )
        made = results.beside(shop, texts.generation, shown)
        return result.saved(
            told(shop, made, session, named),
            key,
            speaker=self._recommending.speaker(),
            drawn=drawn(named),
            wrote=walkthrough.texts_view(shop, made.calrec, -1, pressed=False),
            rules=choice.rules,
            leaks=shop.leaks(),
        )


def drawn(key: GenerationKey) -> str:
    """How texts were written, in words."""
    kind = DECODERS[key.decoder]
    number = "" if kind.id == "likelihood" else f": {count(key.samples, 'text')}"
    said = [f"{kind.label}{number}"]
    if kind.draws:
        said += [f"seed {key.seed}", f"temperature {key.temperature:g}"]
    return ", ".join(said) + "."
