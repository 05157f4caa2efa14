"""What a run was made from: code, data and checkpoint, so that its figures can be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import calrec
import catalog
import train
from calrec.errors import CalrecError
from calrec.evaluation import leaks
from calrec.evaluation.run_folder.meta import CheckpointMeta, CodeMeta, DataMeta
from calrec.recommenders.entry import Entry
from calrec.records import digests
from calrec.report import model_card
from catalog.workspace import DomainInfo

LIBRARIES = ("numpy", "scipy", "pyarrow", "duckdb", "jax", "flax", "tokenizers", "transformers")


@cache
def code() -> CodeMeta:
    """Version, a digest of the source of the packages that an evaluation runs, and libraries."""
    roots = [Path(package.__path__[0]) for package in (calrec, catalog, train)]
    source = {
        path.relative_to(root.parent).as_posix(): digests.of_file(path)
        for root in roots
        for path in root.rglob("*.py")
    }
    return CodeMeta(
        version=metadata.version("calrec"),
        digest=digests.of_json(source),
        libraries={name: metadata.version(name) for name in LIBRARIES},
    )


def data(info: DomainInfo) -> DataMeta:
    """The domain that was evaluated, with what its report says of repeats."""
    return DataMeta(
        fingerprint=info.fingerprint,
        role=info.role,
        items=info.items,
        users=info.users,
        events=info.events,
        repeats_removed=info.report["repeats_removed"],
        repeats_kept=info.report.get("repeats_kept", 0),
        compared=list(info.report["compared"]),
        cold_items=info.report.get("cold_items"),
        bought_again_at_once=info.report.get("bought_again_at_once"),
        bought_again_later=info.report.get("bought_again_later"),
    )


def calrec_checkpoint(name: str) -> CheckpointMeta:
    """A checkpoint of the model: a digest of all that shapes what it recommends, and its training.

    Raises:
      CalrecError: if there is none, or its `calrec.json` cannot be read.
    """
    from calrec.model import checkpoint

    description = checkpoint.describe(checkpoint.resolve(name))
    return CheckpointMeta(
        name=Path(name).name,
        digest=description.identity(),
        data=dict(description.data),
        seen=leaks.to_json(leaks.of_training(description.training)),
        training=[_stage(stage) for stage in model_card.stages(description)],
    )


def trained_checkpoint(entry: Entry, folder: Path, info: DomainInfo) -> CheckpointMeta:
    """A trained model that writes no texts: a digest of all that it is, and what it was trained on.

    Raises:
      CalrecError: if there is none, it cannot be read, or it was trained on other data: then it may
        have seen what is held out here.
    """
    content = entry.describe(folder)
    if content["data"] != info.fingerprint:
        raise CalrecError(
            f"expected a {entry.title} trained on {info.domain} as it is now, found one trained on "
            f"other data ({content['domain']}) in {folder}; train one with: calrec-train "
            f"{entry.id} --domain {info.domain} --out FOLDER"
        )
    seen = leaks.Seen(
        stage=entry.id,
        domain=content["domain"],
        fingerprint=content["data"],
        role=content.get("role") or "",  # an earlier folder's, from which nothing follows
    )
    return CheckpointMeta(
        name=folder.name,
        digest=content["digest"],
        data={content["domain"]: content["data"]},
        seen=leaks.to_json((seen,)),
        training=[],
    )


def _stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    """The stage as far as it can be read; the record comes with a checkpoint from anywhere."""
    name = stage.get("stage")
    # Plain language modelling has the two weights in its settings and no use for them.
    tuned = name in ("stage1", "stage2")
    objective = model_card.part(model_card.part(stage, "settings"), "objective") if tuned else {}
    return {
        "stage": name,
        "alpha": objective.get("alpha"),
        "beta": objective.get("beta"),
        "steps": stage.get("best_step"),
    }
