"""The walkthrough as a whole: what its events do, and how an address is shown."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.inspect import url
from demo.inspect.application import Application
from demo.inspect.session import Session
from demo.inspect.url import Query
from demo.pages.events import SKIP
from demo.pages.walkthrough.address import WalkthroughAddress, from_query
from demo.pages.walkthrough.assembling import Assembling
from demo.pages.walkthrough.recommending import Recommending


class Handlers:
    """The page's events over one `Application`; holds nothing of a visitor.

    Attributes:
      assembling: the history's side.
      recommending: the results' side.
    """

    def __init__(self, application: Application) -> None:
        self.assembling = Assembling(application)
        self.recommending = Recommending(application)

    def show(self, session: Session, query: Query) -> tuple[Any, ...]:
        """The page of a visitor and an address: the controls' values, then all that they show."""
        choice = from_query(query)
        wanted = url.one(query, "written") == "1" and bool(session.history)
        browse, *filters = self.assembling.browse(session, "", "", "", "", "relevance")
        assembly = self.assembling.assembly(session, None, choice.template)
        blank = self.recommending.no_results()
        return (
            browse,
            *(
                {**offered, "value": ""} if isinstance(offered, dict) else SKIP
                for offered in filters
            ),
            "",
            self.assembling.telling(session),
            *assembly[:-1],
            gr.update(choices=self.assembling.shoppers(session), value=session.user_id),
            *(
                getattr(choice, name) if name != "others" else list(choice.others)
                for name in WalkthroughAddress.__dataclass_fields__
            ),
            *blank[1:7],
            None,
            url.write({**choice.query(), "written": "1" if wanted else ""}),
            # The box that starts the model: any other value than before does.
            f"{session.domain} {session.history} {choice}" if wanted else SKIP,
        )
