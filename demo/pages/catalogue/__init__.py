"""The Catalogue page: search, filters, the list of items, and one item beside it."""

from __future__ import annotations

from demo.pages.catalogue.handlers import CatalogueHandlers
from demo.pages.catalogue.parts import CatalogueUpdate, VectorsUpdate, VisitUpdate, lay_out
from demo.pages.components import named, script
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL
from demo.pages.page import Page, Shell

TITLE = "Catalogue"


def build(shell: Shell) -> Page:
    """The page over one application: its parts, and which handler answers which event."""
    handlers = CatalogueHandlers(shell.app)
    parts = lay_out()
    outputs = named(CatalogueUpdate, parts)
    session = shell.session

    parts.fold.click(None, None, None, js=script("foldFilters"), **LOOK_UP)
    state = [session, parts.address, parts.search, parts.sort]
    # Not search.input, which a paste does not set off.
    for changed in (parts.search.change, parts.search.submit, parts.sort.input):
        changed(handlers.search, state, outputs, **BROWSE)
    similar = (parts.words, parts.vectors)
    for clicked in (parts.filters, parts.chips, parts.results, parts.item, *similar):
        clicked.select(handlers.click, state, outputs, **BROWSE)
    for clicked in (parts.results, parts.item, *similar):
        clicked.edit(handlers.edit, session, named(VisitUpdate, shell), **EDIT)

    # A failure is said in the toast: what follows shows the vectors' own place anew.
    place = {"fn": handlers.vectors, "inputs": [session, parts.address], "outputs": parts.vectors}
    told = VectorsUpdate(vectors=parts.vectors, toast=shell.toast)
    job = parts.vectors.apply(handlers.compute, session, list(told), **MODEL)
    job.then(**place, **LOOK_UP)
    parts.vectors.stop(None, None, None, cancels=[job], **LOOK_UP).then(**place, **LOOK_UP)
    return Page(show=handlers.show, outputs=outputs, address=parts.address)
