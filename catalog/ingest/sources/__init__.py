"""The forms of input, one module each; all of them fill the same tables (see `catalog.ingest`).

To add a form, add a module with a `Source`, name it here as one more `Form` in `FORMS`, and give
`calrec-catalog build` the options that it needs (`catalog.cli.build`). Nothing else knows which
forms there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.ingest import Source
from catalog.ingest.columns import parse_columns
from catalog.ingest.sources.amazon import AmazonReviews
from catalog.ingest.sources.form import Form
from catalog.ingest.sources.orders import Orders
from catalog.ingest.sources.two_tables import TwoTables

__all__ = ["FORMS", "Form"]

# Of files that somebody exported, whose columns and times have to be understood.
_EXPORTED = ("column", "quotes", "clean_text", "time_format")


def _understood(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "columns": parse_columns(options["column"]),
        "quotes": options["quotes"],
        "clean": options["clean_text"],
        "time_format": options["time_format"],
    }


def _orders(options: Mapping[str, Any]) -> Source:
    return Orders(
        files=options["orders"], cancelled=options["cancelled_state"], **_understood(options)
    )


def _two_tables(options: Mapping[str, Any]) -> Source:
    return TwoTables(
        items=options["items"], interactions=options["interactions"], **_understood(options)
    )


def _amazon(options: Mapping[str, Any]) -> Source:
    return AmazonReviews(reviews=options["amazon_reviews"], meta=options["amazon_meta"])


FORMS = (
    Form(needs=("orders",), may=("cancelled_state", *_EXPORTED), source=_orders),
    Form(needs=("items", "interactions"), may=_EXPORTED, source=_two_tables),
    Form(needs=("amazon_reviews",), may=("amazon_meta",), source=_amazon),
)
