"""The items of a department, arranged by the threads of purchases that lead through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from catalog.sample.threads import Step, Thread

ItemValues = tuple[str, str | None, str | None, str | None]

_MISSING_CATEGORIES = 4
_TWINS = 5
_PRESENT = 60  # dollars that somebody spends on the same thing in another size


@dataclass
class Stock:
    """A department's items by position, with the ways through them.

    Attributes:
      items: title, category, brand, price of each item.
      paths: per thread, line and variant: item positions in the order of buying.
      siblings: an item to the same thing in the next variant, where it is cheap enough.
      arrivals: per thread: an item too new for any training history.
      browsed: items that somebody without a plan might buy, with their weights.
      twins: item to another item with equal text.
    """

    items: list[ItemValues] = field(default_factory=list)
    paths: dict[tuple[str, int, str], list[int]] = field(default_factory=dict)
    siblings: dict[int, int] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    browsed: dict[int, float] = field(default_factory=dict)
    twins: dict[int, int] = field(default_factory=dict)

    def threads(self) -> dict[int, str]:
        """Item to the name of the thread that sells it."""
        sold = {item: name for (name, _, _), path in self.paths.items() for item in path}
        sold |= {item: name for name, item in self.arrivals.items()}
        return sold | {twin: sold[item] for item, twin in self.twins.items()}


def weights(count: int) -> list[float]:
    """Shares of the first, second, ... choice: each takes two thirds of the one before."""
    # Whole numbers up to the one division: no rounding that a Python or a libm could do its way.
    raw = [2**i * 3 ** (count - i) for i in range(count)]
    return [share / sum(raw) for share in raw]


def _below(rng: np.random.Generator, count: int) -> int:
    # Only `random()` is drawn from: its stream is the same in every NumPy.
    return int(rng.random() * count)


def _item(
    rng: np.random.Generator, thread: Thread, step: Step, line: int, variant: str
) -> ItemValues:
    cents = thread.cents(step, line, variant)
    return (
        thread.title(step, line, variant),
        f"{thread.category}, {step.leaf}",
        None if rng.random() < 0.03 else thread.lines[line].brand,
        None if rng.random() < 0.05 else f"${cents // 100}.{cents % 100:02d}",
    )


def _browsed(thread: Thread, position: int, step: Step) -> bool:
    """Whether the step makes sense to somebody who owns nothing else of the thread."""
    if thread.cycle or position == 0:
        return True
    return not thread.volumes and "{l}" not in step.title and "{v}" not in step.title


def _add_siblings(made: Stock, thread: Thread, line: int) -> None:
    paths = [made.paths[thread.name, line, variant] for variant in thread.variants]
    for path, others in zip(paths, paths[1:] + paths[:1], strict=True):
        for item, other, step in zip(path, others, thread.steps, strict=True):
            if isinstance(step, int) or item == other or thread.volumes:
                continue
            # A part that fits one size of a machine is of no use in the other.
            if step.price < _PRESENT and " for " not in step.title:
                made.siblings[item] = other


def stock(threads: Sequence[Thread], rng: np.random.Generator) -> Stock:
    """All items of a department, with some attributes missing and a few items listed twice."""
    made = Stock()
    for thread in threads:
        seen: dict[tuple[int, str], int] = {}
        for line, share in enumerate(weights(len(thread.lines))):
            for variant in thread.variants:
                path: list[int] = []
                for position, step in enumerate(thread.steps):
                    if isinstance(step, int):
                        path.append(path[step])
                        continue
                    key = (line, thread.title(step, line, variant))
                    if key not in seen:
                        seen[key] = len(made.items)
                        made.items.append(_item(rng, thread, step, line, variant))
                        if _browsed(thread, position, step):
                            made.browsed[seen[key]] = thread.weight * share
                    path.append(seen[key])
                made.paths[thread.name, line, variant] = path
            _add_siblings(made, thread, line)
        if thread.arrival is not None:
            made.arrivals[thread.name] = len(made.items)
            made.items.append(_item(rng, thread, thread.arrival, 0, next(iter(thread.variants))))

    for _ in range(_MISSING_CATEGORIES):
        blank = _below(rng, len(made.items))
        title, _, brand, price = made.items[blank]
        made.items[blank] = (title, None, brand, price)
    # Twins are well-sold items, so that both of the two are bought.
    popular = sorted(made.browsed, key=lambda item: (-made.browsed[item], item))[:60]
    while len(made.twins) < _TWINS:
        original = popular[_below(rng, len(popular))]
        if original not in made.twins:
            made.twins[original] = len(made.items)
            made.items.append(made.items[original])
    return made
