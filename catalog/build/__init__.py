"""Building a domain: read, clean, write tables, index; it appears whole (see `catalog.build.staging`)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import duckdb

from catalog.build import bad_lines, word_rule
from catalog.errors import CatalogueError
from catalog.ingest import Source
from catalog.ingest.values.ids import meet_ids
from catalog.ingest.sources.two_tables import TwoTables
from catalog.sequences import ROLES, clean_events, cold
from catalog.build.staging import Say, changing, commit, place_index, staged_database
from catalog.build.tables import domain_items, number_items, titles, write_domain
from catalog.workspace import (
    DomainInfo,
    check_domain_name,
    domains,
    list_domains,
    open_for_reading,
)

WITH_REPEATS = "-repeats"
"""Ends the name of a department of the sample shop whose exact repeats were kept."""


def build(
    workspace: Path,
    domain: str,
    source: Source,
    *,
    role: str = "evaluation",
    keep_repeats: bool = False,
    cold_items: float = 0.0,
    allow_bad_lines: bool = False,
    words: word_rule.AskedRule = "auto",
    say: Say = lambda step: None,
) -> DomainInfo:
    """Builds a domain, or builds it anew; readers see the state before it until it is whole.

    Args:
      workspace: the folder; made if there is none.
      domain: its name, of letters, digits, `_` and `-`.
      source: where items and events come from (see `catalog.ingest`).
      role: `evaluation`, `training` or `selection`.
      keep_repeats: leave exact repeats in, to compare with (paper, Table 7).
      cold_items: the share of the bought items, those first sold latest, that may be test targets
        and nothing else (`catalog.sequences.cold`).
      allow_bad_lines: build even if more than `bad_lines.LIMIT` of a file's lines are bad.
      words: the rule of `calrec.text.words` for BM25; `auto` goes by the titles
        (`catalog.build.word_rule`).
      say: told each step, in a few words.

    Raises:
      CatalogueError: if the name, the role or the input is not as expected, the workspace cannot be
        written, or another build runs in it.
    """
    check_domain_name(domain)
    if role not in ROLES:
        raise CatalogueError(
            f"expected a role of {', '.join(ROLES)}, found {role!r}: choose one of them"
        )
    cold.check(cold_items, role)
    word_rule.check(words)
    source.check()
    with changing(workspace, f"build {domain}"):
        domains(workspace)  # refuses a workspace of another format before anything is read
        _build(
            workspace,
            domain,
            source,
            role=role,
            keep_repeats=keep_repeats,
            cold_items=cold_items,
            allow_bad_lines=allow_bad_lines,
            words=words,
            say=lambda step: say(f"{domain}: {step}"),
        )
        connection = open_for_reading(workspace, files=True)
        assert connection is not None  # the domain is in it
        with connection:
            bad_lines.publish(connection, workspace, domain)
            built = list_domains(workspace, connection)
        return next(info for info in built if info.domain == domain)


def build_sample(
    workspace: Path,
    seed: int = 0,
    *,
    only: Collection[str] | None = None,
    keep_repeats: bool = False,
    say: Say = lambda step: None,
) -> list[DomainInfo]:
    """Builds the domains of the sample shop of that seed.

    Args:
      workspace: the folder; made if there is none.
      seed: the same seed gives the same shop.
      only: names of the departments to build; all if not given.
      keep_repeats: build each department a second time, with its exact repeats left in and
        `WITH_REPEATS` behind its name (`sample-kitchen-repeats`).
      say: told each step, in a few words.

    Raises:
      CatalogueError: if the seed is negative, or as `build` does.
    """
    from catalog.sample import make_shop

    if seed < 0:
        raise CatalogueError(f"expected a seed of at least 0, found {seed}: choose another")

    say("making the sample shop")
    sources = {
        domain: TwoTables(items=items, interactions=interactions)
        for domain, (items, interactions) in make_shop(seed).items()
        if only is None or domain in only
    }
    built = [build(workspace, domain, source, say=say) for domain, source in sources.items()]
    if keep_repeats:
        built += [
            build(workspace, f"{domain}{WITH_REPEATS}", source, keep_repeats=True, say=say)
            for domain, source in sources.items()
        ]
    return built


def missing_departments(workspace: Path) -> list[str]:
    """The departments of the sample shop that are still to be built in a workspace.

    All where nothing is built; those left out where a build of the sample shop was interrupted;
    none where only other shops are, which are somebody's own.

    Raises:
      CatalogueError: if the workspace cannot be read.
    """
    from catalog.sample import DEPARTMENTS

    built = {info.domain for info in domains(workspace)}
    if built and not built & DEPARTMENTS.keys():
        return []
    return [department for department in DEPARTMENTS if department not in built]


def read(
    connection: duckdb.DuckDBPyConnection,
    workspace: Path,
    domain: str,
    source: Source,
    *,
    keep_repeats: bool = False,
    cold_items: float = 0.0,
    allow_bad_lines: bool = False,
    say: Say = lambda step: None,
) -> dict[str, Any]:
    """Reads a source and cleans it: makes `kept_events`, `numbered` and what goes with them.

    Args:
      connection: has the workspace's table `bad_lines`, which is filled.
      workspace: where bad lines are listed if there are too many.
      domain: as `build`, and so are the others.

    Returns:
      For the report, all that was found.

    Raises:
      CatalogueError: if the input is not as expected.
    """
    say("reading")
    loaded = source.load(connection)
    ids = meet_ids(connection)
    found = bad_lines.collect(connection, domain, loaded)
    if not allow_bad_lines:
        bad_lines.stop_if_too_many(connection, workspace, domain, loaded)
    say("ordering histories")
    report = {
        "form": loaded.form,
        "compared": list(loaded.compared),
        "missing": list(loaded.missing),
        "bad_lines": found,
        "attributes_unusable": bad_lines.collect_lost(connection, domain, loaded),
        **loaded.notes,
        **ids,
    }
    report |= clean_events(connection, keep_repeats=keep_repeats)
    if cold_items:
        if "timestamp" in loaded.missing:
            raise CatalogueError(
                "expected times beside cold items, which are those first sold latest, found "
                "positions alone: give a column timestamp, or leave the share out"
            )
        report["cold_items"] = cold.hold_out(connection, cold_items)
    return report | number_items(connection, loaded)


def _build(
    workspace: Path,
    domain: str,
    source: Source,
    *,
    role: str,
    words: word_rule.AskedRule,
    say: Say,
    **how: Any,
) -> None:
    with staged_database(workspace) as connection:
        report = read(connection, workspace, domain, source, say=say, **how)
        report["words"] = word_rule.choose(words, titles(connection))
        say("writing tables")
        fingerprint = write_domain(connection, domain, role, report)
        items = domain_items(connection, domain)
    place_index(workspace, domain, fingerprint, items, say)
    commit(workspace)
