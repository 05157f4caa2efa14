"""Downloads a category of the Amazon Reviews: the reviews and the metadata of their items.

`catalog.download.online_retail` downloads a shop's order lines.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog.download.resumable import Patience, client, fetch
from catalog.errors import CatalogueError


@dataclass(frozen=True, kw_only=True)
class Edition:
    """A published collection.

    Attributes:
      name: as it is given on the command line.
      base_url: folder that `reviews` and `meta` are relative to.
      reviews: path of a category's reviews, with `{category}`.
      meta: path of a category's item metadata, with `{category}`.
      page: where people read about the edition and its categories.
      categories: their names.
    """

    name: str
    base_url: str
    reviews: str
    meta: str
    page: str
    categories: tuple[str, ...]


AMAZON_2023 = Edition(
    name="amazon-2023",
    base_url="https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023/",
    reviews="raw/review_categories/{category}.jsonl.gz",
    meta="raw/meta_categories/meta_{category}.jsonl.gz",
    page="https://amazon-reviews-2023.github.io",
    categories=(
        "All_Beauty",
        "Amazon_Fashion",
        "Appliances",
        "Arts_Crafts_and_Sewing",
        "Automotive",
        "Baby_Products",
        "Beauty_and_Personal_Care",
        "Books",
        "CDs_and_Vinyl",
        "Cell_Phones_and_Accessories",
        "Clothing_Shoes_and_Jewelry",
        "Digital_Music",
        "Electronics",
        "Gift_Cards",
        "Grocery_and_Gourmet_Food",
        "Handmade_Products",
        "Health_and_Household",
        "Health_and_Personal_Care",
        "Home_and_Kitchen",
        "Industrial_and_Scientific",
        "Kindle_Store",
        "Magazine_Subscriptions",
        "Movies_and_TV",
        "Musical_Instruments",
        "Office_Products",
        "Patio_Lawn_and_Garden",
        "Pet_Supplies",
        "Software",
        "Sports_and_Outdoors",
        "Subscription_Boxes",
        "Tools_and_Home_Improvement",
        "Toys_and_Games",
        "Unknown",
        "Video_Games",
    ),
)
EDITIONS = {edition.name: edition for edition in (AMAZON_2023,)}


@dataclass(frozen=True, kw_only=True)
class Downloaded:
    """A file that is there, whole.

    Attributes:
      path: of the file.
      fetched: False if it lay there already, in the server's size.
    """

    path: Path
    fetched: bool


def download(
    edition: Edition,
    category: str | None,
    to: Path,
    *,
    base_url: str | None = None,
    patience: Patience | None = None,
    report: Callable[[str, int, int | None], None] = lambda name, done, size: None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Downloaded, Downloaded]:
    """Fetches a category's reviews and metadata into a folder, each whole or not at all.

    Args:
      edition: which collection.
      category: one of `edition.categories`; `None` is refused with a word on where to find them.
      to: folder; made if it is missing.
      base_url: of a mirror with the edition's layout; the edition's own if not given.
      patience: time limits and attempts; `Patience()` if not given.
      report: called with a file's name, the bytes there are and the bytes of the whole file, `None`
        where the server does not tell.
      say: called with one line about each connection that broke.

    Returns:
      The reviews and the metadata.

    Raises:
      CatalogueError: no such category, or a file cannot be fetched or written. What came so far
        lies beside it as `.part`; the same call goes on from there.
    """
    _check_category(edition, category)
    base = one_base(base_url or edition.base_url)
    make_folder(to)
    patience = patience or Patience()
    with client(patience) as web:

        def one(path: str) -> Downloaded:
            url = f"{base}/{path.format(category=category)}"
            target = to / url.rpartition("/")[2]
            fetched = fetch(
                web,
                url,
                target,
                patience=patience,
                report=lambda done, size: report(target.name, done, size),
                say=say,
            )
            return Downloaded(path=target, fetched=fetched)

        return one(edition.reviews), one(edition.meta)


def one_base(url: str) -> str:
    """A base URL without a slash at its end; raises `CatalogueError` unless it is of HTTP."""
    base = url.rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise CatalogueError(
            f"expected a base URL with http:// or https://, found {base!r}: give a mirror's"
        )
    return base


def make_folder(to: Path) -> None:
    """Makes the folder if it is missing; raises `CatalogueError` if it cannot be one."""
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogueError(
            f"expected a folder at {to}, found {error.strerror}: choose another one"
        ) from error


def build_command(category: str, reviews: Path, meta: Path) -> str:
    """The shell command that makes a domain of the files; it has the category's name."""
    words = ["calrec-catalog", "build", "--domain", category.lower()]
    return shlex.join([*words, "--amazon-reviews", str(reviews), "--amazon-meta", str(meta)])


@contextmanager
def bars() -> Iterator[tuple[Callable[[str, int, int | None], None], Callable[[str], None]]]:
    """`report` and `say` for `download`: bars on a terminal's standard error; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda name, done, size: None, lambda text: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks = {}

        def report(name: str, done: int, size: int | None) -> None:
            if name not in tasks:
                # Counted from what was there already, or the speed would be that of the disk.
                tasks[name] = progress.add_task(name, completed=done, total=size)
            progress.update(tasks[name], completed=done, total=size)

        yield report, lambda text: progress.console.print(text, markup=False, highlight=False)


def _check_category(edition: Edition, category: str | None) -> None:
    if category is None:
        raise CatalogueError(
            f"expected --category NAME for {edition.name}, found none: take one of {edition.page}, "
            f"such as {edition.categories[0]}"
        )
    if category in edition.categories:
        return
    asked = "_".join(category.lower().split())
    lower = {name.lower(): name for name in edition.categories}
    near = [lower[name] for name in difflib.get_close_matches(asked, lower)]
    near += [
        name for low, name in lower.items() if len(asked) > 2 and asked in low and name not in near
    ]
    hint = f"did you mean {' or '.join(near[:3])}?" if near else f"take {', '.join(lower.values())}"
    raise CatalogueError(
        f"expected a category of {edition.name} as {edition.page} names them, "
        f"found {category[:100]!r}: {hint}"
    )
