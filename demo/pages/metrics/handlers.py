"""What the Metrics page answers: from a choice to updates of the parts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import gradio as gr
from markupsafe import Markup

from calrec.errors import CalrecError
from calrec.evaluation.metrics import TITLES
from calrec.report import figures
from calrec.report.comparison import Comparison
from calrec.report.layouts import shortcuts
from demo.html import metrics as words
from demo.html import model_card_text
from demo.html.templating import render
from demo.html.widgets import empty_state, notice, plot_title
from demo.html.wording import count
from demo.inspect import checkpoints, model_card, training_curves
from demo.inspect import shortcuts as pictures
from demo.inspect.application import Application
from demo.inspect.evaluations import Found
from demo.inspect.local_paths import local
from demo.inspect.reports import Reports, chosen
from demo.inspect.run_links import (
    RunLinks,
    bands_of,
    kinds_of,
    leading,
    leading_bands,
    leading_cells,
    leading_curves,
)
from demo.inspect.session import Session
from demo.inspect.training_curves import Log
from demo.inspect.url import Query
from demo.pages.figures import HIDDEN, shown
from demo.pages.metrics.address import (
    CHOICES,
    DIMENSIONS,
    ModelOf,
    PairOf,
    ReportOf,
    SlicesOf,
    checked,
    from_query,
)
from demo.pages.metrics.parts import CURVES
from demo.pages.named import Update


class MetricsHandlers:
    """Answers for all visitors; holds nothing of one."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._reports = Reports()

    def show(self, session: Session, query: Query) -> Update:
        """The controls for an address; what they ask for is shown by the events that follow."""
        return self._controls(session.domain, from_query(query))

    def choose(self, session: Session, *values: Any) -> Update:
        """The same after a visitor chose something; the values are of `CHOICES`."""
        return self._controls(session.domain, dict(zip(CHOICES, values, strict=True)))

    def _controls(self, domain: str, wanted: dict[str, Any]) -> Update:
        found = self._found(domain)
        fingerprint = self._app.domains[domain].fingerprint
        known = list(checkpoints.known(self._app))
        choice = checked(wanted, domain, found.runs, fingerprint, known)
        default = checked({}, domain, found.runs, fingerprint, known)
        offered = words.run_choices(found.runs)
        return {
            "runs": gr.update(choices=offered, value=list(choice.runs)),
            "metric": gr.update(value=choice.metric),
            "dimension": gr.update(value=choice.dimension),
            "first": gr.update(choices=offered, value=choice.first or None),
            "second": gr.update(choices=offered, value=choice.second or None),
            "checkpoint": gr.update(choices=known, value=choice.checkpoint or None),
            "problems": self._problems(found),
            "report_of": ReportOf(domain, choice.runs, choice.metric),
            "slices_of": SlicesOf(domain, choice.runs, choice.metric, choice.dimension),
            "pair_of": PairOf(domain, choice.first, choice.second),
            "model_of": ModelOf(domain, fingerprint, choice.checkpoint),
            "address": choice.query(default),
        }

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

    def show_report(self, asked: ReportOf | None) -> Iterator[Update]:
        """Tables and the rank distribution; says first what it does where that takes a while."""
        if not asked:
            return
        runs = chosen(asked.runs, self._found(asked.domain).runs)
        if not runs:
            yield _no_report(words.no_runs(asked.domain))
            return
        if not self._reports.known(runs, asked.metric):
            text = f"Comparing {count(len(runs), 'run')} on the shoppers that they share."
            yield {"status": notice(text)}
        try:
            content = self._reports.report(runs, asked.metric)
            tables, details, more = words.tables_html(content)
            one = content.comparisons[0][1]
            yield {
                "status": "",
                "overview": words.overview(content, tables),
                "plots_lead": words.plots_lead(content),
                "distribution": shown(leading_curves(figures.rank_distribution(one), one)),
                **_shortcuts(one),
                "details": details,
                "more": more,
            }
        except CalrecError as error:
            yield _no_report(notice(self._without_folders(error), "error"))

    def show_slices(self, asked: SlicesOf | None) -> Update:
        """A metric over the bands of a dimension."""
        if not asked:
            return _NO_SLICES
        runs, metric = chosen(asked.runs, self._found(asked.domain).runs), asked.metric
        if not runs:
            return _NO_SLICES
        cut = DIMENSIONS[asked.dimension]
        try:
            one = self._reports.report(runs, metric).comparisons[0][1]
            bands = bands_of(one, cut)
            drawn = leading_bands(self._reports.slices(runs, metric, cut), one, bands)
        except CalrecError:
            return _NO_SLICES  # the report says why
        slices, level = cut(one.cases[0]), one.bootstrap.level
        sizes = [len(slices.places(band)) for band in range(len(slices.bands))]
        named = [name for name, size in zip(slices.bands, sizes, strict=True) if size]
        parts = words.parts_of(named, bands, [size for size in sizes if size], one)
        dimension = slices.dimension.lower()
        caption = render("metrics", "slices_caption", TITLES[metric], dimension, level, parts)
        return {"slices_caption": caption, "slices": shown(drawn)}

    def show_pair(self, asked: PairOf | None) -> Update:
        """Two runs on their common users."""
        if not asked:
            return _no_pair("")
        runs = chosen((asked.first, asked.second), self._found(asked.domain).runs)
        if len(runs) < 2:
            text = "This shop needs two finished evaluations; evaluate a second recommender."
            return _no_pair(empty_state("Nothing to compare yet", text))
        try:
            one = self._reports.pair(*runs)
        except CalrecError as error:
            return _no_pair(notice(self._without_folders(error), "error"))
        return {
            "table": words.pair_html(one),
            "scatter_caption": words.scatter_caption(one),
            # Above the line the first of the two is better.
            "scatter": shown(leading_cells(figures.rank_scatter(one, 1, 0), one)),
        }

    def show_model(self, asked: ModelOf | None) -> Update:
        """Training curves and model card of a checkpoint."""
        if not asked:
            return _no_model("")
        folder = checkpoints.known(self._app).get(asked.checkpoint)
        if folder is None:
            text = "The served model comes from no checkpoint folder that can be read."
            return _no_model(empty_state("No checkpoint", text))
        log: Log | None = None
        try:
            log = training_curves.read(folder)
            lead = words.curves_lead(log)
        except CalrecError as error:
            lead = notice(local(str(error), folder.parent))
        try:
            shops = {shop: info.fingerprint for shop, info in self._app.domains.items()}
            card = model_card.read(folder, shops, asked.domain)
            shown_card, download = model_card_text.to_html(card), _download(card)
        except CalrecError as error:
            shown_card, download = notice(local(str(error), folder.parent), "error"), ""
        return {"curves_lead": lead, "card": shown_card, "download": download, **_curves(log)}


