"""Folders that appear whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from calrec.errors import CalrecError


@contextmanager
def whole_folder(folder: Path, *, ours: Callable[[Path], bool], what: str) -> Iterator[Path]:
    """Yields a temporary folder that takes the place of `folder` when the block ends well.

    Args:
      folder: the place; missing, empty, or an earlier one of its kind, which is then replaced.
      ours: tells an earlier one of its kind, strictly: replacing deletes all that is in it.
      what: the kind, for the error's text.

    Raises:
      CalrecError: if `folder` holds something else, or cannot be written.
    """
    folder = folder.resolve()
    try:
        check_place(folder, ours=ours, what=what)
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
        raise CalrecError(
            f"expected to write the {what} {folder}, found: {error.strerror or error};"
            " choose a folder that can be written, or make room"
        ) from error


def check_place(folder: Path, *, ours: Callable[[Path], bool], what: str) -> None:
    """Refuses a place that `whole_folder` would refuse, before the work that is to go there.

    Raises:
      CalrecError: if `folder` is the working one or holds something else.
      OSError: if it cannot be read.
    """
    folder = folder.resolve()
    if folder == Path.cwd():
        raise CalrecError(f"expected a folder to make, found the working one; name a new {what}")
    if folder.exists() and not (folder.is_dir() and (_empty(folder) or ours(folder))):
        raise CalrecError(
            f"expected a new folder or an earlier {what}, found something else in {folder};"
            " name another folder"
        )


def _empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Puts `new` in the place of `folder`, which comes back if that fails or is interrupted."""
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise
