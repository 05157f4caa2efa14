"""Digests by which files and records of our own are known to be as they were written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def of_bytes(content: bytes) -> str:
    """sha256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def of_file(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_files(folder: Path) -> dict[str, str]:
    """sha256 of every file in a folder and its folders, by path from there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): of_file(path) for path in paths}


def of_record(content: Mapping[str, Any]) -> str:
    """sha256 of what a JSON file says, but for its own entry `digest`."""
    return of_json({name: value for name, value in content.items() if name != "digest"})


def of_json(content: Any) -> str:
    """sha256 of JSON-able content, whatever the order of its names."""
    # To JSON and back: numbers that are names become texts, in another order, as they are read.
    return of_bytes(json.dumps(json.loads(json.dumps(content)), sort_keys=True).encode())
