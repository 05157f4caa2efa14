"""The walkthrough as a whole: both its sides, and the page of an address."""

from __future__ import annotations

import time

from demo.html import widgets
from demo.inspect import url
from demo.inspect.application import Application
from demo.inspect.choices import Choices
from demo.inspect.session import Session
from demo.inspect.url import Query
from demo.pages.named import Update
from demo.pages.walkthrough.address import from_query
from demo.pages.walkthrough.assembling import Assembling
from demo.pages.walkthrough.explaining import Explaining
from demo.pages.walkthrough.exploring import Exploring
from demo.pages.walkthrough.keeping import Keeping
from demo.pages.walkthrough.recommending import Recommending
from demo.pages.walkthrough.results import no_results
from demo.pages.walkthrough.saving import Saving
from demo.pages.walkthrough.sureness import Sureness


class WalkthroughHandlers:
    """The page's events over one `Application`; holds nothing of a visitor.

    Attributes:
      assembling: the history's side.
      recommending: the results' side.
      exploring: the search over the whole catalogue.
      explaining: why the results are as they are.
      keeping: a result that is kept beside the next ones.
      saving: a result as part of a report.
      sureness: ranks by other seeds.
    """

    def __init__(self, application: Application) -> None:
        self.assembling = Assembling(application)
        self.recommending = Recommending(application)
        self.exploring = Exploring(application)
        self.explaining = Explaining(self.recommending)
        self.keeping = Keeping(self.recommending)
        self.saving = Saving(self.recommending)
        self.sureness = Sureness(self.recommending)

    def opening(self, session: Session) -> Update:
        """What stands on the page before a visitor's own is shown."""
        history = widgets.history_list([], session)
        return {**self._fresh(session), "history": history, "speaker": self.recommending.speaker()}

    def show(self, session: Session, query: Query) -> Update:
        """The page of a visitor and an address: the controls' values, then all that they show."""
        choice = from_query(query)
        # A link to the story of a result has the result, too.
        asked = url.one(query, "written") == "1" or url.one(query, "story") != ""
        wanted = asked and bool(session.history)
        fresh = self._fresh(session)
        offered = [name for name in Choices._fields if name in fresh]
        # Whoever comes back finds the same value as before, which would start nothing.
        start = f"{session.domain} {session.history} {choice} {time.time_ns()}"
        return {
            **fresh,
            **{name: {**fresh[name], "value": ""} for name in offered},
            "sort": {**fresh["sort"], "value": "relevance"},
            "query": "",
            **self.assembling.assembly(session, None, choice.template),
            **choice.controls(),
            "address": url.write({**choice.query(), "written": "1" if wanted else ""}),
            # The box that starts the model: any other value than before does.
            **({"start": start} if wanted else {}),
        }

    def _fresh(self, session: Session) -> Update:
        """What a shop has to offer, and no results."""
        return {
            **no_results(),
            **self.assembling.browse(session, "", "", "", "", "relevance"),
            "shoppers": self.assembling.search_shoppers(session)["shoppers"],
            "presets": self.assembling.telling(session),
        }
