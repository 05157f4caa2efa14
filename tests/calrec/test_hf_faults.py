"""Folders that cannot be loaded: each ends in one line that says what was expected and found."""

import json
import re
import shutil
import struct

import numpy as np
import pytest
from hub_forms import GOLDEN
from safetensors.numpy import load_file, save_file

from calrec.backbone import hf
from calrec.errors import CalrecError


@pytest.fixture
def folder(tmp_path):
    """A copy of the golden Llama, to be damaged."""
    return copy("llama", tmp_path)


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


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "mixtral"},
        {"model_type": "gpt_neox"},
        {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}},
        {"model_type": "gemma3n_text"},
        {"model_type": "ministral"},
        {"model_type": 5},
        {"model_type": ["llama"]},
    ],
    ids=str,
)
def test_another_architecture(folder, change):
    edit_config(folder, **change)
    refused(folder, "model_type", "llama.*qwen3", re.escape(str(change["model_type"])))


def test_no_model_type(folder):
    edit_config(folder, model_type=...)
    refused(folder, "model_type")


@pytest.mark.parametrize("kind", ["yarn", "dynamic", "longrope", "su", "proportional", 3])
@pytest.mark.parametrize("key", ["rope_parameters", "rope_scaling"])
@pytest.mark.parametrize("name", ["rope_type", "type"])
def test_another_rope(folder, kind, key, name):
    edit_config(folder, rope_parameters=...)
    lists = {"short_factor": [1.0, 1.0], "long_factor": [1.0, 2.0]} if kind == "longrope" else {}
    edit_config(folder, **{key: {name: kind, "factor": 2.0, "rope_theta": 10_000.0, **lists}})
    refused(folder, "rope", "default.*linear.*llama3", str(kind))


def test_another_rope_in_one_kind_of_layer(tmp_path):
    folder = copy("gemma3_text", tmp_path)
    ropes = json.loads((folder / "config.json").read_text())["rope_parameters"]
    ropes["full_attention"]["rope_type"] = "yarn"
    edit_config(folder, rope_parameters=ropes)
    refused(folder, "rope", "yarn")


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_type": "linear"},
        {"rope_type": "linear", "factor": 0},
        {"rope_type": "linear", "factor": "two"},
        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0},
        {"rope_type": "default", "rope_theta": -1},
        {"rope_type": "default", "rope_theta": "high"},
        {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5},
        "linear",
        [1, 2],
    ],
    ids=str,
)
def test_a_rope_that_says_too_little(folder, rope):
    edit_config(folder, rope_parameters=rope)
    refused(folder, "rope|factor|theta")


@pytest.mark.parametrize(
    ("family", "change", "part"),
    [
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention"),
        ("gpt2", {"activation_function": "mish"}, "activation.*mish"),
        ("gpt2", {"n_head": 3}, "n_embd|n_head|head"),
        ("llama", {"hidden_act": "relu2"}, "activation.*relu2"),
        ("llama", {"num_key_value_heads": 3}, "num_key_value_heads"),
        ("llama", {"quantization_config": {"quant_method": "gptq"}}, "quantization_config"),
        ("gemma3_text", {"use_bidirectional_attention": True}, "use_bidirectional_attention"),
        ("gemma3_text", {"layer_types": ["full_attention"]}, "layer_types"),
        ("gemma3_text", {"layer_types": ["chunked_attention"] * 4}, "layer.types.*chunked"),
        ("gemma3_text", {"sliding_window": None}, "sliding_window|window"),
        ("mistral", {"sliding_window": 0}, "window"),
        ("mistral", {"sliding_window": "wide"}, "window"),
    ],
    ids=str,
)
def test_a_setting_that_is_not_covered(family, change, part, tmp_path):
    folder = copy(family, tmp_path)
    edit_config(folder, **change)
    refused(folder, part)


@pytest.mark.parametrize(
    "name",
    ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"],
)
@pytest.mark.parametrize("value", [..., 0, -3, 2.5, "many", None, True, [8]], ids=str)
def test_a_size_that_is_missing_or_none(folder, name, value):
    edit_config(folder, **{name: value})
    # transformers writes "the hidden size", "the number of attention heads".
    refused(folder, name.removeprefix("num_").replace("_", "[ _]"))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"llama"', "\xff\xfe"])
def test_config_that_is_no_json_object(folder, content):
    (folder / "config.json").write_bytes(content.encode("latin-1"))
    refused(folder, "config.json", "JSON")


def test_no_config(folder):
    (folder / "config.json").unlink()
    refused(folder, "config.json")


def test_no_folder(folder):
    refused(folder / "absent", "absent")


def test_a_file_for_a_folder(folder):
    refused(folder / "model.safetensors", "folder")


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "model.safetensors")


def test_a_pickle_is_refused_and_never_opened(folder, tmp_path):
    (folder / "model.safetensors").unlink()
    trace = tmp_path / "ran"
    # Unpickled, this would call os.system.
    (folder / "pytorch_model.bin").write_bytes(
        b"cposix\nsystem\n(S'touch " + str(trace).encode() + b"'\ntR."
    )
    refused(folder, "safetensors", "pytorch_model.bin")
    assert not trace.exists()


def test_a_missing_tensor(folder):
    edit_weights(folder, lambda w: w.pop("model.layers.1.self_attn.k_proj.weight"))
    refused(folder, r"model\.layers\.1\.self_attn\.k_proj\.weight", "expected", "found")


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