def _curves(log: Log | None) -> Update:
    update: Update = dict.fromkeys(CURVES, HIDDEN) | {f"{name}_title": "" for name in CURVES}
    if log is not None:
        for name, curve in zip(CURVES, log.curves, strict=False):
            update[name] = shown(training_curves.figure(curve, log.colours()))
            update[f"{name}_title"] = plot_title(curve.title)
    return update


def _shortcuts(one: Comparison) -> Update:
    """What of the shop lies on a shortcut; that it is not known, where no run tells."""
    kinds = shortcuts.kinds(one)
    if not kinds:
        text = "These evaluations are of an earlier release; evaluate again to see it."
        return {**_NO_SHORTCUTS, "shortcuts_lead": empty_state("Not recorded", text)}
    bands = kinds_of(kinds)
    some = [band for band, kind in zip(bands, kinds, strict=True) if kind.found]
    parts = [RunLinks.of(one).part(band) for band in bands]
    return {
        "shortcuts_lead": words.shortcuts_lead(one, kinds),
        "shortcuts": shown(leading(pictures.shares(kinds), [parts])),
        "shortcuts_found": shown(leading_bands(pictures.found(one, kinds), one, some)),
    }


def _no_report(text: str) -> Update:
    empty = dict.fromkeys(("overview", "plots_lead", "details", "more"), "")
    return {"status": text, "distribution": HIDDEN, **_NO_SHORTCUTS, **empty}


_NO_SHORTCUTS = {"shortcuts_lead": "", "shortcuts": HIDDEN, "shortcuts_found": HIDDEN}


_NO_SLICES = {"slices_caption": "", "slices": HIDDEN}


def _no_pair(text: str) -> Update:
    return {"table": text, "scatter_caption": "", "scatter": HIDDEN}


def _no_model(text: str) -> Update:
    return {"curves_lead": text, "card": "", "download": "", **_curves(None)}


def _download(card: model_card.Card) -> Markup:
    content = base64.b64encode(model_card_text.to_markdown(card).encode()).decode()
    return render("metrics", "download", card.name, content)
