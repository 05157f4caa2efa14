"""Each recommender over the held-out cases: the ranks of the items really bought."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calrec import metrics
from calrec.lir import LastItemRepeater
from calrec.markov import Markov
from calrec.text import DEFAULT_TEXT
from catalog.store import Catalogue
from train.cases import Cases
from train.generation import sample_rows

BLOCK = 64
"""Distinct last items scored at once: a block of scores stays within tens of MB."""

Tick = Callable[[int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a recommender made of the cases.

    Attributes:
      settings: the recommender's own.
      optimistic: rank of each case's target, first among its ties.
      pessimistic: the same, last among its ties.
      samples: one row per generated text, for `samples.parquet`; empty where none are generated.
    """

    settings: dict[str, Any]
    optimistic: Int[np.ndarray, " C"]
    pessimistic: Int[np.ndarray, " C"]
    samples: list[dict[str, Any]]


def ranks_after_last_item(
    scores: Callable[[Int[np.ndarray, " Q"]], Float[np.ndarray, "N Q"]], cases: Cases, tick: Tick
) -> tuple[Int[np.ndarray, " C"], Int[np.ndarray, " C"]]:
    """Ranks by a recommender that looks at the last item only, scored once per distinct one.

    Args:
      scores: scores of all N items after each of Q last items, given by item index.
      cases: whose targets to rank.
      tick: told how many cases came out.
    """
    last = np.array([history[-1] for history in cases.histories])
    by_last = np.argsort(last, kind="stable")
    distinct, starts = np.unique(last[by_last], return_index=True)
    ends = np.append(starts[1:], len(last))
    optimistic, pessimistic = np.zeros((2, len(last)), dtype=np.int64)
    for first in range(0, len(distinct), BLOCK):
        block = slice(first, first + BLOCK)
        # One row per query: a rank is a count along it.
        rows = np.ascontiguousarray(scores(distinct[block]).T)
        for row, start, end in zip(rows, starts[block], ends[block], strict=True):
            for case in by_last[start:end]:
                optimistic[case], pessimistic[case] = metrics.ranks(row, cases.targets[case])
        tick(int(ends[block][-1] - starts[block][0]))
    return optimistic, pessimistic


def by_lir(catalogue: Catalogue, cases: Cases, tick: Tick) -> Outcome:
    """Evaluates LIR with the default text settings."""
    recommender = LastItemRepeater(catalogue.corpus(), DEFAULT_TEXT)
    optimistic, pessimistic = ranks_after_last_item(
        lambda last: recommender.scores([catalogue.items[i] for i in last]), cases, tick
    )
    return Outcome(
        settings=dict(recommender.settings),
        optimistic=optimistic,
        pessimistic=pessimistic,
        samples=[],
    )


def by_markov(catalogue: Catalogue, split: str, cases: Cases, tick: Tick) -> Outcome:
    """Evaluates a Markov chain over all that the domain's users bought before their targets."""
    sequences = catalogue.sequences()
    histories = [sequences.history(u, split) for u in sequences.cases(split)]
    recommender = Markov(catalogue.item_ids, histories, catalogue.popularity)
    optimistic, pessimistic = ranks_after_last_item(recommender.scores, cases, tick)
    return Outcome(
        settings=dict(recommender.settings),
        optimistic=optimistic,
        pessimistic=pessimistic,
        samples=[],
    )


def case_seed(seed: int, user_id: str) -> int:
    """The seed of one user's samples, the same whoever else is evaluated."""
    return zlib.crc32(f"{seed}:{user_id}".encode())


def by_calrec(
    catalogue: Catalogue,
    checkpoint: str,
    cases: Cases,
    tick: Tick,
    *,
    seed: int,
    width: int,
) -> Outcome:
    """Evaluates an exported model, `width` users side by side, each with its own seed."""
    from calrec.recommender import CALRec  # brings in jax

    recommender = CALRec.from_checkpoint(checkpoint).with_corpus(
        catalogue.corpus(), catalogue.items
    )
    histories = [[catalogue.items[i] for i in history] for history in cases.histories]
    seeds = [case_seed(seed, user_id) for user_id in cases.user_ids]
    ranks = np.zeros((len(histories), 2), dtype=np.int64)
    samples: list[list[dict[str, Any]]] = [[] for _ in histories]
    for case, recommendation in recommender.recommend_many(histories, seeds, width=width):
        ranks[case] = metrics.ranks(recommendation.scores, cases.targets[case])
        samples[case] = sample_rows(cases.user_ids[case], recommendation)
        tick(1)
    optimistic, pessimistic = ranks.T
    return Outcome(
        settings={**recommender.settings, "checkpoint": checkpoint},
        optimistic=optimistic,
        pessimistic=pessimistic,
        samples=list(itertools.chain.from_iterable(samples)),
    )
