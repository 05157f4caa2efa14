"""`calrec-catalog`: the functions of this package as commands."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import tyro

from calrec.errors import run_cli
from catalog.browse.filters import as_bigint
from catalog.build import bad_lines, build_sample, missing_departments
from catalog.build.migrate import migrate
from catalog.cli.arguments import query_last
from catalog.cli.build import Build
from catalog.cli.download import Download
from catalog.cli.output import print_built, progress, show
from catalog.statistics import Statistics, statistics
from catalog.store import Catalogue, Filters, domain_info, nothing_built
from catalog.workspace import FORMAT, DomainInfo, domains, workspace_path


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Build the sample shop."""

    workspace: Path | None = None
    """Folder to build into; $CALREC_WORKSPACE or workspace if not given."""
    seed: int = 0
    """The same seed gives the same shop."""
    keep_repeats: bool = False
    """Build each department twice, also with exact repeats left in, as sample-kitchen-repeats."""
    complete: bool = False
    """Build only what an interrupted build left out; nothing beside shops of one's own alone."""

    def run(self) -> None:
        """Builds and prints what came of it."""
        workspace = workspace_path(self.workspace)
        only = missing_departments(workspace) if self.complete else None
        if only == []:
            return
        with progress() as say:
            built = build_sample(
                workspace, self.seed, only=only, keep_repeats=self.keep_repeats, say=say
            )
        for info in built:
            print_built(info)


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Print the columns of the paper's Table 1, for one domain or for all."""

    domain: str | None = None
    """Name of the domain; all of the workspace's if not given."""
    workspace: Path | None = None
    """Folder to read; $CALREC_WORKSPACE or workspace if not given."""
    json: bool = False
    """Print JSON: an object for a domain, a list of them for all."""

    def run(self) -> None:
        """Prints the statistics."""
        workspace = workspace_path(self.workspace)
        names = [self.domain] if self.domain else [info.domain for info in _built(workspace)]
        columns = []
        for name in names:
            with Catalogue.open(workspace, name) as catalogue:
                columns.append(statistics(catalogue))
        if self.json:
            objects = [column.as_dict() for column in columns]
            print(json.dumps(objects[0] if self.domain else objects, indent=2))
        else:
            print(_table(columns))


@dataclass(frozen=True, kw_only=True)
class Report:
    """Print what building a domain found, compared, left out and could not read, as JSON."""

    domain: str
    """Name of the domain."""
    workspace: Path | None = None
    """Folder to read; $CALREC_WORKSPACE or workspace if not given."""
    lines: int = 10
    """Bad lines to show; all of them are in the workspace's reports/DOMAIN.csv."""

    def run(self) -> None:
        """Prints the report, with the first bad lines in it."""
        workspace = workspace_path(self.workspace)
        report = dict(domain_info(workspace, self.domain).report)
        lines = bad_lines.kept(workspace, self.domain, limit=as_bigint(self.lines))
        report["first_bad_lines"] = [asdict(line) for line in lines]
        # Escaped by JSON itself, which `printable` would spoil.
        print(json.dumps(report, indent=2, ensure_ascii=True))


@dataclass(frozen=True, kw_only=True)
class Search:
    """Print the first items that a query and filters find, and how many there are of each kind."""

    query: tyro.conf.Positional[str] = ""
    """Words, "a phrase", brand:fender, guit*, AND, OR, NOT, -korg; all items if not given."""
    domain: str
    """Name of the domain."""
    workspace: Path | None = None
    """Folder to read; $CALREC_WORKSPACE or workspace if not given."""
    category: tuple[str, ...] = ()
    """Only items of this category: its levels, top first."""
    brand: str | None = None
    """Only items of exactly this brand."""
    bought_by: str | None = None
    """Only items that this user bought."""
    sort: str = "relevance"
    """relevance (popularity without a query), popularity, title or price."""
    limit: int = 10
    """Items to show."""

    def run(self) -> None:
        """Prints a line an item, then a line a facet."""
        filters = Filters(category=self.category, brand=self.brand, bought_by=self.bought_by)
        with Catalogue.open(workspace_path(self.workspace), self.domain) as catalogue:
            asked = {"query": self.query, "filters": filters}
            page = catalogue.page(sort=self.sort, limit=self.limit, **asked)
            facets = catalogue.facets(**asked)
        show(f"{page.total:,} items{f' ({page.note})' if page.note else ''}")
        for item, sold in zip(page.items, page.popularity, strict=True):
            values = (value or "-" for value in item.values())
            show(f"{item.item_id}  {' | '.join(values)}  ({sold:,} sold)")
        for name in ("categories", "brands", "prices", "popularity"):
            counts = (f"{facet.label} ({facet.count:,})" for facet in getattr(facets, name))
            show(f"{name}: {', '.join(counts) or '-'}")


@dataclass(frozen=True, kw_only=True)
class List:
    """Print a workspace's domains."""

    workspace: Path | None = None
    """Folder to read; $CALREC_WORKSPACE or workspace if not given."""

    def run(self) -> None:
        """Prints a line a domain."""
        for info in _built(workspace_path(self.workspace)):
            print(
                f"{info.domain}  {info.role}  {info.items:,} items  {info.users:,} users  "
                f"{info.events:,} purchases  {info.fingerprint[:12]}"
            )


@dataclass(frozen=True, kw_only=True)
class Migrate:
    """Bring an older workspace to this version's format; make damaged indexes anew."""

    workspace: Path | None = None
    """Folder to change; $CALREC_WORKSPACE or workspace if not given."""

    def run(self) -> None:
        """Migrates and says what it was before."""
        workspace = workspace_path(self.workspace)
        with progress() as say:
            found = migrate(workspace, say=say)
        print(
            f"{workspace} has format {FORMAT} already, and an index for each domain"
            if found == FORMAT
            else f"{workspace} was of format {found} and is of format {FORMAT} now"
        )


def main() -> None:
    """The console script."""
    run_cli(
        lambda: tyro.extras.subcommand_cli_from_dict(
            {
                "build": Build,
                "download": Download,
                "sample": Sample,
                "stats": Stats,
                "search": Search,
                "report": Report,
                "list": List,
                "migrate": Migrate,
            },
            prog="calrec-catalog",
            args=_arguments(sys.argv[1:]),
            description="Catalogues of items and purchase histories.",
        ).run()
    )


def _arguments(given: list[str]) -> list[str]:
    """Those given, with the query of a search where no option is looked for."""
    if given[:1] != ["search"]:
        return given
    options = {f"--{field.name.replace('_', '-')}" for field in fields(Search)} - {"--query"}
    return ["search", *query_last(given[1:], options - {"--category"}, {"--category"})]


def _built(workspace: Path) -> list[DomainInfo]:
    found = domains(workspace)
    if not found:
        raise nothing_built(workspace)
    return found


def _table(columns: list[Statistics]) -> str:
    """A line a figure, a column a domain."""
    formats = {float: "{:,.4g}", int: "{:,}", str: "{}"}
    cells = [
        [formats[type(value)].format(value) for value in column.as_dict().values()]
        for column in columns
    ]
    names = [name.replace("_", " ") for name in columns[0].as_dict()]
    widths = [max(map(len, column)) for column in cells]
    lines = []
    for name, *values in zip(names, *cells, strict=True):
        shown = (value.rjust(width) for value, width in zip(values, widths, strict=True))
        lines.append(f"{name:<{max(map(len, names))}}  {'  '.join(shown)}")
    return "\n".join(lines)
