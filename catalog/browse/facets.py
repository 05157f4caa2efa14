"""Facet counts: how many items there are of each category, brand, price band and popularity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.browse.filters import Band, Filters, as_bigint
from catalog.browse.selection import Selection, in_band

# Purchases in the training part, as most items of a shop have few.
POPULARITY_BANDS = (Band(0, 1), Band(1, 5), Band(5, 10), Band(10, 50), Band(50, None))

# The lower ends of the price bands: these shares of the items are cheaper, roughly.
_QUANTILES = (0.2, 0.4, 0.6, 0.8)
_NICE = (1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class Facet:
    """Items of one kind.

    Attributes:
      value: what goes into the field of `Filters` to see only these.
      label: in words.
      count: how many.
    """

    value: str | tuple[str, ...] | Band
    label: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Facets:
    """Kinds of items. What is chosen now is always among them, even if nothing is left of it.

    Attributes:
      categories: the chosen category itself, if one is chosen, then those right below it.
      brands: brands.
      prices: bands that suit the domain's prices, from low to high; none where all cost the same.
      popularity: the bands of `POPULARITY_BANDS`.
    """

    categories: tuple[Facet, ...]
    brands: tuple[Facet, ...]
    prices: tuple[Facet, ...]
    popularity: tuple[Facet, ...]


def facets(
    selection: Selection, filters: Filters, price_bands: Sequence[Band], limit: int
) -> Facets:
    """Counts of the selected items; each obeys all filters but its own.

    Args:
      selection: the items, with these filters.
      filters: what is chosen.
      price_bands: of `price_bands` over all of the domain's items.
      limit: categories and brands at most, those with the most items, equally many by name.
    """
    limit = as_bigint(limit)
    return Facets(
        categories=_categories(selection, filters.category, limit),
        brands=_brands(selection, filters.brand, limit),
        prices=_bands(selection, "price", "price_low", price_bands, filters.price),
        popularity=_bands(
            selection, "popularity", "popularity", POPULARITY_BANDS, filters.popularity
        ),
    )


def price_bands(everything: Selection) -> tuple[Band, ...]:
    """Bands of round numbers that divide the items' prices, whatever the currency."""
    asked = ", ".join(f"quantile_disc(price_low, {share})" for share in _QUANTILES)
    lowest, highest, *quantiles = everything.rows(
        f"min(price_low), max(price_low), {asked}", where="isfinite(price_low)"
    )[0]
    edges = sorted({_nice(price) for price in quantiles if price and price > 0})
    inner = [edge for edge in edges if lowest < edge <= highest]
    if not inner:
        return ()
    return tuple(map(Band, [None, *inner], [*inner, None]))


def _nice(price: float) -> float:
    """The round number nearest in proportion."""
    unit = 10.0 ** math.floor(math.log10(price))
    return min((unit * step for step in _NICE), key=lambda edge: abs(math.log(edge / price)))


def _categories(selection: Selection, chosen: tuple[str, ...], limit: int) -> tuple[Facet, ...]:
    rows = selection.rows(
        f"path[{len(chosen) + 1}] AS level, count(*) AS items",
        "GROUP BY level ORDER BY items DESC, level",
    )
    below = [
        Facet(value=(*chosen, level), label=level, count=items)
        for level, items in rows
        if level is not None
    ]
    if not chosen:
        return tuple(below[:limit])
    itself = Facet(value=chosen, label=chosen[-1], count=sum(items for _, items in rows))
    return (itself, *below[:limit])


def _brands(selection: Selection, chosen: str | None, limit: int) -> tuple[Facet, ...]:
    rows = selection.rows(
        "brand, count(*) AS items",
        "GROUP BY brand ORDER BY items DESC, brand LIMIT $limit",
        but="brand",
        where="brand IS NOT NULL",
        limit=limit,
    )
    if chosen is not None and chosen not in dict(rows):
        rows.append((chosen, selection.rows("count(*)")[0][0]))
    return tuple(Facet(value=brand, label=brand, count=items) for brand, items in rows)


def _bands(
    selection: Selection, field: str, column: str, bands: Sequence[Band], chosen: Band | None
) -> tuple[Facet, ...]:
    bands = list(bands)
    if chosen is not None and chosen not in bands:
        bands.append(chosen)
    if not bands:
        return ()
    counts = ", ".join(
        f"count(*) FILTER ({in_band(column, f'$low{i}', f'$high{i}')})" for i in range(len(bands))
    )
    ends = {f"{end}{i}": getattr(band, end) for i, band in enumerate(bands) for end in band._fields}
    counted = zip(bands, selection.rows(counts, but=field, **ends)[0], strict=True)
    return tuple(
        Facet(value=band, label=_label(band, whole=field == "popularity"), count=items)
        for band, items in counted
        if items or band == chosen
    )


def _label(band: Band, *, whole: bool) -> str:
    low, high = band
    if whole and high is not None:
        last = high - 1
        return "none" if last == 0 else f"{low:,} to {last:,}"
    if low is None or high is None:
        return f"under {_number(high)}" if low is None else f"{_number(low)} and more"
    return f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return f"{value:,.10g}"
