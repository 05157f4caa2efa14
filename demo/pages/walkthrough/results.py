"""What stands in the places of the walkthrough's results, by the names of its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
from markupsafe import Markup

from calrec.generation.model import Progress
from calrec.generation.trie.progress import Searching
from calrec.records import Generation, Sample
from demo.html import walkthrough, widgets
from demo.html.record import decoding, matching, prompt, ranking, story, texts
from demo.html.wording import count
from demo.inspect import url
from demo.inspect.decoding import Texts
from demo.inspect.generations import GenerationKey
from demo.inspect.session import Session, target_of
from demo.inspect.shop import Shop
from demo.inspect.side_by_side import SideBySide, side_by_side
from demo.pages.named import Update
from demo.pages.walkthrough import explained
from demo.pages.walkthrough.address import WalkthroughAddress
from demo.pages.walkthrough.told import told

BLANK = (
    *("status", "story", "decoding", "texts", "matrix", "ranks", "rankings", "explorer"),
    *explained.PARTS,
)
"""What a page without a recommendation shows in the results' places."""
_READY = {"run": gr.update(visible=True), "stop": gr.update(visible=False)}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the results on the page are of: the visitor's session then, and all settings.

    Attributes:
      session: whose history.
      choice: all settings.
      key: names the texts.
      decoding: what their decoder knew besides (`demo.inspect.decoding.Texts`).
    """

    session: Session
    choice: WalkthroughAddress
    key: GenerationKey
    # Gradio hashes what a state holds, to see whether it changed.
    decoding: Mapping[str, Any] | None = field(default=None, hash=False)


def no_results(doing: str = "") -> Update:
    """The results before the first recommendation, or while that which `doing` names is done."""
    explored = "A press on the button shows where the model's probability lies, branch by branch."
    return {
        "message": "",
        "status": "",
        "decoding": "",
        **places(doing),
        "ranks": "",
        "story": "",
        "explorer": widgets.empty_state("Not looked through yet", explored),
        "shown": None,
        **explained.nothing(),
    }


def places(doing: str = "") -> dict[str, Markup]:
    """What stands in the results' places before there are any.

    Args:
      doing: what is under way, in a word or two; nothing yet where it is empty.
    """
    texts = "The texts appear here while the model writes them."
    compared, beside = (
        "It follows when all texts are written.",
        "They follow when all texts are written.",
    )
    if not doing:
        texts = f"Press Recommend: {texts[:1].lower()}{texts[1:]}"
        beside = "The recommenders' first items appear here side by side."
    return {
        "texts": widgets.empty_state(doing or "Nothing written yet", texts),
        "matrix": widgets.empty_state(doing or "No comparison yet", compared),
        "rankings": widgets.empty_state(doing or "No ranking yet", beside),
    }


def preparing(shop: Shop, seconds: float) -> Update:
    """What goes on while the shop's trie is made."""
    return {"status": widgets.notice(decoding.preparing(len(shop.catalogue.items), seconds))}


def progress(update: Progress | Searching) -> Update:
    """The texts as far as they are written, or how far the search for them is."""
    if isinstance(update, Searching):
        waiting = ("Looking through the shop's items", "Their texts follow when all are found.")
        return {"status": decoding.searching(update), "texts": widgets.empty_state(*waiting)}
    return {
        "status": texts.progress(update.step, update.limit, update.samples),
        "texts": texts.streaming(update.samples),
    }


def written(shop: Shop, texts: Texts, shown: Shown, source: str) -> Update:
    """All results of texts that are new on the page, and where they come from."""
    generation, shown = texts.generation, replace(shown, decoding=texts.decoding)
    made = beside(shop, generation, shown)
    kept = count(len(made.calrec.ranking.columns), "different text")
    noun = "text" if texts.decoding is None else "item text"
    done = f"Done: {count(len(generation.samples), noun)} written, {kept} kept."
    return {
        **_results(shop, made, shown),
        "status": widgets.done(done, source, "live" in source),
        "prompt": prompt.of(generation),
        "cut": walkthrough.cut_line(generation.items_cut, len(generation.history)),
        "writing": None,
        **_READY,
    }


def stopped(
    shop: Shop, generation: Generation, unfinished: Sequence[Sample], shown: Shown
) -> Update:
    """The results of the texts that were finished when the model was stopped, and the others."""
    shown_texts = written(shop, Texts(generation=generation, decoding=None), shown, "")
    finished = len(generation.samples)
    said = (
        f"Stopped: {finished} of {count(finished + len(unfinished), 'text')} were finished, and are"
        " ranked here. The others are left out."
    )
    return {
        **shown_texts,
        "texts": shown_texts["texts"] + texts.streaming(unfinished, stopped=True),
        "status": gr.update(value=widgets.notice(said), visible=True),
    }


def unfinished(samples: Sequence[Sample], said: str) -> Update:
    """A stopped job of which nothing can be ranked, and why."""
    left = {"texts": texts.streaming(samples, stopped=True)} if samples else {}
    status = gr.update(value=widgets.notice(said), visible=True)
    return {**no_results(), **left, "status": status, "writing": None, **_READY}


def ranked_anew(shop: Shop, generation: Generation, shown: Shown) -> Update:
    """The results of samples that are on the page already."""
    return _results(shop, beside(shop, generation, shown), shown)


def address(choice: WalkthroughAddress, shown: Shown | None) -> str:
    """The page's query; a link to results writes them again."""
    return url.write({**choice.query(), "written": "1" if shown is not None else ""})


def failed(line: str, part: str = "message") -> Update:
    """Why there are no results, said in a part of the page."""
    return {part: widgets.notice(line, "error"), "status": "", "writing": None, **_READY}


def beside(shop: Shop, generation: Generation, shown: Shown) -> SideBySide:
    """The rankings of a result, with what its decoder knew."""
    made = side_by_side(shop, shown.session.history, generation, shown.choice.ranked_by())
    if shown.decoding is None:
        return made
    known = {**made.calrec.parts, "decoding": dict(shown.decoding)}
    return replace(made, calrec=replace(made.calrec, parts=known))


def _results(shop: Shop, made: SideBySide, shown: Shown) -> Update:
    choice, items, target = shown.choice, shop.by_id, target_of(shown.session, shop)
    matrix = matching.matrix(made.calrec, items, target, made.corpora[0])
    rankings = ranking.rankings_view(made.calrec, made.others, items, target, made.corpora)
    records = [made.calrec, *made.others]
    return {
        "message": widgets.notices(made.missing, "error"),
        "decoding": decoding.view(made.calrec),
        "texts": walkthrough.texts_view(shop, made.calrec, choice.text),
        "matrix": matrix or no_results()["matrix"],
        "ranks": ranking.ranks_view(records, target, choice.rules, shop.leaks()),
        "rankings": rankings + ranking.timings_line(made.calrec),
        "shown": shown,
        "address": address(choice, shown),
        "story": story.view(told(shop, made, shown.session, shown.key)),
        **explained.first(shop, made, target),
    }
