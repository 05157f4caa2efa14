"""A form of input as the command line sees it: the options that ask for it, and its source."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.ingest import Source


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of input.

    Attributes:
      needs: the options that it must be given.
      may: those that it may be given besides.
      source: makes the source of the values of all of them, by name.
    """

    needs: tuple[str, ...]
    may: tuple[str, ...]
    source: Callable[[Mapping[str, Any]], Source]

    def fits(self, given: Collection[str]) -> bool:
        """Whether the options given are its own, none left out that it needs."""
        return set(self.needs) <= set(given) <= {*self.needs, *self.may}

    def read(self, options: Mapping[str, Any]) -> Source:
        """The source of these options; those of other forms are left out."""
        return self.source({name: options[name] for name in (*self.needs, *self.may)})
