"""`calrec-catalog`: the functions of this package as commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from calrec.errors import printable, run_cli
from catalog import bad_lines, word_rule
from catalog.arguments import query_last
from catalog.browse.filters import as_bigint
from catalog.build import build, build_sample, missing_departments
from catalog.errors import CatalogueError
from catalog.findings import findings
from catalog.ingest import Source
from catalog.ingest.amazon import AmazonReviews
from catalog.ingest.columns import parse_columns
from catalog.ingest.dialect import Quotes
from catalog.ingest.order_report import summary
from catalog.ingest.orders import Orders
from catalog.ingest.two_tables import TwoTables
from catalog.migrate import migrate
from catalog.statistics import Statistics, statistics
from catalog.store import Catalogue, Filters, domain_info, nothing_built
from catalog.workspace import FORMAT, DomainInfo, domains, workspace_path

if TYPE_CHECKING:
    from catalog.download import Downloaded


@dataclass(frozen=True, kw_only=True)
class Build:
    """Build a domain from a shop's order export, from two tables, or from Amazon's reviews."""

    domain: str
    """Name of the domain: letters, digits, '_' and '-'."""
    workspace: Path | None = None
    """Folder to build into; $CALREC_WORKSPACE or workspace if not given."""
    orders: tuple[Path, ...] = ()
    """Order lines: exports of Shopify, WooCommerce, Magento, UCI Online Retail, or by --column."""
    cancelled_state: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A state of orders that were no purchases, besides those that are known; repeatable."""
    items: Path | None = None
    """Parquet, CSV or JSON lines: item_id; title, category, brand, price if known."""
    interactions: Path | None = None
    """The same: user_id, item_id, timestamp or position; rating, review_text if known."""
    column: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """What orders or tables call a column: user_id=customer or items.item_id=sku; repeatable."""
    quotes: Quotes = "auto"
    """What encloses fields in CSV and TSV: auto finds out in a CSV and takes none in a TSV."""
    clean_text: bool = False
    """Take HTML entities, tags and style sheets out of the attributes of orders or tables."""
    time_format: str | None = None
    """How timestamps are written, where they do not say it: dmy, mdy, ymd, iso, excel, unix-seconds
    (-milliseconds, ...), or as '%d.%m.%Y %H:%M'; what zones mean behind it, as 'dmy BST=+01:00'."""
    amazon_reviews: Path | None = None
    """Amazon's JSON lines of reviews, gzipped or not."""
    amazon_meta: Path | None = None
    """Amazon's JSON lines of item metadata, gzipped or not."""
    role: str = "evaluation"
    """evaluation (last two purchases held out), selection (last one) or training (none)."""
    keep_repeats: bool = False
    """Leave exact repeats in, to compare with a domain without them (the paper's Table 7)."""
    allow_bad_lines: bool = False
    """Build even if more than 1 % of a file's lines cannot be used."""
    words: word_rule.Asked = "auto"
    r"""BM25's words: paper (\w+, lower case), unicode (every script; the search's own), or auto:
    paper, unless unicode changes the words of more than 1 % of the titles."""

    def run(self) -> None:
        """Builds and prints what came of it."""
        workspace = workspace_path(self.workspace)
        with _progress() as say:
            info = build(
                workspace,
                self.domain,
                self._source(),
                role=self.role,
                keep_repeats=self.keep_repeats,
                allow_bad_lines=self.allow_bad_lines,
                words=self.words,
                say=say,
            )
        _print_built(info)
        _show(word_rule.explained(info.report["words"]))
        for line in summary(info.report):
            _show(line)
        _print_remarks(info, bad_lines.report_path(workspace, self.domain))
        bad = info.report["bad_lines"]
        if any(bad.values()):
            print(
                f"bad lines left out: {bad['items']:,} of the items, {bad['events']:,} of the "
                f"events; listed in {bad_lines.report_path(workspace, self.domain)}"
            )

    def _source(self) -> Source:
        two, raw = (self.items, self.interactions), (self.amazon_reviews, self.amazon_meta)
        both = (self.column, self.clean_text, self.time_format, self.quotes != "auto")
        if self.orders and not any((*two, *raw)):
            return Orders(
                files=self.orders,
                columns=parse_columns(self.column),
                cancelled=self.cancelled_state,
                quotes=self.quotes,
                clean=self.clean_text,
                time_format=self.time_format,
            )
        for_orders = (self.orders, self.cancelled_state)
        if self.items and self.interactions and not any((*raw, *for_orders)):
            return TwoTables(
                items=self.items,
                interactions=self.interactions,
                columns=parse_columns(self.column),
                quotes=self.quotes,
                clean=self.clean_text,
                time_format=self.time_format,
            )
        if self.amazon_reviews and not any((*two, *both, *for_orders)):
            return AmazonReviews(reviews=self.amazon_reviews, meta=self.amazon_meta)
        options = ("orders", "cancelled_state", "items", "interactions", "column", "clean_text")
        options += ("time_format", "amazon_reviews", "amazon_meta")
        given = [f"--{name.replace('_', '-')}" for name in options if getattr(self, name)]
        raise CatalogueError(
            "expected --orders, or --items with --interactions (either with --column, --quotes, "
            "--clean-text and --time-format), or --amazon-reviews with or without --amazon-meta, "
            f"found {' '.join(given) or 'none of them'}: give one of these sets"
        )


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
        command = build_command(self.category, *(file.path for file in files))
        return [*map(_downloaded, files), f"next: {command}"]

    def _online_retail(self, settings: dict[str, Any]) -> list[str]:
        from catalog.download.online_retail import SOURCE, build_command, download_online_retail

        if self.category is not None:
            raise CatalogueError(
                f"expected no --category for {self.edition}, found {self.category!r}: leave it out"
            )
        file = download_online_retail(self.to, **settings)
        return [SOURCE, _downloaded(file), f"next: {build_command(file.path)}"]


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
        with _progress() as say:
            built = build_sample(
                workspace, self.seed, only=only, keep_repeats=self.keep_repeats, say=say
            )
        for info in built:
            _print_built(info)


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
        _show(f"{page.total:,} items{f' ({page.note})' if page.note else ''}")
        for item, sold in zip(page.items, page.popularity, strict=True):
            values = (value or "-" for value in item.values())
            _show(f"{item.item_id}  {' | '.join(values)}  ({sold:,} sold)")
        for name in ("categories", "brands", "prices", "popularity"):
            counts = (f"{facet.label} ({facet.count:,})" for facet in getattr(facets, name))
            _show(f"{name}: {', '.join(counts) or '-'}")


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
        with _progress() as say:
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


