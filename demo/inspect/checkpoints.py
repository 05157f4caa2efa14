"""The checkpoints that a page may name: the served one, and those of the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from calrec.errors import CalrecError
from calrec.model import checkpoint
from demo.inspect.application import CHECKPOINTS, Application


def served(app: Application) -> Path | None:
    """The folder of the served checkpoint; `None` if it is none any more."""
    with suppress(CalrecError):
        return checkpoint.resolve(app.checkpoint)
    return None


def identity(app: Application) -> str | None:
    """What the served checkpoint is (`Description.identity`); `None` if it is none any more."""
    with suppress(CalrecError):
        return checkpoint.describe(checkpoint.resolve(app.checkpoint)).identity()
    return None


def others(app: Application) -> list[str]:
    """Names of the known ones besides the served checkpoint."""
    answering = served(app)
    return [name for name, folder in known(app).items() if folder != answering]


def known(app: Application) -> Mapping[str, Path]:
    """Folders by name, the served checkpoint first.

    What comes from a browser is looked up here and is never itself a path. The served one is
    missing if it is no folder any more.
    """
    found: dict[str, Path] = {}
    if answering := served(app):
        found[answering.name or str(answering)] = answering
    for path in sorted((app.workspace / CHECKPOINTS).glob("*/calrec.json")):
        if path.parent.resolve() not in [folder.resolve() for folder in found.values()]:
            found.setdefault(path.parent.name, path.parent)
    return found
