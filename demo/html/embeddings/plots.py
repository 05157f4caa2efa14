"""The map of a shop and the spread of cosines, as plotly figures."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from markupsafe import Markup

from calrec.evaluation.alignment import Alignment
from calrec.evaluation.foreign import plain
from calrec.records import Item
from calrec.report.figures import layout
from demo.html.templating import render
from demo.html.wording import title_of
from demo.inspect.item_map import ItemMap, Special
from demo.inspect.links import to_item

COLOURS = (
    "#6470d8",
    "#2b97b8",
    "#b8509a",
    "#b39221",
    "#7f9c3b",
    "#c4724f",
    "#8a63c9",
    "#4d7ea8",
)
OTHER = "#98a1b3"
USER_NAME = "The shopper's vector, of the history (v_U)"
USER, TARGET, HISTORY = "#e4572e", "#2f9e6e", "#e8933a"
ELSE = "(other)"
BINS = 44


def category_colours(categories: Sequence[str | None]) -> dict[str, str]:
    """Colours of the most frequent categories, and of `ELSE` for the rest, most frequent first."""
    number = Counter(name for name in categories if name)
    # Of equally frequent ones the first in the alphabet.
    first = sorted(number, key=lambda name: (-number[name], name))[: len(COLOURS)]
    colours: dict[str, str] = dict(zip(first, COLOURS, strict=False))
    if sum(number[name] for name in first) < len(categories):
        colours[ELSE] = OTHER
    return colours


def map_figure(of: ItemMap) -> go.Figure:
    """Items as dots in the colour of their category; history, target and user stand out."""
    figure = go.Figure()
    points, items, drawn = of.projected.points, of.items, of.drawn
    colours = category_colours(of.categories)
    names = [name if (name := of.categories[i]) in colours else ELSE for i in drawn]
    for name, colour in colours.items():
        own = [int(i) for i, of in zip(drawn, names, strict=True) if of == name]
        if own:
            figure.add_scatter(
                x=_short(points[own, 0]),
                y=_short(points[own, 1]),
                mode="markers",
                marker={"color": colour, "size": 6, "opacity": 0.62},
                hovertext=[_hover(items[i]) for i in own],
                hoverinfo="text",
                customdata=[items[i].item_id for i in own],
            )
    _mark(figure, points, items, of.special)
    layout(figure, height=560)
    bare = {"showticklabels": False, "showgrid": True, "fixedrange": False}
    # A dot leads to its item.
    figure.update_layout(dragmode="zoom", meta={"leads": to_item(of.shop, "")})
    figure.update_xaxes(**bare)
    figure.update_yaxes(**bare)
    return figure


def _mark(
    figure: go.Figure, points: Float[np.ndarray, "N 2"], items: Sequence[Item], special: Special
) -> None:
    own = list(dict.fromkeys(special.history))
    if own:
        figure.add_scatter(
            x=_short(points[own, 0]),
            y=_short(points[own, 1]),
            mode="markers",
            marker={
                "color": "rgba(0,0,0,0)",
                "size": 13,
                "line": {"color": HISTORY, "width": 2.5},
            },
            hovertext=[_hover(items[i], "In the history") for i in own],
            hoverinfo="text",
            customdata=[items[i].item_id for i in own],
        )
    if special.target is not None:
        at = points[[special.target]]
        figure.add_scatter(
            x=_short(at[:, 0]),
            y=_short(at[:, 1]),
            mode="markers",
            marker=_big(TARGET, "star", 19),
            hovertext=[_hover(items[special.target], "Really bought next")],
            hoverinfo="text",
            customdata=[items[special.target].item_id],
        )
    if special.user is not None:
        figure.add_scatter(
            x=_short(special.user[:1]),
            y=_short(special.user[1:]),
            mode="markers",
            marker=_big(USER, "diamond", 15),
            hovertext=[render("plots", "mark", USER_NAME)],
            hoverinfo="text",
        )


def _big(colour: str, symbol: str, size: int) -> dict[str, object]:
    # A rim of white keeps it apart from the dots beneath, on light paper and on dark.
    return {
        "color": colour,
        "symbol": symbol,
        "size": size,
        "line": {"color": "#ffffff", "width": 1.5},
    }


def _short(numbers: Float[np.ndarray, " n"]) -> list[float]:
    """As many digits as a screen can show: the figure goes to the browser as text."""
    return [round(float(number), 4) for number in numbers]


def _hover(item: Item, mark: str = "") -> Markup:
    details = [line for value in (item.brand, item.category) if value for line in _wrapped(value)]
    return render("plots", "item", _wrapped(title_of(item)), details, mark)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(" ".join(plain(text).split()), 56, max_lines=3, placeholder=" …")


def cosine_spread(alignment: Alignment, mark: float | None, span: tuple[float, float]) -> go.Figure:
    """How the cosines of users with their own target lie beside those with others' targets.

    Args:
      alignment: the users.
      mark: this visitor's own value, if there is one.
      span: of the axis, so that several figures can be compared.
    """
    edges = np.linspace(*span, BINS + 1)
    figure = go.Figure()
    parts = (
        (alignment.others.ravel(), OTHER, "rgba(152,161,179,0.28)", "others' purchases"),
        (alignment.own, TARGET, "rgba(47,158,110,0.28)", "own purchase"),
    )
    for values, colour, fill, name in parts:
        share = np.histogram(np.clip(values, *span), bins=edges)[0] / len(values)
        figure.add_scatter(
            x=np.round(edges, 4).tolist(),
            y=[*np.round(share, 5).tolist(), 0],
            mode="lines",
            line={"color": colour, "width": 1.8, "shape": "hv"},
            fill="tozeroy",
            fillcolor=fill,
            hovertemplate=f"{name}<br>cosine from %{{x:.2f}}: %{{y:.1%}}<extra></extra>",
        )
        figure.add_vline(
            x=float(values.mean()), line={"color": colour, "width": 1.4, "dash": "dot"}
        )
    if mark is not None:
        figure.add_vline(x=float(np.clip(mark, *span)), line={"color": USER, "width": 2.4})
    layout(figure, height=250)
    figure.update_xaxes(title={"text": "cosine"}, range=list(span), fixedrange=True)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", fixedrange=True, nticks=5)
    return figure


def span_of(alignments: Sequence[Alignment], marks: Sequence[float]) -> tuple[float, float]:
    """From where to where the cosines of several figures lie, with a little room."""
    low = min([float(one.cosine.min()) for one in alignments] + list(marks))
    high = max([float(one.cosine.max()) for one in alignments] + list(marks))
    room = 0.03 * max(high - low, 0.1)
    return max(-1.0, low - room), min(1.0, high + room)


def map_legend(colours: Mapping[str, str], special: Special) -> list[tuple[str, str, str]]:
    """Name, colour and sign of all that is on a map: a dot, ring, star or diamond."""
    entries = []
    if special.user is not None:
        entries.append((USER_NAME, USER, "◆"))
    if special.target is not None:
        entries.append(("Really bought next", TARGET, "★"))
    if special.history:
        entries.append(("In the history", HISTORY, "○"))
    return entries + [(name, colour, "●") for name, colour in colours.items()]
