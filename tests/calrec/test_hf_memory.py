"""Loading takes at most 1.3 times the memory of the weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hub_forms import GOLDEN
from safetensors.numpy import save_file

MB = 2**20
LIMIT = 1.3

# Run in a process of its own, whose memory nothing else takes. The small model loaded first brings
# in all code, so that what grows afterwards is the weights; what is freed goes back at once.
MEASURE = """
import gc, sys
from pathlib import Path
import jax, numpy as np
from flax import nnx
from calrec.model import hf

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))

golden, *folders = map(Path, sys.argv[1:])
hf.load(golden)
for folder in folders:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before = status("VmRSS:")
    model = hf.load(folder)
    leaves = jax.block_until_ready(jax.tree.leaves(nnx.to_pure_dict(nnx.state(model))))
    peak = status("VmHWM:")
    print(sum(x.nbytes for x in leaves), peak - before, *sorted({str(x.dtype) for x in leaves}))
    del model, leaves
"""


def write_tied(folder: Path, dtype, shards: int, head: bool) -> int:
    """A Llama of ~100 MB, of which the tied embedding is 60 % (Gemma 3 270M: 63 %).

    With `head` the embedding is stored a second time as the head, as Qwen3 0.6B's is.

    Returns:
      Bytes of its weights.
    """
    width, inner, layers = (512, 1536, 3) if dtype == np.float32 else (768, 2048, 3)
    item = np.dtype(dtype).itemsize
    config = {
        "model_type": "llama",
        "vocab_size": 62 * 10**6 // (width * item),
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "max_position_embeddings": 1024,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True,
    }
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], width)}
    for n in range(layers):
        at = f"model.layers.{n}."
        shapes |= {f"{at}self_attn.{x}_proj.weight": (width, width) for x in "qkvo"}
        shapes |= {f"{at}mlp.{x}_proj.weight": (inner, width) for x in ("gate", "up")}
        shapes[at + "mlp.down_proj.weight"] = (width, inner)
        shapes |= {at + x + ".weight": (width,) for x in NORMS}
    shapes["model.norm.weight"] = (width,)
    (folder / "config.json").write_text(json.dumps(config))
    names = list(shapes) + ["lm_head.weight"] * head
    stored = shapes | {"lm_head.weight": shapes["model.embed_tokens.weight"]}
    place = {}
    for n in range(shards):
        file = f"model-{n + 1:05}-of-{shards:05}.safetensors" if shards > 1 else "model.safetensors"
        part = names[n::shards]
        # Zeros would do for the size, but the kernel may share pages of them.
        save_file({x: np.full(stored[x], 0.5, dtype) for x in part}, folder / file)
        place |= dict.fromkeys(part, file)
    if shards > 1:
        index = folder / "model.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": place}))
    return sum(int(np.prod(shape)) for shape in shapes.values()) * item


NORMS = ("input_layernorm", "post_attention_layernorm")


KINDS = {
    "float32": (np.float32, 1, False),
    "float32-shards": (np.float32, 3, False),
    "bfloat16": (ml_dtypes.bfloat16, 1, False),
    "bfloat16-shards-head": (ml_dtypes.bfloat16, 3, True),
}


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="reads peak memory from Linux's /proc"
)
def test_peak(tmp_path):
    sizes = []
    for name, kind in KINDS.items():
        (tmp_path / name).mkdir()
        sizes.append(write_tied(tmp_path / name, *kind))
    shown = subprocess.run(
        [sys.executable, "-c", MEASURE, GOLDEN / "llama", *(tmp_path / name for name in KINDS)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**16)},
    ).stdout
    for (name, kind), size, line in zip(KINDS.items(), sizes, shown.splitlines(), strict=True):
        assert 90 * MB < size < 110 * MB
        loaded, peak, *dtypes = line.split()
        assert dtypes == [str(np.dtype(kind[0]))]
        assert int(loaded) == size
        # Less would mean that memory of the folder before was still held, and used again.
        assert 0.98 * size < int(peak) <= LIMIT * size, f"{name}: {int(peak) / size:.2f} times"
