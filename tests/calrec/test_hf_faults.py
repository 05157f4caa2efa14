"""Configs that cannot be loaded: one line each, of what was expected and found."""

import json
import re

import pytest
from damaged import copy, edit_config, refused


@pytest.fixture
def folder(tmp_path):
    """A copy of the golden Llama, to be damaged."""
    return copy("llama", tmp_path)


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
        {"rope_type": "default", "rope_theta": float("nan")},
        {"rope_type": "linear", "rope_theta": 1e4, "factor": float("inf")},
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
        ("llama", {"is_causal": False}, "is_causal to be True, found False"),
        ("mistral", {"layer_types": ["full_attention"] * 3}, "layer_types"),
        ("llama", {"rms_norm_eps": float("inf")}, "norm_eps"),
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
