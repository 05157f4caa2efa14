"""Cases as HTML and as files: nothing from outside is markup, and nothing is lost."""

from __future__ import annotations

import csv
import io
import json
import math
from html.parser import HTMLParser

import pytest
from case_runs import DOMAIN, TITLES, USERS, build_shop, write_evaluations
from hypothesis import given
from hypothesis import strategies as st
from shops import HOSTILE

from demo.html.assets import styles
from demo.html.case_study import export, listing, page
from demo.html.case_study.view import case_view
from demo.html.chances import percent
from demo.inspect.annotations import Annotation
from demo.inspect.case_filters import CaseFilters
from demo.inspect.cases import Cases

NOTED = {
    USERS[0]: Annotation(star=True, note="=HYPERLINK(1)\nsecond \u202eline", labels=("<b>x</b>",)),
    USERS[1]: Annotation(labels=("popular item",)),
}


class Tags(HTMLParser):
    """What elements, attributes and text a page has."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    from demo.inspect.application import Application

    folder = tmp_path_factory.mktemp("study")
    workspace = folder / "workspace"
    build_shop(folder / "data", workspace)
    application = Application(workspace, "none", load_model=lambda _: None)
    write_evaluations(application, workspace / "evaluations")
    return Cases(application)


@pytest.fixture(scope="module")
def pair(cases):
    return cases.pair(DOMAIN, "", "")


def all_html(cases, pair):
    selection = cases.select(pair, CaseFilters(), "", NOTED)
    yield listing.figures_view(selection, pair.names, False)
    yield listing.case_list(selection, 0, NOTED, USERS[0], USERS[1], False)
    filters = CaseFilters(text="<script>", label="<b>x</b>", category="<i>Lighting</i>")
    yield listing.chips(filters, pair.shop.by_id)
    yield listing.slices_view([("<img src=x>", "text=<b>", selection)], pair.names, False)
    for user in USERS[:12]:
        yield case_view(cases.study(pair, user, NOTED), shop=DOMAIN)


PLAIN = {"article", "b", "bdi", "code", "details", "div", "h2", "h3", "header", "li", "nav", "ol"}
PLAIN |= {"p", "pre", "section", "small", "span", "summary", "ul", "button"}
OURS = PLAIN | {"caption", "table", "tbody", "td", "th", "thead", "tr"}
OURS |= {"a", "input", "label", "mark", "rt", "ruby"}


@pytest.mark.slow
def test_nothing_from_outside_is_markup(cases, pair):
    seen = ""
    for text in all_html(cases, pair):
        found = Tags(text)
        assert found.tags <= OURS, found.tags - OURS
        assert not any(name.startswith("on") for name in found.attributes)
        seen += "".join(found.text)
    for title in HOSTILE:
        assert title in seen
    assert "<i>Lighting</i>" in seen
    assert any(title in seen for title in TITLES if "\U0001f4a1" in title)


def test_the_list_marks_who_wins_and_what_is_noted(cases, pair):
    selection = cases.select(pair, CaseFilters(), "", NOTED)
    text = listing.case_list(selection, 0, NOTED, USERS[0], USERS[1], False)
    rows = text.split("<tr ")[1:]
    assert len(rows) == 50
    for row, values in zip(rows, selection.page(0), strict=True):
        a, b = values["a_optimistic"], values["b_optimistic"]
        assert row.count('class="cr-win"') == (a != b)
    assert "starred" in rows[0]
    assert 'aria-current="true"' in rows[0]
    assert "pinned" in rows[1]
    assert "popular item" in rows[1]
    assert text.count('aria-current="true"') == 1


def test_the_case_shows_what_both_runs_wrote(cases, pair):
    study = cases.study(pair, USERS[3], NOTED)
    text = "".join(Tags(case_view(study)).text)
    for side in study.sides:
        assert f"{side.ranks[0]:,}" in text
        assert side.name in text
    assert "from the stored run one" in text
    assert study.generated.record.generation.prompt in text
    record = study.generated.record
    each = zip(record.samples, record.ranking.outcomes, strict=True)
    kept = [sample for sample, outcome in each if outcome.column is not None]
    assert len(kept) == 10
    for sample in kept:
        assert (sample.attributes.title if sample.attributes else sample.text) in text
        assert percent(math.exp(sample.score)) in text


def test_sections_say_what_the_page_shows_without_a_page(cases, pair):
    selection = cases.select(pair, CaseFilters(), "", NOTED)
    reading = page.Reading(
        pair=pair,
        noted=NOTED,
        filters=CaseFilters(label="gone"),
        sort="",
        selection=selection,
        offset=0,
        case=USERS[0],
        pin=USERS[1],
        beside=(),
    )
    shown = {name: section(cases, reading) for name, section in page.SECTIONS.items()}
    assert (shown["case"]["star"], shown["case"]["pin"], shown["case"]["tools"]) == (
        True,
        False,
        True,
    )
    assert 'data-label="&lt;b&gt;x&lt;/b&gt;" aria-pressed="true"' in " ".join(
        shown["labels"]["labels"].split()
    )
    assert "Pinned case" in shown["case"]["pinned"]
    labels = [label for label, _ in shown["controls"]["label_filter"].choices]
    assert labels == ["Any", "<b>x</b>", "gone", "popular item"]
    assert shown["controls"]["run"].value == pair.first.folder.name
    assert "100 cases" in shown["list"]["count"]
    assert shown["scatter"]["scatter"] is not None
    parts = [name for section in shown.values() for name in section]
    assert len(parts) == len(set(parts))  # no section shows another's part


def test_a_run_that_cannot_be_read_leaves_the_rest(cases, pair, monkeypatch):
    from calrec.errors import CalrecError
    from demo.inspect import cases as module

    def broken(app, run, user, tables):
        raise CalrecError("expected <that>, found this; evaluate again")

    monkeypatch.setattr(module, "rebuild", broken)
    study = Cases(cases.app).study(pair, USERS[4], {})
    text = case_view(study)
    assert "expected &lt;that&gt;" in text
    assert "History" in text
    assert f"{study.sides[0].ranks[0]:,}" in text
    with pytest.raises(CalrecError, match="can be rebuilt"):
        export.case_json(study)


def test_a_run_with_its_best_items_only_stands_beside(cases):
    pair = cases.pair(DOMAIN, "one", "three")
    text = case_view(cases.study(pair, USERS[3], {}))
    assert text.count('class="cr-ranking"') == 2
    assert Tags(text).tags <= OURS


def test_each_side_explains_words_by_its_own_corpus(cases, pair, monkeypatch):
    from dataclasses import replace

    from demo.html.case_study import view

    given = []
    monkeypatch.setattr(view, "rankings_view", lambda *args, **_: given.append(args[4]) or "")
    study = cases.study(pair, USERS[3], NOTED)
    own, other = study.sides
    case_view(replace(study, sides=(own, replace(other, corpus=None))))
    case_view(replace(study, sides=(replace(own, corpus=None), other)))
    assert given == [[own.corpus, None], [None, other.corpus]]
    assert own.corpus is not None
    assert other.corpus is not None


@pytest.mark.parametrize("sign", "=+-@\t\r\n＝＋－＠")
def test_a_cell_is_no_formula_whatever_sign_begins_it(sign):
    assert export._cell(f"{sign}1") == f"'{sign}1"
    assert export._cell(f"  {sign}1") == f"'  {sign}1"
    assert export._cell(f"1{sign}") == f"1{sign}"


def test_csv_is_safe_for_spreadsheets_and_whole(cases, pair):
    selection = cases.select(pair, CaseFilters(), "worst", NOTED)
    rows = list(csv.DictReader(io.StringIO(export.csv_text(selection, NOTED))))
    assert [row["user_id"] for row in rows] == selection.users()
    of = {row["user_id"]: row for row in rows}
    assert of[USERS[0]]["note"] == "'=HYPERLINK(1)\nsecond \u202eline"
    assert of[USERS[0]]["labels"] == "<b>x</b>"
    assert of[USERS[1]]["star"] == "no"
    assert any(row["target_title"] == HOSTILE[0] for row in rows)
    plain = {row["user_id"]: row for row in selection.page(0, len(selection))}
    assert all(int(of[u]["optimistic_rank_a"]) == plain[u]["a_optimistic"] for u in of)


@given(st.text(alphabet="=+-@ \t\rab", max_size=5))
def test_no_cell_begins_as_a_formula(text):
    assert not export._cell(text).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))


def test_json_says_what_was_filtered(cases, pair):
    filters = CaseFilters(win="a")
    selection = cases.select(pair, filters, "", NOTED)
    content = json.loads(export.json_text(selection, NOTED, filters.write(), pair.names))
    assert content["filters"] == {"win": "a"}
    assert len(content["cases"]) == len(selection) > 0
    assert [run["run"] for run in content["runs"]] == ["one", "two"]
    assert content["runs"][1]["metrics"] == selection.figures[1]
    everything = cases.select(pair, CaseFilters(), "", NOTED)
    written = json.loads(export.json_text(everything, NOTED, {}, pair.names))["cases"]
    first = next(case for case in written if case["user_id"] == USERS[0])
    assert first["note"] == NOTED[USERS[0]].note
    assert first["labels"] == ["<b>x</b>"]
    nothing = cases.select(pair, CaseFilters(category="none"), "", NOTED)
    assert json.loads(export.json_text(nothing, NOTED, {}, pair.names))["cases"] == []


def test_a_saved_page_is_one_file_without_script_or_request(cases, pair):
    study = cases.study(pair, USERS[0], NOTED)
    text = export.case_page(study, pair.names, styles())
    found = Tags(text)
    assert not found.tags & {"script", "img", "link", "iframe", "object", "form", "base"}
    assert "default-src 'none'" in text
    assert not found.attributes & {"src", "href", "action"}
    assert "url(" not in text
    assert "@import" not in text
    assert NOTED[USERS[0]].note in "".join(found.text)


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "C:\\x", "a/b\0c", "\u202egpj.exe", "", "....", "x" * 400, "\ud800"],
)
def test_file_names_hold_nothing_of_a_path(name):
    made = export.file_name(name, ".html")
    assert made.endswith(".html")
    assert len(made) <= 65
    assert set(made[:-5]) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
