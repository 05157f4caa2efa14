"""Which columns of two given tables are ours: by name, or as the user says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catalog.errors import CatalogueError

COLUMNS = {
    "items": ("item_id", "title", "category", "brand", "price"),
    "interactions": ("user_id", "item_id", "timestamp", "position", "rating", "review_text"),
}
_REQUIRED = {"items": ("item_id",), "interactions": ("user_id", "item_id")}
_TIMES = ("timestamp", "position")


def parse_columns(texts: Iterable[str]) -> dict[str, str]:
    """`user_id=customer` as a mapping of our name to theirs; raises `CatalogueError`."""
    columns: dict[str, str] = {}
    for text in texts:
        ours, equals, theirs = text.partition("=")
        if not (ours and equals and theirs):
            raise CatalogueError(
                f"expected a column as NAME=THEIRS, found {text!r}: write it like user_id=customer"
            )
        if columns.setdefault(ours, theirs) != theirs:
            raise CatalogueError(
                f"expected one column for {ours}, found {columns[ours]} and {theirs}: "
                "give it once, or apart as items.NAME and interactions.NAME"
            )
    return columns


def check_columns(columns: Mapping[str, str]) -> None:
    """Raises `CatalogueError` unless the mapping's keys are names of ours."""
    for ours in columns:
        table, dot, name = ours.rpartition(".")
        known = COLUMNS.get(table, ()) if dot else {n for names in COLUMNS.values() for n in names}
        if name not in known:
            listed = "; ".join(f"{table}: {', '.join(names)}" for table, names in COLUMNS.items())
            raise CatalogueError(
                f"expected the name of one of our columns ({listed}), found {ours!r}: "
                "write a mapping like user_id=customer or items.item_id=sku"
            )


def require_different(names: Iterable[str], where: object) -> None:
    """Raises `CatalogueError` if two names, blank ones aside, are one but for their case."""
    seen: dict[str, str] = {}
    for name in filter(None, names):
        if name.lower() in seen:
            raise CatalogueError(
                f"expected columns of different names in {where}, found {seen[name.lower()]} and "
                f"{name}: give each column a name of its own"
            )
        seen[name.lower()] = name


def choose_columns(
    columns: Mapping[str, str], found: Mapping[str, Iterable[str]], where: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """The columns to read of each table.

    A name matches exactly or else whatever its case.

    Args:
      columns: our name, or `items.` or `interactions.` and our name, to theirs. Without a table it
        holds for whichever has such a column.
      found: the columns of `items` and of `interactions`.
      where: where the two came from, for messages.

    Returns:
      Of each table, our name to theirs, for those that there are.

    Raises:
      CatalogueError: if a mapped or a required column is not there.
    """
    found = {table: tuple(names) for table, names in found.items()}
    chosen = {
        table: {ours: theirs for ours in names if (theirs := _match(ours, found[table]))}
        for table, names in COLUMNS.items()
    }
    for key, theirs in columns.items():
        only, _, ours = key.rpartition(".")
        tables = [table for table in ((only,) if only else COLUMNS) if ours in COLUMNS[table]]
        held = {table: name for table in tables if (name := _match(theirs, found[table]))}
        if not held:
            raise CatalogueError(
                f"expected a column {theirs} for {key}, found "
                + " and ".join(f"{', '.join(found[t])} in the {t} ({where[t]})" for t in tables)
                + f": correct {key}={theirs}"
            )
        for table, name in held.items():
            chosen[table][ours] = name
    for table, required in _REQUIRED.items():
        if table == "interactions":
            required += (next((name for name in _TIMES if name in chosen[table]), _TIMES[0]),)
        if missing := [ours for ours in required if ours not in chosen[table]]:
            raise CatalogueError(
                f"expected the columns {', '.join(required)} in the {table} ({where[table]}), "
                f"found {', '.join(found[table]) or 'none'}: add {', '.join(missing)} "
                f"or name it, as in --column {missing[0]}=NAME"
            )
    return {
        table: {ours: chosen[table][ours] for ours in names if ours in chosen[table]}
        for table, names in COLUMNS.items()
    }


def _match(name: str, found: Iterable[str]) -> str | None:
    if name in found:
        return name
    return next((column for column in found if column.lower() == name.lower()), None)
