"""What a visitor does, in a real browser on a real server with the scripted model."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.browser


BUSY = "getComputedStyle(document.querySelector('.gradio-container'), '::before').animationName"
"""The line at the top of the window: its animation begins 0.3 s after what it stands for."""


def opener(open_page, address: str):
    def visit(width: int = 1440, theme: str = "light", listen=None):
        place = f"{address}/?__theme={theme}&step=0"
        return open_page(place, "html[data-arrived] #catalogue-list .cr-row", width, listen)

    return visit


@pytest.fixture
def visit(open_page, server):
    return opener(open_page, server)


@pytest.fixture
def visit_slow(open_page, slow_server):
    return opener(open_page, slow_server)


def add(page, name: str) -> None:
    before = page.locator("#history .cr-line").count()
    page.locator("#catalogue-list .cr-row", has_text=name).first.click()
    page.wait_for_function(
        "n => document.querySelectorAll('#history .cr-line').length > n", arg=before
    )


def titles(page) -> list[str]:
    return page.locator("#history .cr-title").all_inner_texts()


def compare_by_keys(page) -> None:
    """The matrix: its switch moves colours and numbers, a cell opens by keys, and all stays."""
    first = page.locator("#matrix .cr-matrix td > button").first
    first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert first.inner_text() == first.locator("span").first.text_content()
    share, raw = (
        first.evaluate("(cell, name) => getComputedStyle(cell).getPropertyValue(name)", name)
        for name in ("--share", "--s1")
    )
    assert share == raw != ""
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert (
        page.locator("#matrix .cr-compared:popover-open .cr-label")
        .last.inner_text()
        .startswith("Text 2,")
    )
    page.keyboard.press("ArrowDown")
    assert page.locator("#matrix .cr-compared:popover-open").get_attribute("id") == "matrix-1-1"
    page.keyboard.press("Escape")
    assert page.locator("#matrix .cr-compared:popover-open").count() == 0


def tell_by_keys(page) -> None:
    """The story: each stop's sentence and part, by arrow keys that leave typing alone."""
    page.click("[data-tell]")
    # It asks which purchase is behind the first item.
    page.wait_for_selector("#story .cr-stops:not([data-asks])", state="attached")
    sentences = page.locator("#story .cr-stops li").all_text_contents()
    assert "did most for its text" in sentences[3]
    told = [(page.inner_text(".cr-story-said"), page.locator("[data-told]").get_attribute("id"))]
    page.focus("#query textarea, #query input")
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".cr-story-text").startswith("1 of 5")
    page.focus("[data-turn='1']")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
        part = page.locator("[data-told]")
        told.append((page.inner_text(".cr-story-said"), part.get_attribute("id")))
    parts = ["history", "samples", "matrix", "why", "ranks", "ranks"]
    assert told == list(zip([*sentences, sentences[-1]], parts, strict=True))
    page.wait_for_function(
        "(() => { const box = document.querySelector('[data-told]').getBoundingClientRect();"
        " return box.top >= 0 && box.top < innerHeight / 2; })()"
    )
    assert "story=5" in page.url
    page.keyboard.press("Escape")
    assert not page.locator(".cr-story-bar").is_visible()
    assert page.evaluate("document.activeElement.hasAttribute('data-tell')")
    assert "story" not in page.url


def collect(page, width: int) -> None:
    """The result in a report, which opens offline, runs no title and has a way back."""
    live = page.url
    page.click("#story [data-collect]")
    page.click("[data-report-open]")
    page.fill(".cr-view textarea", "<img src=x onerror=window.hacked=1>")
    with page.expect_download() as saved:
        page.click("#report-make")
    offline = page.context.browser.new_context(offline=True, color_scheme="dark")
    report = offline.new_page()
    report.set_viewport_size({"width": width, "height": 900})
    errors = []
    report.on("pageerror", lambda error: errors.append(str(error)))
    file = f"{saved.value.path()}.html"
    saved.value.save_as(file)
    report.goto(f"file://{file}")
    report.wait_for_selector(".cr-flow .main-svg")
    assert report.locator(".cr-saved-note").inner_text() == "<img src=x onerror=window.hacked=1>"
    assert report.locator(".cr-live").get_attribute("href") == re.sub("__theme=[a-z]+&", "", live)
    assert report.evaluate("window.hacked") is None
    assert report.evaluate("document.documentElement.scrollWidth") <= width
    assert errors == []
    offline.close()
    page.click("[data-report-close]")


def wait_done(page) -> None:
    page.wait_for_selector("#status .cr-done")


