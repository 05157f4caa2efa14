"""Views collected into a report: what a browser may ask for, and the page that is made of it."""

import json
import re
from pathlib import Path

import pytest
from markupsafe import Markup

from calrec.errors import CalrecError
from demo.inspect import url
from demo.inspect.session import Session
from demo.pages.collecting import MOST, Collecting, Wanted, wanted

BASE = "https://example.org/shop/"


def asked(*views, **more):
    return json.dumps({"title": "Why <b>kettles</b>", "base": BASE, "views": views, **more})


def view(query, **more):
    return {"query": query, "title": "<i>One</i>", "note": "", **more}


@pytest.mark.parametrize(
    "text",
    [None, 7, "", "[", "[]", "{}", '{"views": 3}', '{"views": [3]}', '{"views": [{"title": "x"}]}',
     asked(), asked(*[view("view=cases")] * (MOST + 1))],
)  # fmt: skip
def test_what_is_no_list_of_views_ends_in_a_line(application, text):
    with pytest.raises(CalrecError, match=r"expected .*, found .*; .*"):
        wanted(text)
    *_, last = Collecting(application, {}).report(text)
    assert "cr-error" in last["said"]
    assert last["file"]["value"] is None


def test_addresses_are_read_as_addresses():
    title, base, (one,) = wanted(asked(view('view=cases&case=a"b&x=<', note=" why? ")))
    assert (title, base) == ("Why <b>kettles</b>", BASE)
    assert one == Wanted(query="view=cases&case=a%22b&x=%3C", title="<i>One</i>", note="why?")
    assert wanted(asked(view("view=cases"), base="javascript:alert(1)//https://x"))[1] == ""


def test_the_page_has_each_view_in_order_and_says_why_one_is_missing(application):
    seen = []

    def saved(session, query, key):
        seen.append((session.domain, url.one(query, "case"), key))
        return Markup("<p>a case</p>")

    def broken(session, query, key):
        raise CalrecError("expected x, found y; do z")

    collecting = Collecting(application, {"cases": saved, "metrics": broken})
    text = asked(
        view("view=metrics&shop=tools", title="Broken"),
        view("view=cases&shop=lamps&case=u1", note="<script>window.hacked = 1</script>"),
        view("view=cases&shop=nowhere"),
        view("view=catalogue&shop=lamps"),
    )
    *busy, last = collecting.report(text)
    assert [f"View {n} of 4" in one["said"] for n, one in enumerate(busy, 1)] == [True] * 4
    assert seen == [("lamps", "u1", "view-2")]
    page = Path(last["file"]).read_text(encoding="utf-8")
    heads = re.findall(r"<h2>(\d)\. <bdi>(.*?)</bdi></h2>", page)
    assert heads == [("1", "Broken"), *((str(n), "&lt;i&gt;One&lt;/i&gt;") for n in (2, 3, 4))]
    assert page.count("cr-error") - page.count(".cr-error") == 3
    assert "expected x, found y; do z" in page
    assert "<script" not in page
    assert "script-src" not in page
    links = re.findall(r'(?:href|src)="([^"#][^"]*)"', page)
    assert links[1] == f"{BASE}?view=cases&amp;shop=lamps&amp;case=u1"
    assert {link.partition("?")[0] for link in links} == {BASE}


def test_a_result_is_made_anew_from_its_address(handlers):
    session = Session(domain="lamps", history=("lamps-007", "lamps-001"), target="lamps-011")
    one, two = (
        handlers.saving.saved(session, url.read("samples=8&seed=3&with=lir"), key)
        for key in ("view-1", "view-2")
    )
    assert "Free texts: 8 texts, seed 3, temperature 0.5." in one
    assert "In five sentences" in one
    assert "This history holds 2 purchases" in one
    assert "really bought next" in one
    assert "<button" not in re.sub(r"<button[^>]*popovertarget", "", one)
    ids = [set(re.findall(r' id="([^"]+)"', saved)) for saved in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    with pytest.raises(CalrecError, match="expected a history"):
        handlers.saving.saved(Session(domain="lamps"), {}, "view-1")
