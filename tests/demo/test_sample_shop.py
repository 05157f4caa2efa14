"""The whole product: an empty folder, the sample shop, the shipped checkpoint, one visitor."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser]
ROOT = Path(__file__).resolve().parents[2]
# Where the tests themselves run in the background, Ctrl-C is ignored, and children inherit that.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from demo.app import main; main()"
)


@pytest.fixture
def demo(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", START, "--workspace", str(tmp_path / "w"), "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "building the sample shop" in process.stdout.readline()
        address = process.stdout.readline().split()[-1]
        assert address == f"http://127.0.0.1:{port}"
        yield process, address
    finally:
        process.kill()
        process.communicate()


def test_from_an_empty_folder_to_a_recommendation_and_ctrl_c(demo, browser):
    process, address = demo
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(300_000)
    page.goto(address)
    page.click("#random")
    page.wait_for_selector("#target .cr-target")
    texts = []
    for _ in range(2):
        page.click("#run")
        page.wait_for_function(
            "document.querySelector('#status').innerText.includes('Decoding step')"
        )
        page.wait_for_selector("#status .cr-done")
        page.wait_for_selector("#heat .heatmaplayer")
        texts.append(page.locator("#samples .cr-item").evaluate_all("all => all.map(x => x.title)"))
    assert len(texts[0]) == 32
    assert texts[0] == texts[1]
    exact = page.locator("#samples .cr-badge", has_text="4/4 exact").count()
    assert exact >= 16
    assert page.locator("#ranks .cr-rank").count() == 2
    context.close()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "stopped"
    assert output == ""
