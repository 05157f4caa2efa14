"""The folder that a trained SASRec is kept in.

    FOLDER/sasrec.json          settings, items, training data and its role, measured figures, log;
                                digests of itself and of the weights
    FOLDER/weights.safetensors  float32

Nothing in it is run. A file that was changed or cut is refused.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load, save

from calrec.errors import CalrecError
from calrec.recommenders.sasrec.description import (
    AGAIN,
    DESCRIPTION,
    FORMAT,
    WEIGHTS,
    describe,
    items_digest,
)
from calrec.recommenders.sasrec.model import SASRecModel
from calrec.recommenders.sasrec.settings import SASRecSettings
from calrec.records import codec, digests


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
        "settings": codec.encode(settings),
        "items": items_digest(item_ids),
        "weights": digests.of_bytes(data),
        **about,
    }
    (folder / DESCRIPTION).write_text(codec.to_text(FORMAT.seal(content)))


def read(folder: Path, item_ids: Sequence[str]) -> tuple[SASRecModel, SASRecSettings]:
    """The network of a folder, and its settings.

    Args:
      folder: where.
      item_ids: of the catalogue it is to rank, in item-index order.

    Raises:
      CalrecError: if the folder is no SASRec, damaged, or trained on other items.
    """
    content = describe(folder)
    if content["items"] != items_digest(item_ids):
        raise CalrecError(
            f"{folder}: expected a SASRec of this catalogue's {len(item_ids)} items, found one of"
            f" {content['items']['count']} others; choose its catalogue, or {AGAIN}"
        )
    settings = codec.decode(SASRecSettings, content["settings"])
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
    if digests.of_bytes(data) != digest:
        raise ValueError("changed since they were saved")
    return load(data)


def _forms(arrays: Mapping[str, Any]) -> dict[str, tuple]:
    return {name: (tuple(x.shape), np.dtype(x.dtype)) for name, x in arrays.items()}


def _name(path: Iterable[Hashable]) -> str:
    return ".".join(map(str, path))
