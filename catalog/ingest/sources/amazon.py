"""Amazon Reviews of 2014, 2018 and 2023 as their sites ship them: a record a line, gzipped or not.

Records are JSON or, in metadata of 2014, as Python prints them. Reviews and, if given, item
metadata. The metadata describes a whole department and the reviews often a part of it, so only
reviewed items enter the catalogue; without metadata they have no attributes. The edition is told by
the keys of the first records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from catalog.errors import CatalogueError
from catalog.ingest import RAW_TABLES, Loaded
from catalog.ingest.events import (
    COMPARED,
    CONTENT_CHARACTERS,
    insert_events,
    item_problem,
    review_hash,
)
from catalog.ingest.files.access import reading, require_file
from catalog.ingest.files.lines import CONTENT, fields, json_records, object_keys
from catalog.ingest.sources.amazon_editions import EDITIONS, EditionKeys
from catalog.ingest.values.attributes import clean_items
from catalog.ingest.values.cells import marked_missing, missing_bits
from catalog.ingest.values.ids import clean_id
from catalog.ingest.values.missing import is_missing
from catalog.ingest.values.nested import (
    missing_attribute,
    read_attribute,
    resolve,
    staged_attribute,
    with_simple,
)

_REVIEWS = "JSON lines of Amazon reviews"
_META = "JSON lines of Amazon item metadata"
_TEXT = "VARCHAR"

# Of items that nobody reviewed, most of a department, there is a row only to be counted.
_STAGE_META = """
CREATE OR REPLACE TEMP TABLE staged AS
  SELECT line, problem, CASE WHEN problem IS NOT NULL THEN left({content}, {characters}) END
      AS content,
    item_id, reviewed, {staged}, {missing} AS missing,
    NULL::STRUCT(attribute VARCHAR, value VARCHAR)[] AS lost
  FROM {rows}
"""
_READ_META = """
(SELECT line, coalesce(problem, {problem}) AS problem, CASE WHEN {problem} IS NOT NULL
    OR problem IS NOT NULL THEN text END AS text, item_id, reviewed, {read}
  FROM (
    SELECT * REPLACE (CASE WHEN NOT {missing_brand} THEN own_brand END AS own_brand) FROM (
      SELECT *, CASE WHEN reviewed THEN {own_brand} END AS own_brand FROM (
        SELECT *,
          coalesce({clean_id} IN (SELECT {clean_id} FROM raw_events WHERE problem IS NULL), false)
            AS reviewed
        FROM (SELECT *, {item_id} AS item_id FROM {records})))))
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
        notes: dict[str, object] = {**replace(edition.reading, decided_by="the edition").notes()}
        unused, examples = 0, ()
        if self.meta is not None:
            with reading(self.meta, _META):
                unused, examples, markers = _load_meta(connection, self.meta, edition)
            notes["metadata_rows_unreviewed"] = unused
            notes["taken_as_missing"] = {"items": markers} if markers else {}
            clean_items(connection, dollars=True)
        return Loaded(
            form=f"amazon reviews {edition.year}",
            compared=(*COMPARED, "timestamp"),
            missing=(),
            items_from=str(self.meta or self.reviews),
            events_from=str(self.reviews),
            items_unused=unused,
            ids_unused=examples,
            lists_items=self.meta is not None,
            notes=notes,
        )

    def _edition(self) -> EditionKeys:
        """By the keys of the first thousand lines; raises `CatalogueError` if these are others."""
        with reading(self.reviews, _REVIEWS):
            reviews = object_keys(self.reviews, _REVIEWS)
        if not any(edition.is_review(keys) for edition in EDITIONS for keys in reviews):
            known = dict.fromkeys(", ".join(edition.names.values()) for edition in EDITIONS)
            raise _other_records(" or ".join(known), self.reviews, reviews[0])
        records, meta_file = [], self.meta
        if meta_file is not None:
            with reading(meta_file, _META):
                records = object_keys(meta_file, _META)

        def fit(edition: EditionKeys) -> tuple[int, ...]:
            # By most of them: one that lacks a key is a bad line and no other form.
            meta = [keys for keys in records if edition.is_meta(keys)]
            return (
                sum(map(edition.is_review, reviews)),
                sum(edition.category in keys for keys in meta),
                sum(edition.mark in keys for keys in reviews),
            )

        edition = max(EDITIONS, key=fit)
        if meta_file and records and not any(map(edition.is_meta, records)):
            known = ", ".join((edition.names["item_id"], *edition.meta))
            raise _other_records(f"{known} (edition {edition.year})", meta_file, records[0])
        return edition


