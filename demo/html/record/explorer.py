"""A search over the whole catalogue as a tree of bars, and in words what became of an item.

Pure functions of an `Exploration`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from calrec.records import Item
from calrec.records.exploration import Branch, Exploration, Way
from demo.html.record.way import told
from demo.html.templating import render
from demo.html.wording import LEAST, count, percent_range

NAMES = {"bought": "The item really bought", "asked": "The other item"}
"""What the items asked about are called."""
SHOWN = 12
"""Branches of one that are drawn at most, if they have a probability worth a number; the first one
and those that a marked item is in are drawn in any case."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A branch as it is drawn.

    Attributes:
      key: the same for the same branch of every search, so that what a visitor opened stays open.
      label: its value.
      detail: what else all its items share.
      share: its probability in words.
      known: width of the certain part of its bar, percent.
      open: width of what may come to it.
      items: how many.
      marks: which items asked about are in it: `bought`, `asked`.
      is_open: whether the branches below are shown.
      item_id: of its first item, where it is the last one on its way.
      rows: below it.
      rest: in words, what is not drawn below it.
    """

    key: str
    label: str
    detail: str
    share: str
    known: float
    open: float
    items: int
    marks: Sequence[str]
    is_open: bool
    item_id: str | None
    rows: Sequence[Row] = ()
    rest: str = ""


def view(
    found: Exploration, items: Mapping[str, Item], target: Item | None = None, asked: str = ""
) -> Markup:
    """The whole search.

    Args:
      found: with the ways of the true item and of the one that was asked about.
      items: by id.
      target: the item really bought, where it is known.
      asked: id of another item that was asked about.
    """
    ways = {way.item.item_id: way for way in found.ways}
    marked: dict[str, Way] = {}
    if target is not None and target.item_id in ways:
        marked["bought"] = ways[target.item_id]
    if asked in ways and ways[asked] not in marked.values():
        marked["asked"] = ways[asked]
    drawn, rest = rows(found, marked)
    return render(
        "record/explorer",
        "explorer",
        lead=lead(found),
        told=[told(found, items, way, NAMES[name]) for name, way in marked.items()],
        rows=drawn,
        rest=rest,
        is_bound=found.tree.open >= LEAST,
        foot=_foot(found),
    )


def lead(found: Exploration) -> str:
    """What the model expects, in words: the widest branches, and the next one in the first."""
    best, *others = found.tree.branches
    said = f"The model puts {_share(best)} on {_named(best)}"
    if others and others[0].known >= 0.05:
        said += f", {_share(others[0])} on {_named(others[0])}"
    said += "."
    within = best.branches[0] if best.branches and best.items > best.branches[0].items else None
    if within is not None:
        least, most = _within(within, best)
        said += f" Within {_named(best)}, {percent_range(least, most)} is on {_named(within)}."
    least, most = found.outside
    said += f" {percent_range(least, most)} is on texts that are no item of this shop."
    return said


def _foot(found: Exploration) -> str:
    texts = count(len(found.found), "text")
    how = "exactly the most probable ones" if found.exact else "not for certain the most probable"
    return (
        f"{texts} found, {how}; {count(found.tokens_read, 'token')} read in {found.seconds:.2f} s."
    )


def rows(found: Exploration, ways: Mapping[str, Way]) -> tuple[list[Row], str]:
    """The tree as it is drawn, and in words what is not; the way to the most probable item and
    those of marked ones are open.

    Args:
      found: the search.
      ways: of the items to mark, by the mark.
    """
    full = max((branch.most for branch in found.tree.branches), default=1.0)
    return _below(found.tree, ways, 1 / max(full, 1e-12), "", is_best=True)


def _below(
    branch: Branch, ways: Mapping[str, Way], scale: float, key: str, *, is_best: bool
) -> tuple[list[Row], str]:
    drawn, hidden = [], []
    for place, one in enumerate(branch.branches):
        inside = {name: way for name, way in ways.items() if _leads(one, way)}
        if inside or not place or (place < SHOWN and one.known >= LEAST):
            best = is_best and place == 0
            drawn.append(_row(one, inside, scale, f"{key}/{one.value or ''}", is_best=best))
        else:
            hidden.append(one)
    return drawn, _not_drawn(branch, hidden)


def _row(branch: Branch, ways: Mapping[str, Way], scale: float, key: str, *, is_best: bool) -> Row:
    """A branch, drawn together with what all its items share further."""
    shared, last = [branch], branch
    while len(last.branches) == 1 and last.rest is None:
        last = last.branches[0]
        shared.append(last)
    label, detail = _label(shared)
    below, rest = _below(last, ways, scale, key, is_best=is_best)
    return Row(
        key=key,
        label=label,
        detail=detail,
        share=_share(branch),
        known=100 * branch.known * scale,
        open=100 * (branch.most - branch.known) * scale,
        items=branch.items,
        marks=list(ways),
        is_open=is_best or bool(ways),
        item_id=last.item_ids[0] if last.item_ids else None,
        rows=below,
        rest=rest,
    )


def _label(shared: Sequence[Branch]) -> tuple[str, str]:
    """The value that names these branches, and what else they share: a title before all others."""
    named = next((one for one in shared if one.attribute == "title"), shared[0])
    if named.attribute == "category" and named.value:
        *wider, value = named.value.split(", ")
        own = [", ".join(wider)] if wider else []
    else:
        value, own = named.value or f"no {named.attribute}", []
    others = [one.value for one in shared if one is not named and one.value]
    return value, " · ".join([*own, *others])


def _leads(branch: Branch, way: Way) -> bool:
    """Whether a branch lies on an item's way, given that the branch above it does."""
    return branch.attribute is not None and getattr(way.shown, branch.attribute) == branch.value


def _not_drawn(branch: Branch, hidden: Sequence[Branch]) -> str:
    """In words, the branches below one that are not drawn."""
    rest = branch.rest
    branches = len(hidden) + (rest.branches if rest else 0)
    if not branches or not branch.branches:
        return ""
    items = sum(one.items for one in hidden) + (rest.items if rest else 0)
    known = sum(one.known for one in hidden)
    most = known + sum(one.open for one in hidden) + (rest.open if rest else 0.0)
    name = branch.branches[0].attribute
    names = "categories" if name == "category" else f"{name}s"
    said = f"{count(branches, f'more {name}', f'more {names}')}, {count(items, 'item')}"
    return f"{said}: {percent_range(known, min(most, 1.0))}"


def _named(branch: Branch) -> str:
    """A branch in a sentence."""
    if branch.value is None:
        return f"items without a {branch.attribute}"
    if branch.attribute == "category":
        return f"“{', '.join(branch.value.split(', ')[-2:])}”"
    return f"the {branch.attribute} “{branch.value}”"


def _within(branch: Branch, above: Branch) -> tuple[float, float]:
    """The least and the most part of a branch's probability that one below it has."""
    others = max(above.known - branch.known, 0.0)
    least = branch.known / max(above.most, 1e-12)
    most = branch.most / max(branch.most + others, 1e-12)
    return min(least, most), min(most, 1.0)


def _share(branch: Branch) -> str:
    return percent_range(branch.known, branch.most)
