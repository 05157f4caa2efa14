"""A result that is kept beside those that follow: each event returns the parts that it changes."""

from __future__ import annotations

from dataclasses import fields

import gradio as gr

from calrec.records import Recommendation
from calrec.records.decoders import DECODERS
from demo.html import versus as words
from demo.html.wording import count
from demo.inspect.session import target_of
from demo.inspect.side_by_side import ranked
from demo.inspect.versus import moved, versus
from demo.pages import failures
from demo.pages.named import Update
from demo.pages.walkthrough.recommending import Recommending
from demo.pages.walkthrough.results import Shown

_WORDS = {
    "decoder": "how it writes",
    "n_pred": "texts kept",
    "samples": "texts to write",
    "epsilon": "weight of probability",
    "modulation": "weighing by probability",
    "pooling": "how an item is scored",
    "retrieval": "how texts become items",
    "template": "words around the items",
    "bought": "items bought before",
    "count": "what simple rules count",
    "k1": "repeated words",
    "b": "long items",
    "first": "first stage",
}
_ASIDE = ("text", "others")
"""Settings that change nothing of what the model recommends."""


class Keeping:
    """The events of "Keep as A"; holds nothing of a visitor."""

    def __init__(self, recommending: Recommending) -> None:
        self._recommending = recommending

    def keep(self, shown: Shown | None, held: Shown | None) -> Update:
        """Keeps the present result as A, or lets the kept one go."""
        if held is not None:
            return {"held": None, "versus": "", "keep": gr.update(value="Keep as A")}
        if shown is None:
            return {"versus": words.kept("There is no result yet: press Recommend first.")}
        said = "Kept as A. Change the history or a setting: what changes in the result stands here."
        button = gr.update(value="Let A go")
        return {"held": shown, "versus": words.kept(said), "keep": button}

    @failures.told_in("versus")
    def beside(self, shown: Shown | None, held: Shown | None) -> Update:
        """The kept result and the present one."""
        if held is None or shown is None or shown == held:
            return {}
        if shown.session.domain != held.session.domain:
            return {"versus": words.kept("A is of another shop, so there is nothing to compare.")}
        shop = self._recommending.shop(held)
        before, after = self._ranked(held), self._ranked(shown)
        target, other = target_of(shown.session, shop), held.session.target
        known = None
        if target is not None and target.item_id == other:
            known = moved(before, after, shop.catalogue.index[target.item_id])
        found = versus(before, after)
        return {"versus": words.view(found, known, shop.by_id, differing(held, shown))}

    def _ranked(self, shown: Shown) -> Recommendation:
        shop = self._recommending.shop(shown)
        return ranked(shop, self._recommending.kept(shown), shown.choice.ranked_by())


def differing(before: Shown, after: Shown) -> str:
    """In what two results differ, in words; empty where in nothing."""
    old, new = before.session.history, after.session.history
    said = []
    if old != new:
        gone, come = (count(len(a), "purchase") for a in (old, new))
        said.append(f"the history ({gone} in A, {come} in B)")
    for field in fields(before.choice):
        one, other = getattr(before.choice, field.name), getattr(after.choice, field.name)
        if one != other and field.name not in _ASIDE:
            if field.name == "decoder":
                one, other = (DECODERS[side].label.lower() for side in (one, other))
            said.append(f"{_WORDS.get(field.name, field.name)} ({one} in A, {other} in B)")
    return ", ".join(said)
