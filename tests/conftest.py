import os
import shutil
import sys
from pathlib import Path

import hypothesis
import pytest
from jaxtyping import install_import_hook

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside the tests

# What the arrays' annotations say is checked as the tests run; what measures time goes without.
CHECKED = ("calrec.model", "calrec.generation")
if os.environ.get("CALREC_CHECK_ARRAYS", "1") != "0":
    install_import_hook(CHECKED, "array_types.check")

# Arrays of unlike rank are broadcast in words or not at all, in commands that tests start too.
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")

# A busy machine is no fault: no example has a time limit of its own.
hypothesis.settings.register_profile("calrec", deadline=None)
hypothesis.settings.load_profile("calrec")


def pytest_collection_modifyitems(items):
    """Fast tests first, so that a plain mistake shows within seconds."""
    items.sort(
        key=lambda item: (
            2 * bool(item.get_closest_marker("slow")) + bool(item.get_closest_marker("browser"))
        )
    )


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Compiled programs are shared by the tests, and leave nothing in anybody's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real Amazon data, outside the project; tests on it skip where it is absent."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "amazon"
    if not path.is_dir():
        pytest.skip("needs the real Amazon data in ../shared/data, which is not here")
    return path


@pytest.fixture(scope="session")
def browser():
    """Chromium; tests that need it skip where it or Playwright is absent."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if path is None:
        pytest.skip("needs a Chromium (Debian: apt-get install chromium), found none")
    quiet = ("gpu", "quic", "background-networking", "component-update", "sync")
    options = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=options)
        yield chromium
        chromium.close()
