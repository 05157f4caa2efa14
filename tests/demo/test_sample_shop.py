"""The whole product: an empty folder, the sample shop, the shipped checkpoint, a visitor.

Every page is used as a person would, looked over by axe-core in light and dark, and opened again
by its link in another browser.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from train.evaluate import main

pytestmark = [pytest.mark.slow, pytest.mark.browser]
ROOT = Path(__file__).resolve().parents[2]
# Where the tests themselves run in the background, Ctrl-C is ignored, and children inherit that.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from demo.server.app import main; main()"
)
PAGES = {
    "walkthrough": "#matrix .cr-matrix",
    "cases": "#case-view .cr-case",
    "metrics": ".js-plotly-plot:visible",
    "catalogue": "#catalogue .cr-list li",
    "embeddings": "#embeddings .js-plotly-plot",
}
SHOPPER = "shop=sample-kitchen&user=kitchen-0322"
CASES = 12
ONLY = {"resultTypes": ["violations"]}
"""What axe-core is asked for: else it also writes down all that is well."""


def evaluate(workspace: Path, recommender: str, *more: str) -> None:
    out = workspace / "evaluations" / f"kitchen-{recommender}"
    line = ["--workspace", str(workspace), "--domain", "sample-kitchen", "--out", str(out)]
    line += ["--recommender", recommender, "--users", str(CASES), *more]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["calrec-evaluate", *line])
        main()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The address of a server that started on an empty folder; evaluations are made meanwhile."""
    workspace = tmp_path_factory.mktemp("sample") / "w"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", START, "--workspace", str(workspace), "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "building the sample shop" in process.stdout.readline()
        address = process.stdout.readline().split()[-1]
        assert address == f"http://127.0.0.1:{port}"
        evaluate(workspace, "lir")
        evaluate(workspace, "calrec", "--checkpoint", "sample")
        yield process, address
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def visit(open_page, demo):
    return lambda query: open_page(f"{demo[1]}/?{query}")


def test_a_telling_case_in_five_steps(visit):
    page = visit("shop=sample-kitchen&mode=expert")
    assert "show failures" in page.inner_text("#presets")
    card = page.locator("#presets .cr-preset", has_text="Sure, and right")
    said = card.inner_text()
    card.click()
    # It opens with its result; the first one loads and compiles.
    page.wait_for_selector("#status .cr-done")
    assert "computed live" in page.inner_text("#status")
    same = re.search(r"(\d+) of 32 texts are the same one", said)[1]
    assert f"× {same}" in page.inner_text("#samples .cr-row >> nth=0")
    page.keyboard.press("2")
    page.wait_for_selector("#step-2 #prompt pre")
    assert page.locator("#step-1").is_hidden()
    assert "The next item bought is as follows" in page.inner_text("#prompt pre")
    page.go_back()
    page.wait_for_selector("#step-3 #samples .cr-row")
    # Nearly all texts are the same one: few rows, each with the item that it names.
    rows = page.locator("#samples .cr-row")
    assert 1 <= rows.count() <= 6
    assert "exact item" in rows.first.inner_text()
    rows.first.click()
    page.wait_for_selector("#samples .cr-strip")
    page.click("#samples .cr-token >> nth=1")
    assert page.locator("#samples .cr-alternatives:visible .cr-line").count() >= 5
    page.keyboard.press("4")
    page.wait_for_selector("#matrix .cr-matrix")
    page.keyboard.press("5")
    assert "1 of 502" in page.inner_text("#ranks .cr-card >> nth=0")
    assert page.locator("#rankings tbody tr:not(.cr-gap)").count() >= 40
    page.click("#rankings .cr-why summary >> nth=0")
    assert page.locator("#rankings .cr-words:visible li").count() > 1
    page.click("#look")
    page.wait_for_selector("#explorer .cr-branch.cr-bought")
    assert "It is among the first ten." in page.inner_text(".cr-explorer-lead")
    second = page.locator("#explorer button[data-act=ask]:visible:not(.cr-bought)").first
    asked = second.get_attribute("data-id")
    second.press("Enter")
    page.wait_for_selector("#explorer .cr-asked")
    assert page.evaluate("document.activeElement.dataset.id") == asked
    page.wait_for_function("id => location.search.includes(`asked=${id}`)", arg=asked)
    # The same view in another browser.
    other = visit(page.url.split("?")[1])
    other.wait_for_selector("#status .cr-done")
    other.wait_for_selector("#samples .cr-strip", state="attached")
    assert other.locator("#step-5").is_visible()
    other.wait_for_selector("#explorer .cr-asked")
    for part in (
        "#ranks .cr-cards",
        "#rankings tbody >> nth=0",
        "#rankings tbody >> nth=1",
        "#explorer .cr-explorer-lead",
    ):
        assert other.text_content(part) == page.text_content(part)


