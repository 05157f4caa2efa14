"""One finished evaluation: the folder that `calrec-evaluate` writes, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.evaluation import leaks
from calrec.evaluation.cases import Cases
from calrec.evaluation.first_ten import FIRST
from calrec.evaluation.metrics import summarise
from calrec.evaluation.run_folder.meta import CheckpointMeta, DataMeta, RunMeta, meta_of
from calrec.evaluation.run_folder.reading import (
    check_figures,
    column_names,
    damaged,
    read_json,
    read_table,
)
from calrec.evaluation.run_folder.schema import (
    CASES,
    FIGURES,
    FORMAT,
    META,
    SAMPLES,
    TIMINGS,
    TOP,
    VERSION,
)
from calrec.evaluation.run_folder.tables import cases_of
from calrec.ranking.rules import Rules
from calrec.recommenders import register
from calrec.records import digests

TOLERANCE = 1e-9
"""Figures that differ by more than this from what the ranks give were not made from them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationRun:
    """A recommender's ranks over the held-out purchases of one domain.

    The tables are read when they are first asked for, each after it was compared with its digest in
    `meta.json`; `cases` is checked against the figures, too. Runs of releases that wrote no digests
    are read as they are.

    Attributes:
      folder: where it lies.
      meta: what was evaluated, by what.
      written: content of `meta.json` as it stands there.
      figures: content of `metrics.json`: users, metrics and, for CALRec, generation.
    """

    folder: Path
    meta: RunMeta
    written: Mapping[str, Any]
    figures: Mapping[str, Any]
    _checked: dict[str, tuple[int, ...]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def load(cls, folder: Path, *, oldest: int = VERSION) -> EvaluationRun:
        """Reads a run's folder.

        Args:
          folder: which.
          oldest: the earliest version that serves. Runs before version 3 do not say by which rules
            they rank: of such a run only the texts may be used.

        Raises:
          CalrecError: if it is missing, damaged, or of another version.
        """
        if not folder.is_dir():
            raise CalrecError(
                f"expected the folder of an evaluation, found none at {folder}; name a folder that"
                " calrec-evaluate wrote"
            )
        written = read_json(folder, META)
        _check_version(folder, written, oldest)
        meta = meta_of(written, folder / META)
        figures = read_json(folder, FIGURES)
        check_figures(folder, figures)
        run = cls(folder=folder, meta=meta, written=written, figures=figures)
        run.file(FIGURES)
        return run

    @property
    def has_digests(self) -> bool:
        """Whether its files can be compared with what was written."""
        return self.meta.files is not None

    def check(self) -> None:
        """Compares every file with its digest.

        Raises:
          CalrecError: if one is missing or not as it was written.
        """
        for name in self.meta.files or ():
            self.file(name)

    def file(self, name: str) -> Path:
        """The path of one of the run's files, once it is known to be as it was written.

        It is read for that when it is first asked for, and again when it changed.

        Raises:
          CalrecError: if it is missing or damaged.
        """
        path = self.folder / name
        try:
            state = path.stat()
            stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
            if self.meta.files is not None and self._checked.get(name) != stamp:
                if digests.of_file(path) != self.meta.files.get(name):
                    raise damaged(path, "another or a damaged file")
                self._checked[name] = stamp
        except FileNotFoundError:
            raise CalrecError(
                f"expected {path.name} in {path.parent}, found none; evaluate again with a"
                " recommender that writes it"
            ) from None
        except OSError as error:
            raise damaged(path, error.strerror or type(error).__name__) from None
        return path

    @property
    def recommender(self) -> str:
        """Its id, such as `calrec` or `lir`."""
        return self.meta.recommender

    @property
    def label(self) -> str | None:
        """What the person called this run."""
        return self.meta.label or None

    @property
    def domain(self) -> str:
        """Evaluated on."""
        return self.meta.domain

    @property
    def split(self) -> str:
        """`test` or `validation`."""
        return self.meta.split

    @property
    def users(self) -> int:
        """How many users were evaluated."""
        return self.meta.users

    @property
    def all_users(self) -> int:
        """How many users the split has."""
        return self.meta.cases

    @property
    def seed(self) -> int:
        """It drew the users and the samples."""
        return self.meta.seed

    @property
    def rules(self) -> Rules:
        """By which it ranks; the same for all that stand side by side."""
        return self.meta.rules

    @property
    def settings(self) -> Mapping[str, Any]:
        """The recommender's own."""
        return self.meta.settings

    @property
    def data(self) -> DataMeta:
        """Fingerprint, sizes and repeats of the domain."""
        return self.meta.data

    @property
    def fingerprint(self) -> str:
        """Equal for equal data."""
        return self.data.fingerprint

    @property
    def checkpoint(self) -> CheckpointMeta | None:
        """Name, digest, data and training of the model; `None` where there is none."""
        return self.meta.checkpoint

    @property
    def code_digest(self) -> str | None:
        """Equal for equal code; `None` where it is not recorded."""
        return self.meta.code and self.meta.code.digest

    @cached_property
    def leaks(self) -> tuple[str, ...]:
        """How its model may know what it is asked for: `calrec.evaluation.leaks`; or nothing."""
        known = register.entries().get(self.recommender)
        if known is None or not known.trained:
            return ()
        return leaks.leaks(
            leaks.from_json(self.checkpoint and self.checkpoint.seen),
            domain=self.domain,
            split=self.split,
            fingerprint=self.fingerprint,
            role=self.data.role or "evaluation",
        )

    @property
    def generative(self) -> bool:
        """Whether it writes texts."""
        known = register.entries().get(self.recommender)
        return known is not None and known.generative

    @property
    def has_texts(self) -> bool:
        """Whether the texts that it wrote are kept."""
        return (self.folder / SAMPLES).exists()

    @property
    def recommender_name(self) -> str:
        """As the tables call it."""
        return register.label(self.recommender)

    @cached_property
    def cases(self) -> Cases:
        """One row per evaluated user.

        Raises:
          CalrecError: if the file is missing, damaged, or does not give the figures.
        """
        path = self.file(CASES)
        cases = cases_of(read_table(path), path)
        if not len(cases) == self.users == self.figures["users"]:
            raise CalrecError(
                f"expected {self.users} users in {path}, found {len(cases)}; evaluate again"
            )
        last, items = int(cases.pessimistic.max()), self.data.items
        if cases.by_seed is not None:
            last = max(last, int(cases.by_seed.pessimistic.max()))
        if last > items:
            raise CalrecError(
                f"expected ranks up to {items}, the items of {self.domain}, in {path}, found"
                f" {last}; evaluate again"
            )
        for metric, value in summarise(cases.optimistic, cases.pessimistic).items():
            for side, mean in value.items():
                written = self.figures["metrics"][metric][side]
                if not abs(written - mean) <= TOLERANCE:
                    raise CalrecError(
                        f"expected {metric} {side} {mean:.6f}, as the ranks in {path} give it,"
                        f" found {written:.6f} in {FIGURES}; evaluate again"
                    )
        return cases

    def samples(
        self, users: Sequence[str] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The generated texts, those of some users or all.

        Raises:
          CalrecError: if the run wrote none, or the file is damaged.
        """
        return self.table(SAMPLES, users, columns)

    def kept_texts(self) -> pa.Table:
        """`user_id` and `text` of every generated text that ranks items, best or not.

        Raises:
          CalrecError: as `samples`.
        """
        path = self.file(SAMPLES)
        # What releases wrote that kept every text says of none whether it was.
        kept = [("kept", "==", True)] if "kept" in column_names(path) else None
        return read_table(path, columns=["user_id", "text"], filters=kept)

    def top(self) -> pa.Table:
        """The best 100 items of each user, with their scores (higher is better).

        Raises:
          CalrecError: if the run wrote none, or the file is damaged.
        """
        return self.table(TOP)

    def exposure(self, users: pa.Array) -> Int[np.ndarray, " M"] | None:
        """How often each of the M items stands in the first ten of some users that shows there.

        `None` if the run kept no best items.

        Raises:
          CalrecError: if the file is damaged.
        """
        if not (self.folder / TOP).exists():
            return None
        top = self.table(TOP, columns=["user_id", "item_ids"])
        chosen = pc.call_function("is_in", [top["user_id"]], pc.SetLookupOptions(users))
        lists = pc.call_function(
            "list_slice", [top.filter(chosen)["item_ids"]], pc.ListSliceOptions(0, FIRST)
        )
        shown = pc.call_function("list_flatten", [lists]).value_counts()
        return shown.field("counts").to_numpy()

    def timings(self) -> pa.Table:
        """Seconds per user, to sample and to match.

        Raises:
          CalrecError: if the run wrote none, or the file is damaged.
        """
        return self.table(TIMINGS)

    def table(
        self,
        name: str,
        users: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """One of the run's tables as it stands, the rows of some users or all.

        Raises:
          CalrecError: if the run has none of that name, or the file is damaged.
        """
        filters = None if users is None else [("user_id", "in", list(users))]
        return read_table(self.file(name), columns=columns, filters=filters)

    @property
    def subset(self) -> str:
        """Which users were evaluated: `2,000 users` or `1,000 of 2,000 users, seed 0`."""
        if self.users == self.all_users:
            return user_words(self.users)
        return f"{self.users:,} of {user_words(self.all_users)}, seed {self.seed}"


def _check_version(folder: Path, written: Mapping[str, Any], oldest: int) -> None:
    if written.get("format") != FORMAT:
        raise CalrecError(
            f"expected an evaluation in {folder}, found format {written.get('format')!r}; name a"
            " folder that calrec-evaluate wrote"
        )
    version = written.get("version")
    if version in range(oldest, VERSION + 1):
        return
    remedy = "use the release that wrote it"
    if isinstance(version, int) and version < VERSION:
        remedy = (
            "it does not say by which rules it ranks, evaluate again (of calrec's runs the texts"
            " serve, with --samples-from)"
        )
    raise CalrecError(
        f"expected {FORMAT} version {VERSION} in {folder}, found version {version!r}; {remedy}"
    )


def user_words(count: int) -> str:
    """So many users: `1 user`, `2,000 users`."""
    return f"{count:,} {'user' if count == 1 else 'users'}"
