"""How sure a rank is: the same texts drawn again with other seeds, when somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import Any

import gradio as gr
from cachetools import LRUCache
from markupsafe import Markup

from calrec.records import Generation, Item
from calrec.records.decoders import DECODERS
from demo.html import widgets
from demo.html.record import strip
from demo.html.templating import render
from demo.inspect.decoding import Texts, check_prepared, write
from demo.inspect.generations import GenerationKey
from demo.inspect.rank_spread import RankSpread, drawn, seeds_of
from demo.inspect.session import target_of
from demo.inspect.shop import Shop
from demo.inspect.side_by_side import ranked
from demo.pages import failures
from demo.pages.components import html
from demo.pages.named import Update
from demo.pages.walkthrough.recommending import Recommending
from demo.pages.walkthrough.results import Shown

PARTS = ("sure", "sure_stop", "sureness")
KEPT = 4_096
"""Texts kept, of several results' draws; one takes some 5 kB."""
_IDLE: Update = {"sure": gr.update(visible=True), "sure_stop": gr.update(visible=False)}
_BUSY: Update = {"sure": gr.update(visible=False), "sure_stop": gr.update(visible=True)}


def lay_out() -> dict[str, Any]:
    """The places, by name, in the current container."""
    with gr.Row(elem_classes="cr-filters"):
        buttons = {
            "sure": gr.Button(
                "How sure is this rank?", elem_id="sure", min_width=210, visible=False
            ),
            "sure_stop": gr.Button(
                "Stop drawing", elem_id="sure-stop", min_width=150, visible=False
            ),
        }
    return {**buttons, "sureness": html("", elem_id="sureness")}


class Sureness:
    """The events over the results of `Recommending`; holds nothing of a visitor."""

    def __init__(self, recommending: Recommending) -> None:
        self._recommending = recommending
        self._lock = threading.Lock()
        self._kept: LRUCache[GenerationKey, Generation] = LRUCache(
            KEPT, getsizeof=lambda kept: len(kept.samples)
        )

    def offered(self, of: Shown | None) -> Update:
        """The button where there are results, and nothing of earlier ones."""
        return {
            "sure": gr.update(visible=of is not None),
            "sure_stop": gr.update(visible=False),
            "sureness": "",
        }

    def draw(self, of: Shown | None, other: Any) -> Generator[Update, None, None]:
        """Draws what is not known yet, and shows the strip; closing it stops the model."""
        if of is None:
            return
        try:
            yield from self._drawn(of, other)
        except Exception as error:
            line = failures.line(error, "ranks by other seeds")
            yield {**_IDLE, "sureness": widgets.notice(line, "error")}

    def _drawn(self, of: Shown, other: Any) -> Generator[Update, None, None]:
        shop = self._recommending.shop(of)
        if not DECODERS[of.key.decoder].draws:
            said = "Nothing was drawn here: each seed gives this very place."
            yield {"sureness": widgets.notice(said)}
            return
        seeds = seeds_of(of.key)
        known = self._known(of)
        if len(known) < len(seeds):
            yield {**_BUSY, "sureness": _progress(len(known), len(seeds))}
            with closing(drawn(shop, _whole(of.key), known)) as draws:
                for found in draws:
                    if found is not None:
                        seed, generation = found
                        with self._lock:
                            self._kept[replace(_whole(of.key), seed=seed)] = generation
                        known[seed] = generation
                        yield {"sureness": _progress(len(known), len(seeds))}
        yield {**_IDLE, "sureness": self._view(shop, of, other, known)}

    def halted(self) -> Update:
        """The button again, while the model comes to its halt."""
        return dict(_IDLE)

    def stopped(self, of: Shown | None, other: Any) -> Update:
        """The strip of the draws that were finished, and the button again."""
        return {**_IDLE, "sure": gr.update(visible=of is not None), **self._left(of, other)}

    @failures.told_in("sureness")
    def _left(self, of: Shown | None, other: Any) -> Update:
        if of is None:
            return {}
        known, wanted = self._known(of), len(seeds_of(of.key))
        said = f"Stopped: {len(known)} of {wanted} draws were finished."
        if len(known) < 2:
            return {"sureness": widgets.notice(said)}
        view = self._view(self._recommending.shop(of), of, other, known, exactly=False)
        return {"sureness": widgets.notice(said) + view}

    def _known(self, of: Shown) -> dict[int, Generation]:
        """The draws that are there by now, by seed; among them the shown one, if it is whole."""
        whole = _whole(of.key)
        with self._lock:
            kept = {seed: self._kept.get(replace(whole, seed=seed)) for seed in seeds_of(whole)}
        if of.key == whole:
            kept[whole.seed] = self._recommending.kept(of)
        return {seed: one for seed, one in kept.items() if one is not None}

    def _view(
        self,
        shop: Shop,
        of: Shown,
        other: Any,
        known: dict[int, Generation],
        *,
        exactly: bool = True,
    ) -> Markup:
        """The strip of an item; without the exact decoder's mark unless that is at hand."""
        by = of.choice.ranked_by()
        shown = ranked(shop, self._recommending.kept(of), by)
        item, which = _asked(shop, of, other, shown.ranking.item_ids[shown.ranking.order()[0]])
        exact, missing = self._exact(shop, of, item) if exactly else (None, "")
        seeds = [seed for seed in seeds_of(of.key) if seed in known]
        spread = RankSpread(
            ranks=[ranked(shop, known[seed], by).ranking.ranks(item.item_id) for seed in seeds],
            seeds=seeds,
            total=shown.ranking.corpus_size,
            own=shown.ranking.ranks(item.item_id),
            exact=exact,
        )
        lead = render("record/strip", "item", item, which)
        return lead + strip.view(spread, "this result", missing)

    def _exact(self, shop: Shop, of: Shown, item: Item) -> tuple[tuple[int, int] | None, str]:
        """The item's ranks by the most probable texts; else why they are not known."""
        choice = replace(of.choice, decoder="trie-beam", retrieval="exact")
        key = choice.generation_key(shop, of.session.history)
        try:
            with self._lock:
                found = self._kept.get(key)
            if found is None:
                check_prepared(shop, "trie-beam")
                *_, written = write(shop, key)
                if not isinstance(written, Texts):
                    raise RuntimeError("a search ended without its texts")
                found = written.generation
                with self._lock:
                    self._kept[key] = found
            return ranked(shop, found, choice.ranked_by()).ranking.ranks(item.item_id), ""
        except Exception as error:  # the draws are worth showing without it
            return None, failures.line(error, "the most probable items")


def _whole(key: GenerationKey) -> GenerationKey:
    """What a stopped result would have been."""
    return replace(key, finished=None)


def _progress(done: int, total: int) -> Markup:
    return render("record/strip", "drawing", done, total)


def _asked(shop: Shop, of: Shown, other: Any, first: str) -> tuple[Item, str]:
    """The item whose places are shown, and which it is: chosen, really bought, or the first one."""
    target = target_of(of.session, shop)
    if isinstance(other, str) and other in shop.by_id:
        bought = target is not None and other == target.item_id
        return shop.by_id[other], "the item really bought" if bought else "the item asked about"
    if target is not None:
        return target, "the item really bought"
    return shop.by_id[first], "the first item here"
