"""Buyers: what each one buys, and when, from threads that run side by side."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from catalog.sample.stock import Stock, weights
from catalog.sample.threads import Thread

_DAY = 86_400
_OPENED = 1_609_459_200  # 2021-01-01
_CLOSED = 1_767_139_200  # 2025-12-31


class Event(NamedTuple):
    """One purchase; `item` is a position in the stock, `timestamp` in unix seconds."""

    item: int
    timestamp: int
    rating: float


class Purchase(NamedTuple):
    """One purchase and why it was made.

    Attributes:
      item: a position in the stock.
      led_by: place of the buyer's purchase that led to it: the one before it in its thread, the
        last one of the thread that this one follows, or the same thing in another size. `None`
        where nothing led to it: a thread's beginning, or bought outside all threads.
    """

    item: int
    led_by: int | None


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How buyers behave, as probabilities.

    Attributes:
      browse: an event is bought outside all threads.
      sibling: the item just bought is bought in another size too, once a buyer.
      third: a buyer has three threads at once, not two.
      switch: the next event comes from another thread than the last one.
      binge: the same after a part of a series.
      fresh: a thread is entered at its beginning, not in its middle.
      skip: a step is left out.
      follow: a finished thread is followed by the one it leads to.
      loyal: the follower is of the same brand where that brand sells it.
      arrival: a last purchase is the thread's new arrival.
      basket: an event shares its order with the one before.
      repeat: an event stands twice in the raw data.
    """

    browse: float = 0.12
    sibling: float = 0.3
    third: float = 0.2
    switch: float = 0.68
    binge: float = 0.5
    fresh: float = 0.5
    skip: float = 0.1
    follow: float = 0.6
    loyal: float = 0.7
    arrival: float = 0.1
    basket: float = 0.08
    repeat: float = 0.03


@dataclass
class _Running:
    """A thread that a buyer is in: the path walked and the place of its next step.

    `last` is the place of the purchase that leads on: its own last one, or of the thread before.
    """

    thread: Thread
    line: int
    path: Sequence[int]
    place: int
    last: int | None = None


@dataclass
class Buyers:
    """Draws histories; every draw goes through `rng.random()`, whose stream never changes."""

    threads: Sequence[Thread]
    stock: Stock
    rng: np.random.Generator
    habits: Habits = field(default_factory=Habits)

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def _choice(self, shares: Sequence[float]) -> int:
        edges = list(accumulate(shares))
        return min(bisect(edges, self.rng.random() * edges[-1]), len(edges) - 1)

    def _begin(self, met: Sequence[str], before: _Running | None) -> _Running:
        """A thread that the buyer has not been in, if possible what the one before leads to."""
        names = [thread.name for thread in self.threads]
        follows = before.thread.leads_to if before else ""
        last = None
        if before and follows and follows not in met and self._chance(self.habits.follow):
            thread, last = self.threads[names.index(follows)], before.last
        else:
            open_ = [t for t in self.threads if t.name not in met] or list(self.threads)
            thread = open_[self._choice([t.weight for t in open_])]
        brands = [line.brand for line in thread.lines]
        brand = before.thread.lines[before.line].brand if before else ""
        if brand in brands and self._chance(self.habits.loyal):
            line = brands.index(brand)
        else:
            line = self._choice(weights(len(brands)))
        variants = list(thread.variants)
        variant = variants[self._choice(weights(len(variants)))]
        path = self.stock.paths[thread.name, line, variant]
        late = 0 if self._chance(self.habits.fresh) else int(self.rng.random() * len(path) * 0.6)
        return _Running(thread, line, path, late, last)

    def _step(self, running: _Running, owned: set[int | None]) -> int | None:
        """The thread's next item, or `None` at its end. Only what its path repeats comes again."""
        if running.thread.cycle:
            item = running.path[running.place % len(running.path)]
            running.place += 1
            return item
        while running.place < len(running.path):
            place = running.place
            running.place += 1
            item = running.path[place]
            again = item in running.path[:place]
            passed = place > 0 and self._chance(
                self.habits.skip / 4 if running.thread.volumes else self.habits.skip
            )
            if not passed and (again or item not in owned):
                return item
        return None

    def _purchases(self, count: int) -> Iterator[Purchase]:
        """What one buyer buys, in order."""
        met: list[str] = []
        owned: set[int | None] = {None}
        running: list[_Running] = []
        for _ in range(3 if self._chance(self.habits.third) else 2):
            running.append(self._begin(met, None))
            met.append(running[-1].thread.name)
        browsed = list(self.stock.browsed)
        shares = list(self.stock.browsed.values())
        current, item, spare = 0, None, True
        for place in range(count):
            last, item, led_by = item, None, None
            if self._chance(self.habits.browse):
                item = browsed[self._choice(shares)]
                item = None if item in owned else item
            sized = self.stock.siblings.get(last, last) if spare and last is not None else last
            if item is None and sized not in owned and self._chance(self.habits.sibling):
                item, spare, led_by = sized, False, place - 1
            volumes = running[current].thread.volumes
            switch = self.habits.binge if volumes else self.habits.switch
            if item is None and self._chance(switch):
                current = (current + 1 + int(self.rng.random() * (len(running) - 1))) % len(running)
            stepped = item is None
            while item is None:
                item = self._step(running[current], owned)
                if item is None:
                    running[current] = self._begin(met, running[current])
                    met.append(running[current].thread.name)
            now = running[current]
            arrival = self.stock.arrivals.get(now.thread.name)
            last_place = now.line == 0 and place == count - 1
            # Every third arrival stays unsold.
            if arrival and arrival % 3 and last_place and self._chance(self.habits.arrival):
                item, stepped = arrival, True
            if stepped:
                led_by, now.last = now.last, place
            owned.add(item)
            twin = item in self.stock.twins and self._chance(0.5)
            yield Purchase(self.stock.twins[item] if twin else item, led_by)

    def history(self) -> tuple[list[Event], list[Purchase]]:
        """One buyer's raw events in order, and the purchases that they record.

        5 to 20 purchases, a few of them recorded twice.
        """
        u = self.rng.random()
        purchases = list(self._purchases(5 + int(16 * u * u)))
        items = [purchase.item for purchase in purchases]
        span = int(len(items) * (12 + 30 * self.rng.random()) * _DAY)
        gaps = [0.1 + self.rng.random() for _ in items]
        for i in range(1, len(items)):
            if items[i] != items[i - 1] and self._chance(self.habits.basket):
                gaps[i] = 0.0
        elapsed = list(accumulate(gaps))
        start = _OPENED + int(self.rng.random() * (_CLOSED - _OPENED - span))
        kind = self.rng.random()
        events: list[Event] = []
        for item, since in zip(items, elapsed, strict=True):
            rating = float(5 - self._choice([0.5 + 0.3 * kind, 0.25, 0.12, 0.05, 0.04]))
            event = Event(item, start + int(span * (since / elapsed[-1])), rating)
            events.append(event)
            if self._chance(self.habits.repeat):
                events.append(event)
        return events, purchases
