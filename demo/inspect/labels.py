"""Which labels a case is offered, and which of them have a digit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from demo.inspect.annotations import Annotation

DIGITS = 9
"""Labels that a key gives: 1 to 9."""


def with_digits(noted: Mapping[str, Annotation], reasons: Sequence[str]) -> tuple[str, ...]:
    """The nine labels given most often, in the order of `offered`.

    Their order does not follow the counts: a digit means the same label from case to case.

    Args:
      noted: the shop's annotations, by user.
      reasons: the labels on offer, first; of equally frequent ones they have the digits.
    """
    counts = Counter(label for note in noted.values() for label in note.labels)
    known = offered(noted, reasons)
    most = sorted(known, key=lambda label: -counts[label])[:DIGITS]
    return tuple(label for label in known if label in most)


def offered(noted: Mapping[str, Annotation], reasons: Sequence[str]) -> tuple[str, ...]:
    """The labels on offer and then all others in use, those by name."""
    used = {label for note in noted.values() for label in note.labels}
    return tuple(dict.fromkeys([*reasons, *sorted(used)]))


def toggled(labels: Sequence[str], label: str) -> tuple[str, ...]:
    """The labels of a case with one more, or without it where it was among them."""
    if label in labels:
        return tuple(other for other in labels if other != label)
    return (*labels, label)
