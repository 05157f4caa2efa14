"""From purchases to texts, items and places, as a picture; and what each purchase did, as bars."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from calrec.records import Item, Recommendation
from calrec.records.attribution import Attribution
from demo.html.templating import render
from demo.html.wording import percent, rank_range, title_of
from demo.inspect.flow import Flow, Stream, flow

NOTHING = 0.05
"""Nats below which a purchase makes no difference worth a word: a twentieth of the probability."""
_PURCHASE, _TEXT, _ITEM, _TRUE = "#8a63c9", "#6470d8", "#2b97b8", "#2f9e6e"
_LINKS = {_PURCHASE: "rgba(138,99,201,0.30)", _TEXT: "rgba(100,112,216,0.30)"}
_TO_PLACE, _TO_TRUE = "rgba(43,151,184,0.30)", "rgba(47,158,110,0.45)"


@dataclass(frozen=True, kw_only=True)
class Node:
    """A bar of the picture: its label, what hovering tells, colour and column from the left."""

    label: Markup
    hover: Markup
    colour: str
    column: int


def picture(
    record: Recommendation,
    items: Mapping[str, Item],
    target: Item | None = None,
    attribution: Attribution | None = None,
) -> go.Figure | None:
    """Texts, the items that they fit best and their places; purchases, too, where they are known.

    Args:
      record: with columns; its ranking whole.
      items: by id.
      target: the item really bought.
      attribution: of the columns, in their order.

    Returns:
      `None` where no text fits any item.
    """
    if not record.ranking.columns:
        return None
    changes = None if attribution is None else attribution.changes[:, : len(record.ranking.columns)]
    drawn = flow(record, changes, attribution.items_cut if attribution else 0)
    if not drawn.to_items:
        return None
    nodes: dict[tuple[str, int], Node] = {
        **{("purchase", i): _of_purchase(i, record.history[i]) for i in drawn.purchases()},
        **{("text", k): _of_text(record, k) for k in drawn.texts},
        **{("item", row): _of_item(record, row, items, target) for row in drawn.rows()},
        **{("place", row): _of_place(record, row, target) for row in drawn.rows()},
    }
    links = _links(record, drawn, target)
    # Plotly puts the others in wrong places where a node has no link.
    linked = {end for origin, into, *_ in links for end in (origin, into)}
    nodes = {key: node for key, node in nodes.items() if key in linked}
    return _sankey(nodes, links, purchases=bool(drawn.to_texts))


def _of_purchase(place: int, item: Item) -> Node:
    return _node(f"{place + 1}. {title_of(item)}", f"Purchase {place + 1}", _PURCHASE, 0)


def _of_text(record: Recommendation, column: int) -> Node:
    chance = percent(math.exp(min(0.0, record.ranking.column_scores[column])))
    text = record.ranking.columns[column]
    short = text.removeprefix("Title: ").split(". Category: ")[0]
    return _node(
        f"Text {column + 1}, {chance}: {short}", f"Text {column + 1}, {chance}", _TEXT, 1, text
    )


def _of_item(
    record: Recommendation, row: int, items: Mapping[str, Item], target: Item | None
) -> Node:
    item = items[record.ranking.item_ids[row]]
    bought = target is not None and item.item_id == target.item_id
    head = "The item really bought" if bought else "Item"
    return _node(title_of(item), head, _TRUE if bought else _ITEM, 2)


def _of_place(record: Recommendation, row: int, target: Item | None) -> Node:
    item_id = record.ranking.item_ids[row]
    bought = target is not None and item_id == target.item_id
    ranks = rank_range(*record.ranking.ranks(item_id))
    label = f"{ranks}, really bought" if bought else ranks
    return _node(label, f"Place {ranks}", _TRUE if bought else _ITEM, 3)


def _node(label: str, head: str, colour: str, column: int, whole: str | None = None) -> Node:
    lines = textwrap.wrap(whole or label, 60) or ["–"]
    return Node(
        label=render("plots", "lines", [textwrap.shorten(label, 38, placeholder="…") or "–"]),
        hover=render("plots", "item", [head], lines),
        colour=colour,
        column=column,
    )


Link = tuple[tuple[str, int], tuple[str, int], float, str]


def _links(record: Recommendation, drawn: Flow, target: Item | None) -> list[Link]:
    def colour(row: int, plain: str) -> str:
        bought = target is not None and record.ranking.item_ids[row] == target.item_id
        return _TO_TRUE if bought else plain

    arriving = {row: 0.0 for row in drawn.rows()}
    for one in drawn.to_items:
        arriving[one.end] += one.share
    return [
        *(_link("purchase", one, "text", _LINKS[_PURCHASE]) for one in drawn.to_texts),
        *(_link("text", one, "item", colour(one.end, _LINKS[_TEXT])) for one in drawn.to_items),
        *(
            (("item", row), ("place", row), share, colour(row, _TO_PLACE))
            for row, share in arriving.items()
        ),
    ]


def _link(origin: str, one: Stream, end: str, colour: str) -> Link:
    return (origin, one.origin), (end, one.end), one.share, colour


def _sankey(
    nodes: Mapping[tuple[str, int], Node], links: Sequence[Link], *, purchases: bool
) -> go.Figure:
    number = {key: i for i, key in enumerate(nodes)}
    columns = [node.column for node in nodes.values()]
    most = max(columns.count(column) for column in set(columns))
    left = 0 if purchases else 1
    # Plotly places nodes by columns of its own otherwise, which differ where a text fits nothing.
    x = [0.001 + 0.998 * (column - left) / (3 - left) for column in columns]
    data: dict[str, Any] = {
        "type": "sankey",
        "arrangement": "snap",
        "node": {
            "label": [node.label for node in nodes.values()],
            "color": [node.colour for node in nodes.values()],
            "customdata": [node.hover for node in nodes.values()],
            "hovertemplate": "%{customdata}<extra></extra>",
            "x": x,
            "y": _heights(nodes, links),
            "pad": 14,
            "thickness": 12,
            "line": {"width": 0},
        },
        "link": {
            "source": [number[origin] for origin, *_ in links],
            "target": [number[end] for _, end, *_ in links],
            "value": [share for *_, share, _ in links],
            "color": [colour for *_, colour in links],
            "customdata": [percent(share) for *_, share, _ in links],
            "hovertemplate": "%{customdata} of the shown texts' probability<extra></extra>",
        },
        "textfont": {"size": 12, "shadow": "none"},
    }
    layout = {
        "height": 90 + 34 * most,
        "margin": {"l": 8, "r": 8, "t": 12, "b": 12},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"align": "left"},
    }
    return go.Figure({"data": [data], "layout": layout}, _validate=False)


def _heights(nodes: Mapping[tuple[str, int], Node], links: Sequence[Link]) -> list[float]:
    """The middle of each node from the top, 0 to 1: one below the other, as wide as their flow."""
    flow_in: dict[tuple[str, int], float] = {}
    flow_out: dict[tuple[str, int], float] = {}
    for origin, end, share, _ in links:
        flow_out[origin] = flow_out.get(origin, 0.0) + share
        flow_in[end] = flow_in.get(end, 0.0) + share
    size = {key: max(flow_in.get(key, 0.0), flow_out.get(key, 0.0)) for key in nodes}
    heights = []
    for column in range(4):
        own = [key for key, node in nodes.items() if node.column == column]
        total, upto = sum(size[key] for key in own) or 1.0, 0.0
        gap = 0.4 / max(1, len(own))
        for key in own:
            share = 0.6 * size[key] / total
            heights.append(min(0.999, max(0.001, upto + (share + gap) / 2)))
            upto += share + gap
    return heights


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What a purchase did to a text.

    Attributes:
      number: its place in the history, from 1.
      item: bought.
      said: in words.
      width: of the bar, percent.
      kind: `for`, `against` or `none`; `unread` where the model did not read it.
    """

    number: int
    item: Item
    said: str
    width: float
    kind: str


