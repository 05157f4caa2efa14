"""Batches as pure functions of the step's number: those of pretraining, and those of the stages."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.text.prompt import Connectors
from train.data.packing import Layout, Segment, batch_of, record_segments
from train.data.prepared import Prepared
from train.data.records import Record, Records, UserSampler, augmented, permutation
from train.settings import StageSettings
from train.step.rows import Batch

ROW = 128
"""Rows are a multiple of this many tokens, or of a quarter of it where records are short."""


class Batches(Protocol):
    """What a stage trains on.

    Attributes:
      users: of a batch; 0 in pretraining.
      layout: the shape of its rows.
    """

    users: int
    layout: Layout

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0: the rows of this process."""
        ...

    def names(self, step: int) -> list[str]:
        """What the step reads, for a message: users as DOMAIN/NUMBER, or rows."""
        ...


def _rounded(tokens: int) -> int:
    unit = ROW if tokens > ROW else ROW // 4
    return -(-tokens // unit) * unit


class PretrainingBatches:
    """All users' training histories, shuffled and cut into equal rows, anew in each pass."""

    users = 0

    def __init__(self, data: Prepared, settings: StageSettings, layout: Layout) -> None:
        tokenizer = data.tokenizer()
        connectors = Connectors.of(tokenizer, data.text)
        self._settings = settings
        self._connectors, self._end = connectors, tokenizer.end_id
        self._histories = [
            [texts[item] for item in history]
            for domain in data.trained
            for texts in [[domain.text(i) for i in range(len(domain.item_offsets) - 1)]]
            for history in map(domain.history, range(len(domain.offsets) - 1))
            if len(history)
        ]
        size = settings.row_tokens
        self.rows = sum(map(len, map(self._document, self._histories))) // size if size else 0
        if self.rows < settings.batch_size:
            raise CalrecError(
                f"pretraining needs at least {settings.batch_size} rows of {size}"
                f" tokens, found {self.rows}; lower --batch-size or bring more histories"
            )
        self.layout = replace(layout, tokens=size, places=size)

    def _document(self, texts: Sequence[Sequence[int]]) -> list[int]:
        tokens = [*self._connectors.prefix, *self._connectors.first, *texts[0]]
        for text in texts[1:]:
            tokens += [*self._connectors.next, *text]
        return [*tokens, self._end]

    @lru_cache(maxsize=2)  # noqa: B019 - one epoch's rows; the object lives as long as the run
    def _epoch(self, epoch: int) -> Int[np.ndarray, "rows T"]:
        settings, users = self._settings, len(self._histories)
        rng = np.random.default_rng([settings.seed, 5000, epoch])
        documents = [
            self._document(augmented(self._histories[user], settings, rng))
            for user in permutation(settings.seed, 0, epoch, users)
        ]
        tokens = np.asarray(list(itertools.chain.from_iterable(documents)), np.int32)
        # Where items are left out, the first users fill the last rows once more.
        return np.resize(tokens, (self.rows, settings.row_tokens))

    def batch(self, step: int) -> Batch:
        """The rows of one step; the loss predicts every token but the first of a row."""
        size = self._settings.batch_size
        number = np.arange(step * size, (step + 1) * size)
        rows = [self._epoch(int(n // self.rows))[n % self.rows] for n in number]
        return batch_of([Segment(tokens=row, predicted=1) for row in rows], 0, self.layout)

    def names(self, step: int) -> list[str]:
        """The rows' numbers."""
        size = self._settings.batch_size
        return [f"row {n % self.rows}" for n in range(step * size, (step + 1) * size)]


class StageBatches:
    """Stage I and II: users drawn over domains, both towers of each, packed into rows."""

    def __init__(self, data: Prepared, settings: StageSettings, layout: Layout) -> None:
        self.users = settings.batch_size
        self._settings = settings
        self._records = Records(data, settings)
        self._domains = data.trained
        if not self._domains:
            raise CalrecError(
                "expected a domain to train on, found only some of the selection role; add others"
            )
        self._sampler = UserSampler(self._domains, settings)
        self.layout = self._laid_out(layout)

    def _laid_out(self, layout: Layout) -> Layout:
        """Rows as long as the longest record, with room for the targets that they usually hold."""
        domains, settings = self._domains, self._settings
        records = np.concatenate(
            [self._records.longest(d, u) for d, u in zip(domains, self._sampler.users, strict=True)]
        )
        items = np.concatenate([np.diff(d.item_offsets)[d.items] for d in domains]) + 1
        items = np.minimum(items, settings.max_target_tokens)
        tokens = max(settings.row_tokens, _rounded(int(records.max())))
        if settings.every_item or settings.item_texts:
            return replace(layout, tokens=tokens, places=tokens)
        usual = tokens * items.mean() / (records.mean() + items.mean())
        places = max(int(1.5 * usual + items.mean()), int(items.max()))
        return replace(layout, tokens=tokens, places=min(-(-places // 32) * 32, tokens))

    def batch(self, step: int) -> Batch:
        """The users of one step, and texts of items beside them where the settings say so."""
        segments: list[Segment] = []
        for user, (domain, history, target) in enumerate(self._sampler.shown(step)):
            prompt, answer = self._records.record(domain, history, target)
            begin, every = self._records.begin, self._settings.every_item
            segments += record_segments(user, self.users, prompt, answer, begin=begin, every=every)
        return batch_of([*segments, *self._texts(step)], self.users, self.layout)

    def _texts(self, step: int) -> list[Segment]:
        rng = np.random.default_rng([self._settings.seed, 4, step])
        domains = self._domains
        texts = []
        for _ in range(self._settings.item_texts):
            domain = domains[rng.integers(len(domains))]
            text = domain.text(int(rng.integers(len(domain.item_offsets) - 1)))
            text = text[: self._settings.max_target_tokens - 1]
            tokens = [*self._records.begin, *text, self._records.end]
            texts.append(Segment(tokens=tokens, owner=self.users, predicted=1))
        return texts

    def names(self, step: int) -> list[str]:
        """The users, by domain and number."""
        domains = self._domains
        return [f"{domains[d].domain}/{user}" for d, user in self._sampler.chosen(step)]


def held_out_batches(
    records: Sequence[Record], users: int, layout: Layout, begin: Sequence[int] = ()
) -> list[Batch]:
    """Batches of so many users each, for losses that compare users; the last ones that fill none
    are left out. `begin` stands in front of targets alone (`train.data.records.Records`)."""
    longest = max((len(p) + len(t) for p, t in records), default=1)
    tokens = max(layout.tokens, _rounded(longest))
    places = max(layout.places, max((len(t) for _, t in records), default=1))
    layout = replace(layout, tokens=tokens, places=min(places, tokens))
    return [
        batch_of(
            [
                segment
                for user, (prompt, target) in enumerate(records[start : start + users])
                for segment in record_segments(user, users, prompt, target, begin=begin)
            ],
            users,
            layout,
        )
        for start in range(0, len(records) - users + 1, users)
    ]
