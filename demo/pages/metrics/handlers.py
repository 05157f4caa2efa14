"""What the Metrics page answers: plain functions from a choice to updates."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from calrec.errors import CalrecError
from calrec.evaluation.metrics import TITLES
from calrec.report import figures
from demo.html import model_card_text
from demo.html.templating import render
from demo.html.widgets import empty_state, notice, plot_title
from demo.html.wording import count
from demo.inspect import checkpoints, model_card, training_curves
from demo.inspect.application import Application
from demo.inspect.evaluations import Found
from demo.inspect.local_paths import local
from demo.inspect.reports import Reports, chosen
from demo.inspect.session import Session
from demo.inspect.training_curves import Log
from demo.inspect.url import Query
from demo.pages.figures import HIDDEN, shown
from demo.pages.metrics import drawing
from demo.pages.metrics.address import DIMENSIONS, checked, from_query

PLOTS = 6
"""Training curves shown, at most."""


class Controls(NamedTuple):
    """What a visitor chose, and what is to be drawn of it; drawn when it changes."""

    runs: Any
    metric: Any
    dimension: Any
    first: Any
    second: Any
    checkpoint: Any
    problems: Any
    report_of: Any
    slices_of: Any
    pair_of: Any
    model_of: Any
    address: Any


class Report(NamedTuple):
    """The comparison of the chosen runs."""

    status: Any
    overview: Any
    plots_lead: Any
    distribution: Any
    details: Any
    more: Any


class Slices(NamedTuple):
    """A metric by a dimension."""

    caption: Any
    slices: Any


class PairUpdate(NamedTuple):
    """Two runs compared."""

    table: Any
    caption: Any
    scatter: Any


class Model(NamedTuple):
    """Training and card of a checkpoint; the plots follow."""

    curves_lead: Any
    card: Any
    download: Any


class Handlers:
    """Answers for all visitors; holds nothing of one."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._reports = Reports()

    # Choosing

    def show(self, session: Session, query: Query) -> Controls:
        """The controls for an address; what they ask for is drawn by the events that follow."""
        return self._controls(session.domain, from_query(query))

    def choose(self, session: Session, *chosen_: Any) -> Controls:
        """The same after a visitor chose something."""
        fields = ("runs", "metric", "dimension", "first", "second", "checkpoint")
        return self._controls(session.domain, dict(zip(fields, chosen_, strict=True)))

    def _controls(self, domain: str, wanted: dict[str, Any]) -> Controls:
        found = self._found(domain)
        fingerprint = self._app.domains[domain].fingerprint
        known = list(checkpoints.known(self._app))
        choice = checked(wanted, domain, found.runs, fingerprint, known)
        default = checked({}, domain, found.runs, fingerprint, known)
        offered = drawing.run_choices(found.runs)
        return Controls(
            runs=gr.update(choices=offered, value=list(choice.runs)),
            metric=gr.update(value=choice.metric),
            dimension=gr.update(value=choice.dimension),
            first=gr.update(choices=offered, value=choice.first or None),
            second=gr.update(choices=offered, value=choice.second or None),
            checkpoint=gr.update(choices=known, value=choice.checkpoint or None),
            problems=self._problems(found),
            report_of=(domain, choice.runs, choice.metric),
            slices_of=(domain, choice.runs, choice.metric, choice.dimension),
            pair_of=(domain, choice.first, choice.second),
            model_of=(domain, fingerprint, choice.checkpoint),
            address=choice.query(default),
        )

    def _found(self, domain: str) -> Found:
        return self._app.evaluations.of(domain)

    def _problems(self, found: Found) -> str:
        if not found.problems:
            return ""
        unread = count(len(found.problems), "evaluation")
        lines = " ".join(map(self._without_folders, found.problems))
        return notice(f"{unread} could not be read. {lines}", "error")

    def _without_folders(self, line: object) -> str:
        """An error without where the runs lie on this machine: their own names stay."""
        return local(str(line), *self._app.evaluations.folders)

    # Drawing

    def draw_report(self, asked: Any) -> Iterator[Report]:
        """Tables and the rank distribution; says first what it does where that takes a while."""
        if not asked:
            return
        domain, names, metric = asked
        runs = chosen(names, self._found(domain).runs)
        if not runs:
            yield _no_report(drawing.no_runs(domain))
            return
        if not self._reports.known(runs, metric):
            text = f"Comparing {count(len(runs), 'run')} on the shoppers that they share."
            yield Report(notice(text), *(gr.skip() for _ in Report._fields[1:]))
        try:
            content = self._reports.report(runs, metric)
            overview, details, more = drawing.tables_html(content)
            yield Report(
                status="",
                overview=overview,
                plots_lead=drawing.plots_lead(content),
                distribution=shown(figures.rank_distribution(content.comparisons[0][1])),
                details=details,
                more=more,
            )
        except CalrecError as error:
            yield _no_report(notice(self._without_folders(error), "error"))

    def draw_slices(self, asked: Any) -> Slices:
        """A metric over the bands of a dimension."""
        if not asked:
            return Slices("", HIDDEN)
        domain, names, metric, dimension = asked
        runs = chosen(names, self._found(domain).runs)
        if not runs:
            return Slices("", HIDDEN)
        cut = DIMENSIONS[dimension]
        try:
            one = self._reports.report(runs, metric).comparisons[0][1]
            drawn = self._reports.slices(runs, metric, cut)
        except CalrecError:
            return Slices("", HIDDEN)  # the report says why
        dimension = cut(one.cases[0]).dimension.lower()
        level = one.bootstrap.level
        caption = render("metrics", "slices_caption", TITLES[metric], dimension, level)
        return Slices(caption, shown(drawn))

    def draw_pair(self, asked: Any) -> PairUpdate:
        """Two runs on their common users."""
        if not asked:
            return PairUpdate("", "", HIDDEN)
        domain, *names = asked
        found = self._found(domain).runs
        runs = chosen(names, found)
        if len(runs) < 2:
            text = "This shop needs two finished evaluations; evaluate a second recommender."
            return PairUpdate(empty_state("Nothing to compare yet", text), "", HIDDEN)
        try:
            one = self._reports.pair(*runs)
        except CalrecError as error:
            return PairUpdate(notice(self._without_folders(error), "error"), "", HIDDEN)
        return PairUpdate(
            drawing.pair_html(one), drawing.scatter_caption(one), shown(_scatter(one))
        )

    def draw_model(self, asked: Any) -> tuple[Any, ...]:
        """Training curves and model card of a checkpoint."""
        if not asked:
            return (*Model("", "", ""), *_curves(None))
        domain, _, name = asked
        folder = checkpoints.known(self._app).get(name)
        if folder is None:
            text = "The served model comes from no checkpoint folder that can be read."
            return (*Model(empty_state("No checkpoint", text), "", ""), *_curves(None))
        log: Log | None = None
        try:
            log = training_curves.read(folder)
            lead = drawing.curves_lead(log)
        except CalrecError as error:
            lead = notice(local(str(error), folder.parent))
        try:
            shops = {shop: info.fingerprint for shop, info in self._app.domains.items()}
            card = model_card.read(folder, shops, domain)
            model = Model(lead, model_card_text.to_html(card), _download(card))
        except CalrecError as error:
            model = Model(lead, notice(local(str(error), folder.parent), "error"), "")
        return (*model, *_curves(log))


def _curves(log: Log | None) -> tuple[Any, ...]:
    """A caption and a plot for each curve; the places that are left over are hidden."""
    updates: list[Any] = []
    for place in range(PLOTS):
        if log is None or place >= len(log.curves):
            updates += ["", HIDDEN]
            continue
        curve = log.curves[place]
        updates += [
            plot_title(curve.title),
            shown(training_curves.figure(curve, log.colours())),
        ]
    return tuple(updates)


def _scatter(one: Any) -> Any:
    """Below the line the first of the two is better."""
    return figures.rank_scatter(one, 1, 0)


def _no_report(text: str) -> Report:
    return Report(text, "", "", HIDDEN, "", "")


def _download(card: model_card.Card) -> Markup:
    content = base64.b64encode(model_card_text.to_markdown(card).encode()).decode()
    return render("metrics", "download", card.name, content)
