"""The sections of the Cases page: what its parts show, by their names, for some cases of two runs.

Text is markup or plain, a `bool` says whether something is so, and `Offered` is a list to choose
from; how a part shows it is the page's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calrec.errors import CalrecError
from calrec.report.figures import rank_scatter
from demo.html import widgets
from demo.html.case_study import listing, missing, why
from demo.html.case_study.columns import columns_view
from demo.html.case_study.labels import labels_view
from demo.html.case_study.view import case_view
from demo.inspect.annotations import NOTHING, Annotation, labels_in_use
from demo.inspect.case_filters import BANDS, NEVER, CaseFilters, words
from demo.inspect.case_table import Selection
from demo.inspect.cases import Cases
from demo.inspect.run_links import leading_cells
from demo.inspect.run_pair import RunPair

PartValues = dict[str, Any]
"""What parts show, by their names."""


@dataclass(frozen=True, kw_only=True)
class Offered:
    """A list to choose from: what a person reads and the value of each, and what is chosen."""

    choices: Sequence[tuple[str, str]]
    value: Any


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """Cases of two runs as somebody looks at them.

    Attributes:
      pair: the runs.
      noted: what is noted about their cases, by user.
      filters: which cases.
      sort: in which order, a key of `SORTS`.
      selection: those cases in that order.
      offset: cases before the page of the list.
      case: user whose case is shown; empty where there is none.
      pin: user whose case stands beside it; may be empty.
      beside: folder names of the runs asked for as columns of their own.
    """

    pair: RunPair
    noted: Mapping[str, Annotation]
    filters: CaseFilters
    sort: str
    selection: Selection
    offset: int
    case: str
    pin: str
    beside: tuple[str, ...]


def no_evaluation(domain: str, problems: Sequence[str]) -> PartValues:
    """The page of a shop without evaluations."""
    nobody = Offered(choices=[], value=None)
    empty = (
        "figures",
        "agreement",
        "why",
        "why_table",
        "chips",
        "count",
        "case",
        "pinned",
        "slices",
        "address",
    )
    return {
        "message": widgets.notices(problems),
        "run": nobody,
        "against": nobody,
        "beside": Offered(choices=[], value=[]),
        "cases": missing.no_evaluation(domain),
        "tools": False,
        "scatter": None,
        **dict.fromkeys(empty, ""),
    }


def message(pair: RunPair, problems: Sequence[str]) -> PartValues:
    """What is wrong or missing, above everything."""
    said = widgets.notices([*pair.problems, *problems])
    if pair.alone:
        said += missing.no_other_evaluation(pair.shop.domain, pair.first.rules)
    return {"message": said}


def runs(pair: RunPair) -> PartValues:
    """The two runs, and the others there are."""
    against = None if pair.alone else pair.second.folder.name
    return {
        "run": Offered(choices=pair.choices(pair.offered), value=pair.first.folder.name),
        "against": Offered(choices=pair.choices(pair.rivals), value=against),
    }


def controls(cases: Cases, reading: Reading) -> PartValues:
    """The runs, the filters and the order."""
    filters = reading.filters
    counted = cases.table(reading.pair).categories
    categories = [(f"{name} ({n:,})", name) for name, n in counted]
    if filters.category and filters.category not in {name for name, _ in counted}:
        categories.append((f"{filters.category} (0)", filters.category))
    labels = label_choices(reading.noted, filters.label)
    plain = ("text", "win", "cold", "repeat", "shortcut", "hit", "level", "reason")
    return {
        **runs(reading.pair),
        **{name: getattr(filters, name) for name in plain},
        **{name: band_choices(name, getattr(filters, name)) for name in BANDS},
        "beside": Offered(
            choices=reading.pair.choices(reading.pair.others),
            value=list(reading.pair.beside(reading.beside)),
        ),
        "category": Offered(choices=[("All", ""), *categories], value=filters.category),
        "star_filter": filters.star,
        "label_filter": Offered(choices=labels, value=filters.label),
        "sort": reading.sort,
    }


def label_choices(noted: Mapping[str, Annotation], chosen: str) -> list[tuple[str, str]]:
    """The labels in use, and the one filtered by, as choices of the filter."""
    used = sorted({*labels_in_use(noted), chosen} - {""})
    return [("Any", ""), *((label, label) for label in used)]


def band_choices(name: str, chosen: str) -> Offered:
    """The usual bands of a filter, and the one chosen, as an address may name any other."""
    never = [("Never sold", NEVER)] if name == "age" else []
    bands = words(BANDS[name], "" if chosen == NEVER else chosen)
    return Offered(choices=[("Any", ""), *never, *bands], value=chosen)


def overview(cases: Cases, reading: Reading) -> PartValues:
    """Figures of the cases, and how the two runs agree on them."""
    pair, filters = reading.pair, reading.filters
    counts = cases.agreement(pair, filters, reading.noted)
    reasons = cases.reason_counts(pair, filters, reading.noted)
    return {
        "figures": listing.figures_view(reading.selection, pair.names, pair.alone),
        "agreement": "" if pair.alone else listing.agreement_view(counts, filters),
        "why": why.strip(reasons, filters),
        "why_table": why.table(reasons, filters, len(reading.selection), pair.alone),
    }


def case_list(cases: Cases, reading: Reading) -> PartValues:
    """What is filtered, and a page of the cases."""
    current, pinned = reading.case or None, reading.pin or None
    return {
        "chips": listing.chips(reading.filters, reading.pair.shop.by_id),
        "count": listing.count_line(reading.selection, reading.pair.alone),
        "cases": listing.case_list(
            reading.selection, reading.offset, reading.noted, current, pinned, reading.pair.alone
        ),
    }


def labels(cases: Cases, reading: Reading) -> PartValues:
    """The labels that the case has and can have."""
    shown = labels_view(reading.case, reading.noted, cases.reasons()) if reading.case else ""
    return {"labels": shown}


def one_case(cases: Cases, reading: Reading) -> PartValues:
    """The case, what is noted about it, and the pinned one beside it."""
    if not reading.case:
        empty = widgets.empty_state("No case", "Choose other filters to see a case here.")
        return {"case": empty, "pinned": "", "tools": False, "said": ""}
    pair, noted = reading.pair, reading.noted
    note = noted.get(reading.case, NOTHING)
    pinned = ""
    try:
        if reading.pin and reading.pin != reading.case:
            pinned = case_view(cases.study(pair, reading.pin, noted), "Pinned case")
    except CalrecError as error:
        pinned = widgets.notice(str(error), "error")
    study = cases.study(pair, reading.case, noted)
    shop = pair.shop.domain
    columns = columns_view(cases.columns(pair, reading.beside, study), shop)
    runs = (pair.first.folder.name, "" if pair.alone else pair.second.folder.name)
    return {
        "case": case_view(study, columns=columns, shop=shop, runs=runs),
        "pinned": pinned,
        "tools": True,
        "star": note.star,
        "pin": reading.pin == reading.case,
        "note": note.note,
        "seen": note.note,
        "said": "",
    }


def saved(cases: Cases, reading: Reading) -> PartValues:
    """The saved slices, and the reasons on offer."""
    slices = cases.slices(reading.pair, reading.noted)
    return {
        "slices": listing.slices_view(slices, reading.pair.names, reading.pair.alone),
        "reasons": "\n".join(cases.reasons()),
    }


def scatter(cases: Cases, reading: Reading) -> PartValues:
    """The ranks by both runs in one picture."""
    shown = len(reading.selection) and not reading.pair.alone
    if not shown:
        return {"scatter": None}
    one = reading.selection.comparison()
    return {"scatter": leading_cells(rank_scatter(one, 1, 0), one, reading.filters.write())}


SECTIONS: Mapping[str, Callable[[Cases, Reading], PartValues]] = {
    "controls": controls,
    "overview": overview,
    "list": case_list,
    "case": one_case,
    "labels": labels,
    "slices": saved,
    "scatter": scatter,
}
"""By name, what each section shows."""
