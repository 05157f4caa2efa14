"""The samples of an earlier evaluation, to be ranked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.evaluation.run_folder.meta import RunMeta
from calrec.evaluation.run_folder.schema import CASES, SAMPLES, TEXTS_SINCE
from calrec.evaluation.runs import EvaluationRun
from calrec.records import digests


@dataclass(frozen=True, kw_only=True)
class EarlierSamples:
    """One user's samples as they were drawn."""

    seed: int
    prompt_tokens: int
    items_cut: int
    sample_seconds: float
    samples: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Earlier:
    """An evaluation that drew samples.

    Attributes:
      meta: what it was.
      digest: sha256 of its texts.
    """

    meta: RunMeta
    digest: str
    _cases: Mapping[str, Mapping[str, Any]]
    _starts: Int[np.ndarray, " U+1"]
    _samples: pa.Table

    @property
    def seed(self) -> int:
        """What drew the samples."""
        return self.meta.seed if self.meta.samples_seed is None else self.meta.samples_seed

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that shaped it."""
        return self.meta.settings

    @classmethod
    def load(cls, folder: Path, *, domain: str, split: str, fingerprint: str) -> Earlier:
        """Reads the samples of a run's folder.

        Raises:
          CalrecError: if there is none, it drew no samples, or is of another domain, split or
            state of the data.
        """
        try:
            run = EvaluationRun.load(folder, oldest=TEXTS_SINCE)
            if not run.generative:
                raise ValueError(f"one of {run.recommender}, which writes no texts")
            found = (run.domain, run.split, run.fingerprint)
            if found != (domain, split, fingerprint):
                raise ValueError(
                    f"one on {run.domain}, {run.split}"
                    + (", of other data" if found[:2] == (domain, split) else "")
                )
            tables = run.table(CASES), run.timings(), run.samples()
            return cls._of(run.meta, digests.of_file(run.file(SAMPLES)), *tables)
        except CalrecError:
            raise
        except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:
            told = " ".join(str(error).split())[:200]
            raise CalrecError(
                f"expected an evaluation of calrec on {domain}, {split}, in {folder}, found "
                f"{told}; give --samples-from with the --out of such a run"
            ) from None

    @classmethod
    def _of(
        cls,
        meta: RunMeta,
        digest: str,
        cases: pa.Table,
        timings: pa.Table,
        drawn: pa.Table,
    ) -> Earlier:
        rows = cases.select(["user_id", "seed", "prompt_tokens", "items_cut", "samples"])
        seconds = timings["sample_seconds"].to_pylist()
        each = rows.to_pylist()
        starts = np.cumsum([0, *(row["samples"] for row in each)])
        if starts[-1] != len(drawn):
            raise ValueError(f"{len(drawn)} samples where its cases tell of {starts[-1]}")
        by_user = {
            row["user_id"]: {**row, "place": place, "seconds": seconds[place]}
            for place, row in enumerate(each)
        }
        return cls(meta=meta, digest=digest, _cases=by_user, _starts=starts, _samples=drawn)

    def drawn(self, user_id: str) -> EarlierSamples:
        """A user's samples, in the order drawn.

        Raises:
          CalrecError: if the run did not evaluate the user.
        """
        self.require([user_id])
        case = self._cases[user_id]
        start, stop = self._starts[case["place"] : case["place"] + 2].tolist()
        return EarlierSamples(
            seed=case["seed"],
            prompt_tokens=case["prompt_tokens"],
            items_cut=case["items_cut"],
            sample_seconds=case["seconds"],
            samples=self._samples.slice(start, stop - start).to_pylist(),
        )

    def require(self, user_ids: Sequence[str]) -> None:
        """Raises `CalrecError` unless the run evaluated all of these users."""
        missing = [user_id for user_id in user_ids if user_id not in self._cases]
        if missing:
            raise CalrecError(
                f"expected samples of all {len(user_ids)} users in the earlier evaluation, found "
                f"none of {len(missing)} (such as {missing[0]}): give the --users and --seed that "
                f"it was run with ({len(self._cases)} users, seed {self.meta.seed})"
            )
