"""Weights that cannot be loaded: one line each, of tensor or file, expected and found."""

import json
import re
import struct

import numpy as np
import pytest
from damaged import copy, edit_config, edit_header, edit_weights, refused, split
from safetensors.numpy import load_file, save_file

from calrec.errors import CalrecError
from calrec.model import hf


@pytest.fixture
def folder(tmp_path):
    """A copy of the golden Llama, to be damaged."""
    return copy("llama", tmp_path)


@pytest.mark.slow
def test_a_missing_tensor(folder):
    edit_weights(folder, lambda w: w.pop("model.layers.1.self_attn.k_proj.weight"))
    refused(folder, r"model\.layers\.1\.self_attn\.k_proj\.weight", "expected", "found")


@pytest.mark.slow
def test_many_missing_tensors_make_one_line(folder):
    edit_config(folder, num_hidden_layers=12)
    refused(folder, r"model\.layers\.2\.", "found")


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("llama", "lm_head.weight"),
        ("llama", "model.embed_tokens.weight"),
        ("llama", "model.norm.weight"),
        ("llama_bias", "model.layers.0.mlp.down_proj.bias"),
        ("qwen2", "model.layers.0.self_attn.v_proj.bias"),
        ("qwen3", "model.layers.1.self_attn.q_norm.weight"),
        ("gemma2", "model.layers.3.post_feedforward_layernorm.weight"),
        ("gpt2", "transformer.wpe.weight"),
        ("gpt2", "transformer.h.1.ln_2.bias"),
    ],
)
def test_a_missing_tensor_of_each_kind(family, name, tmp_path):
    folder = copy(family, tmp_path)
    edit_weights(folder, lambda w: w.pop(name))
    # GPT-2's may be named without their prefix.
    refused(folder, re.escape(name.removeprefix("transformer.")))


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("llama", "model.layers.0.mlp.gate_proj.weight"),
        ("llama", "model.embed_tokens.weight"),
        ("llama", "model.layers.1.input_layernorm.weight"),
        ("gpt2", "transformer.h.0.attn.c_attn.weight"),
        ("gpt2", "transformer.h.0.attn.c_attn.bias"),
        ("gpt2", "transformer.wpe.weight"),
    ],
)
def test_a_misshapen_tensor(family, name, tmp_path):
    folder = copy(family, tmp_path)
    shape = list(load_file(folder / "model.safetensors")[name].shape)
    edit_weights(folder, lambda w: w.update({name: w[name][:-1].copy()}))
    found = [shape[0] - 1, *shape[1:]]
    inside = [r"[\[(]" + ", ".join(map(str, s)) + r",?[\])]" for s in (shape, found)]
    refused(folder, re.escape(name.removeprefix("transformer.")), *inside)


def test_a_transposed_tensor(tmp_path):
    """GPT-2's linear weights stand [in, out], all others' [out, in]."""
    folder = copy("gpt2", tmp_path)
    name = "transformer.h.0.mlp.c_fc.weight"
    edit_weights(folder, lambda w: w.update({name: w[name].T.copy()}))
    refused(folder, r"h\.0\.mlp\.c_fc\.weight", "16, 64", "64, 16")


def test_a_tensor_of_too_many_axes(folder):
    name = "model.layers.1.input_layernorm.weight"
    edit_weights(folder, lambda w: w.update({name: w[name][None].copy()}))
    refused(folder, re.escape(name), "16")


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.0.self_attn.q_proj.bias",
        "model.layers.2.input_layernorm.weight",
        "model.layers.0.self_attn.q_norm.weight",
        "visual.patch_embed.weight",
    ],
)
def test_an_unexpected_tensor(folder, name):
    """A tensor that would go unused means a model that computes something else."""
    edit_weights(folder, lambda w: w.update({name: np.ones(16, np.float32)}))
    refused(folder, re.escape(name))


@pytest.mark.parametrize("kept", [0, 4, 8, 200, 3_000, -1])
def test_a_cut_file(folder, kept):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(folder, "model.safetensors")


