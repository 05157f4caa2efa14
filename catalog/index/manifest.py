"""`index.json`: what an index was made of, and the digests of its files and of itself.

    {...what it was made of, "files": {NAME: sha256}, "digest": sha256 of all the rest}

It is written last. A file that was changed, cut or removed since is found when the index is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calrec.records import codec, digests

NAME = "index.json"
_OWN = ("files", "digest")


class DamagedError(Exception):
    """A file of an index is not as it was written; its text says which, in a few words."""


def seal(folder: Path, about: Mapping[str, Any]) -> None:
    """Writes the manifest over all files that lie in the folder."""
    content = {**about, "files": digests.of_files(folder)}
    content["digest"] = digests.of_record(content)
    (folder / NAME).write_text(codec.to_text(content, indent=None))


def read(folder: Path) -> dict[str, Any]:
    """The manifest, with digests or, if an older release wrote it, without.

    Raises:
      DamagedError: if there is none, or not as it was written.
    """
    try:
        content = codec.from_text((folder / NAME).read_bytes())
        digest = content.get("digest")
    except FileNotFoundError:
        raise DamagedError("none") from None
    except (OSError, ValueError, AttributeError) as error:
        raise DamagedError(f"an unreadable {NAME} ({type(error).__name__})") from None
    if any(name in content for name in _OWN) and digest != digests.of_record(content):
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
            found = digests.of_file(folder / name)
        except OSError as error:
            raise DamagedError(f"an unreadable {name} ({error.strerror})") from None
        if found != digest:
            raise DamagedError(f"a changed {name}")
