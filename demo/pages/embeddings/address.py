"""What the Embeddings page shows: from its address, checked against what there is, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from demo.inspect import url
from demo.inspect.projection import METHODS

USERS = (25, 50, 100, 200, 500)
DEFAULT_USERS = 100
HIGHEST_SEED = 2**31 - 1
CHOICES = ("method", "checkpoint", "users", "seed")
"""What a visitor sets, by names of fields of `EmbeddingsAddress`."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingsAddress:
    """What is shown.

    Attributes:
      method: a key of `demo.inspect.projection.METHODS`.
      checkpoint: name of the checkpoint compared with the served one; empty for none.
      users: test users whose cosines are taken.
      seed: draws them, and the items on a map of a large shop.
    """

    method: str = "pca"
    checkpoint: str = ""
    users: int = DEFAULT_USERS
    seed: int = 0

    def query(self) -> str:
        """The address, without what it would be anyway."""
        return url.write(url.changed(self, EmbeddingsAddress()))


class MapOf(NamedTuple):
    """All that a map is of.

    Attributes:
      domain: the shop.
      fingerprint: of its data.
      history: item ids, oldest first.
      target: id of the item bought next, where it is known.
      method: as in the address.
      seed: likewise.
      go: when somebody said that a large shop is to be embedded; 0 if nobody did. Another time asks
        for the same map anew.
    """

    domain: str
    fingerprint: str
    history: tuple[str, ...]
    target: str | None
    method: str
    seed: int
    go: float = 0.0


class CosinesOf(NamedTuple):
    """All that the cosines are of; see `MapOf` and `EmbeddingsAddress`."""

    domain: str
    fingerprint: str
    history: tuple[str, ...]
    target: str | None
    checkpoint: str
    users: int
    seed: int


def checked(wanted: Mapping[str, Any], checkpoints: Iterable[str]) -> EmbeddingsAddress:
    """A choice of what there is; whatever of `wanted` is none of it gives way to the default.

    Args:
      wanted: by names of fields of `EmbeddingsAddress`; values may be anything, as they come from a
        browser.
      checkpoints: names of those that can be compared.
    """
    method, name = wanted.get("method"), wanted.get("checkpoint")
    users = whole(wanted.get("users"), DEFAULT_USERS)
    return EmbeddingsAddress(
        method=method if isinstance(method, str) and method in METHODS else "pca",
        checkpoint=name if isinstance(name, str) and name in list(checkpoints) else "",
        users=users if users in USERS else DEFAULT_USERS,
        seed=whole(wanted.get("seed"), 0),
    )


def from_query(query: url.Query) -> dict[str, Any]:
    """What an address asks for, unchecked."""
    return {name: url.one(query, name) for name in CHOICES}


def whole(value: Any, default: int) -> int:
    """A whole number from 0 to `HIGHEST_SEED`; the default for anything else."""
    try:
        number = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return default
    return number if 0 <= number <= HIGHEST_SEED else default
