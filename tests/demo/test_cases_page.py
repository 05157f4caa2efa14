"""The Cases page: its handlers on any input, and what a person does with it in a browser."""

from __future__ import annotations

import asyncio
import csv
import gc
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pyarrow.parquet as pq
import pytest
from case_runs import DOMAIN, USERS, build_shop, write_evaluations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import escape
from running import running
from shops import HOSTILE
from synthetic_runs import seal

from demo.html.assets import STATIC
from demo.inspect import session, url
from demo.inspect.annotations import LONGEST_NOTE, MOST_SLICES, REASONS
from demo.inspect.case_filters import CaseFilters
from demo.inspect.cases import Cases
from demo.inspect.session import Session
from demo.inspect.temporary_files import KEPT
from demo.pages.cases.address import CasesAddress
from demo.pages.cases.handlers import FILTERS, CasesHandlers
from demo.pages.cases.parts import ACTIONS, lay_out
from demo.pages.cases.saving import saved
from demo.pages.events import SKIP
from demo.pages.walkthrough import address as walkthrough

HERE = Session(domain=DOMAIN)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace with three evaluations of one shop."""
    from demo.inspect.application import Application

    folder = tmp_path_factory.mktemp("cases")
    workspace = folder / "workspace"
    build_shop(folder / "data", workspace)
    application = Application(workspace, "none", load_model=lambda _: None)
    write_evaluations(application, workspace / "evaluations")
    return workspace


@pytest.fixture
def cases(made, tmp_path):
    """Over a copy of the workspace, so that what a test notes is its own."""
    from demo.inspect.application import Application

    place = tmp_path / "workspace"
    shutil.copytree(made, place)
    return Cases(Application(place, "none", load_model=lambda _: None))


@pytest.fixture
def handlers(cases):
    return CasesHandlers(cases)


@pytest.fixture(scope="module")
def names():
    """Of the parts that show a view."""

    async def laid_out():
        with gr.Blocks():
            return lay_out().keys()

    # In a loop: without one gradio opens its own and leaves it open.
    return asyncio.run(laid_out()) - set(ACTIONS)


def click(act, what=""):
    return SimpleNamespace(act=act, id=what)


def pressed(view):
    """The labels that are pressed."""
    chips = view["labels"].split("<button")[1:]
    return [re.search('data-label="(.*?)"', c)[1] for c in chips if 'aria-pressed="true"' in c]


def current(view):
    return CasesAddress.of(view["address"]).case


def listed(view):
    return [part.split('"')[0] for part in view["cases"].split('data-user="')[1:]]


@pytest.mark.slow
def test_an_empty_query_shows_calrec_against_lir_from_the_first_case(handlers):
    view = handlers.show(HERE, {})
    assert view["run"]["value"] == "one"
    assert view["against"]["value"] == "two"
    assert listed(view) == USERS[:50]
    assert current(view) == USERS[0]
    assert f"<code>{USERS[0]}</code>" in view["case"]
    assert view["message"] == view["pinned"] == ""
    assert "100 cases" in view["count"]
    assert isinstance(view["scatter"]["value"].to_dict(), dict)


@pytest.mark.slow
def test_a_view_comes_back_from_its_address(handlers):
    view = handlers.show(HERE, {"win": ["a"], "sort": ["worst"], "pin": [USERS[9]]})
    again = handlers.show(HERE, url.read(view["address"]))
    assert again["address"] == view["address"]
    assert again["cases"] == view["cases"]
    assert again["case"] == view["case"]
    assert "Pinned case" in again["pinned"]


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from([*CasesAddress.__dataclass_fields__, *FILTERS, "x"]),
        st.lists(st.text(max_size=8) | st.sampled_from(["one", "a", "1", *USERS[:3]]), min_size=1),
    )
)
def test_any_address_is_a_page(handlers, names, query):
    view = handlers.show(HERE, query)
    assert view.keys() <= names
    state = CasesAddress.of(view["address"])
    assert handlers.show(HERE, url.read(view["address"]))["address"] == view["address"]
    assert state.filters == CaseFilters.read(query)


ANYTHING = st.none() | st.integers() | st.text() | st.lists(st.text()) | st.just({"a": [1]})


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    address=ANYTHING,
    act=st.sampled_from(["case", "page", "cell", "reason", "without", "clear", "slice", "drop"])
    | ANYTHING,
    what=ANYTHING,
)
def test_no_input_makes_a_handler_raise(handlers, names, address, act, what):
    event = click(act, what)
    chosen = [what] * len(FILTERS)
    for update in (
        handlers.click(HERE, address, event),
        handlers.choose(HERE, address, what, *chosen),
        handlers.search(HERE, address, what),
        handlers.choose_runs(HERE, address, what, act),
        handlers.label(HERE, address, event),
        handlers.type_label(HERE, address, what),
        handlers.choose_beside(HERE, address, what),
        handlers.note(HERE, address, what),
    ):
        assert update.keys() <= names | {"new_label"}
    assert "slice_said" in handlers.save_slice(HERE, address, what)
    assert "reasons_said" in handlers.set_reasons(HERE, address, what)


def test_filters_keep_the_case_while_they_let_it_through(handlers):
    start = handlers.show(HERE, {"case": [USERS[7]]})
    row = handlers.cases.table(handlers.cases.pair(DOMAIN, "", "")).row(7)
    winner = "a" if row["a_optimistic"] < row["b_optimistic"] else "b"
    other = {"a": "b", "b": "a"}[winner]

    def chosen(win):
        values = {**dict.fromkeys(FILTERS, ""), "win": win}
        return handlers.choose(HERE, start["address"], "", *values.values())

    kept, moved = chosen(winner), chosen(other)
    assert current(kept) == USERS[7]
    assert "case" not in kept
    assert USERS[7] in listed(kept)
    assert current(moved) == listed(moved)[0] != USERS[7]
    assert chosen("") == {}  # the page's own updates come back as events


@pytest.mark.slow
def test_only_taking_a_text_away_writes_into_the_box_where_it_is_typed(handlers):
    start = handlers.show(HERE, {})
    found = handlers.search(HERE, start["address"], "user-0000")
    assert handlers.search(HERE, found["address"], "user-0000") == {}
    assert CasesAddress.of(found["address"]).filters.text == "user-0000"
    assert len(listed(found)) == 9
    assert found["text"] is SKIP
    assert handlers.choose_runs(HERE, found["address"], "two", "one")["text"] is SKIP
    assert handlers.click(HERE, found["address"], click("cell", "1|1"))["text"] is SKIP
    assert handlers.click(HERE, found["address"], click("without", "text"))["text"] == ""
    assert handlers.click(HERE, found["address"], click("clear"))["text"] == ""
    assert handlers.show(HERE, url.read(found["address"]))["text"] == "user-0000"


def test_notes_are_stored_one_after_another(handlers):
    from demo.pages.cases import build

    async def built():
        with gr.Blocks() as blocks:
            parts = {"session": gr.State(HERE), "tabs": gr.Tabs(), "toast": gr.HTML()}
            build(SimpleNamespace(app=handlers.cases.app, **parts))
        return blocks

    # In a loop: without one gradio opens its own and leaves it open.
    blocks = asyncio.run(built())
    stores = [fn for fn in blocks.fns.values() if getattr(fn.fn, "__name__", "") == "note"]
    assert len(stores) == 3
    assert {fn.concurrency_id for fn in stores} == {"note"}
    assert {fn.concurrency_limit for fn in stores} == {1}


def test_a_cell_filters_and_filters_no_more(handlers):
    start = handlers.show(HERE, {})
    one = handlers.click(HERE, start["address"], click("cell", "1|2-10"))
    assert (
        CasesAddress.of(one["address"]).filters.a,
        CasesAddress.of(one["address"]).filters.b,
    ) == (
        "1",
        "2-10",
    )
    assert 'aria-pressed="true"' in one["agreement"]
    back = handlers.click(HERE, one["address"], click("cell", "1|2-10"))
    assert listed(back) == listed(start)
    without = handlers.click(HERE, one["address"], click("without", "a"))
    assert CasesAddress.of(without["address"]).filters == CaseFilters(b="2-10")
    assert CasesAddress.of(
        handlers.click(HERE, one["address"], click("clear"))["address"]
    ).filters == (CaseFilters())


def test_pages_turn_both_ways(handlers):
    start = handlers.show(HERE, {})
    second = handlers.click(HERE, start["address"], click("page", "50"))
    assert listed(second) == USERS[50:]
    assert current(second) == USERS[50]
    back = handlers.click(HERE, second["address"], click("page", "0"))
    assert current(back) == USERS[49]  # k on the first of a page goes to the last before it
    far = handlers.click(HERE, start["address"], click("page", "99999"))
    assert listed(far) == USERS[50:]


@pytest.mark.slow
def test_what_is_noted_is_stored_at_once(handlers, made):
    address = handlers.show(HERE, {"case": [USERS[3]]})["address"]
    starred = handlers.star(HERE, address)
    assert "starred" in starred["cases"]
    assert starred["star"]["value"] == "★ Starred"
    handlers.type_label(HERE, address, " popular  item ")
    typed = handlers.type_label(HERE, address, "<b>mine</b>")
    assert typed["new_label"] == ""
    assert f"Stored for {USERS[3]}" in typed["said"]
    said = handlers.note(HERE, address, "a note")["said"]
    assert "3,994 more characters fit" in said

    fresh = CasesHandlers(Cases(handlers.cases.app)).show(HERE, {"case": [USERS[3]]})
    assert fresh["star"]["value"] == "★ Starred"
    assert pressed(fresh) == ["popular item", "&lt;b&gt;mine&lt;/b&gt;"]
    assert fresh["note"] == "a note"
    only = handlers.show(HERE, {"star": ["yes"]})
    assert listed(only) == [USERS[3]]
    assert listed(handlers.show(HERE, {"label": ["<b>mine</b>"]})) == [USERS[3]]
    assert listed(handlers.show(HERE, {"star": ["note"], "label": ["none"]})) == []
    handlers.star(HERE, address)
    assert listed(handlers.show(HERE, {"star": ["yes"]})) == []


def test_a_label_by_key_goes_on_and_comes_off_again(handlers):
    address = handlers.show(HERE, {"label": ["a"], "case": [USERS[3]]})["address"]
    for user in USERS[3:6]:
        handlers.type_label(HERE, f"case={user}", "a")
    press = {"act": "label", "id": USERS[3], "label": "a", "next": "next"}
    off = handlers.label(HERE, address, SimpleNamespace(**press))
    assert (current(off), pressed(off), listed(off)) == (USERS[3], [], USERS[4:6])
    on = handlers.label(HERE, address, SimpleNamespace(**press | {"id": USERS[4], "label": "b"}))
    assert current(on) == USERS[5]
    assert f"Stored for {USERS[4]}: b" in on["said"]
    last = handlers.label(HERE, address, SimpleNamespace(**press | {"id": USERS[5], "label": "b"}))
    assert "last case" in last["said"]
    assert pressed(handlers.show(HERE, {"case": [USERS[5]]})) == ["a", "b"]
    cleared = handlers.label(HERE, address, SimpleNamespace(act="clear", id=USERS[5], label=""))
    assert pressed(cleared) == []
    long = handlers.type_label(HERE, address, "x" * 99)
    assert long.keys() == {"said"}  # what was typed stays in the box
    assert "Not stored" in long["said"]


def test_two_tabs_writing_one_note_keep_both(handlers):
    address = handlers.show(HERE, {"case": [USERS[5]]})["address"]
    one = handlers.note(HERE, address, "from one", "")
    assert one["seen"] == "from one"
    two = handlers.note(HERE, address, "two's words", "")
    assert "both are kept" in two["said"]
    assert two["note"] == two["seen"] == "from one\ntwo's words"
    # The first tab goes on writing without knowing of the second.
    again = handlers.note(HERE, address, "from one, more", one["seen"])
    stored = handlers.show(HERE, {"case": [USERS[5]]})["note"]
    assert again["note"] == stored
    for words in ("from one, more", "two's words"):
        assert words in stored
    on = handlers.note(HERE, address, f"{stored} and on", stored)
    assert handlers.show(HERE, {"case": [USERS[5]]})["note"] == on["seen"] == f"{stored} and on"


def test_a_note_that_is_too_long_is_a_line_and_the_last_one_stays(handlers):
    address = handlers.show(HERE, {})["address"]
    handlers.note(HERE, address, "kept")
    view = handlers.note(HERE, address, "x" * (LONGEST_NOTE + 1))
    assert "at most 4,000 characters" in view["said"]
    assert handlers.show(HERE, {})["note"] == "kept"


def test_a_pinned_case_stands_beside_the_next(handlers):
    pinned = handlers.pin(HERE, handlers.show(HERE, {"case": [USERS[2]]})["address"])
    assert pinned["pin"]["value"] == "Take the pin away"
    assert pinned["pinned"] == ""  # the case itself is on the page already
    beside = handlers.click(HERE, pinned["address"], click("case", USERS[4]))
    assert f"<code>{USERS[2]}</code>" in beside["pinned"]
    assert f"<code>{USERS[4]}</code>" in beside["case"]
    assert CasesAddress.of(beside["address"]).pin == USERS[2]
    gone = handlers.pin(HERE, handlers.pin(HERE, beside["address"])["address"])
    assert CasesAddress.of(gone["address"]).pin == ""


def test_other_evaluations_stand_beside_as_columns(handlers):
    view = handlers.show(HERE, {"case": [USERS[1]]})
    assert view["beside"]["value"] == ["three"]
    assert view["case"].count("kept no list") == 2  # these two runs store texts or nothing
    best = pq.read_table(handlers.cases.app.workspace / "evaluations" / "three" / "top.parquet")
    ids = best["item_ids"].to_pylist()[best["user_id"].to_pylist().index(USERS[1])]
    head, *cells = view["case"].split('<table class="cr-columns-table">')[1].split("<td")
    assert "SASRec" in head
    titles = handlers.cases.app.shop(DOMAIN).by_id
    for place, cell in enumerate(cells[2:30:3]):
        assert str(escape(titles[ids[place]].title)) in cell
    assert handlers.choose_beside(HERE, view["address"], ["three"]) == {}
    without = handlers.choose_beside(HERE, view["address"], [])
    assert CasesAddress.of(without["address"]).beside == ("none",)
    assert "SASRec" not in without["case"]


def test_the_walkthrough_gets_the_case_with_its_seed_and_every_setting(handlers):
    folder = handlers.cases.app.workspace / "evaluations" / "one"
    ranking = {"n_pred": 7, "epsilon": 0.01, "pooling": "mean", "modulation": False}
    settings = {
        "sampling": {"temperature": 0.7, "samples": 16},
        "text": {"template": "gpt4rec"},
        "bm25": {"k1": 1.2, "b": 0.5},
        "ranking": ranking,
    }
    rewrite(folder, settings=settings)
    query = url.read(handlers.show(HERE, {"case": [USERS[6]]})["walk"]["link"])
    case = handlers.cases.app.shop(DOMAIN).catalogue.case(USERS[6])
    assert session.from_query(query, handlers.cases.app) == Session(
        domain=DOMAIN,
        history=tuple(item.item_id for item in case.history),
        target=case.target.item_id,
        user_id=USERS[6],
    )
    assert walkthrough.from_query(query) == walkthrough.WalkthroughAddress(
        seed=6,
        temperature=0.7,
        samples=16,
        template="gpt4rec",
        k1=1.2,
        b=0.5,
        others=("lir",),
        **ranking,
    )
    assert (query["view"], query["written"], query["step"]) == (["walkthrough"], ["1"], ["5"])


@pytest.mark.slow
def test_slices_are_measured_for_the_chosen_runs(handlers):
    filtered = handlers.show(HERE, {"win": ["b"]})
    saved = handlers.save_slice(HERE, filtered["address"], "B <wins>")
    assert "B &lt;wins&gt;" in saved["slices"]
    assert (saved["slice_name"], "Slice saved" in saved["slice_said"]) == ("", True)
    swapped = handlers.show(HERE, {"run": ["two"], "against": ["one"]})
    pair = handlers.cases.pair(DOMAIN, "two", "one")
    b = handlers.cases.select(pair, CaseFilters(win="b"), "", {})
    assert f"{b.figures[0]['mrr']['optimistic']:.4f}" in swapped["slices"]
    opened = handlers.click(HERE, swapped["address"], click("slice", "win=b"))
    assert listed(opened) == b.users()[:50]
    assert (
        "wins" not in handlers.click(HERE, opened["address"], click("drop", "B <wins>"))["slices"]
    )


@pytest.mark.slow
def test_slices_have_an_end_and_the_page_says_so(handlers):
    address = handlers.show(HERE, {"win": ["b"]})["address"]
    for k in range(MOST_SLICES):
        handlers.cases.annotations.save_slice(DOMAIN, f"slice {k:02d}", "win=a")
    assert "50 slices, the most" in handlers.show(HERE, {})["slices"]
    update = handlers.save_slice(HERE, address, "one more")
    assert update.keys() == {"slice_said"}
    assert "forget one" in update["slice_said"]
    assert "Slice saved" in handlers.save_slice(HERE, address, "slice 07")["slice_said"]
    dropped = handlers.click(HERE, address, click("drop", "slice 03"))["slices"]
    assert "the most" not in dropped
    assert "Slice saved" in handlers.save_slice(HERE, address, "one more")["slice_said"]


def test_reasons_are_edited(handlers):
    address = handlers.show(HERE, {})["address"]
    update = handlers.set_reasons(HERE, address, "mine\n\n own  one ")
    assert re.findall('data-label="(.*?)" .*?data-digit="(.)"', update["labels"]) == [
        ("mine", "1"),
        ("own one", "2"),
    ]
    assert update["reasons"] == "mine\nown one"
    assert "stored" in update["reasons_said"]
    assert "error" in handlers.set_reasons(HERE, address, "x" * 80)["reasons_said"]


def test_a_run_without_another_stands_alone(handlers):
    evaluations = handlers.cases.app.workspace / "evaluations"
    shutil.rmtree(evaluations / "two")
    shutil.rmtree(evaluations / "three")
    view = handlers.show(HERE, {})
    assert "no other evaluation" in view["message"]
    said, folded = view["message"].split("<details")
    assert "calrec-evaluate" not in said
    assert "--recommender lir --out evaluations/crafts-lir" in folded
    assert view["agreement"] == ""
    assert listed(view) == USERS[:50]
    assert 'by B"' not in view["cases"]


def rewrite(folder, **changes):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | changes))


@pytest.mark.slow
def test_only_runs_of_the_same_rules_stand_beside_each_other(handlers):
    evaluations = handlers.cases.app.workspace / "evaluations"
    view = handlers.show(HERE, {})
    assert "(bought ranked)" in view["figures"]
    assert "(count training)" in view["figures"]
    rewrite(evaluations / "two", bought="last")
    view = handlers.show(HERE, {"against": ["two"]})
    assert view["against"]["value"] == "three"
    assert "by the same rules" in view["message"]
    shutil.rmtree(evaluations / "three")
    rewrite(evaluations / "two", bought="last", count="all")
    view = handlers.show(HERE, {"run": ["two"]})
    assert "(bought last)" in view["figures"]
    assert "--recommender lir --bought last --count all" in view["message"]


def test_what_a_model_may_know_stands_under_its_figures(handlers):
    checkpoint = {"name": "x", "seen": None, "training": []}
    rewrite(handlers.cases.app.workspace / "evaluations" / "one", checkpoint=checkpoint)
    view = handlers.show(HERE, {})
    assert "CALRec †: what it was trained and selected on is not known" in view["figures"]


def test_a_shop_without_evaluations_says_how_to_make_one(handlers):
    shutil.rmtree(handlers.cases.app.workspace / "evaluations")
    view = handlers.show(HERE, {"run": ["one"]})
    said, folded = view["cases"].split("<details")
    assert "calrec-evaluate" not in said
    assert "--domain crafts --recommender calrec --checkpoint CHECKPOINT" in folded
    assert handlers.star(HERE, "case=user-00001") == {}


@pytest.mark.parametrize("name", ["../../one", "/etc", "<script>", "one/../two"])
def test_a_run_by_another_name_is_a_line(handlers, name):
    view = handlers.show(HERE, {"run": [name], "against": [name]})
    assert "expected an evaluation of crafts" in view["message"]
    assert "<script>" not in view["message"]
    assert view["run"]["value"] == "one"


def test_a_run_that_goes_away_or_breaks_is_a_line(handlers):
    folder = handlers.cases.app.workspace / "evaluations"
    (folder / "one" / "cases.parquet").write_bytes(b"no more")
    view = handlers.show(HERE, {"run": ["one"]})
    assert "evaluate again" in view["message"]
    assert "one/cases.parquet" in view["message"]
    assert str(folder.parent) not in view["message"]
    (folder / "one" / "meta.json").write_text("{")
    view = handlers.show(HERE, {"run": ["two"]})
    assert "one/meta.json" in view["message"]
    assert str(folder.parent) not in view["message"]
    assert listed(view) == USERS[:50]


def flip(path):
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes([content[half] ^ 4]) + content[half + 1 :])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cases.parquet", "metrics.json", "meta.json"])
def test_a_run_with_a_damaged_byte_is_a_line_and_the_others_stay(cases, handlers, name):
    folder = cases.app.workspace / "evaluations"
    for run in folder.iterdir():
        seal(run)
    assert handlers.show(HERE, {})["run"]["value"] == "one"
    flip(folder / "one" / name)
    for query in ({}, {"view": ["cases"], "run": ["one"]}, {"run": ["two"]}):
        view = handlers.show(HERE, query)
        assert f"one/{name}" in view["message"]
        assert "evaluate again" in view["message"]
        assert str(folder.parent) not in view["message"]
        assert view["run"]["value"] in ("two", "three")
        assert listed(view) == USERS[:50]


@pytest.mark.parametrize(("run", "name"), [("one", "samples.parquet"), ("three", "top.parquet")])
def test_a_damaged_table_of_a_run_is_a_line_in_its_part(cases, handlers, run, name):
    folder = cases.app.workspace / "evaluations"
    seal(folder / run)
    flip(folder / run / name)
    view = handlers.show(HERE, {"run": [run], "against": ["two"]})
    assert f"{run}/{name}" in view["case"]
    assert "evaluate again" in view["case"]
    assert str(folder.parent) not in view["case"]
    if run == "one":
        searched = handlers.show(HERE, {"run": [run], "text": ["brush"]})
        assert f"{run}/{name}" in searched["message"]
        assert str(folder.parent) not in searched["message"]


def test_a_damaged_run_without_digests_leaves_the_choice_of_another(cases, handlers):
    """As older releases wrote it: its damage shows only when the cases are read."""
    folder = cases.app.workspace / "evaluations"
    path = folder / "one" / "cases.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    view = handlers.show(HERE, {"view": ["cases"]})
    assert "one/cases.parquet" in view["message"]
    assert "evaluate again" in view["message"]
    assert "two" in {name for _, name in view["run"]["choices"]}
    assert listed(handlers.choose_runs(HERE, view["address"], "two", "three")) == USERS[:50]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["annotations.sqlite", "annotations.duckdb"])
def test_damaged_annotations_are_a_line_and_cases_stay(handlers, name):
    address = handlers.show(HERE, {})["address"]
    (handlers.cases.app.workspace / name).write_bytes(b"broken")
    view = handlers.show(HERE, {})
    assert "restore the file from a copy" in view["message"]
    assert str(handlers.cases.app.workspace) not in view["message"]
    assert listed(view) == USERS[:50]
    assert "restore the file from a copy" in handlers.star(HERE, address)["said"]


@pytest.mark.slow
def test_exports_write_what_is_shown_and_keep_few_files(cases):
    handlers = CasesHandlers(cases)
    address = handlers.show(HERE, {"win": ["b"], "case": [USERS[1]]})["address"]
    update = handlers.cases_csv(HERE, address)
    with open(update["file"], encoding="utf-8", newline="") as file:
        rows = [row["user_id"] for row in csv.DictReader(file)]
    assert "cases-one.csv" in update["slice_said"]
    shown = cases.select(cases.pair(DOMAIN, "", ""), CaseFilters(win="b"), "", {})
    assert rows == shown.users()
    path = handlers.case_file(HERE, address)["file"]
    assert json.loads(Path(path).read_text(encoding="utf-8"))["format"] == "calrec-case"
    assert path.endswith("case-crafts-user-00002.json")
    paths = [handlers.cases_json(HERE, address)["file"] for _ in range(KEPT + 3)]
    assert [Path(p).exists() for p in paths] == [False] * 3 + [True] * KEPT
    case = saved(handlers, HERE, url.read(address), "view-1")
    assert f'data-user="{USERS[1]}"' in case
    update = handlers.case_page(HERE, "case=../../x&run=one")
    assert update.keys() == {"said"}
    assert "expected a user" in update["said"]
    del handlers
    gc.collect()
    assert not Path(paths[-1]).exists()


# In a browser


@pytest.fixture(scope="module")
def cases_server(made, tmp_path_factory):
    place = tmp_path_factory.mktemp("served") / "workspace"
    shutil.copytree(made, place)
    with running(place) as served:
        yield served.address


@pytest.fixture
def visit(open_page, cases_server):
    def opened(query="", width=1440, theme="light"):
        address = f"{cases_server}/?__theme={theme}&view=cases&{query}"
        return open_page(address, "#case-view .cr-case", width)

    return opened


def shown(page, user):
    page.wait_for_function(
        "user => document.querySelector('#case-view article')?.dataset.user === user", arg=user
    )


@pytest.mark.browser
def test_a_person_goes_through_cases_by_keys_and_notes_them(visit):
    page = visit()
    for k in range(30):
        shown(page, USERS[k])
        page.keyboard.press(str(k % 6 + 1))
    shown(page, USERS[30])
    page.click("#case-new-label input, #case-new-label textarea")
    page.keyboard.type("brand mixup")
    page.keyboard.press("Enter")
    page.wait_for_selector("#case-labels [data-label='brand mixup'][aria-pressed=true]")
    page.reload()
    shown(page, USERS[30])
    rows = page.locator("#case-list tr[data-user]").all_inner_texts()
    assert [REASONS[k % 6] in rows[k] for k in range(30)] == [True] * 30
    assert "brand mixup" in rows[30]
    for _ in range(3):
        page.keyboard.press("j")
    shown(page, USERS[33])
    page.wait_for_selector(".cr-case-right:not(.cr-loading)")
    page.keyboard.press("k")
    shown(page, USERS[32])
    page.keyboard.press("s")
    page.wait_for_selector("#case-star:has-text('Starred')")
    page.keyboard.press("p")
    page.wait_for_selector("#case-pin:has-text('away')")
    page.keyboard.press("j")
    page.wait_for_selector("#case-pinned .cr-case")
    page.click("#case-note textarea")
    page.keyboard.type("jks: my note")  # letters of a note are no keys
    page.wait_for_selector("#case-said:has-text('Note stored')")
    page.click(".cr-case-head h2")
    shown(page, USERS[33])
    page.wait_for_function(f"location.search.includes('case={USERS[33]}&pin={USERS[32]}')")

    page.reload()
    shown(page, USERS[33])
    page.wait_for_selector("#case-pinned .cr-case")
    assert page.input_value("#case-note textarea") == "jks: my note"
    row = page.locator(f"#case-list tr[data-user='{USERS[32]}']").inner_text()
    assert "starred" in row
    page.click(f"#case-list tr[data-user='{USERS[32]}'] td.cr-value >> nth=0")
    page.wait_for_selector("#case-star:has-text('Starred')")


@pytest.mark.browser
def test_filters_matrix_and_hostile_titles(visit):
    page = visit()
    page.fill("#case-filter-text input, #case-filter-text textarea", "<script>window")
    page.wait_for_selector("#case-chips:has-text('<script>window')")
    assert page.locator("#case-list .cr-title", has_text=HOSTILE[0]).count() >= 1
    page.click("#case-chips [data-act=clear]")
    page.wait_for_selector("#case-count:has-text('100 cases')")
    page.click("text=Figures, reasons by winner")
    page.locator("#case-why button").first.click()
    page.wait_for_function("location.search.includes('reason=')")
    page.click("#case-chips [data-act=clear]")
    page.wait_for_selector("#case-why button[aria-pressed=false]")
    page.wait_for_selector("#case-count:has-text('100 cases')")
    cell = page.locator("#case-agreement .cr-cell:not([disabled])").first
    count = int(cell.inner_text())
    cell.click()
    page.wait_for_selector("#case-agreement .cr-cell[aria-pressed=true]")
    assert page.locator("#case-list tr[data-user]").count() == min(count, 50)
    page.wait_for_function("location.search.includes('a=')")

    # To the item and back: the filter is still pressed. From the item to its cases, and Back.
    filtered = page.url
    page.click("#case-view .cr-target a")
    page.wait_for_selector("#catalogue-item [data-item]")
    page.click("#way-back a")
    page.wait_for_selector("#case-agreement .cr-cell[aria-pressed=true]")
    page.wait_for_function("address => location.href === address", arg=filtered)
    page.go_back()
    page.locator("#catalogue-cases tr", has_text="LIR").locator("a").last.click()
    page.wait_for_selector("#case-chips:has-text('really bought')")
    page.go_back()
    page.wait_for_selector("#catalogue-item [data-item]")
    assert page.evaluate("window.hacked") is None


@pytest.mark.browser
def test_a_saved_page_opens_offline_and_asks_for_nothing(visit, browser, tmp_path):
    page = visit(f"case={USERS[0]}")
    with page.expect_download() as download:
        page.click("#case-save-html")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == f"case-{DOMAIN}-{USERS[0]}.html"
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 800})
    saved = context.new_page()
    asked, said = [], []
    saved.on("request", lambda request: asked.append(request.url))
    saved.on("console", lambda message: said.append(message.text))
    saved.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert said == []
    assert saved.evaluate("window.hacked") is None
    assert saved.evaluate("document.documentElement.scrollWidth") <= 390
    assert saved.locator(".cr-matrix td.cr-winner").count() > 0
    cell = saved.locator(".cr-matrix td > button").nth(1)
    assert cell.evaluate("cell => getComputedStyle(cell).backgroundColor").startswith("color")
    cell.press("Enter")
    assert saved.locator(".cr-compared:popover-open ruby, .cr-compared:popover-open p").count() > 1
    saved.locator(".cr-matrix-steps input").first.check(force=True)
    assert cell.inner_text() == cell.locator("span").first.text_content()
    context.close()


@pytest.mark.browser
def test_a_narrow_page_does_not_scroll_sideways(visit):
    page = visit(f"pin={USERS[1]}&length=1-99", width=390, theme="dark")
    page.wait_for_selector("#case-chips:has-text('1–99')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#case-list .cr-case-list").is_visible()
    assert "length=1-99" in page.url  # a link's filters outlive the page's arrival


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_no_script_in_the_head_ends_its_element_early(path):
    assert "</" not in path.read_text(encoding="utf-8")
