import os
import shutil
import sys
from pathlib import Path

import hypothesis
import pytest
from jaxtyping import install_import_hook

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside the tests

# What the arrays' annotations say is checked as the tests run; what measures time goes without.
if os.environ.get("CALREC_CHECK_ARRAYS", "1") != "0":
    root = Path(__file__).parents[1]
    named = [path for path in (root / "calrec").rglob("*.py") if "jaxtyping" in path.read_text()]
    # A module without arrays has nothing to check, and its functions may be called for each word.
    modules = [".".join(path.relative_to(root).with_suffix("").parts) for path in named]
    install_import_hook(modules, "array_types.check")

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


def pytest_configure(config):
    """What jax compiles, most of the tests' work, is kept for the next run beside pytest's own.

    The processes of a run share it, and `pytest --cache-clear` empties it. It is set before
    anything imports jax.
    """
    kept = getattr(config, "cache", None)
    if kept is not None:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(kept.mkdir("compiled"))
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Compiled programs are shared by the tests, and leave nothing in anybody's home."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of all workers
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real Amazon data, outside the project; tests on it skip where it is absent."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "amazon"
    if not path.is_dir():
        pytest.skip("needs the real Amazon data in ../shared/data, which is not here")
    return path


@pytest.fixture(scope="module")
def browser():
    """Chromium; tests that need it skip where it or Playwright is absent.

    It ends with its module: as long as it runs, so does Playwright's loop in this thread, and
    nothing else here can run a loop of its own.
    """
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


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a recommender of another package for a test; returns the folder it is in."""
    from toy_package import install

    from calrec.recommenders import register

    def installing(*source_and_value: str) -> Path:
        install(tmp_path, *source_and_value)
        monkeypatch.syspath_prepend(tmp_path)
        register.entries.cache_clear()
        return tmp_path

    yield installing
    sys.modules.pop("toy_recommender", None)
    register.entries.cache_clear()
