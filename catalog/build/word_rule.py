"""Which rule of `calrec.text.words` tokenizes a domain for BM25: chosen when it is built.

The paper's rule, with which its figures were made, unless it serves the titles badly. What was
chosen, and why, is the report's `words`; the search always cuts by the rule `unicode`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from calrec.text.words import words
from catalog.errors import CatalogueError

AskedRule = Literal["auto", "paper", "unicode"]

KEPT = "kept"
"""Stands for what was asked where a domain was built before there was a choice."""

LIMIT = 0.01
"""The share of titles whose words may differ by the two rules for `auto` to take the paper's."""


def check(asked: str) -> None:
    """Raises `CatalogueError` unless it is one of `AskedRule`."""
    if asked not in get_args(AskedRule):
        raise CatalogueError(
            f"expected words to be one of {', '.join(get_args(AskedRule))}, found {asked!r}: "
            "choose one of them"
        )


def choose(asked: AskedRule, titles: Iterable[str]) -> dict[str, Any]:
    """The rule for a domain of these titles.

    Returns:
      For the report: `rule`, what was `asked`, how many `titles` there are, of how many the words
      are `changed` by the rule `unicode`, and the first of those as `example` (else `None`).
    """
    count = changed = 0
    example = None
    for title in titles:
        count += 1
        if words(title, "unicode") != words(title, "paper"):
            changed += 1
            example = example or title
    auto = "unicode" if changed > LIMIT * count else "paper"
    return {
        "rule": auto if asked == "auto" else asked,
        "asked": asked,
        "titles": count,
        "changed": changed,
        "example": example,
    }


def explained(chosen: Mapping[str, Any]) -> str:
    """One line: the rule and why it was taken."""
    changed, count = chosen["changed"], chosen["titles"]
    rule = {"paper": "as the paper does", "unicode": "by Unicode's rule"}[chosen["rule"]]
    why = {"auto": "", KEPT: ", as before there was a choice"}.get(chosen["asked"], ", as asked")
    share = f"{100 * changed / count:.2f} %, " if count else ""
    return (
        f"BM25 splits words {rule}{why}: by Unicode's rule {changed:,} of {count:,} titles have"
        f" other words than by the paper's ({share}at most {100 * LIMIT:.0f} % for the paper's)"
    )
