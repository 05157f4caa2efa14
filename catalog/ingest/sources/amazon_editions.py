"""The editions of Amazon Reviews: what each calls things. Another edition is one more of these."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from catalog.ingest.times import UNIX_MILLISECONDS, UNIX_SECONDS, Reading
from catalog.ingest.values.cells import SourceCell, json_cell


@dataclass(frozen=True, kw_only=True)
class EditionKeys:
    """What an edition calls things.

    Attributes:
      year: its name.
      names: the keys of a review, by `user_id`, `item_id`, `time`, `rating` and `text`.
      reading: how its times read.
      meta: the keys of the metadata that are read.
      category: the one of them with the category.
      mark: a key of reviews that no other edition of the same names has.
      attributes: what each attribute is in a record of metadata.
      own_brand: SQL over such a record, for `own_brand` there.
    """

    year: int
    names: Mapping[str, str]
    reading: Reading
    meta: tuple[str, ...]
    category: str
    mark: str
    attributes: Mapping[str, SourceCell]
    own_brand: str = "NULL::VARCHAR"

    def is_review(self, keys: Collection[str]) -> bool:
        """Whether a record of these keys is one of the edition's reviews."""
        return self.names["user_id"] in keys and self.names["item_id"] in keys

    def is_meta(self, keys: Collection[str]) -> bool:
        """The same of its metadata."""
        return self.names["user_id"] not in keys and self.names["item_id"] in keys


def _category_2023() -> SourceCell:
    """Its list of categories, else the one that every item has."""
    listed = json_cell("categories")
    none = f"(coalesce({listed.value}, '[]') = '[]')"
    main = "to_json([record.main_category])::VARCHAR"
    text = f"CASE WHEN {none} THEN {main} ELSE {listed.text} END"
    return SourceCell(
        value=text,
        text=text,
        nested=f"CASE WHEN {none} THEN true ELSE {listed.nested} END",
        kind="varchar",
    )


def _brand_2023() -> SourceCell:
    """Its own, else the store."""
    store = json_cell("store")
    text = f"coalesce(own_brand, {store.text})"
    nested = f"CASE WHEN own_brand IS NULL THEN {store.nested} ELSE false END"
    return SourceCell(value=text, text=text, nested=nested, kind="varchar")


# Of the details, an object or in some files the JSON text of one.
_BRAND = "nullif(trim(TRY(json_extract_string(record.details, '$.Brand'))), '')"
_NAMES_2018 = {
    "user_id": "reviewerID",
    "item_id": "asin",
    "time": "unixReviewTime",
    "rating": "overall",
    "text": "reviewText",
}
_PLAIN = {name: json_cell(name) for name in ("title", "brand", "price")}
EDITIONS = (
    EditionKeys(
        year=2018,
        names=_NAMES_2018,
        reading=UNIX_SECONDS,
        meta=("title", "category", "brand", "price"),
        category="category",
        mark="verified",
        attributes=_PLAIN | {"category": json_cell("category")},
    ),
    EditionKeys(
        year=2014,
        names=_NAMES_2018,
        reading=UNIX_SECONDS,
        meta=("title", "categories", "brand", "price"),
        category="categories",
        mark="helpful",
        attributes=_PLAIN | {"category": json_cell("categories")},
    ),
    EditionKeys(
        year=2023,
        names={
            "user_id": "user_id",
            "item_id": "parent_asin",
            "time": "timestamp",
            "rating": "rating",
            "text": "text",
        },
        reading=UNIX_MILLISECONDS,
        meta=("title", "main_category", "categories", "store", "details", "price"),
        category="categories",
        mark="parent_asin",
        attributes=_PLAIN | {"category": _category_2023(), "brand": _brand_2023()},
        own_brand=_BRAND,
    ),
)
