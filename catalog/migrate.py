"""Bringing an older workspace to this version's format: nothing has to be read anew."""

from __future__ import annotations

from pathlib import Path

import duckdb

from catalog.errors import CatalogueError
from catalog.staging import Say, changing, commit, place_index, staged_database
from catalog.tables import PRICE_LOW, category_levels, domain_items
from catalog.workspace import FILE, FORMAT, check_format, format_version

# What each format needs to become the next one. Format 2 browses by the levels of categories and
# by price, keeps bad lines, and cuts each attribute's words in the index as BM25 does.
_STEPS = {
    1: f"""
    ALTER TABLE items ADD COLUMN path VARCHAR[];
    ALTER TABLE items ADD COLUMN price_low DOUBLE;
    UPDATE items SET price_low = {PRICE_LOW};
    CREATE TABLE bad_lines (
      domain VARCHAR, file VARCHAR, line BIGINT, reason VARCHAR, content VARCHAR);
    UPDATE domains SET report = json_merge_patch(report,
      json_object('bad_lines', {{'items': 0, 'events': 0}}, 'missing',
        list_filter(['rating', 'review_text'],
          lambda name: NOT list_contains(json_extract_string(report, '$.compared[*]'), name))
      ))::VARCHAR;
    """
}


def migrate(workspace: Path, *, say: Say = lambda step: None) -> int:
    """Brings the workspace to the present format, its indexes too; the tables appear whole.

    Returns:
      The format that it had; the present one if there was nothing to do.

    Raises:
      CatalogueError: if there is no workspace, it is newer than this version, damaged, in use by a
        build, or cannot be written.
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
                return found
            for version in range(found, FORMAT):
                say(f"format {version} to {version + 1}")
                connection.execute(_STEPS[version])
            connection.execute("UPDATE format SET version = $format", {"format": FORMAT})
            domains = connection.execute("SELECT domain, fingerprint FROM domains").fetchall()
            if found == 1:
                for domain, _ in domains:
                    _set_paths(connection, domain)
            items = {domain: domain_items(connection, domain) for domain, _ in domains}
        for domain, fingerprint in domains:
            place_index(workspace, domain, fingerprint, items[domain], say)
        commit(workspace)
    return found


def _set_paths(connection: duckdb.DuckDBPyConnection, domain: str) -> None:
    # No name of a domain has a quote in it.
    category_levels(connection, f"SELECT category FROM items WHERE domain = '{domain}'")
    connection.execute(
        "UPDATE items SET path = levels FROM category_levels WHERE raw = category"
        " AND domain = $domain",
        {"domain": domain},
    )
