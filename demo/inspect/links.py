"""Addresses of other pages that show a part: the cases of a run, an item, a category.

They are queries as a browser's address has them, so that a plain link leads there. A link names its
shop and nothing of the visitor's history: what the page keeps, it keeps by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from demo.inspect import url
from demo.inspect.case_filters import CaseFilters


def to_cases(shop: str, run: str = "", against: str = "", **filters: str) -> str:
    """The cases of a run as A, beside another as B.

    Args:
      shop: its name.
      run: folder name of the run A; empty for the default.
      against: of the run B.
      filters: by names of fields of `CaseFilters`; what is not on offer filters nothing.
    """
    asked = {"run": run, "against": against, **CaseFilters.of(filters).write()}
    return _link("cases", shop, asked)


def to_item(shop: str, item_id: str) -> str:
    """An item in the Catalogue; without an id the address lacks nothing but that."""
    return f"{_link('catalogue', shop, {})}&open={quote(item_id, safe='')}"


def to_items(shop: str, **filters: object) -> str:
    """Items of the Catalogue, by names of its address such as `category` and `sold`."""
    return _link("catalogue", shop, filters)


def _link(view: str, shop: str, own: Mapping[str, object]) -> str:
    return f"?{url.write({'view': view, 'shop': shop, **own})}"
