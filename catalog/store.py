"""Reading a domain: its items, pages of them, histories and scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb
import numpy as np
from jaxtyping import Int

from calrec.records import Item
from catalog import browse
from catalog.browse import Page
from catalog.browse.facets import Facet, Facets, facets, price_bands
from catalog.browse.filters import EVERYTHING, Band, Filters
from catalog.browse.selection import selected
from catalog.errors import CatalogueError
from catalog.sequences import HELD_OUT, Case, Sequences
from catalog.sequences.neighbours import Neighbours, neighbours
from catalog.workspace import (
    DomainInfo,
    domains,
    index_folder,
    list_domains,
    open_for_reading,
    reading,
    workspace_path,
)

if TYPE_CHECKING:
    from catalog.bm25 import BM25Settings, Corpus
    from catalog.search import Hits, Search

__all__ = [
    "Band",
    "Catalogue",
    "DomainInfo",
    "Facet",
    "Facets",
    "Filters",
    "Page",
    "domain_info",
    "domains",
    "nothing_built",
    "workspace_path",
]


class Catalogue:
    """One domain, read-only, as it was when it was opened; safe for several threads.

    Attributes:
      workspace: the folder.
      domain: the domain's name.
      info: what it is.
    """

    def __init__(self, workspace: Path, info: DomainInfo, connection: duckdb.DuckDBPyConnection):
        """Use `open`."""
        from catalog.index import Index  # imports scipy and whoosh

        self.workspace = workspace
        self.domain = info.domain
        self.info = info
        self._connection = connection
        folder = index_folder(workspace, info.domain, info.fingerprint)
        self._index = Index(folder, info.items, info.fingerprint)

    @classmethod
    def open(cls, workspace: Path, domain: str) -> Catalogue:
        """Opens a domain.

        Raises:
          CatalogueError: if the workspace is empty, has no such domain, or is damaged.
        """
        while True:
            connection = open_for_reading(workspace)
            if connection is None:
                raise nothing_built(workspace)
            known = {info.domain: info for info in list_domains(workspace, connection)}
            if domain not in known:
                connection.close()
                raise CatalogueError(
                    f"expected a domain of {workspace} ({', '.join(known) or 'it has none'}), "
                    f"found {domain!r}: choose one, or run calrec-catalog build --domain {domain}"
                )
            try:
                return cls(workspace, known[domain], connection)
            except CatalogueError:
                connection.close()
                # A build may have replaced the domain between its two reads.
                if {info.domain: info for info in domains(workspace)} == known:
                    raise

    def close(self) -> None:
        """Closes the database; the catalogue cannot be asked afterwards."""
        self._connection.close()

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fingerprint(self) -> str:
        """Of its data."""
        return self.info.fingerprint

    @property
    def items(self) -> tuple[Item, ...]:
        """All items in item-index order, which is the order of their ids."""
        return self._items

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The id of each item."""
        return self._item_ids

    @cached_property
    def _items(self) -> tuple[Item, ...]:
        rows = self._rows(
            "SELECT item_id, title, category, brand, price FROM store.items"
            " WHERE domain = $domain ORDER BY item_index"
        )
        return tuple(_item(*row) for row in rows)

    @cached_property
    def _item_ids(self) -> tuple[str, ...]:
        return tuple(item.item_id for item in self.items)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Item id -> item index."""
        return {item_id: i for i, item_id in enumerate(self.item_ids)}

    @cached_property
    def popularity(self) -> Int[np.ndarray, " N"]:
        """Purchases of each item in the training part."""
        return self._column("popularity", "items", "item_index").astype(np.int64)

    @cached_property
    def categories(self) -> tuple[str | None, ...]:
        """Each item's category, at the first level that tells items apart.

        A level does not if more than nine in ten items share one name there, as a shop's own name.
        """
        rows = self._rows("SELECT path FROM store.items WHERE domain = $domain ORDER BY item_index")
        paths = [path or [] for (path,) in rows]
        depth = max(map(len, paths), default=0)
        for level in range(depth):
            names = [path[level] if len(path) > level else None for path in paths]
            if Counter(names).most_common(1)[0][1] <= 0.9 * len(names):
                return tuple(names)
        return tuple(path[0] if path else None for path in paths)

    def category_path(self, item: int) -> tuple[str, ...]:
        """The levels of an item's category, top first, as `Filters` take them."""
        sql = "SELECT path FROM store.items WHERE domain = $domain AND item_index = $item"
        [(path,)] = self._rows(sql, item=item)
        return tuple(path or ())

    def page(
        self,
        *,
        query: str = "",
        filters: Filters = EVERYTHING,
        sort: str = "relevance",
        offset: int = 0,
        limit: int = 50,
    ) -> Page:
        """Items to browse.

        Args:
          query: words to search for (see `catalog.search.query`); blank for all items.
          filters: which of them. An unknown user in it gives an empty page that says so.
          sort: `relevance` (popularity where there is no query), `popularity`, `title` or `price`.
          offset: items to leave out at the beginning.
          limit: items at most.

        Raises:
          CatalogueError: if `sort` is none of these.
        """
        browse.check_sort(sort)
        hits = self._hits(query)
        with (
            reading(self.workspace),
            selected(self._connection, self.domain, filters, hits) as selection,
        ):
            return browse.page(selection, self.items, hits, sort=sort, offset=offset, limit=limit)

    def facets(self, *, query: str = "", filters: Filters = EVERYTHING, limit: int = 50) -> Facets:
        """How many items of a `page` of the same query there are of each kind.

        Args:
          query: as for `page`.
          filters: as for `page`; each facet's counts obey all of them but its own.
          limit: categories and brands at most.
        """
        hits = self._hits(query)
        with (
            reading(self.workspace),
            selected(self._connection, self.domain, filters, hits) as selection,
        ):
            return facets(selection, filters, self._price_bands, limit)

    def sequences(self) -> Sequences:
        """All purchase histories, read once."""
        return self._sequences

    def users(self, *, part: str = "", limit: int = 50) -> list[str]:
        """The first users, by id, that have a test case and whose id holds `part` in any case.

        Those whose id begins with it come first.
        """
        wanted = part.casefold()
        found: tuple[list[str], list[str]] = ([], [])
        for u in self._sequences.cases("test").tolist():
            place = self._sequences.user_ids[u].casefold().find(wanted)
            if place >= 0:
                found[place > 0].append(self._sequences.user_ids[u])
            if len(found[0]) == limit:
                break
        return [*found[0], *found[1]][:limit]

    def case(self, user_id: str, split: str = "test") -> Case:
        """A user's history and held-out item.

        Raises:
          CatalogueError: if there is no such user, or the user has no such case.
        """
        u = self._user_index.get(user_id)
        if u is None:
            raise CatalogueError(
                f"expected a user of {self.domain}, found {user_id!r}: "
                f"choose one such as {', '.join(self.users(limit=3)) or '(it has no cases)'}"
            )
        sequences = self._sequences
        if u not in sequences.cases(split):
            raise CatalogueError(
                f"expected a user of {self.domain} with a {split} case, found {user_id} with "
                f"{len(sequences.whole(u))} purchases in a domain of role {sequences.role}: "
                "choose another"
            )
        return Case(
            user_id=user_id,
            split=split,
            history=tuple(self.items[i] for i in sequences.history(u, split)),
            target=self.items[sequences.target(u, split)],
        )

    def corpus(self, settings: BM25Settings | None = None) -> Corpus:
        """The items ready to be scored by BM25.

        Args:
          settings: the defaults with the domain's rule of words if not given; those made once.
        """
        return self._corpus if settings is None else self._index.corpus(self.item_ids, settings)

    @cached_property
    def _corpus(self) -> Corpus:
        from catalog.bm25 import BM25Settings

        return self._index.corpus(self.item_ids, BM25Settings(words=self.info.words))

    @cached_property
    def _sequences(self) -> Sequences:
        rows = self._rows(
            "SELECT user_id, events FROM store.users WHERE domain = $domain ORDER BY user_index"
        )
        return Sequences(
            user_ids=tuple(user_id for user_id, _ in rows),
            offsets=np.cumsum([0, *(events for _, events in rows)], dtype=np.int64),
            items=self._column("item_index", "events", "user_index, position").astype(np.int32),
            role=self.info.role,
        )

    @cached_property
    def _user_index(self) -> Mapping[str, int]:
        return {user_id: u for u, user_id in enumerate(self._sequences.user_ids)}

    def neighbours(
        self, item: int, *, limit: int = 10, shoppers: slice | None = None
    ) -> Neighbours:
        """Who bought the item of that index, and what stands around it in the training part."""
        return neighbours(self._sequences, item, limit=limit, shoppers=shoppers)

    def purchase_times(self, item: int) -> Int[np.ndarray, " P"]:
        """When the item of that index was bought in the training part.

        Returns:
          Seconds since 1970, oldest first.
        """
        rows = self._rows(
            "SELECT timestamp FROM store.events JOIN store.users USING (domain, user_index)"
            " WHERE domain = $domain AND item_index = $item AND position < users.events - $held_out"
            " ORDER BY timestamp",
            item=item,
            held_out=HELD_OUT[self.info.role],
        )
        return np.array([timestamp for (timestamp,) in rows], np.int64)

    @cached_property
    def times(self) -> Int[np.ndarray, " E"] | None:
        """When each of the purchases of `sequences` was made, in seconds since 1970.

        `None` where the source had no times.
        """
        if "timestamp" in self.info.report.get("missing", ()):
            return None
        return self._column("timestamp", "events", "user_index, position").astype(np.int64)

    @cached_property
    def time_span(self) -> tuple[int, int] | None:
        """First and last purchase in seconds since 1970; `None` without any."""
        first, last = self._rows(
            "SELECT min(timestamp), max(timestamp) FROM store.events WHERE domain = $domain"
        )[0]
        return None if first is None else (first, last)

    def _hits(self, query: str) -> Hits | None:
        return self._search.search(query) if query.strip() else None

    @cached_property
    def _search(self) -> Search:
        from catalog.bm25 import BM25Settings
        from catalog.search import Search

        by_unicode = BM25Settings(words="unicode")
        one = self.corpus().settings == by_unicode
        corpus = self.corpus() if one else self.corpus(by_unicode)
        return Search(self._index, self.items, corpus)

    @cached_property
    def _price_bands(self) -> tuple[Band, ...]:
        with (
            reading(self.workspace),
            selected(self._connection, self.domain, EVERYTHING, None) as everything,
        ):
            return price_bands(everything)

    def _rows(self, sql: str, **values: Any) -> list[tuple]:
        # A cursor per call: a DuckDB connection serves one thread at a time.
        with reading(self.workspace), self._connection.cursor() as cursor:
            return cursor.execute(sql, {"domain": self.domain, **values}).fetchall()

    def _column(self, name: str, table: str, order: str) -> np.ndarray:
        sql = f"SELECT {name} FROM store.{table} WHERE domain = $domain ORDER BY {order}"
        with reading(self.workspace), self._connection.cursor() as cursor:
            column = cursor.execute(sql, {"domain": self.domain}).fetchnumpy()[name]
        return cast(np.ndarray, column)  # a `Categorical` comes of ENUM columns alone


def domain_info(workspace: Path, domain: str) -> DomainInfo:
    """What a domain is, without opening it.

    Raises:
      CatalogueError: if the workspace is empty or has no such domain.
    """
    known = domains(workspace)
    if not known:
        raise nothing_built(workspace)
    return _chosen(known, workspace, domain)


def nothing_built(workspace: Path) -> CatalogueError:
    """The error of reading a workspace without domains."""
    return CatalogueError(
        f"expected a workspace with domains at {workspace}, found none: "
        f"run calrec-catalog sample --workspace {workspace}, or calrec-catalog build"
    )


def _chosen(known: Sequence[DomainInfo], workspace: Path, domain: str) -> DomainInfo:
    by_name = {info.domain: info for info in known}
    if domain not in by_name:
        raise CatalogueError(
            f"expected a domain of {workspace} ({', '.join(by_name) or 'it has none'}), "
            f"found {domain!r}: choose one, or run calrec-catalog build --domain {domain}"
        )
    return by_name[domain]


def _item(
    item_id: str, title: str | None, category: str | None, brand: str | None, price: str | None
) -> Item:
    return Item(item_id=item_id, title=title, category=category, brand=brand, price=price)
