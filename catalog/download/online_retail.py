"""Downloads Online Retail II of the UCI Machine Learning Repository, a gift shop's order lines."""

from __future__ import annotations

import os
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from catalog.download import Downloaded, make_folder, one_base
from catalog.download.damage import ZIP
from catalog.download.resumable import Patience, client, fetch
from catalog.errors import CatalogueError

NAME = "online-retail-ii"
BASE_URL = "https://archive.ics.uci.edu/static/public/502/"
WORKBOOK = "online_retail_II.xlsx"
_ARCHIVE = "online+retail+ii.zip"
_LARGEST = 512 << 20  # bytes; the workbook has 46 million
_BLOCK = 1 << 20  # bytes


def download_online_retail(
    to: Path,
    *,
    base_url: str | None = None,
    patience: Patience | None = None,
    report: Callable[[str, int, int | None], None] = lambda name, done, size: None,
    say: Callable[[str], None] = lambda text: None,
) -> Downloaded:
    """Fetches the archive and takes the workbook out of it, each whole or not at all.

    Args:
      to: folder; made if it is missing. The archive stays in it, so that a later call finds it.
      base_url: of a mirror that has the archive under the same name; UCI's if not given.
      patience: as for `download`, and so are `report` and `say`.
      report: called with a file's name, the bytes there are and the bytes of the whole file, `None`
        where the server does not tell.
      say: called with one line about each connection that broke.

    Returns:
      The workbook.

    Raises:
      CatalogueError: the archive cannot be fetched, has no workbook, or cannot be unpacked.
    """
    base = one_base(base_url or BASE_URL)
    make_folder(to)
    patience = patience or Patience()
    archive, workbook = to / _ARCHIVE.replace("+", "_"), to / WORKBOOK
    with client(patience) as web:
        fetch(
            web,
            f"{base}/{_ARCHIVE}",
            archive,
            patience=patience,
            report=lambda done, size: report(archive.name, done, size),
            say=say,
            kind=ZIP,
        )
    return Downloaded(path=workbook, fetched=unpack(archive, workbook))


def unpack(archive: Path, workbook: Path) -> bool:
    """Takes the one workbook out of a zip file, whatever folder it lies in there.

    Returns:
      False if it lay there already in its size.

    Raises:
      CatalogueError: there is none or several, it is too large, or one of the files cannot be read
        or written.
    """
    made = workbook.with_name(f".{workbook.name}.part")
    try:
        with zipfile.ZipFile(archive) as opened:
            member = _member(opened, archive)
            if workbook.is_file() and workbook.stat().st_size == member.file_size:
                return False
            # Written under our name: what an archive calls a file may lead out of the folder.
            with opened.open(member) as source, made.open("wb") as target:
                while block := source.read(_BLOCK):
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())
        made.replace(workbook)
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise CatalogueError(
            f"expected to unpack {archive} to {workbook}, found {reason}: check the rights and "
            f"the free space, or delete {archive} and run it again"
        ) from error
    finally:
        made.unlink(missing_ok=True)
    return True


def build_command(workbook: Path) -> str:
    """The shell command that makes a domain of the workbook."""
    return shlex.join(["calrec-catalog", "build", "--domain", NAME, "--orders", str(workbook)])


def _member(opened: zipfile.ZipFile, archive: Path) -> zipfile.ZipInfo:
    found = [one for one in opened.infolist() if not one.is_dir()]
    sheets = [one for one in found if PurePosixPath(one.filename).suffix.lower() == ".xlsx"]
    named = [one for one in sheets if PurePosixPath(one.filename).name == WORKBOOK]
    wanted = named or sheets
    if len(wanted) != 1:
        names = ", ".join(one.filename for one in found[:5])
        raise CatalogueError(
            f"expected one workbook {WORKBOOK} in {archive}, found {names or 'nothing'}: "
            f"delete {archive} and run it again, or take another server"
        )
    if wanted[0].file_size > _LARGEST:
        raise CatalogueError(
            f"expected a workbook of at most {_LARGEST >> 20} MiB in {archive}, found one of "
            f"{wanted[0].file_size:,} bytes: take another server"
        )
    return wanted[0]
