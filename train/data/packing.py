"""Segments of several users side by side in rows of equal length, so that little is padding."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from train.step.rows import TARGET, TARGET_GIVEN_USER, USER, Batch, Rows


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Tokens that see one another, in order.

    Attributes:
      tokens: ids.
      owner: whose loss the predicted tokens are (`train.step.rows.Rows`).
      predicted: where the tokens that the loss predicts begin; from 1, or the number of tokens.
      pools: parts of the segment whose hidden states are pooled: (where it begins, sum).
    """

    tokens: Sequence[int]
    owner: int = 0
    predicted: int
    pools: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The shape of a step's rows.

    Attributes:
      tokens: of a row.
      places: tokens of a row that the loss can predict.
      shards: devices that rows are split over.
      microbatch: rows that a device runs together; 0 for all.
      mine: this process's shards, all by default.
    """

    tokens: int
    places: int
    shards: int = 1
    microbatch: int = 0
    mine: range | None = None

    def rows_of_shard(self, rows: int) -> tuple[int, int]:
        """How many rows a shard takes of so many, and of how many its arrays are.

        Arrays come in few sizes, since each is compiled anew: with microbatches in powers of two,
        of which only the used ones are run; without, in steps of at most an eighth.
        """
        each = -(-rows // self.shards)
        if self.microbatch:
            used = max(1, -(-each // self.microbatch))
            return used * self.microbatch, (1 << (used - 1).bit_length()) * self.microbatch
        unit = max(1, (1 << each.bit_length()) // 16)
        return each, -(-each // unit) * unit


def record_segments(
    user: int,
    users: int,
    prompt: Sequence[int],
    target: Sequence[int],
    *,
    begin: Sequence[int] = (),
    every: bool = False,
) -> tuple[Segment, Segment]:
    """The two towers of a user (section 3.2): the target behind its prompt, and alone.

    Args:
      user: number in the batch.
      users: of the batch.
      prompt: tokens of the history.
      target: tokens of the target, end token included.
      begin: tokens in front of the target where it stands alone.
      every: whether the loss predicts the history too.
    """
    joint = Segment(
        tokens=[*prompt, *target],
        owner=user,
        predicted=1 if every else len(prompt),
        pools=((0, USER * users + user), (len(prompt), TARGET_GIVEN_USER * users + user)),
    )
    text = [*begin, *target]
    alone = Segment(tokens=text, predicted=len(text), pools=((0, TARGET * users + user),))
    return joint, alone


def fit(
    sizes: Sequence[tuple[int, int]], tokens: int, places: int
) -> tuple[Int[np.ndarray, " segments"], int]:
    """Which row each segment goes into, and how many rows there are.

    The longest first, each into the fullest row that has room for it (best fit decreasing).

    Args:
      sizes: tokens and predicted tokens of each segment.
      tokens: of a row.
      places: predicted tokens that a row has room for.
    """
    row_of = np.zeros(len(sizes), int)
    room: list[tuple[int, int, int]] = []  # free tokens, free places, row: ascending
    rows = 0
    for number in sorted(range(len(sizes)), key=lambda n: (-sizes[n][0], n)):
        size, predicted = sizes[number]
        at = bisect.bisect_left(room, (size, predicted, 0))
        while at < len(room) and room[at][1] < predicted:
            at += 1
        if at < len(room):
            free, left, row = room.pop(at)
        else:
            free, left, row = tokens, places, rows
            rows += 1
        row_of[number] = row
        bisect.insort(room, (free - size, left - predicted, row))
    return row_of, rows


def batch_of(segments: Sequence[Segment], users: int, layout: Layout) -> Batch:
    """Packs segments, none longer than a row.

    Raises:
      ValueError: for a segment that no row has room for.
    """
    sizes = [(len(s.tokens), len(s.tokens) - s.predicted) for s in segments]
    if any(size > layout.tokens or places > layout.places for size, places in sizes):
        raise ValueError(f"a segment is longer than a row of {layout.tokens} tokens")
    row_of, count = fit(sizes, layout.tokens, layout.places)
    each, held = layout.rows_of_shard(count)
    mine = layout.mine if layout.mine is not None else range(layout.shards)
    rows = _empty(len(mine) * held, users, layout)
    places = {mine_number * each + i: at * held + i
              for at, mine_number in enumerate(mine) for i in range(each)}  # fmt: skip
    for row, place in places.items():
        rows.row[place] = row
    filled: dict[int, tuple[int, int, int]] = {place: (0, 0, 0) for place in places.values()}
    pooled, predicted = np.zeros(3 * users + 1, np.int32), np.zeros(users + 1, np.int32)
    for segment, row in zip(segments, row_of, strict=True):
        ends = [*(start for start, _ in segment.pools[1:]), len(segment.tokens)]
        for (start, pool), end in zip(segment.pools, ends, strict=bool(segment.pools)):
            pooled[pool] += end - start
        predicted[segment.owner] += len(segment.tokens) - segment.predicted
        if (place := places.get(int(row))) is not None:
            filled[place] = _put(rows, place, segment, *filled[place])
    used = each // layout.microbatch if layout.microbatch else 1
    return Batch(
        rows=rows,
        pooled=pooled[:-1].reshape(3, users),
        predicted=predicted,
        used=np.asarray(used, np.int32),
    )


def _empty(rows: int, users: int, layout: Layout) -> Rows:
    shape, places = (rows, layout.tokens), (rows, layout.places)
    return Rows(
        tokens=np.zeros(shape, np.int32),
        segment=np.zeros(shape, np.int32),
        position=np.zeros(shape, np.int32),
        pool=np.full(shape, 3 * users, np.int32),
        at=np.zeros(places, np.int32),
        next=np.zeros(places, np.int32),
        owner=np.full(places, users + 1, np.int32),
        row=np.zeros(rows, np.int32),
    )


def _put(
    rows: Rows, row: int, segment: Segment, start: int, places: int, before: int
) -> tuple[int, int, int]:
    """Lays a segment behind what the row holds; returns what it holds then."""
    size = len(segment.tokens)
    end, many = start + size, size - segment.predicted
    rows.tokens[row, start:end] = segment.tokens
    rows.segment[row, start:end] = before + 1
    rows.position[row, start:end] = np.arange(size)
    for first, pool in segment.pools:
        rows.pool[row, start + first : end] = pool
    rows.at[row, places : places + many] = np.arange(start + segment.predicted, end) - 1
    rows.next[row, places : places + many] = segment.tokens[segment.predicted :]
    rows.owner[row, places : places + many] = segment.owner
    return end, places + many, before + 1
