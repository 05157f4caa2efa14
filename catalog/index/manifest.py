"""`index.json`: what an index was made of, and the digests of its files and of itself.

    {...what it was made of, "files": {NAME: sha256}, "digest": sha256 of all the rest}

It is written last. A file that was changed, cut or removed since is found when the index is opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "index.json"
_OWN = ("files", "digest")


class DamagedError(Exception):
    """A file of an index is not as it was written; its text says which, in a few words."""


def seal(folder: Path, about: Mapping[str, Any]) -> None:
    """Writes the manifest over all files that lie in the folder."""
    files = {path.name: _digest(path) for path in sorted(folder.iterdir())}
    content = {**about, "files": files}
    (folder / NAME).write_text(json.dumps({**content, "digest": _of_json(content)}))


def read(folder: Path) -> dict[str, Any]:
    """The manifest, with digests or, if an older release wrote it, without.

    Raises:
      DamagedError: if there is none, or not as it was written.
    """
    try:
        content = json.loads((folder / NAME).read_text())
        digest = content.get("digest")
        rest = {name: value for name, value in content.items() if name != "digest"}
    except FileNotFoundError:
        raise DamagedError("none") from None
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise DamagedError(f"an unreadable {NAME} ({type(error).__name__})") from None
    if any(name in content for name in _OWN) and digest != _of_json(rest):
        raise DamagedError(f"a changed {NAME}")
    return content


def made_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the index was made of."""
    return {name: value for name, value in manifest.items() if name not in _OWN}


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compares every file with its digest.

    Raises:
      DamagedError: for the first one that was changed or is missing.
    """
    for name, digest in manifest["files"].items():
        if Path(name).name != name:
            raise DamagedError(f"{NAME} naming a file elsewhere ({name!r})")
        try:
            found = _digest(folder / name)
        except OSError as error:
            raise DamagedError(f"an unreadable {name} ({error.strerror})") from None
        if found != digest:
            raise DamagedError(f"a changed {name}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_json(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
