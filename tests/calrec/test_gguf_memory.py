"""A GGUF file becomes a folder in at most 1.3 times the memory of the folder's tensors."""

import subprocess
import sys
from pathlib import Path

import gguf
import gguf_files
import numpy as np
import pytest
from gguf_files import Kind

MB = 2**20
LIMIT = 1.3

# In a process of its own, as the peak of a process never falls; the small file brings in all code.
MEASURE = """
import sys
from pathlib import Path
from calrec.model.gguf import to_folder

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))

small, file, folder, dtype = sys.argv[1:]
to_folder(small, folder)
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
before = status("VmRSS:")
to_folder(file, folder, dtype=dtype)
print(status("VmHWM:") - before)
"""


def written(path: Path, width: int, kind: Kind) -> Path:
    """A Llama of which the tied embedding is most, as of every small model."""
    config = {
        "model_type": "llama",
        "vocab_size": 80 * width,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "max_position_embeddings": 1024,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
    }
    shapes = {"model.embed_tokens.weight": (80 * width, width), "model.norm.weight": (width,)}
    for layer in range(2):
        at = f"model.layers.{layer}."
        shapes |= {f"{at}self_attn.{x}_proj.weight": (width, width) for x in "qkvo"}
        shapes |= {f"{at}mlp.{x}_proj.weight": (2 * width, width) for x in ("gate", "up")}
        shapes[f"{at}mlp.down_proj.weight"] = (width, 2 * width)
        names = ("input_layernorm", "post_attention_layernorm")
        shapes |= {f"{at}{name}.weight": (width,) for name in names}
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    matrices = {name: shape for name, shape in shapes.items() if len(shape) > 1}
    stored = {name: gguf_files.stored_name("llama", name) for name in matrices}
    blocks = {
        stored[name]: np.full((rows, columns // elements * size), 60, np.uint8)
        for name, (rows, columns) in matrices.items()
    }
    if kind == Kind.F32:
        blocks = {name: rows.view(np.float32) for name, rows in blocks.items()}
    tensors = {name: np.broadcast_to(np.float32(1), shape) for name, shape in shapes.items()}
    kinds = dict.fromkeys(blocks, kind)
    return gguf_files.write(path, config, tensors, kinds=kinds, raw=blocks)


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="reads peak memory from Linux's /proc"
)
@pytest.mark.parametrize(
    ("kind", "dtype", "width"),
    [(Kind.Q8_0, "float32", 512), (Kind.F32, "bfloat16", 768)],
    ids=["small-in-large-out", "large-in-small-out"],
)
def test_peak(kind, dtype, width, tmp_path):
    small = written(tmp_path / "small.gguf", 64, Kind.Q8_0)
    file = written(tmp_path / "model.gguf", width, kind)
    folder = tmp_path / "folder"
    shown = subprocess.run(
        [sys.executable, "-c", MEASURE, small, file, folder, dtype],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout
    size = (folder / "model.safetensors").stat().st_size
    assert size > 80 * MB
    assert int(shown) <= LIMIT * size, f"{int(shown) / size:.2f} times the folder's tensors"
