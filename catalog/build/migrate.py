"""Bringing an older workspace to this version's format: nothing has to be read anew.

Indexes are made of the tables, so that a damaged one comes back without the files of its shop.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from catalog.build import word_rule
from catalog.errors import CatalogueError
from catalog.attributes.prices import read_prices
from catalog.build.staging import Say, changing, commit, place_index, staged_database
from catalog.build.tables import category_levels, domain_items
from catalog.workspace import FILE, FORMAT, check_format, format_version

# What each format needs to become the next one. Format 2 browses by the levels of categories and
# by price, keeps bad lines, and cuts each attribute's words in the index as BM25 does. Format 3 has
# a rule of words for each domain: the one that its figures were made with, so that they stay; and
# lowest prices as the whole column means its points and commas.
_STEPS = {
    1: """
    ALTER TABLE items ADD COLUMN path VARCHAR[];
    ALTER TABLE items ADD COLUMN price_low DOUBLE;
    CREATE TABLE bad_lines (
      domain VARCHAR, file VARCHAR, line BIGINT, reason VARCHAR, content VARCHAR);
    UPDATE domains SET report = json_merge_patch(report,
      json_object('bad_lines', {'items': 0, 'events': 0}, 'missing',
        list_filter(['rating', 'review_text'],
          lambda name: NOT list_contains(json_extract_string(report, '$.compared[*]'), name))
      ))::VARCHAR;
    """,
    2: "",
}
_WORDS = (
    "UPDATE domains SET report = json_merge_patch(report, $words)::VARCHAR WHERE domain = $domain"
)


def migrate(workspace: Path, *, say: Say = lambda step: None) -> int:
    """Brings the workspace to the present format; the tables appear whole.

    An index that is missing, damaged or of another format is made anew, also where the tables have
    the present format.

    Returns:
      The format that the tables had.

    Raises:
      CatalogueError: if there is no workspace, it is newer than this version, its tables are
        damaged, in use by a build, or cannot be written.
    """
    if not (workspace / FILE).is_file():
        raise CatalogueError(
            f"expected a workspace at {workspace}, found none: check the path, or build one with "
            "calrec-catalog sample or calrec-catalog build"
        )
    with changing(workspace, "migrate the catalogue"):
        with staged_database(workspace) as connection:
            found = format_version(connection)
            if found not in _STEPS:
                check_format(connection, "", workspace / FILE)
            for version in range(found, FORMAT):
                say(f"format {version} to {version + 1}")
                connection.execute(_STEPS[version])
                if version == 2:
                    _write_price_lows(connection)
            connection.execute("UPDATE format SET version = $format", {"format": FORMAT})
            domains = connection.execute("SELECT domain, fingerprint FROM domains").fetchall()
            if found == 1:
                for domain, _ in domains:
                    _set_paths(connection, domain)
            items = {domain: domain_items(connection, domain) for domain, _ in domains}
            for domain, some in items.items() if found < FORMAT else ():
                words = word_rule.choose("paper", [item.title for item in some if item.title])
                words = json.dumps({"words": {**words, "asked": word_rule.KEPT}})
                connection.execute(_WORDS, {"words": words, "domain": domain})
        for domain, fingerprint in domains:
            place_index(workspace, domain, fingerprint, items[domain], say)
        if found != FORMAT:
            commit(workspace)
    return found


def _write_price_lows(connection: duckdb.DuckDBPyConnection) -> None:
    """Each domain's own prices tell how its points and commas are meant."""
    for (domain,) in connection.execute("SELECT domain FROM domains").fetchall():
        read_prices(connection, f"(SELECT price FROM items WHERE domain = '{domain}')")
        connection.execute(
            "UPDATE items SET price_low = price_lows.price_low FROM price_lows"
            " WHERE items.domain = $domain AND items.price = price_lows.price",
            {"domain": domain},
        )


def _set_paths(connection: duckdb.DuckDBPyConnection, domain: str) -> None:
    # No name of a domain has a quote in it.
    category_levels(connection, f"SELECT category FROM items WHERE domain = '{domain}'")
    connection.execute(
        "UPDATE items SET path = levels FROM category_levels WHERE raw = category"
        " AND domain = $domain",
        {"domain": domain},
    )
