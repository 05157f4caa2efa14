"""The sequence scores of a run's generated texts: how probable the model finds what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from calrec.evaluation.run_folder.reading import column_names, damaged
from calrec.evaluation.run_folder.schema import NAMES_TARGET, SAMPLES
from calrec.evaluation.runs import EvaluationRun

KINDS: Mapping[str, str] = {
    "written": "all texts",
    "kept": "distinct, the best of each user",
    "naming": "the item really bought",
}
"""The attributes of `TextScores` in words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TextScores:
    """Scores in nats, at most 0: the higher, the more probable is the text.

    Attributes:
      written: of all S texts.
      kept: of those that rank items: distinct, the best of each user.
      naming: of all texts that are the item really bought; `None` of runs of earlier releases,
        which do not tell.
    """

    written: Float[np.ndarray, " S"]
    kept: Float[np.ndarray, " K"]
    naming: Float[np.ndarray, " T"] | None


def text_scores(run: EvaluationRun) -> TextScores | None:
    """The scores of a run's texts; `None` where it kept no text, or no scores.

    Raises:
      CalrecError: if the file is damaged.
    """
    if not run.has_texts:
        return None
    path = run.file(SAMPLES)
    wanted = {"score": pa.float64(), "kept": pa.bool_(), NAMES_TARGET.name: NAMES_TARGET.type}
    there = [name for name in wanted if name in column_names(path)]
    if there[:2] != ["score", "kept"]:
        return None
    table = run.samples(columns=there)
    try:
        columns = {
            name: table[name].cast(wanted[name]).to_numpy(zero_copy_only=False) for name in there
        }
    except pa.ArrowException:
        raise damaged(path, "columns of other types") from None
    scores, naming = columns["score"], columns.get(NAMES_TARGET.name)
    return TextScores(
        written=scores,
        kept=scores[columns["kept"]],
        naming=None if naming is None else scores[naming],
    )