def test_from_an_empty_history_to_both_rankings(visit_slow):
    page = visit_slow()
    assert "Pick items from the catalogue or load a shopper" in page.inner_text("#history")
    # What the pages press themselves nobody sees.
    page.wait_for_selector("#arrive-again", state="attached")
    assert not page.locator("#arrive-again").is_visible()
    page.click("#run")
    page.wait_for_selector("#beside .cr-error")
    assert "The history is empty" in page.inner_text("#beside")
    add(page, "Desk lamp number 1 ")
    add(page, "Desk lamp number 2 ")
    page.click("#run")
    page.wait_for_selector("#samples .cr-streaming li")
    page.wait_for_selector("#status >> text=Decoding step")
    assert "of 32 texts finished" in page.inner_text("#status")
    assert page.evaluate(BUSY) == "cr-busy"
    wait_done(page)
    page.wait_for_function(f"{BUSY} === 'none'")
    page.wait_for_selector("#matrix .cr-matrix")
    assert page.locator("#rankings table").count() == 2
    assert page.locator("#rankings tbody tr").count() == 40
    assert "Load a shopper" in page.inner_text("#ranks")
    assert "Desk lamp number 2 " in page.inner_text("#prompt pre")


def test_the_history_can_be_reordered_by_keyboard_and_mouse(visit):
    page = visit()
    for number in (1, 2, 4):
        add(page, f"Desk lamp number {number} ")
    first, second, third = titles(page)
    page.locator("#history [data-act=down]").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "t => document.querySelector('#history .cr-title').innerText == t", arg=second
    )
    assert titles(page) == [second, first, third]
    page.locator("#history [data-act=remove]").nth(1).click()
    page.wait_for_function("document.querySelectorAll('#history .cr-line').length == 2")
    assert titles(page) == [second, third]
    page.click("#history [data-act=clear]")
    page.wait_for_selector("#history .cr-empty")


def test_quick_clicks_are_all_counted(visit):
    page = visit()
    page.evaluate(
        "for (const row of [...document.querySelectorAll('#catalogue-list .cr-row')].slice(0, 6))"
        " row.click()"
    )
    page.wait_for_function("document.querySelectorAll('#history .cr-line').length == 6")


def test_search_pages_and_another_shop(visit):
    page = visit()
    assert "1–20 of 60" in page.inner_text("#catalogue-list .cr-pager")
    page.click("#catalogue-list >> text=Next")
    page.wait_for_function(
        "document.querySelector('#catalogue-list .cr-pager').innerText.includes('21–40')"
    )
    page.fill("#query textarea, #query input", "quoted")
    page.wait_for_function("document.querySelectorAll('#catalogue-list .cr-row').length == 1")
    add(page, "quoted")
    page.click("#shop input")
    page.click("[role=option]:has-text('Tools')")
    page.wait_for_function(
        "document.querySelector('#catalogue-list .cr-title')?.innerText.includes('Saw blade')"
    )
    page.wait_for_selector("#history .cr-empty")
    assert page.locator("#catalogue-list .cr-row").count() == 20
    page.wait_for_function("document.title === 'Walkthrough · Tools · CALRec'")
    # Nothing is lost by it: neither for Undo nor for Back.
    lamp = "document.querySelector('#history .cr-title')?.innerText.includes('quoted')"
    page.keyboard.press("Control+z")
    page.wait_for_function(lamp)
    page.click("[data-history=redo]")
    page.wait_for_selector("#history .cr-empty")
    page.wait_for_function("location.search.includes('shop=tools')")
    page.go_back()
    page.wait_for_function(lamp)


def test_a_slip_is_forgiven_and_the_filters_follow(visit):
    page = visit()
    page.fill("#query textarea, #query input", "qutoed")
    page.wait_for_selector("#catalogue-list [data-act=search] >> text=quoted")
    assert page.inner_text("#catalogue-list mark") == "quoted"
    page.click("#catalogue-list [data-act=search]")
    page.wait_for_function("!document.querySelector('#catalogue-list [data-act=search]')")
    page.wait_for_function(
        "document.querySelector('#query textarea, #query input').value === 'quoted'"
    )
    page.fill("#query textarea, #query input", "lamp")
    page.wait_for_selector("#catalogue-list .cr-pager >> text=of 60")
    page.click("#category input")
    page.click("[role=option]:has-text('Home (60)')")
    page.click("#category input")
    page.click("[role=option]:has-text('› Lighting (30)')")
    page.wait_for_selector("#catalogue-list .cr-pager >> text=of 30")
    page.click("#category input")
    offered = page.locator("[role=option]").all_inner_texts()
    assert [text.split("\n")[-1] for text in offered] == [
        "All categories", "Home", "Home › Lighting (30)"
    ]  # fmt: skip