def bars(history: Sequence[Item], attribution: Attribution, text: int) -> list[Bar]:
    """A bar for each purchase, oldest first: how much less probable the text is without it.

    Args:
      history: oldest first.
      attribution: of this history.
      text: of it, by its column there.
    """
    changes = attribution.changes[:, text].tolist()
    most = max((abs(change) for change in changes), default=0.0)
    unread = [
        Bar(number=i + 1, item=item, said="not read: too long ago", width=0.0, kind="unread")
        for i, item in enumerate(history[: attribution.items_cut])
    ]
    return [
        *unread,
        *(
            Bar(
                number=i + 1,
                item=history[i],
                said=said(change),
                width=100 * abs(change) / most if most else 0.0,
                kind="none" if abs(change) < NOTHING else "for" if change < 0 else "against",
            )
            for i, change in enumerate(changes, attribution.items_cut)
        ),
    ]


def said(change: float) -> str:
    """What leaving a purchase out does to a text's probability, by its change in nats."""
    return "no difference" if abs(change) < NOTHING else f"{times(change)} without it"


def times(change: float) -> str:
    """A change of a text's log-probability, in nats: `12 times less probable`."""
    if abs(change) < NOTHING:
        return "as probable"
    factor = math.exp(min(abs(change), 30.0))
    said = f"{factor:,.0f}" if factor >= 9.95 else f"{factor:.1f}"
    return f"{said} times {'less' if change < 0 else 'more'} probable"


def bars_view(
    history: Sequence[Item],
    attribution: Attribution,
    text: int,
    names: Sequence[str] = (),
) -> Markup:
    """The bars of one text, with buttons for the others.

    Args:
      history: oldest first.
      attribution: of this history.
      text: which one is shown.
      names: of all its texts, for the buttons; none where only one is to be seen.
    """
    drawn = bars(history, attribution, text)
    return render("record/causes", "bars", drawn, text, list(names), attribution.items_cut)
