"""Amazon Reviews of 2018 and 2023 as their sites ship them: one JSON record a line, gzipped or not.

Reviews and, if given, item metadata. The metadata describes a whole department and the reviews
often a part of it, so only reviewed items enter the catalogue; without metadata they have no
attributes. The edition is told by the keys of the first review.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from catalog.errors import CatalogueError
from catalog.ingest import RAW_TABLES, Loaded
from catalog.ingest.attributes import clean_items
from catalog.ingest.events import (
    COMPARED,
    CONTENT_CHARACTERS,
    insert_events,
    item_problem,
    review_hash,
)
from catalog.ingest.files import reading, require_file
from catalog.ingest.ids import clean_id
from catalog.ingest.lines import CONTENT, fields, json_records, object_keys
from catalog.ingest.nested import levels, plain
from catalog.ingest.times import UNIX_MILLISECONDS, UNIX_SECONDS, Reading

_REVIEWS = "JSON lines of Amazon reviews"
_META = "JSON lines of Amazon item metadata"


@dataclass(frozen=True, kw_only=True)
class _Edition:
    """What an edition calls things.

    Attributes:
      year: its name.
      names: the keys of a review, by `user_id`, `item_id`, `time`, `rating` and `text`.
      reading: how its times read.
      meta: DuckDB type of each key of the metadata that is read.
      attributes: SQL over a metadata record for `title`, `path`, `brand` and `price`.
    """

    year: int
    names: Mapping[str, str]
    reading: Reading
    meta: Mapping[str, str]
    attributes: Mapping[str, str]

    def is_review(self, keys: Collection[str]) -> bool:
        """Whether a record of these keys is one of the edition's reviews."""
        return self.names["user_id"] in keys and self.names["item_id"] in keys

    def is_meta(self, keys: Collection[str]) -> bool:
        """The same of its metadata."""
        return self.names["user_id"] not in keys and self.names["item_id"] in keys


_TEXT, _LIST = "VARCHAR", "VARCHAR[]"
_EDITIONS = (
    _Edition(
        year=2018,
        names={
            "user_id": "reviewerID",
            "item_id": "asin",
            "time": "unixReviewTime",
            "rating": "overall",
            "text": "reviewText",
        },
        reading=UNIX_SECONDS,
        meta={"title": _TEXT, "category": _LIST, "brand": _TEXT, "price": _TEXT},
        attributes={
            "title": "record.title",
            "path": "record.category",
            "brand": "record.brand",
            "price": "record.price",
        },
    ),
    _Edition(
        year=2023,
        names={
            "user_id": "user_id",
            "item_id": "parent_asin",
            "time": "timestamp",
            "rating": "rating",
            "text": "text",
        },
        reading=UNIX_MILLISECONDS,
        meta={
            "title": _TEXT,
            "main_category": _TEXT,
            "categories": _LIST,
            "store": _TEXT,
            "details": _TEXT,
            "price": _TEXT,
        },
        attributes={
            "title": "record.title",
            "path": "CASE WHEN len(record.categories) > 0 THEN record.categories"
            " ELSE [record.main_category] END",
            # An object, or in some files the JSON text of one; both arrive as text.
            "brand": "coalesce(nullif(trim("
            "TRY(json_extract_string(record.details, '$.Brand'))), ''), record.store)",
            "price": "record.price",
        },
    ),
)

# Of items that nobody reviewed, most of a department, there is a row only to be counted.
_STAGE_META = """
CREATE TEMP TABLE staged AS
  SELECT line, problem, CASE WHEN problem IS NOT NULL THEN left({content}, {characters}) END
      AS content,
    item_id, reviewed, CASE WHEN reviewed THEN {plain_title} END AS title,
    CASE WHEN reviewed THEN {levels} END AS path,
    CASE WHEN reviewed THEN {plain_brand} END AS brand,
    CASE WHEN reviewed THEN {plain_price} END AS price
  FROM (
    SELECT line, coalesce(problem, {problem}) AS problem, text, item_id, {title} AS title,
      {path} AS path, {brand} AS brand, {price} AS price,
      coalesce({clean_id} IN (SELECT {clean_id} FROM raw_events WHERE problem IS NULL), false)
        AS reviewed
    FROM (SELECT *, record."{item_id}" AS item_id FROM {records}))
"""


