"""Prepared histories, and batches as pure functions of (seed, step).

Because a batch depends on nothing but its step number, that number is the whole state of the
data: a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from calrec.errors import CalrecError
from calrec.model.objective import Batch
from calrec.records import codec, digests
from calrec.records.codec import Format
from calrec.text import TextSettings
from calrec.text.prompt import Connectors, prompt_tokens
from calrec.tokenizer import Tokenizer
from train.presets import StageSettings

VERSION = 1
PREPARED = Format(
    name="calrec-prepared",
    version=VERSION,
    remedy="prepare it again",
    name_field="kind",
    version_field="format",
    may_lack_digest=True,
)
WIDTH = 32
"""Widths are rounded up to a multiple of this many tokens."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DomainData:
    """One domain as tokens: E events and I items.

    Attributes:
      domain: its name.
      item_tokens: all item texts' tokens, one after the other.
      item_offsets: where each item's begin, [I + 1].
      items: item indices of the training parts, user after user, [E].
      offsets: where each user's begin, [U + 1].
      validation: index of each user's validation item, or -1.
    """

    domain: str
    item_tokens: Int[np.ndarray, " K"]
    item_offsets: Int[np.ndarray, " I+1"]
    items: Int[np.ndarray, " E"]
    offsets: Int[np.ndarray, " U+1"]
    validation: Int[np.ndarray, " U"]

    def text(self, item: int) -> list[int]:
        """Token ids of one item's text."""
        return self.item_tokens[self.item_offsets[item] : self.item_offsets[item + 1]].tolist()

    def history(self, user: int) -> Int[np.ndarray, " n"]:
        """Item indices of one user's training part, oldest first."""
        return self.items[self.offsets[user] : self.offsets[user + 1]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """What `calrec-train prepare` wrote: domains as tokens, the tokenizer, and where it is from."""

    folder: Path
    domains: tuple[DomainData, ...]
    meta: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, only: Sequence[str] = ()) -> Prepared:
        """Reads a prepared folder; `only` names some of its domains.

        Raises:
          CalrecError: if the folder is none, of another version, damaged, or lacks a domain.
        """
        if not (folder / "meta.json").is_file():
            raise CalrecError(
                f"expected prepared data in {folder}, found no meta.json;"
                " make it with: calrec-train prepare --workspace W --domains D --out DIR"
            )
        meta = PREPARED.read(folder / "meta.json")
        PREPARED.decode(TextSettings, meta.get("text"), f"{folder}/meta.json: text")
        told = dict[str, dict[str, Any]]
        known = list(PREPARED.decode(told, meta.get("domains"), f"{folder}/meta.json: domains"))
        _check_files(folder, meta)
        names = list(only) or known
        if unknown := [name for name in names if name not in known]:
            raise CalrecError(
                f"{folder}: expected domains among {known}, found {unknown};"
                " choose of these, or prepare the others too"
            )
        domains = []
        for name in names:
            try:
                with (folder / f"{name}.npz").open("rb") as file, np.load(file) as arrays:
                    domains.append(DomainData(domain=name, **arrays))
            # numpy and zipfile raise whatever their parsers stumble over.
            except Exception as error:
                raise CalrecError(f"{folder / name}.npz is damaged; prepare it again") from error
        return cls(folder=folder, domains=tuple(domains), meta=meta)

    @property
    def text(self) -> TextSettings:
        """How items became text."""
        return codec.decode(TextSettings, self.meta["text"])

    def tokenizer(self) -> Tokenizer:
        """The tokenizer of these tokens."""
        return Tokenizer.load(self.folder / "tokenizer")


def _check_files(folder: Path, meta: dict[str, Any]) -> None:
    """Compares what `prepare` wrote with its digests; an older release wrote none."""
    if not {"files", "digest"} & meta.keys():
        return
    changed = None if {"files", "digest"} <= meta.keys() else "meta.json"
    if changed is None:
        found = digests.of_files(folder) | {"meta.json": None}
        wanted = meta["files"] | {"meta.json": None}
        changed = next((n for n in sorted(wanted | found) if wanted.get(n) != found.get(n)), None)
    if changed is not None:
        raise CalrecError(
            f"{folder}: expected {changed} as it was prepared, found another, a damaged one or"
            " none; prepare it again"
        )


