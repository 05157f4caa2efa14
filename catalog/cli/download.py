"""`calrec-catalog download`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from catalog.errors import CatalogueError

if TYPE_CHECKING:
    from catalog.download import Downloaded


@dataclass(frozen=True, kw_only=True)
class Download:
    """Download public data; run again, it goes on where it stopped.

    amazon-2023: two files of a category of the Amazon Reviews 2023. online-retail-ii: the workbook
    of a gift shop's orders, of the UCI Machine Learning Repository (45 MB, CC BY 4.0).
    """

    edition: tyro.conf.Positional[Literal["amazon-2023", "online-retail-ii"]]
    """Which collection."""
    category: str | None = None
    """Of amazon-2023, the name of the category, such as Industrial_and_Scientific."""
    to: Path
    """Folder for the files."""
    base_url: str | None = None
    """Folder of a mirror with the same layout, http:// or https://."""
    timeout: float = 60.0
    """Seconds without a byte after which a connection counts as broken."""
    attempts: int = 6
    """How many attempts in a row may bring nothing new."""

    def run(self) -> None:
        """Downloads; prints the files and the command that builds them."""
        from catalog.download import bars
        from catalog.download.resumable import Patience

        with bars() as (report, say):
            settings = {
                "base_url": self.base_url,
                "patience": Patience(timeout=self.timeout, attempts=self.attempts),
                "report": report,
                "say": say,
            }
            amazon = self.edition != "online-retail-ii"
            lines = self._amazon(settings) if amazon else self._online_retail(settings)
        print("\n".join(lines))

    def _amazon(self, settings: dict[str, Any]) -> list[str]:
        from catalog.download import EDITIONS, build_command, download

        files = download(EDITIONS[self.edition], self.category, self.to, **settings)
        assert self.category is not None  # `download` refuses that
        command = build_command(self.category, *(file.path for file in files))
        return [*map(_downloaded, files), f"next: {command}"]

    def _online_retail(self, settings: dict[str, Any]) -> list[str]:
        from catalog.download.online_retail import build_command, download_online_retail
        from catalog.sources import ONLINE_RETAIL_II

        if self.category is not None:
            raise CatalogueError(
                f"expected no --category for {self.edition}, found {self.category!r}: leave it out"
            )
        file = download_online_retail(self.to, **settings)
        return [ONLINE_RETAIL_II, _downloaded(file), f"next: {build_command(file.path)}"]


def _downloaded(file: Downloaded) -> str:
    return f"{file.path}" if file.fetched else f"{file.path}  (was there, not fetched again)"
