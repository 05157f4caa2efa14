"""A page's parts by name: what an event reads and changes is never a matter of order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from functools import wraps
from typing import Any

from demo.inspect.session import Session
from demo.inspect.url import Query
from demo.pages.events import SKIP
from demo.pages.page import Page

Update = Mapping[str, Any]
"""New values of parts by name; a part that is not in it stays as it is."""


class Named:
    """The components of a page, and its handlers' updates brought to them.

    Args:
      parts: a record of components; the page's query is in `address`.
    """

    def __init__(self, parts: Any) -> None:
        self._components: dict[str, Any] = {
            field.name: getattr(parts, field.name) for field in fields(parts)
        }

    def of(self, *names: str) -> list[Any]:
        """The components of some names, for an event's inputs or outputs."""
        return [self._components[name] for name in names]

    def updating(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """A handler that returns, or yields, an `Update` as gradio takes it: by component."""
        if not inspect.isgeneratorfunction(handler):

            @wraps(handler)
            def answered(*arguments: Any) -> Any:
                return self._by_component(handler(*arguments))

            return answered

        @wraps(handler)
        def streamed(*arguments: Any) -> Iterator[Any]:
            with closing(handler(*arguments)) as updates:
                for update in updates:
                    yield self._by_component(update)

        return streamed

    def page(self, show: Callable[[Session, Query], Update], names: Sequence[str]) -> Page:
        """The page whose `show` changes the components of these names."""

        def listed(session: Session, query: Query) -> list[Any]:
            update = show(session, query)
            return [update.get(name, SKIP) for name in names]

        return Page(show=listed, outputs=self.of(*names), address=self._components["address"])

    def _by_component(self, update: Update) -> Any:
        return {self._components[name]: value for name, value in update.items()} or SKIP
