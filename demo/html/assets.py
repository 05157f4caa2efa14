"""The style sheets and scripts that stand in files of their own."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).with_name("static")


def styles() -> list[Path]:
    """The style sheets: the shell's, then each page's."""
    return [STATIC / "style.css", *sorted((STATIC / "styles").glob("*.css"))]
