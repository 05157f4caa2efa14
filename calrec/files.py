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
        try:
            content = beside / "new"
            content.mkdir()
            yield content
            _swap(content, folder, beside / "old")
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        cause = error.strerror or error
        raise CalrecError(f"expected to write {what} in {folder}, found: {cause}") from error


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Puts `new` in the place of `folder`, which comes back if that fails."""
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise


def _ours(folder: Path, marker: str) -> bool:
    return (folder / marker).is_file() or not any(folder.iterdir())