def test_switches_act_at_once_and_go_into_the_link(visit):
    page = visit(f"{SHOPPER}&written=1&step=5")
    page.wait_for_selector("#status .cr-done")
    page.wait_for_function("document.querySelectorAll('#rankings table').length == 2")
    page.click("#others >> text=Item KNN")
    page.wait_for_function("document.querySelectorAll('#rankings table').length == 3")
    page.keyboard.press("4")
    page.click("#modulation input")
    page.wait_for_function("location.search.includes('weighed=no')")
    page.wait_for_function(
        "() => [...document.querySelectorAll('#matrix .cr-matrix td > button')].every((cell) =>"
        " cell.children[1].textContent === cell.children[2].textContent)"
    )
    # Another decoder writes anew: items alone, and no seed, no words.
    page.keyboard.press("3")
    page.click("#decoder >> text=The most probable items")
    page.wait_for_selector("#decoding .cr-decoding")
    page.wait_for_function("location.search.includes('decoder=trie-beam')")
    assert page.locator("#samples .cr-badges:has-text('exact item')").count() == 32
    page.keyboard.press("4")
    page.wait_for_selector("#no-words:has-text('its own text')")
    assert not page.locator("#modulation").is_visible()
    other = visit(page.url.split("?")[1])
    other.wait_for_selector("#decoding .cr-decoding", state="attached")
    for part in ("#decoding", "#ranks .cr-cards", "#rankings tbody >> nth=0"):
        assert other.text_content(part) == page.text_content(part)


def test_recommending_is_quick(visit):
    page = visit(SHOPPER)
    page.wait_for_selector("#target .cr-target")
    page.click("#step-1 .cr-quiet button >> text=How the model writes")
    for seed in ("11", "12"):
        page.wait_for_function("document.querySelector('#run').offsetParent !== null")
        page.fill("#seed input", seed)
        page.keyboard.press("Tab")
        start = time.monotonic()
        page.click("#run")
        page.wait_for_selector("#samples li")
        page.wait_for_selector("#status .cr-done")
        seconds = time.monotonic() - start
        page.keyboard.press("1")
    # The promise is 3 s on a quiet machine; here it only must not be of another order.
    assert seconds < 15


def test_a_case_is_labelled_with_the_keyboard_and_found_again(visit):
    page = visit("view=cases&shop=sample-kitchen")
    page.wait_for_selector(PAGES["cases"])
    assert f"{CASES} cases" in page.inner_text("#case-count")
    first = page.url
    page.keyboard.press("j")
    page.wait_for_function("before => location.href !== before", arg=first)
    page.keyboard.press("s")
    page.wait_for_selector("#case-star:has-text('Starred')")
    other = visit(page.url.split("?")[1])
    other.wait_for_selector("#case-star:has-text('Starred')")
    assert other.inner_text("#case-view .cr-case-head") == page.inner_text(
        "#case-view .cr-case-head"
    )


def test_an_item_of_the_catalogue_goes_into_the_history(visit):
    page = visit("view=catalogue&shop=sample-kitchen")
    page.wait_for_selector(PAGES["catalogue"])
    page.locator("#catalogue [data-act=add]").first.click()
    page.wait_for_function("location.search.includes('item=')")
    page.click("#pages button[role=tab] >> text=Walkthrough")
    page.wait_for_selector("#history .cr-line")
    assert page.locator("#history .cr-line").count() == 1


@pytest.mark.parametrize("name", PAGES)
def test_nothing_serious_for_axe_nothing_sticks_out_nothing_calls_out(open_page, demo, name):
    from axe_playwright_python.sync_playwright import Axe

    requests, errors = [], []

    def listen(page):
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))

    page = open_page(
        f"{demo[1]}/?view={name}&{SHOPPER}&written=1&explored=1&step=0&__theme=light",
        PAGES[name],
        listen=listen,
    )
    if name == "walkthrough":
        page.wait_for_selector("#explorer .cr-tree")
    for theme, width in (("light", 1440), ("dark", 390)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
        page.wait_for_timeout(600)
        # gradio's own stand-in for a plot that is still on its way.
        page.wait_for_selector("[aria-label='Empty value'] >> visible=true", state="detached")
        found = Axe().run(page, options=ONLY).response["violations"]
        serious = [
            {one["id"]: [node["html"][:160] for node in one["nodes"][:4]]}
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert not serious, f"{theme}, {width}: {json.dumps(serious, indent=1)}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [u for u in requests if not u.startswith((demo[1], "data:", "blob:"))] == []
    assert errors == []


def test_ctrl_c_ends_it(demo):
    process, _ = demo
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "stopped"
    assert output == ""
