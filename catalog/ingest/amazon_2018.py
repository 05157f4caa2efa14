"""The raw form of the Amazon Reviews 2018 site: one JSON record a line, usually gzipped.

Reviews: reviewerID, asin, overall, reviewText, unixReviewTime. Metadata (optional): asin, title,
category (a list), brand, price. The metadata describes a whole department and the reviews its
5-core part, so only reviewed items enter the catalogue; without metadata they have no attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from catalog.clean import clean_category, clean_price, clean_text
from catalog.errors import CatalogueError
from catalog.ingest import RAW_TABLES, Loaded
from catalog.ingest.files import reading, require_file

_REVIEWS = "gzipped JSON lines of reviews"
_META = "gzipped JSON lines of item metadata"


@dataclass(frozen=True, kw_only=True)
class AmazonReviews2018:
    """The path of the reviews and, where there is one, of the metadata."""

    reviews: Path
    meta: Path | None = None

    def check(self) -> None:
        """Raises `CatalogueError` when a file is missing."""
        require_file(self.reviews, _REVIEWS)
        if self.meta is not None:
            require_file(self.meta, _META)

    def load(self, connection: duckdb.DuckDBPyConnection) -> Loaded:
        """Fills the two raw tables; raises `CatalogueError` on damaged files or other records."""
        connection.execute(RAW_TABLES)
        with reading(self.reviews, _REVIEWS):
            connection.execute(
                "INSERT INTO raw_events"
                " SELECT reviewerID, asin, unixReviewTime, NULL, overall, reviewText"
                " FROM read_json(?, format = 'newline_delimited', columns = {reviewerID: 'VARCHAR',"
                " asin: 'VARCHAR', overall: 'DOUBLE', reviewText: 'VARCHAR',"
                " unixReviewTime: 'BIGINT'})",
                [str(self.reviews)],
            )
        _require_ids(connection, "raw_events", "user_id", self.reviews, "reviewerID, asin, overall")
        notes = {}
        if self.meta is not None:
            with reading(self.meta, _META):
                notes["metadata_rows_unreviewed"] = _load_meta(connection, self.meta)
        return Loaded(
            form="amazon reviews 2018",
            compared=("item_id", "rating", "review_text", "timestamp"),
            notes=notes,
        )


def _load_meta(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    connection.execute(
        "CREATE TEMP TABLE meta AS SELECT asin AS item_id, title, category, brand, price"
        " FROM read_json(?, format = 'newline_delimited', maximum_object_size = 67108864,"
        " columns = {asin: 'VARCHAR', title: 'VARCHAR', category: 'VARCHAR[]',"
        " brand: 'VARCHAR', price: 'VARCHAR'})",
        [str(path)],
    )
    _require_ids(connection, "meta", "item_id", path, "asin, title, category, brand, price")
    rows = connection.execute(
        "SELECT item_id, title, category, brand, price FROM meta"
        " SEMI JOIN raw_events USING (item_id) ORDER BY meta.rowid"
    ).fetchall()
    # Cleaned here and not in a DuckDB function of Python: that one complains at interpreter exit.
    cleaned = [
        (
            item_id,
            clean_text(title),
            clean_category(category),
            clean_text(brand),
            clean_price(price),
        )
        for item_id, title, category, brand, price in rows
    ]
    if cleaned:
        names = ("item_id", "title", "category", "brand", "price")
        columns = [pa.array(column, pa.string()) for column in zip(*cleaned, strict=True)]
        connection.register("cleaned", pa.table(columns, names=names))
        connection.execute("INSERT INTO raw_items FROM cleaned")
        connection.unregister("cleaned")
    unreviewed = connection.execute(
        "SELECT count(*) FROM meta ANTI JOIN raw_events USING (item_id)"
    ).fetchone()
    connection.execute("DROP TABLE meta")
    return unreviewed[0]


def _require_ids(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, path: Path, expected: str
) -> None:
    """A file of other records reads as NULLs throughout: say so instead of building nothing."""
    rows, named = connection.execute(f"SELECT count(*), count({column}) FROM {table}").fetchone()
    if rows and not named:
        keys = connection.execute(
            "SELECT json_keys(json) FROM read_json_objects(?, format = 'newline_delimited')"
            " LIMIT 1",
            [str(path)],
        ).fetchone()[0]
        raise CatalogueError(
            f"expected records with {expected} in {path}, found {', '.join(keys) or 'empty ones'}: "
            "give the reviews as --amazon-reviews and the metadata as --amazon-meta"
        )
