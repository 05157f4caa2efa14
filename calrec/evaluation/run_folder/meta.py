"""What `meta.json` says of a run, as a record; read strictly, written as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from calrec.errors import CalrecError
from calrec.evaluation.run_folder.reading import damaged
from calrec.evaluation.run_folder.schema import FORMAT, VERSION
from calrec.ranking.rules import Bought, Count, Rules
from calrec.records import digests


@dataclass(frozen=True, kw_only=True)
class DataMeta:
    """The domain that was evaluated.

    Attributes:
      fingerprint: equal for equal data.
      role: a key of `calrec.evaluation.leaks.HELD_OUT`.
      items: how many.
      users: how many.
      events: purchases.
      repeats_removed: exact repeats that were left out.
      repeats_kept: those that are in the data.
      compared: what two purchases must share to be exact repeats.
      cold_items: where some may be test targets alone, their share and what became of their
        purchases (`catalog.sequences.cold`).
      bought_again_at_once: purchases of the item bought just before, at the same time, that are no
        exact repeats; `None`, as the following, where it is not recorded.
      bought_again_later: the same at another time.
      words_per_item: mean number of words of an item (`catalog.statistics`).
      vocabulary: distinct words.
    """

    fingerprint: str
    role: str | None = None
    items: int
    users: int
    events: int
    repeats_removed: int | None = None
    repeats_kept: int | None = None
    compared: list[Any] | None = None
    cold_items: dict[str, Any] | None = None
    bought_again_at_once: int | None = None
    bought_again_later: int | None = None
    words_per_item: float | None = None
    vocabulary: int | None = None


@dataclass(frozen=True, kw_only=True)
class CheckpointMeta:
    """The model of a run.

    Attributes:
      name: its folder's.
      digest: equal for equal weights, tokenizer and settings of the model.
      data: fingerprints of the domains that it was trained on.
      seen: what its training had (`calrec.evaluation.leaks.from_json`).
      training: its stages, read as far as they can be.
      samples: sha256 of the texts of the earlier run that were ranked again.
    """

    name: str | None = None
    digest: str | None = None
    data: dict[str, Any] | None = None
    seen: list[Any] | None = None
    training: Any = None
    samples: str | None = None


@dataclass(frozen=True, kw_only=True)
class CodeMeta:
    """What the run was made by.

    Attributes:
      version: of this package.
      digest: equal for equal code.
      libraries: their versions.
    """

    version: str | None = None
    digest: str | None = None
    libraries: Any = None


@dataclass(frozen=True, kw_only=True)
class RunMeta:
    """What was evaluated, by what, and how long it took.

    Attributes:
      format: `calrec-evaluation`.
      version: of the folder.
      recommender: its id, such as `calrec`.
      label: what the person called the run.
      domain: evaluated on.
      split: `test` or `validation`.
      bought: rule for items bought before; runs before version 3 say none.
      count: rule for what is counted; likewise.
      seed: it drew the users and the samples.
      engine: `local` or `ray`.
      width: texts sampled at once.
      users: how many were evaluated.
      cases: how many users the split has.
      settings: the recommender's own.
      data: the domain.
      checkpoint: of a recommender with a model.
      code: what made the run.
      run: digest of all that its results depend on.
      device: what computed.
      resumed_cases: how many the last start evaluated.
      seconds: per step, and their total.
      samples_seed: what drew the samples, where they are an earlier run's.
      files: digest of every other file; `None` of releases that wrote none.
      digest: of all this.
    """

    format: str = FORMAT
    version: int = VERSION
    recommender: str
    label: str | None = None
    domain: str
    split: str
    bought: str | None = None
    count: str | None = None
    seed: int
    engine: Any = None
    width: Any = None
    users: int
    cases: int
    settings: dict[str, Any]
    data: DataMeta
    checkpoint: CheckpointMeta | None = None
    code: CodeMeta | None = None
    run: str | None = None
    device: str | None = None
    resumed_cases: Any = None
    seconds: dict[str, Any] | None = None
    samples_seed: int | None = None
    files: dict[str, Any] | None = None
    digest: str | None = None

    @property
    def rules(self) -> Rules:
        """By which the run ranks.

        Raises:
          CalrecError: if it does not say, or names others than there are.
        """
        # Rules refuses what is neither.
        return Rules(bought=cast(Bought, self.bought), count=cast(Count, self.count))


def meta_of(content: Mapping[str, Any], path: Path) -> RunMeta:
    """The record of what stands in `meta.json`, its digest compared.

    Args:
      content: what stands there.
      path: where, for the error's text.

    Raises:
      CalrecError: if something is missing, of another type, or not as it was written.
    """
    try:
        meta = msgspec.convert(content, RunMeta)
    except msgspec.ValidationError as error:
        told = str(error).replace("`", "").replace("$.", "")
        raise damaged(path, f"another form ({told[0].lower()}{told[1:]})") from None
    if meta.version == VERSION:
        try:
            _ = meta.rules
        except CalrecError as error:
            raise damaged(path, str(error).partition("; ")[0]) from None
    if {"files", "digest"} & content.keys():  # of a release that wrote them
        whole = meta.files is not None and meta.digest == digests.of_record(content)
        if not whole:
            raise damaged(path, "an edited or damaged one")
    return meta


def content_of(meta: RunMeta) -> dict[str, Any]:
    """What is to stand in `meta.json`, JSON-able; the inverse of `meta_of`."""
    content = msgspec.to_builtins(meta)
    # Only runs of an earlier run's texts say which.
    if meta.samples_seed is None:
        del content["samples_seed"]
    if meta.data.cold_items is None:
        del content["data"]["cold_items"]
    if meta.checkpoint is not None and meta.checkpoint.samples is None:
        del content["checkpoint"]["samples"]
    return content
