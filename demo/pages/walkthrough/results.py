"""What stands in the places of the walkthrough's results, by the names of its parts."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from calrec.generation.model import Progress
from calrec.records import Generation
from demo.html import walkthrough, widgets
from demo.html.record import matching, prompt, ranking, texts
from demo.html.wording import count
from demo.inspect import url
from demo.inspect.generations import GenerationKey
from demo.inspect.session import Session, target_of
from demo.inspect.shop import Shop
from demo.inspect.side_by_side import SideBySide, side_by_side
from demo.pages.named import Update
from demo.pages.walkthrough import explained
from demo.pages.walkthrough.address import WalkthroughAddress

BLANK = ("status", "texts", "heat", "heat_empty", "ranks", "rankings", *explained.PARTS)
"""What a page without a recommendation shows in the results' places."""
_READY = {"run": gr.update(visible=True), "stop": gr.update(visible=False)}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the results on the page are of: the visitor's session then, and all settings."""

    session: Session
    choice: WalkthroughAddress
    key: GenerationKey


def no_results() -> Update:
    """The results before the first recommendation."""
    heat = ("No comparison yet", "It follows when all texts are written.")
    written = "Press Recommend: the texts appear here while the model writes them."
    beside = "The recommenders' first items appear here side by side."
    return {
        "message": "",
        "status": "",
        "texts": widgets.empty_state("Nothing written yet", written),
        "heat": gr.update(value=None, visible=False),
        "heat_empty": gr.update(value=widgets.empty_state(*heat), visible=True),
        "ranks": "",
        "rankings": widgets.empty_state("No ranking yet", beside),
        "shown": None,
        **explained.nothing(),
    }


def progress(update: Progress) -> Update:
    """The texts as far as they are written."""
    return {
        "status": texts.progress(update.step, update.limit, update.samples),
        "texts": texts.streaming(update.samples),
    }


def written(shop: Shop, generation: Generation, shown: Shown, source: str) -> Update:
    """All results of samples that are new on the page, and where they come from."""
    made = _side_by_side(shop, generation, shown)
    kept = count(len(made.calrec.ranking.columns), "different text")
    done = f"Done: {count(len(generation.samples), 'text')} written, {kept} kept."
    return {
        **_results(shop, made, shown),
        "status": widgets.done(done, source, "live" in source),
        "prompt": prompt.of(generation),
        **_READY,
    }


def ranked_anew(shop: Shop, generation: Generation, shown: Shown) -> Update:
    """The results of samples that are on the page already."""
    return _results(shop, _side_by_side(shop, generation, shown), shown)


def address(choice: WalkthroughAddress, shown: Shown | None) -> str:
    """The page's query; a link to results writes them again."""
    return url.write({**choice.query(), "written": "1" if shown is not None else ""})


def failed(line: str) -> Update:
    """Why there are no results."""
    return {"message": widgets.notice(line, "error"), "status": "", **_READY}


def _side_by_side(shop: Shop, generation: Generation, shown: Shown) -> SideBySide:
    return side_by_side(shop, shown.session.history, generation, shown.choice.ranked_by())


def _results(shop: Shop, made: SideBySide, shown: Shown) -> Update:
    choice, items, target = shown.choice, shop.by_id, target_of(shown.session, shop)
    figure = matching.heat_maps(made.calrec, items, target)
    rankings = ranking.rankings_view(made.calrec, made.others, items, target, made.corpora)
    records = [made.calrec, *made.others]
    return {
        "message": widgets.notices(made.missing, "error"),
        "texts": walkthrough.texts_view(shop, made.calrec, choice.text),
        "heat": gr.update(value=figure, visible=figure is not None),
        "heat_empty": gr.update(visible=figure is None),
        "ranks": ranking.ranks_view(records, target, choice.rules, shop.leaks()),
        "rankings": rankings + ranking.timings_line(made.calrec),
        "shown": shown,
        "address": address(choice, shown),
        **explained.first(shop, made, target),
    }
