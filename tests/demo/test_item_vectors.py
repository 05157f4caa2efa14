"""The cache of item vectors: computed once, whole on disk, and never those of another shop."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from calrec.errors import CalrecError
from calrec.model import checkpoint
from calrec.recommenders.dense import item_vectors
from demo.inspect.application import Application
from demo.inspect.item_vectors import ItemVectors


class Embedding:
    """Stands for the model; its vectors hold the length of each title."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails_after: int | None = None

    def embedder(self) -> Embedding:
        return self

    def items(self, items, *, tick=None) -> np.ndarray:
        self.calls += 1
        for done, _ in enumerate(items):
            if done == self.fails_after:
                raise CalrecError("expected more memory, found none; buy some")
            if tick is not None:
                tick(1)
        return np.array([[len(item.title or ""), 1.0] for item in items], np.float32)


@pytest.fixture
def model() -> Embedding:
    return Embedding()


@pytest.fixture
def place(tmp_path, workspace):
    """A copy of the workspace, and a folder that passes for a checkpoint."""
    kept_out = shutil.ignore_patterns("embeddings")  # other tests leave theirs there
    shutil.copytree(workspace, tmp_path / "workspace", ignore=kept_out)
    checkpoint = tmp_path / "model"
    checkpoint.mkdir()
    (checkpoint / "calrec.json").write_text("{}")
    return tmp_path


class Vectors(ItemVectors):
    """Asked by the name of a shop."""

    def __init__(self, app: Application, memory: int) -> None:
        super().__init__(app.workspace, app.checkpoint, memory)
        self.app = app

    def known(self, domain):
        return super().known(self._shop(domain))

    def compute(self, domain, tick=None):
        return super().compute(self._shop(domain), tick)

    def _shop(self, domain):
        return self.app.shop(domain) if isinstance(domain, str) else domain


@pytest.fixture
def fresh(place, model):
    """Makes a cache as after a restart."""

    def make(memory: int = 1 << 20) -> Vectors:
        app = Application(place / "workspace", str(place / "model"), load_model=lambda _: model)
        return Vectors(app, memory)

    return make


def files(place) -> list:
    return sorted((place / "workspace" / "embeddings").glob("*"))


def test_computed_once_and_known_after_a_restart(fresh, model, place):
    vectors = fresh()
    assert vectors.known("lamps") is None
    ticks = []
    computed = vectors.compute("lamps", ticks.append)
    assert sum(ticks) == len(computed) == 60
    assert vectors.compute("lamps") is vectors.known("lamps")
    again = fresh()
    np.testing.assert_array_equal(again.known("lamps"), computed)
    again.compute("lamps")
    assert model.calls == 1
    assert [path.name.startswith("lamps-") for path in files(place)] == [True]


@pytest.mark.slow
def test_another_model_or_shop_has_vectors_of_its_own(fresh, model, place):
    fresh().compute("lamps")
    assert fresh().known("tools") is None
    (place / "model" / "calrec.json").write_text('{"another": 1}')
    assert fresh().known("lamps") is None
    fresh().compute("lamps")
    assert model.calls == 2
    assert len(files(place)) == 2


@pytest.mark.slow
def test_vectors_are_filed_under_the_model_that_made_them(fresh, model, place):
    vectors = fresh()
    # Replaced after the start, and again after the vectors were made.
    for content in ('{"another": 1}', '{"another": 2}'):
        (place / "model" / "calrec.json").write_text(content)
        vectors.compute("lamps")
    assert fresh().known("lamps") is None
    (place / "model" / "calrec.json").write_text("{}")
    assert fresh().known("lamps") is not None
    assert model.calls == 1


@pytest.mark.slow
def test_a_loaded_model_is_named_by_its_own_record(fresh, model, place):
    first = fresh()
    first.compute("lamps")
    # Loaded later than its folder was replaced: it is the other one.
    model.description = SimpleNamespace(to_text=lambda: '{"another": 1}')
    vectors = fresh()
    assert vectors.known("lamps") is not None
    vectors.app.served.get()
    assert vectors.known("lamps") is None
    vectors.compute("lamps")
    (place / "model" / "calrec.json").write_text('{"another": 1}')
    assert fresh().known("lamps") is not None
    assert model.calls == 2


