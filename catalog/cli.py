"""`calrec-catalog`: build, sample, stats and list, over the functions of this package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tyro

from calrec.errors import run_cli
from catalog.build import build, build_sample
from catalog.errors import CatalogueError
from catalog.ingest import Source
from catalog.ingest.amazon_2018 import AmazonReviews2018
from catalog.ingest.two_tables import TwoTables
from catalog.statistics import Statistics, statistics
from catalog.store import Catalogue
from catalog.workspace import DomainInfo, domains, workspace_path


@dataclass(frozen=True, kw_only=True)
class Build:
    """Build a domain from two Parquet tables, or from the raw Amazon Reviews 2018 files."""

    domain: str
    """Name of the domain: letters, digits, '_' and '-'."""
    workspace: Path | None = None
    """Folder to build into; $CALREC_WORKSPACE or workspace if not given."""
    items: Path | None = None
    """Parquet file with item_id, title, category, brand, price."""
    interactions: Path | None = None
    """Parquet file with user_id, item_id, timestamp, position; rating, review_text if known."""
    amazon_reviews: Path | None = None
    """Gzipped JSON lines of reviews."""
    amazon_meta: Path | None = None
    """Gzipped JSON lines of item metadata."""
    role: str = "evaluation"
    """evaluation (last two purchases held out), selection (last one) or training (none)."""

    def run(self) -> None:
        """Builds and prints what came of it."""
        with _progress() as say:
            workspace = workspace_path(self.workspace)
            info = build(workspace, self.domain, self._source(), role=self.role, say=say)
        _print_built(info)

    def _source(self) -> Source:
        two, raw = (self.items, self.interactions), (self.amazon_reviews, self.amazon_meta)
        if self.items and self.interactions and not any(raw):
            return TwoTables(items=self.items, interactions=self.interactions)
        if self.amazon_reviews and not any(two):
            return AmazonReviews2018(reviews=self.amazon_reviews, meta=self.amazon_meta)
        given = [
            f"--{name.replace('_', '-')}"
            for name in ("items", "interactions", "amazon_reviews", "amazon_meta")
            if getattr(self, name)
        ]
        raise CatalogueError(
            "expected --items with --interactions, or --amazon-reviews with or without "
            f"--amazon-meta, found {' '.join(given) or 'none of them'}: give one of these sets"
        )


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Build the sample shop."""

    workspace: Path | None = None
    """Folder to build into; $CALREC_WORKSPACE or workspace if not given."""
    seed: int = 0
    """The same seed gives the same shop."""

    def run(self) -> None:
        """Builds and prints what came of it."""
        with _progress() as say:
            built = build_sample(workspace_path(self.workspace), self.seed, say=say)
        for info in built:
            _print_built(info)


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Print the columns of the paper's Table 1 for a domain."""

    domain: str
    """Name of the domain."""
    workspace: Path | None = None
    """Folder to read; $CALREC_WORKSPACE or workspace if not given."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Prints the statistics."""
        with Catalogue.open(workspace_path(self.workspace), self.domain) as catalogue:
            columns = statistics(catalogue)
        print(json.dumps(columns.as_dict(), indent=2) if self.json else _table(columns))


@dataclass(frozen=True, kw_only=True)
class List:
    """Print a workspace's domains."""

    workspace: Path | None = None
    """Folder to read; $CALREC_WORKSPACE or workspace if not given."""

    def run(self) -> None:
        """Prints a line a domain."""
        workspace = workspace_path(self.workspace)
        found = domains(workspace)
        if not found:
            raise CatalogueError(
                f"expected a workspace with domains at {workspace}, found none: "
                f"run calrec-catalog sample --workspace {workspace}, or calrec-catalog build"
            )
        for info in found:
            print(
                f"{info.domain}  {info.role}  {info.items:,} items  {info.users:,} users  "
                f"{info.events:,} purchases  {info.fingerprint[:12]}"
            )


def main() -> None:
    """The console script."""
    run_cli(
        lambda: tyro.extras.subcommand_cli_from_dict(
            {"build": Build, "sample": Sample, "stats": Stats, "list": List},
            prog="calrec-catalog",
            description="Catalogues of items and purchase histories.",
        ).run()
    )


def _print_built(info: DomainInfo) -> None:
    report = info.report
    print(
        f"{info.domain}: {info.items:,} items, {info.users:,} users, {info.events:,} purchases "
        f"({info.role}); {report['repeats_removed']:,} exact repeats removed "
        f"(compared: {', '.join(report['compared'])}), "
        f"{report['events_incomplete']:,} events incomplete and left out, "
        f"{report['items_without_metadata']:,} items without metadata"
    )


def _table(columns: Statistics) -> str:
    formats = {float: "{:,.4g}", int: "{:,}", str: "{}"}
    shown = {
        name.replace("_", " "): formats[type(value)].format(value)
        for name, value in columns.as_dict().items()
    }
    width = max(map(len, shown))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in shown.items())


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line of what is being done, on a terminal's standard error; nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step: None
        return
    with console.status("starting") as status:
        yield status.update


if __name__ == "__main__":
    main()
