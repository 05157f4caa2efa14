"""Some of a domain's items, by what a query found and by filters, as rows of SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from catalog.browse.filters import Filters

if TYPE_CHECKING:
    from catalog.search import Hits


class Selection:
    """Items that a query found, that a user bought, and that pass filters.

    Attributes:
      note: one plain line if there is no user of the id in `bought_by`, which selects nothing;
        else empty.
    """

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, domain: str, filters: Filters, hits: Hits | None
    ):
        """Use `selected`."""
        self._cursor = cursor
        self._values: dict[str, Any] = {"domain": domain}
        self._source = "(SELECT *, 0.0 AS score FROM store.items)"
        if hits is not None:
            import pyarrow as pa

            # A table, as DuckDB takes long to read a list of parameters; a view of this cursor's.
            cursor.register("hits", pa.table({"item_index": hits.items, "score": hits.scores}))
            self._source = "(FROM store.items JOIN hits USING (item_index))"
        self._passing = _passing(filters)
        self.note = ""
        if filters.bought_by is not None:
            user = self._user_index(filters.bought_by)
            if user is None:
                self.note = f"there is no user {filters.bought_by!r} in {domain}"
            self._passing["bought_by"] = (
                "item_index IN (SELECT item_index FROM store.events"
                " WHERE domain = $domain AND user_index = $bought_by)",
                {"bought_by": user},
            )

    def rows(
        self, columns: str, rest: str = "", *, but: str = "", where: str = "true", **values: Any
    ) -> list[tuple]:
        """The rows of `SELECT columns FROM the selected items WHERE where`, then `rest`.

        Args:
          columns: expressions over the columns of `store.items` and `score`, 0 without a query.
          rest: what follows the conditions, such as `GROUP BY` or `LIMIT`.
          but: a field of `Filters` that is not to count.
          where: one more condition.
          **values: parameters of these texts.
        """
        conditions = ["domain = $domain", where]
        for name, (condition, needed) in self._passing.items():
            if name != but:
                conditions.append(condition)
                values |= needed
        sql = f"SELECT {columns} FROM {self._source} WHERE {' AND '.join(conditions)} {rest}"
        return self._cursor.execute(sql, self._values | values).fetchall()

    def _user_index(self, user_id: str) -> int | None:
        row = self._cursor.execute(
            "SELECT user_index FROM store.users WHERE domain = $domain AND user_id = $user_id",
            self._values | {"user_id": user_id},
        ).fetchone()
        return row[0] if row else None


@contextmanager
def selected(
    connection: duckdb.DuckDBPyConnection, domain: str, filters: Filters, hits: Hits | None
) -> Iterator[Selection]:
    """A selection over a connection of `open_for_reading`; all items where `hits` is `None`."""
    # A cursor of its own: a DuckDB connection serves one thread at a time.
    with connection.cursor() as cursor:
        yield Selection(cursor, domain, filters, hits)


def _passing(filters: Filters) -> dict[str, tuple[str, dict[str, Any]]]:
    """Field of `Filters` -> the condition that its value puts, with its parameters."""
    passing = {}
    if filters.category:
        levels = {f"level{i}": level for i, level in enumerate(filters.category, start=1)}
        condition = " AND ".join(f"path[{i}] = $level{i}" for i in range(1, len(levels) + 1))
        passing["category"] = condition, levels
    if filters.brand is not None:
        passing["brand"] = "brand = $brand", {"brand": filters.brand}
    for name, column in (("price", "price_low"), ("popularity", "popularity")):
        if (band := getattr(filters, name)) is not None:
            ends = {f"{name}_low": band.low, f"{name}_high": band.high}
            passing[name] = in_band(column, f"${name}_low", f"${name}_high"), ends
    return passing


def in_band(column: str, low: str, high: str) -> str:
    """The SQL condition of a `Band` whose ends are these expressions."""
    return f"({column} >= coalesce({low}, {column}) AND coalesce({column} < {high}, true))"
