"""Folders that appear whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calrec.errors import CalrecError


@contextmanager
def whole_folder(folder: Path, *, marker: str, what: str) -> Iterator[Path]:
    """Yields a temporary folder that takes the place of `folder` when the block ends well.

    Args:
      folder: the place; missing, empty, or an earlier one of its kind, which is then replaced.
      marker: the file that tells an earlier one of its kind.
      what: the kind, for the error's text.

    Raises:
      CalrecError: if `folder` holds something else, or cannot be written.
    """
    if folder.exists() and not (folder.is_dir() and _ours(folder, marker)):
        raise CalrecError(
            f"expected a new folder or {what}, found something else in {folder};"
            " name another folder"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise CalrecError(
            f"expected to write {what} in {folder}, found: {error.strerror}"
        ) from None
    try:
        content = beside / "new"
        content.mkdir()
        yield content
        if folder.exists():
            folder.rename(beside / "old")
        content.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _ours(folder: Path, marker: str) -> bool:
    return (folder / marker).is_file() or not any(folder.iterdir())
