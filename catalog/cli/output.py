"""What the subcommands of `calrec-catalog` print alike, and how they show what is being done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from calrec.errors import printable
from catalog.cli.findings import findings
from catalog.workspace import DomainInfo


def print_built(info: DomainInfo) -> None:
    """Prints the sizes of a domain that was built, and what its report names first."""
    report, missing = info.report, info.report["missing"]
    repeats = (
        f"{report['repeats_kept']:,} exact repeats kept"
        if report["repeats_kept"]
        else f"{report['repeats_removed']:,} exact repeats removed"
    )
    print(
        f"{info.domain}: {info.items:,} items, {info.users:,} users, {info.events:,} purchases "
        f"({info.role}); {repeats} (compared: {', '.join(report['compared'])}"
        f"{'; the source lacks ' + ', '.join(missing) if missing else ''}), "
        f"{report['items_without_metadata']:,} items without metadata"
    )
    for line in findings(report):
        show(line)


def print_remarks(info: DomainInfo, place: Path) -> None:
    """Prints what the build decided or could not use that a person should look at."""
    for line in info.report.get("remarks", ()):
        show(f"note: {line}")
    if lost := info.report["attributes_unusable"]:
        values = ", ".join(f"{count:,} of {name}" for name, count in lost.items())
        print(f"values that are no text, left out whole or in part: {values}; listed in {place}")


def show(line: str) -> None:
    """Prints a line that may hold foreign text, on a terminal of any encoding."""
    print(printable(line, sys.stdout.encoding))


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line of what is being done, on a terminal's standard error; nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step: None
        return
    with console.status("starting") as status:
        yield status.update
