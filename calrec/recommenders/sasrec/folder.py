"""The folder that a trained SASRec is kept in.

    FOLDER/sasrec.json          settings, items, training data and its role, measured figures, log;
                                digests of itself and of the weights
    FOLDER/weights.safetensors  float32

Nothing in it is run. A file that was changed or cut is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load, save

from calrec.errors import CalrecError
from calrec.recommenders.sasrec.model import SASRecModel
from calrec.recommenders.sasrec.settings import SASRecSettings

FORMAT = "calrec-sasrec"
VERSION = 2
DESCRIPTION = "sasrec.json"
WEIGHTS = "weights.safetensors"
AGAIN = "train one with: calrec-train sasrec --domain D --out FOLDER"


def write(
    folder: Path,
    item_ids: Sequence[str],
    model: SASRecModel,
    settings: SASRecSettings,
    about: Mapping[str, Any],
) -> None:
    """Writes both files into an existing folder.

    Args:
      folder: where.
      item_ids: id of each item, in item-index order.
      model: the trained network.
      settings: what it was built with.
      about: what else `sasrec.json` shall say: data, figures, log; JSON-able.
    """
    state = nnx.to_flat_state(nnx.state(model))
    data = save({_name(path): np.asarray(leaf[...]) for path, leaf in state})
    (folder / WEIGHTS).write_bytes(data)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "settings": asdict(settings),
        "items": _items(item_ids),
        "weights": hashlib.sha256(data).hexdigest(),
        **about,
    }
    content["digest"] = _digest(content)
    (folder / DESCRIPTION).write_text(json.dumps(content, indent=1) + "\n")


def describe(folder: Path) -> dict[str, Any]:
    """The content of `sasrec.json`.

    Raises:
      CalrecError: if it is missing, damaged, edited, or of another version.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise CalrecError(f"expected a SASRec in {folder}, found no {DESCRIPTION}; {AGAIN}")
    try:
        content = json.loads(path.read_text())
        wrong = _wrong(content)
    except (ValueError, LookupError, TypeError, RecursionError, CalrecError) as error:
        wrong = f"a damaged one ({type(error).__name__})"
    if wrong:
        raise CalrecError(f"{path}: expected {FORMAT} {VERSION}, found {wrong}; {AGAIN}")
    return content


def _wrong(content: Mapping[str, Any]) -> str | None:
    found = content["format"], content["version"]
    if found != (FORMAT, VERSION):
        return f"{found[0]} {found[1]}"
    if content["digest"] != _digest(content):
        return "an edited one"
    SASRecSettings(**content["settings"])
    return None


def is_sasrec(folder: Path) -> bool:
    """Whether the folder holds a SASRec and nothing else."""
    try:
        content = json.loads((folder / DESCRIPTION).read_text())
        files = {path.name for path in folder.iterdir()}
        return content["format"] == FORMAT and files <= {DESCRIPTION, WEIGHTS}
    except (OSError, ValueError, LookupError, TypeError):
        return False


def read(folder: Path, item_ids: Sequence[str]) -> tuple[SASRecModel, SASRecSettings]:
    """The network of a folder, and its settings.

    Args:
      folder: where.
      item_ids: of the catalogue it is to rank, in item-index order.

    Raises:
      CalrecError: if the folder is no SASRec, damaged, or trained on other items.
    """
    content = describe(folder)
    if content["items"] != _items(item_ids):
        raise CalrecError(
            f"{folder}: expected a SASRec of this catalogue's {len(item_ids)} items, found one of"
            f" {content['items']['count']} others; choose its catalogue, or {AGAIN}"
        )
    settings = SASRecSettings(**content["settings"])
    shape = nnx.eval_shape(lambda: SASRecModel(len(item_ids), settings, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(shape)
    expected = {_name(path): leaf for path, leaf in nnx.to_flat_state(state)}
    try:
        arrays = _weights(folder / WEIGHTS, content["weights"])
        if _forms(arrays) != _forms(expected):
            raise ValueError("other shapes")
    except (OSError, ValueError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CalrecError(
            f"{folder / WEIGHTS}: expected the weights that {DESCRIPTION} describes, found none"
            f" or other ones ({reason}); copy the folder again, or {AGAIN}"
        ) from None
    for name, leaf in expected.items():
        leaf.set_value(jnp.asarray(arrays[name]))
    return nnx.merge(graph, state), settings


def _weights(path: Path, digest: str) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError("changed since they were saved")
    return load(data)


def _forms(arrays: Mapping[str, Any]) -> dict[str, tuple]:
    return {name: (tuple(x.shape), np.dtype(x.dtype)) for name, x in arrays.items()}


def _name(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path))


def _items(item_ids: Sequence[str]) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(list(item_ids)).encode()).hexdigest()
    return {"count": len(item_ids), "digest": digest}


def _digest(content: Mapping[str, Any]) -> str:
    """sha256 of the content without its digest."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
