"""Paths as a visitor may read them: no folder of the machine above those of the workspace."""

from __future__ import annotations

import os
from pathlib import Path


def local(text: str, *folders: Path) -> str:
    """A line in which whatever lies in these folders is named from there on."""
    known = {str(path) for folder in folders for path in (folder, folder.absolute(), _real(folder))}
    # The longest first: one may stand at the beginning of another.
    for path in sorted(known - {os.curdir, os.sep}, key=len, reverse=True):
        text = text.replace(path.rstrip(os.sep) + os.sep, "")
    return text


def _real(folder: Path) -> Path:
    # Not Path.resolve, which raises where links go round in a circle.
    return Path(os.path.realpath(folder))