def _other_records(expected: str, path: Path, keys: tuple[str, ...]) -> CatalogueError:
    return CatalogueError(
        f"expected records with {expected} in {path}, found {', '.join(keys) or 'empty ones'}: "
        "give the reviews as --amazon-reviews and the metadata of their edition as --amazon-meta"
    )


def _load_reviews(connection: duckdb.DuckDBPyConnection, path: Path, edition: EditionKeys) -> None:
    names = edition.names

    def value(ours: str) -> str:
        read = f'record."{names[ours]}"'
        return f"CASE WHEN NOT {is_missing(read)} THEN {read} END AS {ours}"

    with json_records(connection, path, fields(dict.fromkeys(names.values(), _TEXT))) as records:
        rows = f"""(
          SELECT line, problem, text, {value("user_id")}, {value("item_id")}, {value("time")},
            NULL::BIGINT AS position, {value("rating")},
            {review_hash(f'record."{names["text"]}"')} AS review
          FROM {records})"""
        insert_events(
            connection,
            rows,
            reading=edition.reading,
            names={**names, "position": "position"},
            content=CONTENT,
        )


def _load_meta(
    connection: duckdb.DuckDBPyConnection, path: Path, edition: EditionKeys
) -> tuple[int, tuple[str, ...], dict[str, int]]:
    """Fills `raw_items` and `raw_lost`.

    Returns:
      How many good rows are left out, their items being unreviewed; some of their ids; and how many
      values of each attribute stood for a missing one.
    """
    item_id, attributes = edition.names["item_id"], edition.attributes
    given = f'record."{item_id}"'
    read = [
        column
        for name, cell in attributes.items()
        for column in read_attribute(
            name,
            f"CASE WHEN reviewed THEN {cell.text} END",
            f"CASE WHEN reviewed THEN {cell.nested} ELSE false END",
        )
    ]
    staged = [column for name in attributes for column in staged_attribute(name)]
    with json_records(connection, path, fields(dict.fromkeys((item_id, *edition.meta), _TEXT))) as (
        records
    ):
        rows = _READ_META.format(
            records=records,
            item_id=f"CASE WHEN NOT {is_missing(given)} THEN {given} END",
            problem=item_problem(item_id),
            clean_id=clean_id("item_id"),
            own_brand=edition.own_brand,
            missing_brand=is_missing("own_brand"),
            read=", ".join(read),
        )
        connection.execute(
            _STAGE_META.format(
                rows=with_simple(rows),
                content=CONTENT,
                characters=CONTENT_CHARACTERS,
                staged=", ".join(staged),
                missing=missing_bits(map(missing_attribute, attributes)),
            )
        )
    resolve(connection, [*attributes])
    connection.execute(
        "INSERT INTO raw_items SELECT line, problem, content, item_id, title, category, path,"
        " brand, price FROM staged WHERE reviewed OR problem IS NOT NULL ORDER BY line;"
        "INSERT INTO raw_lost SELECT line, one.attribute, one.value, NULL FROM ("
        " SELECT line, unnest(lost) AS one FROM staged WHERE problem IS NULL)"
    )
    markers = marked_missing(connection, [*attributes])
    unreviewed = "FROM staged WHERE NOT reviewed AND problem IS NULL"
    unused = connection.execute(f"SELECT count(*) {unreviewed}").fetchall()[0][0]
    first = f"SELECT DISTINCT item_id {unreviewed} ORDER BY item_id LIMIT 2"
    examples = connection.execute(first).fetchall()
    connection.execute("DROP TABLE staged")
    return unused, tuple(example for (example,) in examples), markers
