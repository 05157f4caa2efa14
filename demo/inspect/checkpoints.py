"""The checkpoints that a page may name: the served one, and those of the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from calrec.errors import CalrecError
from calrec.model import checkpoint

if TYPE_CHECKING:
    from demo.inspect.application import Application


def known(app: Application) -> Mapping[str, Path]:
    """Folders by name, the served checkpoint first.

    What comes from a browser is looked up here and is never itself a path. The served one is
    missing if it is no folder any more.
    """
    found: dict[str, Path] = {}
    with suppress(CalrecError):
        served = checkpoint.resolve(app.checkpoint)
        found[served.name or str(served)] = served
    for path in sorted((app.workspace / "checkpoints").glob("*/calrec.json")):
        if path.parent.resolve() not in [folder.resolve() for folder in found.values()]:
            found.setdefault(path.parent.name, path.parent)
    return found
