"""Tells a query's words from the options of a command line, even where they begin with a minus."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def query_last(
    arguments: Sequence[str], single: Collection[str], several: Collection[str]
) -> list[str]:
    """The same arguments with those of the query as one, at the end behind `--`.

    A query may begin with a minus (`-korg`), which else would be read as an option, and so may the
    value of an option that takes one.

    Args:
      arguments: of a command that has a query and options of two dashes, its name left out.
      single: the options that take one value, as `--limit`.
      several: those that take any number of values; none of these may begin with a minus.
    """
    options: list[str] = []
    query: list[str] = []
    open_ended = False
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            query += rest
        elif argument.startswith("--") or argument == "-h":
            name = argument.replace("_", "-")
            open_ended = name in several
            value = next(rest, None) if name in single else None
            options.append(argument if value is None else f"{argument}={value}")
        elif open_ended and not argument.startswith("-"):
            options.append(argument)
        else:
            open_ended = False
            query.append(argument)
    return [*options, "--", " ".join(query)] if query else options
