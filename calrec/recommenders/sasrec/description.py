"""What `sasrec.json` says of a trained SASRec, without its weights and without jax."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calrec.errors import CalrecError
from calrec.recommenders.sasrec.settings import SASRecSettings
from calrec.records import codec, digests
from calrec.records.codec import Format

DESCRIPTION = "sasrec.json"
WEIGHTS = "weights.safetensors"
AGAIN = "train one with: calrec-train sasrec --domain D --out FOLDER"
VERSION = 2
FORMAT = Format(name="calrec-sasrec", version=VERSION, remedy=AGAIN)


def describe(folder: Path) -> dict[str, Any]:
    """The content of `sasrec.json`.

    Raises:
      CalrecError: if it is missing, damaged, edited, or of another version.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise CalrecError(f"expected a SASRec in {folder}, found no {DESCRIPTION}; {AGAIN}")
    content = FORMAT.read(path)
    if missing := [name for name in ("settings", "items", "weights") if name not in content]:
        raise CalrecError(f"{path}: expected its {missing[0]}, found none; {AGAIN}")
    FORMAT.decode(SASRecSettings, content["settings"], f"{path}: settings")
    return content


def is_sasrec(folder: Path) -> bool:
    """Whether the folder holds a SASRec and nothing else."""
    try:
        content = codec.from_text((folder / DESCRIPTION).read_bytes())
        files = {path.name for path in folder.iterdir()}
        return content["format"] == FORMAT.name and files <= {DESCRIPTION, WEIGHTS}
    except (OSError, ValueError, LookupError, TypeError):
        return False


def items_digest(item_ids: Sequence[str]) -> dict[str, Any]:
    """How many items there are, and sha256 of their ids in order."""
    return {"count": len(item_ids), "digest": digests.of_json(list(item_ids))}
