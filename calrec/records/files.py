"""Folders and files that appear whole or not at all.

Each is made as `.NAME.xxxxxxxx/new` beside its place, and takes the place in one step. What a
killed process leaves there, the next one that writes to the place removes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from calrec.errors import CalrecError
from calrec.records.locks import lock, locked

_FULL = re.compile("No space left on device|Disk quota exceeded|File too large")
_PARTS = {"new", "old"}
BESIDE = 2**20
"""Bytes that whoever asks for room writes besides, at most."""

# Of Linux' renameat2.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def whole_folder(folder: Path, *, ours: Callable[[Path], bool], what: str) -> Iterator[Path]:
    """Yields a temporary folder that takes the place of `folder` when the block ends well.

    Args:
      folder: the place; missing, empty, or an earlier one of its kind, which is then replaced.
      ours: tells an earlier one of its kind, strictly: replacing deletes all that is in it.
      what: the kind, for the error's text.

    Raises:
      CalrecError: if `folder` holds something else, cannot be written, or the disk is full,
        whatever library noticed that first.
    """
    try:
        check_place(folder, ours=ours, what=what)
        folder = folder.resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _beside(folder) as beside:
            (beside / "new").mkdir()
            yield beside / "new"
            _swap(beside / "new", folder, beside / "old")
    except CalrecError:
        raise
    except Exception as error:
        if (reason := _unwritable(error)) is None:
            raise
        raise CalrecError(
            f"expected to write the {what} {folder}, found: {reason};"
            " choose a folder that can be written, or make room"
        ) from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields where to write a file that takes the place `path` when the block ends well.

    Args:
      path: the place; a file there is replaced, in an existing folder. A link there is replaced
        too, not what it leads to.

    Raises:
      OSError: if it cannot be written, or the disk is full.
    """
    _clear_leftovers(path)
    with _beside(path) as beside:
        yield beside / "new"
        put_in_place(beside / "new", path)


def put_in_place(made: Path, path: Path) -> None:
    """Renames a file over `path` once its bytes are on the disk, so that a power cut loses neither.

    Args:
      made: a whole file on the same disk.
      path: its place.

    Raises:
      OSError: if that fails; `path` is as it was.
    """
    flush(made)
    made.replace(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_place(folder: Path, *, ours: Callable[[Path], bool], what: str) -> None:
    """Refuses a place that `whole_folder` would refuse, before the work that is to go there.

    Raises:
      CalrecError: if `folder` is the working one, holds something else, or has a name that is not
        UTF-8, which most libraries cannot write to.
      OSError: if it cannot be read.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise CalrecError(
            f"expected a name in UTF-8, found {os.fsencode(folder)!r}; name another {what}"
        ) from None
    folder = folder.resolve()
    if folder == Path.cwd():
        raise CalrecError(f"expected a folder to make, found the working one; name a new {what}")
    _clear_leftovers(folder)
    if folder.exists() and not (folder.is_dir() and (_empty(folder) or ours(folder))):
        raise CalrecError(
            f"expected a new folder or an earlier {what}, found something else in {folder};"
            " name another folder"
        )


def _empty(folder: Path) -> bool:
    return not any(folder.iterdir())


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """A new folder beside the place, this process's own for as long as it is locked."""
    beside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        descriptor = os.open(beside, os.O_RDONLY)
        try:
            with suppress(OSError):  # a disk without locks: there nobody clears leftovers either
                lock(descriptor, beside)
            yield beside
        finally:
            os.close(descriptor)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _clear_leftovers(place: Path) -> None:
    """Removes what killed processes left beside the place, and puts back what they had moved."""
    name = re.compile(re.escape(f".{place.name}.") + r"[a-z0-9_]{8}")
    with suppress(OSError):
        left = [path for path in place.parent.iterdir() if name.fullmatch(path.name)]
        for path in left:
            if path.is_symlink() or not {part.name for part in path.iterdir()} <= _PARTS:
                continue
            with locked(path) as free:
                if not free:
                    continue
                if (path / "old").exists() and not place.exists():
                    (path / "old").rename(place)
                shutil.rmtree(path, ignore_errors=True)


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Puts `new` in the place of `folder`, at once where the system can.

    Where it takes two steps, `folder` comes back if the second fails or is interrupted.
    """
    if folder.exists():
        if _exchanged(new, folder):
            return
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise


def _exchanged(one: Path, other: Path) -> bool:
    """Exchanges two folders in one step; `False` where the system or the disk cannot."""
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if exchange is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if not exchange(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE):
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(other))


def require_room(folder: Path, size: int, *, what: str) -> None:
    """Refuses a disk too full for so many bytes: orbax would tell of it in pages of traces.

    Raises:
      CalrecError: if the folder's disk has no room for them.
    """
    needed, free = size + BESIDE, shutil.disk_usage(folder).free
    if free < needed:
        raise CalrecError(
            f"expected {needed / 1e6:,.1f} MB of free space for a {what}, found"
            f" {free / 1e6:,.1f} MB; make room, or choose a folder on another disk"
        )


def _unwritable(error: Exception) -> str | None:
    """What keeps files from being written, if that is what an error comes from."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    seen: BaseException | None = error
    while seen is not None:
        # Libraries written in Rust or C++ say it in their own errors.
        if found := _FULL.search(str(seen)):
            return found.group()
        seen = seen.__cause__ or seen.__context__
    return None
