"""Copies of golden folders, and ways to damage them."""

import json
import re
import shutil
import struct

import pytest
from hub_forms import GOLDEN
from safetensors.numpy import load_file, save_file

from calrec.errors import CalrecError
from calrec.model import hf


def copy(family, tmp_path):
    shutil.copytree(GOLDEN / family, tmp_path / family)
    return tmp_path / family


def edit_config(folder, **changes):
    path = folder / "config.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not ...}))


def edit_weights(folder, change):
    """`change` works on the dict of arrays in place."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


def edit_header(folder, change):
    """Rewrites the JSON header of model.safetensors, the data as it stands."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])


def split(folder):
    """Two shards and their index instead of the one file; returns the index's path."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    place = {}
    for n, part in enumerate((names[:5], names[5:]), 1):
        file = f"model-{n:05}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, folder / file)
        place |= dict.fromkeys(part, file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": place}))
    return index


def refused(folder, *parts):
    """Asserts one line with all of `parts` in it."""
    with pytest.raises(CalrecError) as caught:
        hf.load(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 500
    for part in parts:
        assert re.search(part, line), f"{part!r} not in {line!r}"
