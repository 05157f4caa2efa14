"""What the questions of the last step do: each event returns the parts that it changes."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import gradio as gr
from cachetools import LRUCache
from markupsafe import Markup

from calrec.errors import CalrecError
from calrec.ranking.algorithm import fold
from calrec.records import Item, Recommendation, Sample
from calrec.records.attribution import Attribution
from calrec.text import TextSettings
from demo.html import widgets
from demo.html.record import causes, story, together, why
from demo.inspect.own_text import own_text
from demo.inspect.session import target_of
from demo.inspect.shop import Shop
from demo.pages import failures
from demo.pages.figures import HIDDEN, shown
from demo.pages.named import Update
from demo.pages.walkthrough.recommending import Recommending
from demo.pages.walkthrough.results import Shown
from demo.pages.walkthrough.told import told

MOST_PAIRED = 12
"""Purchases whose pairs are shown: 77 histories are read besides those without one."""
KEPT = 64
"""Attributions kept; one of ten texts is of a few kilobytes."""


class Explaining:
    """The events over the results of `Recommending`; holds nothing of a visitor."""

    def __init__(self, recommending: Recommending) -> None:
        self._recommending = recommending
        self._lock = threading.Lock()
        self._kept: LRUCache[Hashable, Attribution] = LRUCache(KEPT)

    @failures.told_in("message")
    def causes(self, of: Shown | None) -> Update:
        """Which purchases caused the kept texts."""
        if of is None:
            return {}
        shop, made = self._recommending.compared(of)
        record = made.calrec
        found = self._attribution(shop, of, _columns(record), record.ranking.columns)
        figure = causes.picture(record, shop.by_id, target_of(of.session, shop), found)
        return {
            "causes": causes.bars_view(record.history, found, 0, _names(record)),
            "flow": HIDDEN if figure is None else shown(figure),
            "pairing": gr.update(visible=len(found.without) > 2),
            "story": story.view(told(shop, made, of.session, of.key, found)),
            "message": "",
        }

    @failures.told_in("causes")
    def pick(self, of: Shown | None, click: gr.EventData) -> Update:
        """The bars of another text."""
        if of is None:
            return {}
        shop, made = self._recommending.compared(of)
        record, text = made.calrec, int(click.id)
        if not 0 <= text < len(record.ranking.columns):
            return {}  # the buttons of other texts were still on the screen
        found = self._attribution(shop, of, _columns(record), record.ranking.columns)
        return {"causes": causes.bars_view(record.history, found, text, _names(record))}

    def together(self, of: Shown | None) -> Iterator[Update]:
        """What each two purchases did together, and their order; says first how much that is."""
        if of is None:
            return
        try:
            read = len(self._of_columns(of)[1].without)
            if read > MOST_PAIRED:
                raise CalrecError(
                    f"expected at most {MOST_PAIRED} purchases that the model reads, so that it is"
                    f" quick, found {read}; remove some, or ask by GenerativeModel.attribution"
                )
            histories = read * (read - 1) // 2 + read - 1
            said = f"Reading {histories} histories: each two of {read} purchases left out, and"
            yield {"together": widgets.notice(f"{said} neighbours swapped.")}
            yield {"together": self._paired(of, 0)}
        except Exception as error:
            said = failures.line(error, "pairs of purchases")
            yield {"together": widgets.notice(said, "error")}

    @failures.told_in("together")
    def pick_pairs(self, of: Shown | None, click: gr.EventData) -> Update:
        """The pairs of another text."""
        text = int(click.id)
        if of is None or not 0 <= text < len(self._of_columns(of)[1].texts):
            return {}
        return {"together": self._paired(of, text)}

    def _of_columns(self, of: Shown, *, pairs: bool = False) -> tuple[Recommendation, Attribution]:
        """The results, and what their purchases did to their texts."""
        shop, made = self._recommending.compared(of)
        record = made.calrec
        columns = record.ranking.columns
        return record, self._attribution(shop, of, _columns(record), columns, pairs=pairs)

    def _paired(self, of: Shown, text: int) -> Markup:
        record, found = self._of_columns(of, pairs=True)
        return together.together_view(record.history, found, text, _names(record))

    @failures.told_in("message")
    def why_not(self, of: Shown | None, other: Any) -> Update:
        """Why another item stands where it stands, and which purchases spoke for it."""
        if of is None or not other:
            return {"why_not": ""}
        shop, made = self._recommending.compared(of)
        item, record = _found(shop, str(other)), made.calrec
        attributes = shop.attributes(TextSettings(**record.settings.get("text", {})))
        first = record.ranking.item_ids[int(record.ranking.order()[0])]
        index = shop.catalogue.index
        calrec = shop.calrec(of.choice.rules).with_template(of.choice.template)
        own = own_text(calrec, record.history, index[item.item_id], index[first])
        told = why.why_not([record, *made.others], item, attributes, made.corpora[0], own)
        bars = self._bars(shop, of, item)
        return {"why_not": why.why_not_view(item, told, bars), "message": ""}

    def _bars(self, shop: Shop, of: Shown, item: Item) -> Markup:
        """What each purchase did to an item's text; why not, where there are none to leave out."""
        try:
            found = self._attribution(shop, of, [item], item.item_id)
        except CalrecError as error:
            return widgets.quiet(str(error))
        return causes.bars_view(shop.items(of.session.history), found, 0)

    def _attribution(
        self,
        shop: Shop,
        of: Shown,
        texts: Sequence[Item | Sample],
        named: Hashable,
        *,
        pairs: bool = False,
    ) -> Attribution:
        """That of some texts after the history of the results, kept by what names them."""
        key = (of.key, named, pairs)
        with self._lock:
            if (kept := self._kept.get(key)) is not None:
                return kept
        model = shop.served.get().with_template(of.choice.template)
        found = model.attribution(shop.items(of.session.history), texts, pairs=pairs, swaps=pairs)
        with self._lock:
            self._kept[key] = found
        return found


def _columns(record: Recommendation) -> list[Sample]:
    """The best sample of each column."""
    best: dict[str, Sample] = {}
    for sample in sorted(record.samples, key=lambda one: -one.score):
        best.setdefault(fold(sample.text), sample)
    return [best[fold(text)] for text in record.ranking.columns]


def _names(record: Recommendation) -> list[str]:
    """What each column names, for people."""
    return [
        (one.attributes.title if one.attributes else None) or one.text for one in _columns(record)
    ]


def _found(shop: Shop, asked: str) -> Item:
    """The item of an id, or else the one that words fit best.

    Raises:
      CalrecError: if no item has such words.
    """
    if asked in shop.by_id:
        return shop.by_id[asked]
    page = shop.catalogue.page(query=asked, limit=1)
    if not page.items:
        raise CalrecError(
            f"expected an item's id or words of its title, found {asked[:80]!r}, which none has;"
            " try other words"
        )
    return page.items[0]
