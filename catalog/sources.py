"""Where the data of a known shop come from and under which licence, told by its fingerprint."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

ONLINE_RETAIL_II = (
    "Online Retail II by Daqing Chen, UCI Machine Learning Repository, "
    "https://doi.org/10.24432/C5CG6D, licence CC BY 4.0"
)

_BY_FINGERPRINT = MappingProxyType(
    # What `calrec-catalog build --orders` makes of the whole workbook.
    {"f348cde9c85a7d409511446eca0ddcbe0f2fbd4e4224590dcca8b1c6190c03ff": ONLINE_RETAIL_II}
)


def sources(fingerprints: Iterable[str]) -> list[str]:
    """A line for each of these shops whose data are known: what, by whom, where, licence."""
    known = (_BY_FINGERPRINT.get(fingerprint) for fingerprint in fingerprints)
    return list(dict.fromkeys(filter(None, known)))
