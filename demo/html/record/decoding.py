"""Texts that are items' own: how far the search for them is, and how much probability they have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from calrec.generation.trie.progress import Searching
from calrec.recommenders import register
from calrec.records import Recommendation
from calrec.records.decoders import DECODERS, Decoding
from demo.html.templating import render
from demo.html.wording import count, percent


class Shares(NamedTuple):
    """Where the probability of all texts that the model might write is; together 1.

    Attributes:
      found: on the texts below.
      others: on other items' texts.
      unread: on what was not looked into: other items' texts, or no item's.
      outside: on texts that are no item's.
    """

    found: float
    others: float
    unread: float
    outside: float


def of(record: Recommendation) -> Decoding | None:
    """How the texts of a record were written; `None` where it names no decoder over the items."""
    return DECODERS.get(record.settings.get("decoder", ""))


def shares(record: Recommendation) -> Shares | None:
    """Where the probability is; `None` of texts that were drawn freely.

    Args:
      record: with `decoding` among its parts (`calrec.generation.trie.writing.Written.facts`).
    """
    if (facts := record.parts.get("decoding")) is None:
        return None
    # Texts that cutting made equal are one to the model.
    scores = {sample.token_ids: sample.score for sample in record.samples}
    found = min(1.0, math.fsum(map(math.exp, scores.values())))
    least, most = facts["outside"]
    return Shares(
        found=found,
        others=max(0.0, 1 - most - found),
        unread=max(0.0, min(most, 1 - found) - least),
        outside=min(least, 1 - found),
    )


def view(record: Recommendation) -> Markup:
    """Where the probability is, as a bar and in words; nothing of texts that were drawn freely."""
    kind, where = of(record), shares(record)
    if kind is None or where is None:
        return Markup("")
    facts: Mapping[str, Any] = record.parts["decoding"]
    candidates = record.settings.get("candidates")
    whose = "items of the shop" if candidates is None else "candidates"
    parts = (
        (where.found, "on the texts below", "found"),
        (where.others, f"on other {whose}", "others"),
        (where.unread, f"not looked into: other {whose}, or none", "unread"),
        (where.outside, f"on texts of no {'item' if candidates is None else 'candidate'}", "no"),
    )
    return render(
        "record/decoding",
        "view",
        kind=kind,
        parts=[(share, percent(share), words, name) for share, words, name in parts if share > 0],
        is_exact=facts["exact"],
        candidates=candidates and (candidates["count"], register.title(candidates["recommender"])),
        read=facts["tokens_read"],
    )


def searching(update: Searching) -> Markup:
    """How far a search is: a bar over the texts found."""
    found, wanted = update.found, update.wanted
    read = f"{count(update.tokens_read, 'token')} read"
    said = f"{found:,} of {count(wanted, 'item text')} found, {read}"
    if found >= wanted:
        said = f"All {wanted:,} found, {read}; making sure that none is more probable"
    return render("parts", "progress", found / max(wanted, 1), 1, said)


def preparing(items: int, seconds: float) -> str:
    """What goes on while a shop's trie is made."""
    return (
        f"Reading the texts of all {count(items, 'item')}, {seconds:.0f} s so far. It is done once,"
        " and kept for everybody."
    )