@lru_cache(maxsize=8)
def _permutation(seed: int, stream: int, epoch: int, size: int) -> Int[np.ndarray, " size"]:
    return np.random.default_rng([seed, stream, epoch]).permutation(size)


def _rounded(width: int) -> int:
    return -(-width // WIDTH) * WIDTH


class PackedRows:
    """Pretraining: all users' whole training histories, shuffled and cut into equal rows."""

    def __init__(self, data: Prepared, settings: StageSettings) -> None:
        tokenizer = data.tokenizer()
        connectors = Connectors.of(tokenizer, data.text)
        self._settings = settings
        self._users: list[np.ndarray] = []
        for domain in data.domains:
            texts = [domain.text(i) for i in range(len(domain.item_offsets) - 1)]
            for user in range(len(domain.offsets) - 1):
                history = domain.history(user)
                if not len(history):
                    continue
                tokens = list(connectors.prefix)
                for i, item in enumerate(history):
                    tokens += (connectors.next if i else connectors.first) + tuple(texts[item])
                self._users.append(np.asarray([*tokens, tokenizer.end_id], np.int32))
        self._total = sum(map(len, self._users))
        self.rows = self._total // settings.row_tokens
        if self.rows < settings.batch_size:
            raise CalrecError(
                f"pretraining needs at least {settings.batch_size} rows of {settings.row_tokens}"
                f" tokens, found {self.rows}; lower --batch-size or bring more histories"
            )

    @lru_cache(maxsize=2)  # noqa: B019 - one epoch's rows; the object lives as long as the run
    def _epoch(self, epoch: int) -> Int[np.ndarray, "rows T"]:
        order = _permutation(self._settings.seed, 0, epoch, len(self._users))
        tokens = np.concatenate([self._users[i] for i in order])
        size = self._settings.row_tokens
        return tokens[: self.rows * size].reshape(self.rows, size)

    def batch(self, step: int) -> tuple[Int[np.ndarray, "B T"], Bool[np.ndarray, "B T"]]:
        """The rows of one step, and a mask that is true everywhere."""
        size = self._settings.batch_size
        number = np.arange(step * size, (step + 1) * size)
        rows = np.stack([self._epoch(int(n // self.rows))[n % self.rows] for n in number])
        return rows, np.ones(rows.shape, bool)


def collate(records: Sequence[tuple[list[int], list[int]]], width: int, target_width: int) -> Batch:
    """Prompts and targets (end token included) as one right-padded batch."""
    tokens = np.zeros((len(records), width), np.int32)
    target = np.zeros((len(records), target_width), np.int32)
    for row, (prompt, answer) in enumerate(records):
        tokens[row, : len(prompt) + len(answer)] = prompt + answer
        target[row, : len(answer)] = answer
    return Batch(
        tokens=tokens,
        history_length=np.asarray([len(p) for p, _ in records], np.int32),
        target=target,
        target_length=np.asarray([len(t) for _, t in records], np.int32),
    )


class Records:
    """Training and validation records (prompt tokens, target tokens) of prepared domains."""

    def __init__(self, data: Prepared, settings: StageSettings) -> None:
        tokenizer = data.tokenizer()
        self.domains = data.domains
        self._connectors = Connectors.of(tokenizer, data.text)
        self._end = tokenizer.end_id
        self._settings = settings
        around = sum(map(len, dataclasses.astuple(self._connectors)))
        if settings.max_prompt_tokens <= around:
            raise CalrecError(
                f"expected more than {around} prompt tokens, the template's own, found"
                f" {settings.max_prompt_tokens}; raise --max-prompt-tokens"
            )

    def record(
        self, domain: DomainData, history: Sequence[int], target: int
    ) -> tuple[list[int], list[int]]:
        """One record within the token budgets; the target ends with the end token."""
        texts = [domain.text(i) for i in history]
        prompt, _ = prompt_tokens(texts, self._connectors, self._settings.max_prompt_tokens)
        answer = domain.text(target)[: self._settings.max_target_tokens - 1]
        return prompt, [*answer, self._end]

    def validation(self) -> list[Batch]:
        """Up to `validation_users` users: the training part as history, the validation item."""
        users = [(d, u) for d in self.domains for u in np.flatnonzero(d.validation >= 0)]
        users = [(d, u) for d, u in users if d.offsets[u + 1] > d.offsets[u]]
        order = _permutation(0, 1, 0, len(users))[: self._settings.validation_users]
        records = []
        for i in order:
            domain, user = users[i]
            target = int(domain.validation[user])
            records.append(self.record(domain, domain.history(user).tolist(), target))
        size = 32
        # Whole batches, so that few shapes are compiled; cut before sorting, or the longest go.
        records = records[: len(records) // size * size or None]
        records.sort(key=lambda r: len(r[0]) + len(r[1]))
        target_width = _rounded(max((len(t) for _, t in records), default=1))
        batches = []
        for start in range(0, len(records), size):
            part = records[start : start + size]
            width = max(len(p) + len(t) for p, t in part)
            batches.append(collate(part, -(-width // 128) * 128, target_width))
        return batches


class CalrecBatches:
    """Stage I and II: users drawn over domains, truncated, cut into chunks by length.

    Widths of the chunks are the longest that any step of the run needs, so that a run compiles
    one shape.
    """

    def __init__(self, data: Prepared, settings: StageSettings) -> None:
        if settings.batch_size % settings.chunks:
            raise CalrecError(
                f"expected a batch size that is a multiple of {settings.chunks} (the preset's"
                f" chunks), found {settings.batch_size}; change --batch-size"
            )
        self._records = Records(data, settings)
        self._settings = settings
        # A record needs one history item and a target.
        self._users = [np.flatnonzero(np.diff(d.offsets) >= 2) for d in data.domains]
        if not all(map(len, self._users)):
            empty = [d.domain for d, u in zip(data.domains, self._users, strict=True) if not len(u)]
            raise CalrecError(
                f"expected users with two training items or more, found none in {empty};"
                " leave these out, or bring longer histories"
            )
        weight = np.asarray([len(u) for u in self._users], float) ** settings.domain_exponent
        self._probability = weight / weight.sum()
        self._bounds = [self._bound(d, u) for d, u in zip(data.domains, self._users, strict=True)]
        longest = max(int(np.diff(d.item_offsets).max()) for d in data.domains)
        self._target_width = _rounded(min(longest + 1, settings.max_target_tokens))
        self._widths = self._chunk_widths()

    def _bound(self, domain: DomainData, users: np.ndarray) -> Int[np.ndarray, " U"]:
        """The most tokens that each user's record can have, whatever is truncated."""
        connectors = self._records._connectors
        per_item = np.diff(domain.item_offsets)[domain.items] + len(connectors.next)
        total = np.concatenate([[0], np.cumsum(per_item)])
        whole = total[domain.offsets[users + 1]] - total[domain.offsets[users]]
        limit = self._settings.max_prompt_tokens + self._settings.max_target_tokens
        around = len(connectors.prefix) + len(connectors.first) + len(connectors.last) + 1
        return np.minimum(whole + around, limit)

    def _chosen(self, step: int) -> list[tuple[int, int]]:
        """(domain, position among its users) of a step, longest bound first."""
        size = self._settings.batch_size
        rng = np.random.default_rng([self._settings.seed, 2, step])
        domain = rng.choice(len(self._users), size=size, p=self._probability)
        chosen = []
        for slot, d in enumerate(domain):
            number = step * size + slot
            count = len(self._users[d])
            order = _permutation(self._settings.seed, 3 + int(d), number // count, count)
            chosen.append((int(d), int(order[number % count])))
        return sorted(chosen, key=lambda c: -self._bounds[c[0]][c[1]])

    def _chunk_widths(self) -> list[int]:
        rows = self._settings.batch_size // self._settings.chunks
        widths = np.zeros(self._settings.chunks, int)
        for step in range(self._settings.steps):
            first = self._chosen(step)[::rows]
            widths = np.maximum(widths, [self._bounds[d][u] for d, u in first])
        return [_rounded(int(width)) for width in widths]

    def batch(self, step: int) -> tuple[Batch, ...]:
        """The chunks of one step."""
        rng = np.random.default_rng([self._settings.seed, 1, step])
        records = []
        for d, position in self._chosen(step):
            domain = self._records.domains[d]
            history = domain.history(int(self._users[d][position])).tolist()
            drop = int(rng.integers(0, min(self._settings.truncate, len(history) - 2) + 1))
            history = history[: len(history) - drop]
            records.append(self._records.record(domain, history[:-1], history[-1]))
        rows = self._settings.batch_size // self._settings.chunks
        return tuple(
            collate(records[i * rows : (i + 1) * rows], width, self._target_width)
            for i, width in enumerate(self._widths)
        )
