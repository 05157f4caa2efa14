"""The text that the model read."""

from __future__ import annotations

from calrec.records import Generation
from demo.html.wording import count, escape


def view(text: str, tokens: int | None, items_cut: int) -> str:
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
    return (
        f'<p class="cr-sub cr-wrap">{said}. {count(len(text.split()), "word")}, '
        f'{len(text):,} characters.</p><pre class="cr-prompt" tabindex="0" role="region" '
        f'aria-label="The prompt">{escape(text)}</pre>'
    )


def of(generation: Generation) -> str:
    """That of a generation."""
    return view(generation.prompt, generation.prompt_tokens, generation.items_cut)
