"""The register of recommenders: whatever lists, names or builds recommenders reads it here.

A recommender of this package is one file or folder beside this one, and its entry a line below. One
of another package is an entry point of the group `calrec.recommenders` that names an `Entry`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from calrec.errors import CalrecError
from calrec.recommenders import calrec, dense, item_knn, lir, markov, popularity, tgh
from calrec.recommenders.blend import recommender as blend
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.hybrid import recommender as hybrid
from calrec.recommenders.protocol import Recommender
from calrec.recommenders.sasrec import recommender as sasrec

GROUP = "calrec.recommenders"

_OURS = (
    calrec.ENTRY,
    hybrid.ENTRY,
    lir.ENTRY,
    blend.ENTRY,
    tgh.ENTRY,
    item_knn.ENTRY,
    markov.ENTRY,
    popularity.ENTRY,
    sasrec.ENTRY,
    dense.ENTRY,
)


@cache
def entries() -> dict[str, Entry]:
    """All recommenders by id: those of this package first, then those of others by name.

    Raises:
      CalrecError: if another package's entry point cannot be read, is no `Entry`, or has the id of
        one that is there.
    """
    found = {entry.id: entry for entry in _OURS}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            entry = point.load()
        except Exception as error:  # whatever a foreign module raises
            raise CalrecError(
                f"expected a recommender at the entry point {point.value}, found"
                f" {type(error).__name__}: {error}; mend or uninstall its package"
            ) from error
        if not isinstance(entry, Entry) or entry.id in found:
            what = f"a second {entry.id!r}" if isinstance(entry, Entry) else f"{entry!r}"
            raise CalrecError(
                f"expected an Entry of its own id at the entry point {point.value}, found {what};"
                " mend or uninstall its package"
            )
        found[entry.id] = entry
    return found


def entry(recommender: str) -> Entry:
    """The entry of an id.

    Raises:
      CalrecError: if there is none.
    """
    known = entries()
    if recommender not in known:
        raise CalrecError(
            f"expected a recommender of {', '.join(known)}, found {recommender!r}; choose one of"
            " them"
        )
    return known[recommender]


def label(recommender: str) -> str:
    """The name in a table of an id; the id itself where it is not in the register."""
    return known.label if (known := entries().get(recommender)) else recommender


def title(recommender: str) -> str:
    """The name for people of an id; the id itself where it is not in the register."""
    return known.title if (known := entries().get(recommender)) else recommender


def rivals() -> tuple[str, ...]:
    """Ids of the recommenders that write no texts: what a generative one is compared with."""
    return tuple(entry.id for entry in entries().values() if not entry.generative)


def build(recommender: str, inputs: Inputs) -> Recommender:
    """The recommender of an id over a shop.

    Raises:
      CalrecError: if there is no such recommender, or its checkpoint cannot be loaded.
    """
    return entry(recommender).build(inputs)
