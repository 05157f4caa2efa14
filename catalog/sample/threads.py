"""What a department sells and why things are bought together: threads of purchases.

A *thread* is one reason to come back: a project, a series, a device with its accessories, or a
habit. It is written once and sold by a few brand lines, each in a few variants (sizes, fittings);
a buyer stays with one line and one variant, so a thread's next item can be read off its last one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_ALTERNATIVES = re.compile(r"\[([^\]]*)\]")
_ENDINGS = (99, 49, 95)


@dataclass(frozen=True)
class Line:
    """A brand's product line; `look` is its colour or material."""

    brand: str
    name: str
    look: str = ""


@dataclass(frozen=True)
class Step:
    """One purchase of a thread.

    Attributes:
      title: with `{b}` brand, `{l}` line, `{s}` look, `{v}` variant, and `[x|y|z]` for words that
        differ from line to line. Without `{v}` all variants share the item.
      leaf: last part of the category.
      price: dollars for a line in the middle of the market.
    """

    title: str
    leaf: str
    price: float


@dataclass(frozen=True, kw_only=True)
class Thread:
    """One reason to come back.

    Attributes:
      name: unique within the department.
      category: the path above the leaves.
      lines: the most popular first.
      variants: name to price factor, the most popular first.
      steps: in the order of buying; an integer buys that earlier step once more.
      cycle: a habit, which begins again after its last step.
      volumes: numbered parts, hardly ever skipped.
      arrival: sold by the first line only, and too new to be in any training history.
      weight: how many buyers it has, relative to the other threads.
      leads_to: the thread that often follows.
    """

    name: str
    category: str
    lines: tuple[Line, ...]
    variants: Mapping[str, float] = field(default_factory=lambda: {"": 1.0})
    steps: tuple[Step | int, ...]
    cycle: bool = False
    volumes: bool = False
    arrival: Step | None = None
    weight: float = 1.0
    leads_to: str = ""

    def title(self, step: Step, line: int, variant: str) -> str:
        """The title under which a line sells a step."""
        sold = self.lines[line]
        chosen = _ALTERNATIVES.sub(
            lambda match: (options := match[1].split("|"))[line % len(options)], step.title
        )
        return chosen.format(b=sold.brand, l=sold.name, s=sold.look, v=variant)

    def cents(self, step: Step, line: int, variant: str) -> int:
        """The price under which a line sells a step; each brand has its own price ending."""
        sized = self.variants[variant] if "{v}" in step.title else 1.0
        dollars = step.price * sized * (1.15, 1.0, 0.85)[line]
        ending = _ENDINGS[len(self.lines[line].brand) % 3]
        # Few price points: whole dollars below 20, then steps of 5 and 10.
        grid = 1 if dollars < 20 else 5 if dollars < 100 else 10
        whole = max(2, round(dollars / grid) * grid)
        return (whole - 1) * 100 + (ending if dollars < 100 else 0 if ending == 95 else 99)
