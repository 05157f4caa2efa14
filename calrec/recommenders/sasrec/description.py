"""What `sasrec.json` says of a trained SASRec, without its weights and without jax."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from calrec.errors import CalrecError
from calrec.recommenders.sasrec.settings import SASRecSettings

FORMAT = "calrec-sasrec"
VERSION = 2
DESCRIPTION = "sasrec.json"
WEIGHTS = "weights.safetensors"
AGAIN = "train one with: calrec-train sasrec --domain D --out FOLDER"


def describe(folder: Path) -> dict[str, Any]:
    """The content of `sasrec.json`.

    Raises:
      CalrecError: if it is missing, damaged, edited, or of another version.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise CalrecError(f"expected a SASRec in {folder}, found no {DESCRIPTION}; {AGAIN}")
    try:
        content = json.loads(path.read_text())
        wrong = _wrong(content)
    except (ValueError, LookupError, TypeError, RecursionError, CalrecError) as error:
        wrong = f"a damaged one ({type(error).__name__})"
    if wrong:
        raise CalrecError(f"{path}: expected {FORMAT} {VERSION}, found {wrong}; {AGAIN}")
    return content


def _wrong(content: Mapping[str, Any]) -> str | None:
    found = content["format"], content["version"]
    if found != (FORMAT, VERSION):
        return f"{found[0]} {found[1]}"
    if content["digest"] != digest(content):
        return "an edited one"
    SASRecSettings(**content["settings"])
    return None


def is_sasrec(folder: Path) -> bool:
    """Whether the folder holds a SASRec and nothing else."""
    try:
        content = json.loads((folder / DESCRIPTION).read_text())
        files = {path.name for path in folder.iterdir()}
        return content["format"] == FORMAT and files <= {DESCRIPTION, WEIGHTS}
    except (OSError, ValueError, LookupError, TypeError):
        return False


def items_digest(item_ids: Sequence[str]) -> dict[str, Any]:
    """How many items there are, and sha256 of their ids in order."""
    found = hashlib.sha256(json.dumps(list(item_ids)).encode()).hexdigest()
    return {"count": len(item_ids), "digest": found}


def digest(content: Mapping[str, Any]) -> str:
    """sha256 of the content without its digest."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
