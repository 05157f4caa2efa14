"""A kept recommendation, A, beside the present one, B."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from calrec.records import Item
from demo.html.templating import render
from demo.inspect.versus import Moved, Side, Versus, Written

TEXTS = 12
"""Texts shown; the others are folded."""


def kept(said: str) -> Markup:
    """That A is kept, and what to do next."""
    return render("versus", "kept", said)


def view(found: Versus, target: Moved | None, items: Mapping[str, Item], differs: str) -> Markup:
    """Both sides.

    Args:
      found: what differs.
      target: the ranks of the item really bought, where both sides know the same one.
      items: by id.
      differs: in what B differs from A, in words.
    """
    places = [
        (items[one.item_id], _rank(one.before), _rank(one.after), _way(one)) for one in found.items
    ]
    texts = [_text(one) for one in found.texts]
    return render(
        "versus",
        "view",
        differs,
        (_rank(target.before), _rank(target.after), _way(target)) if target else None,
        places,
        texts[:TEXTS],
        texts[TEXTS:],
        new=sum(one.before is None for one in found.texts),
        gone=sum(one.after is None for one in found.texts),
    )


def _rank(ranks: Sequence[int]) -> str:
    low, high = ranks
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _way(one: Moved) -> str:
    if one.before == one.after:
        return "same"
    return "up" if one.after < one.before else "down"


def _text(one: Written) -> tuple[str, str, str, str]:
    parsed = one.sample.attributes
    title = one.sample.text if parsed is None else (parsed.title or "Unknown title")
    state = "new" if one.before is None else "gone" if one.after is None else "both"
    return title, _side(one.before), _side(one.after), state


def _side(side: Side | None) -> str:
    if side is None:
        return "–"
    chance = f"{side.chance:.1%}" if side.chance >= 0.001 else "< 0.1%"
    return f"{chance} · {side.times}×"
