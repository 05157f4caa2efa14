"""A page's parts by name: what an event reads and changes is never a matter of order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import wraps
from types import SimpleNamespace
from typing import Any

from demo.inspect.session import Session
from demo.inspect.url import Query
from demo.pages.events import SKIP
from demo.pages.page import Page, Saver

Update = dict[str, Any]
"""New values of parts by name; a part that is not in it stays as it is."""


class Named(SimpleNamespace):
    """The components of a page as its attributes; the page's query is in `address`."""

    def of(self, names: Iterable[str]) -> list[Any]:
        """The components of some names."""
        return [getattr(self, name) for name in names]

    def on(
        self,
        event: Callable[..., Any],
        handler: Callable[..., Any] | None,
        reads: Iterable[str] = (),
        changes: Iterable[str] = (),
        **options: Any,
    ) -> Any:
        """Lets an event call a handler that returns, or yields, an `Update`.

        Args:
          event: of a component, or what follows an event.
          handler: `None` where the browser does it all.
          reads: parts whose values the handler takes.
          changes: parts that its updates may name.
          options: of gradio's.
        """
        answer = handler and self._answering(handler)
        if handler is not None:
            # Gradio tells each part that waits, and copies all that it shows to do so: one part
            # waits for all. The style sheet and the scripts ask no more than whether one does.
            options.setdefault("show_progress_on", self.address)
        return event(answer, self.of(reads), self.of(changes), **options)

    def page(
        self,
        show: Callable[[Session, Query], Update],
        changes: Iterable[str],
        saved: Saver | None = None,
    ) -> Page:
        """The page whose `show` changes the components of these names; `saved` is as in `Page`."""
        return Page(
            show=lambda session, query: self._by_component(show(session, query)),
            outputs=self.of(changes),
            address=self.address,
            saved=saved,
        )

    def _answering(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """The handler as gradio takes it: updates by component."""
        if not inspect.isgeneratorfunction(handler):

            @wraps(handler)
            def answered(*arguments: Any) -> Any:
                return self._by_component(handler(*arguments)) or SKIP

            return answered

        @wraps(handler)
        def streamed(*arguments: Any) -> Iterator[Any]:
            with closing(handler(*arguments)) as updates:
                for update in updates:
                    yield self._by_component(update) or SKIP

        return streamed

    def _by_component(self, update: Update) -> dict[Any, Any]:
        return {getattr(self, name): value for name, value in update.items()}