def test_the_recommender_dense_reads_and_writes_the_same_files(fresh, model):
    model.description = SimpleNamespace(to_text=lambda: "{}")  # as the folder says
    vectors = fresh()
    computed = vectors.compute("lamps")
    catalogues = [vectors.app.shop(name).catalogue for name in ("lamps", "tools")]
    np.testing.assert_array_equal(item_vectors(model, catalogues[0]), computed)
    assert model.calls == 1
    computed = item_vectors(model, catalogues[1])
    np.testing.assert_array_equal(fresh().known("tools"), computed)
    assert model.calls == 2


def test_the_shipped_record_is_written_as_it_is_read():
    folder = checkpoint.resolve("sample")
    text = (folder / "calrec.json").read_text()
    assert checkpoint.describe(folder).to_text() == text


def test_a_shop_of_other_content_has_none_yet(fresh, model):
    vectors = fresh()
    vectors.compute("lamps")
    catalogue = vectors.app.shop("lamps").catalogue
    catalogue.info = replace(catalogue.info, fingerprint="of other items, as many")
    assert vectors.known("lamps") is None
    vectors.compute("lamps")
    assert model.calls == 2


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "flipped", "short", "nan", "other"])
def test_a_damaged_file_is_computed_anew(fresh, model, place, damage):
    computed = fresh().compute("lamps").copy()
    [path] = files(place)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-40])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "noise":
        path.write_bytes(b"no archive at all" * 9)
    elif damage == "flipped":
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    elif damage == "other":
        with path.open("wb") as file:
            np.savez(file, something=computed)
    else:
        wrong = computed[:-1] if damage == "short" else np.full_like(computed, np.nan)
        with path.open("wb") as file:
            np.savez(file, vectors=wrong)
    assert fresh().known("lamps") is None
    np.testing.assert_array_equal(fresh().compute("lamps"), computed)
    np.testing.assert_array_equal(fresh().known("lamps"), computed)
    assert model.calls == 2


@pytest.mark.slow
def test_no_changed_byte_gives_other_vectors(fresh, place):
    computed = fresh().compute("lamps").copy()
    [path] = files(place)
    content = path.read_bytes()
    vectors = fresh()
    for place_of, byte in enumerate(content):
        changed = bytearray(content)
        changed[place_of] = byte ^ 0x09
        path.write_bytes(changed)
        vectors._held.clear()
        found = vectors.known("lamps")
        assert found is None or (found == computed).all()


def test_work_that_fails_or_is_stopped_leaves_nothing(fresh, model, place):
    vectors = fresh()
    model.fails_after = 20
    with pytest.raises(CalrecError, match="memory"):
        list(vectors.stream("lamps"))
    assert vectors.known("lamps") is None
    model.fails_after = None
    assert list(vectors.stream("lamps"))[-1] == 60
    assert len(files(place)) == 1


def test_closing_the_stream_stops_the_work(fresh, model, place):
    vectors = fresh()
    going_on = iter(range(10**9))

    def endless(items, *, tick=None):
        for _ in going_on:
            tick(1)

    model.items = endless
    stream = vectors.stream("lamps")
    assert next(stream) == 1
    stream.close()
    reached = next(going_on)
    assert vectors.known("lamps") is None
    assert next(going_on) == reached + 1
    assert files(place) == []


def test_a_folder_that_cannot_be_written_costs_only_time(fresh, place):
    (place / "workspace" / "embeddings").write_text("a file in the way")
    vectors = fresh()
    computed = vectors.compute("lamps")
    assert vectors.known("lamps") is computed


def test_memory_is_bounded(fresh):
    vectors = fresh(memory=100)
    vectors.compute("lamps")
    vectors.compute("tools")
    assert [domain for domain, _ in vectors._held] == ["tools"]
    # From the disk again.
    assert vectors.known("lamps") is not None
