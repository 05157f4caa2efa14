"""`calrec-catalog build`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro

from catalog.build import bad_lines, build, word_rule
from catalog.cli.output import print_built, print_remarks, progress, show
from catalog.errors import CatalogueError
from catalog.ingest import Source
from catalog.ingest.files.dialect import Quotes
from catalog.ingest.order_lines.report import summary
from catalog.ingest.sources import FORMS
from catalog.workspace import workspace_path


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
    cold_items: float = 0.0
    """The share of the items, those first sold latest, that become test targets and nothing else:
    all other purchases of them are dropped."""
    allow_bad_lines: bool = False
    """Build even if more than 1 % of a file's lines cannot be used."""
    words: word_rule.AskedRule = "auto"
    r"""BM25's words: paper (\w+, lower case), unicode (every script; the search's own), or auto:
    paper, unless unicode changes the words of more than 1 % of the titles."""

    def run(self) -> None:
        """Builds and prints what came of it."""
        workspace = workspace_path(self.workspace)
        with progress() as say:
            info = build(
                workspace,
                self.domain,
                self._source(),
                role=self.role,
                keep_repeats=self.keep_repeats,
                cold_items=self.cold_items,
                allow_bad_lines=self.allow_bad_lines,
                words=self.words,
                say=say,
            )
        print_built(info)
        show(word_rule.explained(info.report["words"]))
        for line in summary(info.report):
            show(line)
        print_remarks(info, bad_lines.report_path(workspace, self.domain))
        bad = info.report["bad_lines"]
        if any(bad.values()):
            print(
                f"bad lines left out: {bad['items']:,} of the items, {bad['events']:,} of the "
                f"events; listed in {bad_lines.report_path(workspace, self.domain)}"
            )

    def _source(self) -> Source:
        known = {name for form in FORMS for name in (*form.needs, *form.may)}
        ours = [field for field in fields(self) if field.name in known]
        options = {field.name: getattr(self, field.name) for field in ours}
        given = [f.name for f in ours if options[f.name] and options[f.name] != f.default]
        for form in FORMS:
            if form.fits(given):
                return form.read(options)
        found = " ".join(f"--{name.replace('_', '-')}" for name in given)
        raise CatalogueError(
            "expected --orders, or --items with --interactions (either with --column, --quotes, "
            "--clean-text and --time-format), or --amazon-reviews with or without --amazon-meta, "
            f"found {found or 'none of them'}: give one of these sets"
        )
