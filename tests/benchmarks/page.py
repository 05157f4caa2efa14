"""How long the pages let a person wait, in a real browser.

    calrec-demo --workspace workspace &
    python tests/benchmarks/page.py --address http://127.0.0.1:7860

Milliseconds, the median of some rounds: from opening the address to the catalogue's first row; from
Recommend to the first visible text and to all of them with their ranking; from a switch of the
ranking to the new ranking; from a typed word to the items found. The server is warm: it has
recommended once.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

CHANGED = """(what) => new Promise((done) => {
  const start = performance.now();
  const watched = document.querySelector(what.watch);
  const seen = new MutationObserver(() => { seen.disconnect(); done(performance.now() - start); });
  seen.observe(watched, {childList: true, subtree: true, characterData: true});
  document.querySelector(what.click).click();
})"""

FOUND = """(word) => new Promise((done) => {
  const start = performance.now();
  const list = document.querySelector('#catalogue-list');
  const seen = new MutationObserver(() => {
    if (list.querySelector('mark')?.innerText.toLowerCase() !== word) return;
    seen.disconnect();
    done(performance.now() - start);
  });
  seen.observe(list, {childList: true, subtree: true, characterData: true});
  const box = document.querySelector('#query textarea, #query input');
  // Set by the element itself, as typing does: the page's framework watches the property.
  Object.getOwnPropertyDescriptor(box.constructor.prototype, 'value').set.call(box, word);
  box.dispatchEvent(new Event('input', {bubbles: true}));
})"""


def milliseconds(act) -> float:
    """What an action takes."""
    start = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - start)


def opened(page: Page, address: str) -> float:
    """From the address to the first row of the catalogue."""

    def act() -> None:
        page.goto(f"{address}/?shop=sample-kitchen&user=kitchen-0024")
        page.wait_for_selector("#catalogue-list .cr-row")

    spent = milliseconds(act)
    page.wait_for_selector("#target .cr-target")
    return spent


def recommended(page: Page, seed: int) -> tuple[float, float]:
    """From Recommend to the first text, and to all of them with their ranking."""
    page.keyboard.press("1")
    if not page.locator("#seed input").is_visible():
        page.click("#step-1 .cr-quiet button >> text=How the model writes")
    page.fill("#seed input", str(seed))
    page.click("#step-1 .cr-heading >> nth=0")
    page.wait_for_timeout(300)
    before = page.inner_text("#status")
    start = time.perf_counter()
    page.click("#run")
    page.wait_for_function(
        "before => document.querySelector('#status').innerText !== before", arg=before
    )
    # The first texts come with the line of the first step.
    page.wait_for_function(
        "() => /Decoding|Done/.test(document.querySelector('#status').innerText)"
    )
    first = time.perf_counter() - start
    page.wait_for_selector("#status .cr-done")
    return 1000 * first, 1000 * (time.perf_counter() - start)


def found(page: Page, word: str) -> float:
    """From a typed word to the items that have it, on the page's own clock."""
    return page.evaluate(FOUND, word)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--address", default="http://127.0.0.1:7860")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))))
    table = Table("what", "median ms", "slowest ms")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        opened(page, options.address)
        recommended(page, 1000)
        rows = {
            "first paint": [opened(page, options.address) for _ in range(options.rounds)],
        }
        texts = [recommended(page, int(time.time()) % 10**6 + n) for n in range(options.rounds)]
        rows["first text"] = [first for first, _ in texts]
        rows["32 texts and their ranking"] = [every for _, every in texts]
        switch = {"watch": "#rankings", "click": "#modulation input"}
        rows["a switch of the ranking"] = []
        for _ in range(options.rounds):
            rows["a switch of the ranking"].append(page.evaluate(CHANGED, switch))
            page.wait_for_timeout(300)
        page.keyboard.press("1")
        words = ("espresso", "knife", "paprika", "skillet", "flour")
        rows["a word in the catalogue"] = []
        for word in words:
            rows["a word in the catalogue"].append(found(page, word))
            page.wait_for_timeout(300)
        browser.close()
    for name, spent in rows.items():
        table.add_row(name, f"{statistics.median(spent):.0f}", f"{max(spent):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