def test_a_shopper_found_by_typing_brings_the_true_next_item_and_both_ranks(visit):
    page = visit()
    page.click("#shopper input")
    page.keyboard.type("ser-3", delay=60)
    page.wait_for_function("document.querySelectorAll('#shoppers option').length == 1")
    assert page.input_value("#shopper input") == "ser-3"
    # The browser's list of suggestions is no part of the page: what it does when one is picked.
    page.evaluate(
        "const box = document.querySelector('#shopper input'); box.value = 'user-3';"
        "box.dispatchEvent(new InputEvent('input',"
        " {bubbles: true, inputType: 'insertReplacementText'}))"
    )
    page.wait_for_selector("#history .cr-bar >> text=user-3")
    page.fill("#shopper input", "ser-2")
    page.keyboard.press("Enter")
    page.wait_for_selector("#history .cr-bar >> text=user-2")
    page.wait_for_selector("#target .cr-target")
    page.click("#run")
    wait_done(page)
    page.wait_for_selector("#ranks .cr-rank")
    cards = page.locator("#ranks .cr-card").all_inner_texts()
    assert len(cards) == 2
    assert all(re.search(r"Rank [\d,]+( to [\d,]+)? of 60", card) for card in cards)
    assert page.locator("#rankings .cr-true").count() == 2
    page.click("#sure")
    page.wait_for_function("document.querySelector('#sureness').innerText.includes('3 of 16')")
    page.click("#sure-stop")
    page.wait_for_selector("#sureness .cr-strip-own", state="attached")
    assert "draws were finished" in page.inner_text("#sureness .cr-notice")
    assert "the item really bought" in page.inner_text("#sureness .cr-label")
    assert page.is_visible("#sure")
    assert not page.is_visible("#sure-stop")


def test_two_visitors_do_not_see_each_other(visit_slow):
    one, two = visit_slow(), visit_slow()
    add(one, "Desk lamp number 1 ")
    add(two, "Desk lamp number 2 ")
    add(two, "Desk lamp number 4 ")
    assert len(titles(one)) == 1
    assert len(titles(two)) == 2
    one.click("#run")
    one.wait_for_selector("#samples .cr-streaming")
    two.click("#run")
    two.wait_for_selector("#status .cr-notice")
    # The second one waits its turn, and may go on with the catalogue while the model works.
    assert "Waiting for the model" in two.inner_text("#status")
    assert "Waiting for the model" in two.inner_text("#samples")
    wait_done(one)
    two.wait_for_selector("#samples .cr-streaming")
    add(two, "Desk lamp number 5 ")
    wait_done(two)
    for page, read in ((one, "1 "), (two, "4 ")):
        assert f"number {read}" in page.inner_text("#prompt pre")
    assert "number 1 " not in two.inner_text("#prompt pre")
    # What was added while it ran is not in the results, and the page says so.
    two.wait_for_selector("#stale >> text=The history has changed")
    assert one.locator("#stale .cr-notice").count() == 0


# Each test has a history of its own: what was written for one is kept and comes at once.
def test_stop_ends_the_work_and_frees_the_model(visit_slow):
    page = visit_slow()
    add(page, "Desk lamp number 7 ")
    page.click("#run")
    page.wait_for_selector("#samples .cr-streaming")
    page.click("#stop")
    page.wait_for_selector("#status >> text=Stopped")
    page.wait_for_selector("#run:visible")
    written = page.inner_text("#samples")
    page.wait_for_timeout(1200)
    assert page.inner_text("#samples") == written
    assert ("writing" in written, "stopped" in written) == (False, True)
    assert page.locator("#status .cr-progress").is_hidden()
    page.click("#run")
    wait_done(page)


def test_stop_while_waiting_gives_up_the_place(visit_slow):
    one, two = visit_slow(), visit_slow()
    for page in (one, two):
        add(page, "Desk lamp number 4 ")
    one.click("#run")
    one.wait_for_selector("#samples .cr-streaming")
    two.click("#run")
    two.wait_for_selector("#stop:visible")
    two.click("#stop")
    two.wait_for_selector("#run:visible")
    wait_done(one)
    one.wait_for_timeout(1500)
    assert "Nothing written yet" in two.inner_text("#samples")
    assert "Stopped before" in two.inner_text("#status")


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_no_request_leaves_the_machine_no_title_runs_and_nothing_sticks_out(
    visit, server, width, theme
):
    requests, errors = [], []

    def listen(page):
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))

    page = visit(width, theme, listen)
    page.fill("#query textarea, #query input", "lamp")
    page.wait_for_function(
        "document.querySelector('#catalogue-list').innerText.includes('<script>')"
    )
    for word in ("<script>", "onerror", "${window", "onmouseover"):
        page.fill("#query textarea, #query input", re.sub(r"\W", " ", word))
        page.wait_for_timeout(400)
        add(page, word)
    page.click("#run")
    wait_done(page)
    cell = page.locator("#matrix tr:has(th:has-text('<script>')) td > button").first
    assert "<script>window.hacked = 1</script> lamp" in cell.get_attribute("title")
    compare_by_keys(page)
    tell_by_keys(page)
    if width == 390:
        collect(page, width)
    assert len(requests) > 5
    assert [u for u in requests if not u.startswith((server, "data:", "blob:"))] == []
    assert page.evaluate("window.hacked") is None
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
