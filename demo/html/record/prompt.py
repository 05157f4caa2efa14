"""The text that the model read."""

from __future__ import annotations

from markupsafe import Markup

from calrec.records import Generation
from demo.html.templating import render
from demo.html.wording import count


def view(text: str, tokens: int | None, items_cut: int) -> Markup:
    """The prompt with its length and what did not fit.

    Args:
      text: as the model reads it.
      tokens: its length in tokens; `None` while no model is loaded to count them.
      items_cut: how many of the oldest items were left out.
    """
    length = (
        "The number of tokens follows when the model is loaded"
        if tokens is None
        else count(tokens, "token")
    )
    fits = (
        "the whole history fits"
        if items_cut == 0
        else f"the {count(items_cut, 'oldest item')} did not fit and "
        f"{'is' if items_cut == 1 else 'are'} left out"
    )
    said = length if tokens is None else f"{length}; {fits}"
    return render("record/ranking", "prompt", said, text)


def of(generation: Generation) -> Markup:
    """That of a generation."""
    return view(generation.prompt, generation.prompt_tokens, generation.items_cut)
