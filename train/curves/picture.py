"""A page as a PNG, by a Chromium where one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 90
"""The longest that a browser may take."""


def photograph(page: str, width: int, height: int, out: Path) -> str:
    """Writes a page's upper left part as it looks on a light screen, at twice its size.

    Args:
      page: HTML that fetches nothing.
      width: of the window, in pixels.
      height: likewise.
      out: the PNG.

    Returns:
      why there is no picture; empty where there is.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return f"a picture needs a Chromium ({', '.join(BROWSERS[:3])}), found none"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file, made = Path(folder, "page.html"), Path(folder, "page.png")
        file.write_text(page, encoding="utf-8")
        line = [
            browser,
            "--headless",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--hide-scrollbars",
            "--force-device-scale-factor=2",
            "--virtual-time-budget=5000",
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},{height}",
            f"--screenshot={made}",
            *(["--no-sandbox"] if _is_root() else []),
            file.as_uri(),
        ]
        try:
            subprocess.run(line, capture_output=True, timeout=SECONDS, check=True)
            shutil.copyfile(made, out)
        except (OSError, subprocess.SubprocessError) as error:
            return f"no picture: {browser} made none ({type(error).__name__})"
    return ""


def _is_root() -> bool:
    """Chromium has no sandbox for the superuser, as in most containers, and would not start."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