def _downloaded(file: Downloaded) -> str:
    return f"{file.path}" if file.fetched else f"{file.path}  (was there, not fetched again)"


def _print_built(info: DomainInfo) -> None:
    report, missing = info.report, info.report["missing"]
    repeats = (
        f"{report['repeats_kept']:,} exact repeats kept"
        if report["repeats_kept"]
        else f"{report['repeats_removed']:,} exact repeats removed"
    )
    print(
        f"{info.domain}: {info.items:,} items, {info.users:,} users, {info.events:,} purchases "
        f"({info.role}); {repeats} (compared: {', '.join(report['compared'])}"
        f"{'; the source lacks ' + ', '.join(missing) if missing else ''}), "
        f"{report['items_without_metadata']:,} items without metadata"
    )
    for line in findings(report):
        print(printable(line, sys.stdout.encoding))


def _print_remarks(info: DomainInfo, place: Path) -> None:
    """What the build decided or could not use that a person should look at."""
    for line in info.report.get("remarks", ()):
        _show(f"note: {line}")
    if lost := info.report["attributes_unusable"]:
        values = ", ".join(f"{count:,} of {name}" for name, count in lost.items())
        print(f"values that are no text, left out whole or in part: {values}; listed in {place}")


def _built(workspace: Path) -> list[DomainInfo]:
    found = domains(workspace)
    if not found:
        raise nothing_built(workspace)
    return found


def _show(line: str) -> None:
    print(printable(line, sys.stdout.encoding))


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
