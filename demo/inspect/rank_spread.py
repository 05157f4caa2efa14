"""Where one item stands when the same texts are drawn again with other seeds."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from statistics import median_low

from calrec.evaluation.seeds import SeedRanks
from calrec.records import Generation
from demo.inspect.decoding import Texts, write
from demo.inspect.generations import GenerationKey
from demo.inspect.shop import Shop

SEEDS = 16
"""Draws that are compared, the shown one among them."""
WIDTH = 4
"""Draws made side by side: nearly as quick as more of them, and a Stop need not wait long."""

Ranks = tuple[int, int]
"""Optimistic and pessimistic rank."""


@dataclass(frozen=True, kw_only=True)
class RankSpread:
    """The ranks of an item over several draws.

    Attributes:
      ranks: of each draw, in the order of the seeds.
      seeds: which; as many.
      total: items ranked.
      own: the rank that is shown elsewhere on the page.
      exact: by the most probable texts, of which none is drawn; `None` where that is not known.
    """

    ranks: Sequence[Ranks]
    seeds: Sequence[int]
    total: int
    own: Ranks
    exact: Ranks | None = None

    @property
    def best(self) -> int:
        """The best place of the draws that find it, first among ties; 0 where none does."""
        return min(self._found, default=0)

    @property
    def worst(self) -> int:
        """The worst of them, first among ties, too."""
        return max(self._found, default=0)

    @property
    def middle(self) -> int:
        """The place that at least half of all draws reach."""
        return median_low(first for first, _ in self.ranks)

    @property
    def _found(self) -> list[int]:
        return [ranks[0] for ranks in self.ranks if not self.is_unfound(ranks)]

    def within(self, place: int) -> int:
        """In how many draws the item stands there or before."""
        return sum(first <= place for first, _ in self.ranks)

    def is_unfound(self, ranks: Ranks) -> bool:
        """Whether no item stands behind it: the texts say nothing of it."""
        return ranks[1] == self.total > 1

    @property
    def unfound(self) -> int:
        """In how many draws it was not found."""
        return sum(map(self.is_unfound, self.ranks))

    @property
    def tied(self) -> int:
        """In how many of the others it shares its place."""
        return sum(a < b for a, b in self.ranks if not self.is_unfound((a, b)))


def stored(by_seed: SeedRanks, place: int, *, seed: int, total: int) -> RankSpread:
    """That of a case of an evaluation.

    Args:
      by_seed: of the evaluation.
      place: of the case.
      seed: the evaluation's first.
      total: items ranked.
    """
    sides = (by_seed.optimistic[place].tolist(), by_seed.pessimistic[place].tolist())
    ranks = tuple(zip(*sides, strict=True))
    seeds = range(seed, seed + by_seed.seeds)
    return RankSpread(ranks=ranks, seeds=seeds, total=total, own=ranks[0])


def seeds_of(key: GenerationKey) -> list[int]:
    """The seeds to compare: a result's own and those after it."""
    return [(key.seed + k) % 2**32 for k in range(SEEDS)]


def drawn(
    shop: Shop, key: GenerationKey, known: Mapping[int, Generation]
) -> Generator[tuple[int, Generation] | None, None, None]:
    """Draws what a key names with each seed of `seeds_of` that is not known yet.

    Args:
      shop: whose model draws; closing the iterator stops it.
      key: of a decoder that draws.
      known: by seed; they are not drawn again.

    Yields:
      a seed and its texts as they are finished, and `None` now and then between.

    Raises:
      CalrecError: as `demo.inspect.decoding.write`.
    """
    seeds = [seed for seed in seeds_of(key) if seed not in known]
    if key.decoder != "sample":
        for seed in seeds:
            with closing(write(shop, replace(key, seed=seed))) as updates:
                for update in updates:
                    yield (seed, update.generation) if isinstance(update, Texts) else None
        return
    model = shop.served.get().with_template(key.template)
    histories = [shop.items(key.history)] * len(seeds)
    how = {"temperature": key.temperature, "samples": key.samples}
    with closing(model.generate_many(histories, seeds, width=WIDTH, **how)) as written:
        for number, generation in written:
            yield seeds[number], generation