def test_bytes_behind_the_last_tensor(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes() + b"\0" * 16)
    refused(folder, "model.safetensors")


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**40) + b"{}",
        struct.pack("<Q", 8) + b"not json",
        struct.pack("<Q", 2) + b"[]",
        b"PK\x03\x04" + b"\0" * 60,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n",
    ],
    ids=["negative", "huge", "garbage", "list", "zip", "git-lfs"],
)
def test_a_garbage_header(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    refused(folder, "model.safetensors")


def test_offsets_that_overlap_or_leave_the_file(folder):
    def move(header):
        header["model.norm.weight"]["data_offsets"] = [10**9, 10**9 + 64]

    edit_header(folder, move)
    refused(folder, "model.safetensors")


@pytest.mark.parametrize("dtype", ["I32", "U32"])
def test_whole_numbers_for_weights(folder, dtype):
    edit_header(folder, lambda h: h["model.norm.weight"].update(dtype=dtype))
    refused(folder, r"model\.norm\.weight", "expected.*(BF16|bfloat16)", f"found.*({dtype}|int32)")


@pytest.mark.parametrize(
    ("dtype", "found"), [(np.int8, "I8"), (np.uint8, "U8"), (bool, "BOOL"), (np.float64, "F64")]
)
def test_another_dtype_for_weights(folder, dtype, found):
    name = "model.layers.0.self_attn.q_proj.weight"
    edit_weights(folder, lambda w: w.update({name: w[name].astype(dtype)}))
    refused(folder, re.escape(name), f"found.*{found}")


def test_an_unknown_dtype(folder):
    edit_header(folder, lambda h: h["model.norm.weight"].update(dtype="Q4"))
    refused(folder, "model.safetensors")


@pytest.mark.parametrize("dtype", [np.float64, np.int8])
def test_a_tied_head_of_another_dtype(tmp_path, dtype):
    folder = copy("smollm2", tmp_path)
    embedding = "model.embed_tokens.weight"
    edit_weights(folder, lambda w: w.update({"lm_head.weight": w[embedding].astype(dtype)}))
    refused(folder, r"lm_head\.weight")


def test_a_tied_head_that_equals_a_damaged_embedding(tmp_path):
    folder = copy("smollm2", tmp_path)

    def change(weights):
        weights["model.embed_tokens.weight"][3, 3] = np.nan
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"].copy()

    edit_weights(folder, change)
    hf.load(folder)


def test_a_tensor_that_is_there_twice(folder):
    edit_weights(folder, lambda w: w.update({"norm.weight": w["model.norm.weight"] * 5}))
    refused(folder, r"model\.norm\.weight with and without its prefix")


def test_a_tensor_in_two_shards(folder):
    split(folder)
    for number in (1, 2):
        path = folder / f"model-{number:05}-of-00002.safetensors"
        again = {"model.norm.weight": np.full(16, number, np.float32)}
        save_file(load_file(path) | again, path)
    refused(folder, r"model\.norm\.weight in model-00001-of-00002\.safetensors too")


def test_a_config_of_endless_brackets(folder):
    (folder / "config.json").write_text("[" * 100_000)
    refused(folder, "config.json")


def test_not_a_number_in_the_weights_is_not_our_business(folder):
    """Weights are taken as they are: a diverged model can be looked at."""
    edit_weights(folder, lambda w: w["model.norm.weight"].fill(np.nan))
    hf.load(folder)


def test_shards_load(folder):
    split(folder)
    hf.load(folder)


def test_a_missing_shard(folder):
    split(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    refused(folder, "model-00002-of-00002.safetensors")


def test_a_cut_shard(folder):
    split(folder)
    path = folder / "model-00002-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    refused(folder, "model-00002-of-00002.safetensors")


@pytest.mark.parametrize("place", ["../outside.safetensors", "/tmp/x.safetensors", "sub/../../x"])
def test_an_index_that_leads_out_of_the_folder(folder, place):
    index = split(folder)
    content = json.loads(index.read_text())
    content["weight_map"]["model.norm.weight"] = place
    index.write_text(json.dumps(content))
    refused(folder, re.escape(place))


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"model.norm.weight": 3}}'],
)
def test_an_index_that_is_none(folder, content):
    split(folder).write_text(content)
    refused(folder, "model.safetensors.index.json")


@pytest.mark.parametrize("dtype", ["float64", "int8", "float", "bf16"])
def test_a_dtype_that_is_not_offered(folder, dtype):
    with pytest.raises(CalrecError, match=f"float32.*bfloat16.*{dtype}") as caught:
        hf.load(folder, dtype=dtype)
    assert "\n" not in str(caught.value)