@dataclass(frozen=True, kw_only=True)
class AmazonReviews:
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
        edition = self._edition()
        connection.execute(RAW_TABLES)
        with reading(self.reviews, _REVIEWS):
            _load_reviews(connection, self.reviews, edition)
        notes = replace(edition.reading, decided_by="the edition").notes()
        unreviewed = 0
        if self.meta is not None:
            with reading(self.meta, _META):
                unreviewed = _load_meta(connection, self.meta, edition)
            notes["metadata_rows_unreviewed"] = unreviewed
            notes["attributes_unusable"] = clean_items(connection, dollars=True)
        return Loaded(
            form=f"amazon reviews {edition.year}",
            compared=(*COMPARED, "timestamp"),
            missing=(),
            items_from=str(self.meta or self.reviews),
            events_from=str(self.reviews),
            items_unused=unreviewed,
            notes=notes,
        )

    def _edition(self) -> _Edition:
        """By the keys of the first thousand lines; raises `CatalogueError` if these are others."""
        with reading(self.reviews, _REVIEWS):
            records = object_keys(self.reviews, _REVIEWS)
        # By most of them: one that lacks a key is a bad line and no other form.
        edition = max(_EDITIONS, key=lambda edition: sum(map(edition.is_review, records)))
        if not any(map(edition.is_review, records)):
            known = " or ".join(", ".join(edition.names.values()) for edition in _EDITIONS)
            raise _other_records(known, self.reviews, records[0])
        if self.meta is not None:
            with reading(self.meta, _META):
                records = object_keys(self.meta, _META)
            if not any(map(edition.is_meta, records)):
                known = ", ".join((edition.names["item_id"], *edition.meta))
                raise _other_records(f"{known} (edition {edition.year})", self.meta, records[0])
        return edition


def _other_records(expected: str, path: Path, keys: tuple[str, ...]) -> CatalogueError:
    return CatalogueError(
        f"expected records with {expected} in {path}, found {', '.join(keys) or 'empty ones'}: "
        "give the reviews as --amazon-reviews and the metadata of their edition as --amazon-meta"
    )


def _load_reviews(connection: duckdb.DuckDBPyConnection, path: Path, edition: _Edition) -> None:
    names = edition.names
    with json_records(connection, path, fields(dict.fromkeys(names.values(), _TEXT))) as records:
        rows = f"""(
          SELECT line, problem, text, record."{names["user_id"]}" AS user_id,
            record."{names["item_id"]}" AS item_id, record."{names["time"]}" AS time,
            NULL::BIGINT AS position, record."{names["rating"]}" AS rating,
            {review_hash(f'record."{names["text"]}"')} AS review
          FROM {records})"""
        insert_events(
            connection,
            rows,
            reading=edition.reading,
            names={**names, "position": "position"},
            content=CONTENT,
        )


def _load_meta(connection: duckdb.DuckDBPyConnection, path: Path, edition: _Edition) -> int:
    """Fills `raw_items`; returns how many good rows are left out, their items being unreviewed."""
    item_id = edition.names["item_id"]
    with json_records(connection, path, fields({item_id: _TEXT, **edition.meta})) as records:
        connection.execute(
            _STAGE_META.format(
                records=records,
                item_id=item_id,
                problem=item_problem(item_id),
                content=CONTENT,
                characters=CONTENT_CHARACTERS,
                clean_id=clean_id("item_id"),
                levels=levels("path"),
                **{f"plain_{name}": plain(name) for name in ("title", "brand", "price")},
                **edition.attributes,
            )
        )
    connection.execute(
        "INSERT INTO raw_items SELECT line, problem, content, item_id, title, NULL, path, brand,"
        " price FROM staged WHERE reviewed OR problem IS NOT NULL ORDER BY line"
    )
    unreviewed = connection.execute(
        "SELECT count(*) FROM staged WHERE NOT reviewed AND problem IS NULL"
    ).fetchall()[0][0]
    connection.execute("DROP TABLE staged")
    return unreviewed
