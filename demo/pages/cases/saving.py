"""A case as part of a report, made anew from its address."""

from __future__ import annotations

from dataclasses import asdict

from markupsafe import Markup

from calrec.errors import CalrecError
from demo.html.case_study.columns import columns_view
from demo.html.case_study.view import case_view
from demo.html.templating import render
from demo.inspect.annotations import NOTHING
from demo.inspect.run_pair import RunPair
from demo.inspect.session import Session
from demo.inspect.url import Query
from demo.pages.cases.address import CasesAddress
from demo.pages.cases.showing import Showing


def saved(showing: Showing, session: Session, query: Query, key: str) -> Markup:
    """The case of an address, with what is noted on it; `key` begins the ids of its parts.

    Raises:
      CalrecError: if the shop has no evaluation, or the evaluation no such case.
    """
    view, cases = CasesAddress.read(query), showing.cases
    pair = showing.pair(session, view)
    if not isinstance(pair, RunPair):
        raise CalrecError("expected an evaluation of this shop, found none; run one first")
    noted, _ = cases.noted(pair)
    study = cases.study(pair, view.case, noted)
    columns = columns_view(cases.columns(pair, view.beside, study))
    annotated = study.noted if asdict(study.noted) != asdict(NOTHING) else None
    names = " against ".join(side.name for side in study.sides)
    case = case_view(study, columns=columns, scripted=False, key=key)
    return render("cases/saved", "collected", names, annotated, case)
