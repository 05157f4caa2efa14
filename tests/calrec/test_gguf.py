"""GGUF files of every family and quantisation, against transformers' torch classes."""

import json

import decoding
import gguf
import gguf_files
import numpy as np
import pytest
from families import FAMILIES
from gguf_files import Kind, config

from calrec.errors import CalrecError
from calrec.model import hf
from calrec.model.gguf import to_folder
from calrec.model.gguf.reading import File
from calrec.tokenizer import Tokenizer

pytest.importorskip("torch", reason="torch is the oracle here")

import oracle
import torch
from oracle import Case

# A file cannot say which layers of a Qwen2 have a window: none of the published ones has any.
WRITTEN = [family for family in FAMILIES if family != "qwen2_window"]


def tensors_of(model):
    """The folder's tensors by name; a tied head is not one."""
    found = {name: values.detach().numpy() for name, values in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        found.pop("lm_head.weight")
    return found


def written(path, settings, **options):
    """A random model's file, and its tensors."""
    tensors = tensors_of(oracle.random_model(settings))
    return gguf_files.write(path, settings, tensors, **options), tensors


@pytest.mark.slow
@pytest.mark.parametrize("family", WRITTEN)
def test_a_family_says_at_every_position_what_torch_says(family, tmp_path):
    settings = config(family, scale=2)
    case = Case(settings, tmp_path / "theirs")
    file = gguf_files.write(tmp_path / "model.gguf", settings, tensors_of(case.model))
    to_folder(file, tmp_path / "ours")
    model = hf.load(tmp_path / "ours")
    # A Mistral without a window is a Llama.
    assert model.config.family == ("llama" if family == "mistral_full" else settings["model_type"])
    case.assert_agrees(decoding.run(model, *case.rows))
    # The folder is one for torch, too.
    case.assert_agrees(oracle.run(oracle.load(tmp_path / "ours"), *case.rows))


WIDE = config("llama") | {
    "vocab_size": 64,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 1,
    "num_key_value_heads": 2,
    "head_dim": 64,
}
WRITABLE = {
    "token_embd.weight": Kind.Q8_0,
    "blk.0.attn_output.weight": Kind.Q5_1,
    "blk.0.ffn_gate.weight": Kind.Q4_0,
    "blk.0.ffn_up.weight": Kind.Q4_1,
    "blk.0.ffn_down.weight": Kind.Q5_0,
    "blk.0.attn_norm.weight": Kind.F16,
    "output.weight": Kind.BF16,
}
# The library reads these and does not write them. Where the scales, of two bytes, stand in a block:
RANDOM = {
    "blk.0.attn_q.weight": (Kind.Q4_K, (0, 2)),
    "blk.0.attn_k.weight": (Kind.Q6_K, (208,)),
    "blk.0.attn_v.weight": (Kind.Q5_K, (0, 2)),
}


def random_blocks(kind, rows, columns, scales):
    """Random bytes, but for small scales: those of any bytes may be infinite."""
    rng = np.random.default_rng(0)
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows, columns // elements, size), np.uint8)
    for at in scales:
        small = rng.uniform(1e-4, 1e-3, blocks.shape[:2]).astype(np.float16)
        blocks[:, :, at : at + 2] = small[..., None].view(np.uint8)
    return blocks.reshape(rows, -1)


@pytest.mark.slow
def test_every_quantisation_says_what_its_numbers_say_in_torch(tmp_path):
    model = oracle.random_model(WIDE)
    kinds = WRITABLE | {name: kind for name, (kind, _) in RANDOM.items()}
    rows = {"blk.0.attn_q.weight": 4 * 64}
    raw = {
        name: random_blocks(kind, rows.get(name, 2 * 64), 256, scales)
        for name, (kind, scales) in RANDOM.items()
    }
    file = gguf_files.write(tmp_path / "m.gguf", WIDE, tensors_of(model), kinds=kinds, raw=raw)
    to_folder(file, tmp_path / "folder")

    heads = {"blk.0.attn_q.weight": 4, "blk.0.attn_k.weight": 2}
    with torch.no_grad():
        for name, values in model.named_parameters():
            where = gguf_files.stored_name("llama", name)
            kind = kinds.get(where, Kind.F32)
            blocks = raw.get(where)
            if blocks is None:
                blocks = gguf.quantize(values.numpy(), kind)
            plain = gguf.dequantize(blocks, kind)
            if where in heads:  # the way back, an element at a time
                turned, half = np.empty_like(plain), 64 // 2
                for row in range(len(plain)):
                    head, within = divmod(row, 64)
                    turned[head * 64 + within % 2 * half + within // 2] = plain[row]
                plain = turned
            values.copy_(torch.tensor(plain))
    rng = np.random.default_rng(0)
    tokens, mask = rng.integers(0, 64, (2, 20)), np.ones((2, 20), bool)
    found = decoding.run(hf.load(tmp_path / "folder"), tokens, mask)
    for ours, theirs in zip(found, oracle.run(model, tokens, mask), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=oracle.TOLERANCE)


@pytest.mark.slow
def test_bfloat16_stays_what_it_is(tmp_path):
    settings = config("llama", scale=2)
    tensors = tensors_of(oracle.random_model(settings))
    exact = {
        name: torch.tensor(values).to(torch.bfloat16).float().numpy()
        for name, values in tensors.items()
    }
    kinds = {
        gguf_files.stored_name("llama", name): Kind.BF16
        for name, values in tensors.items()
        if values.ndim > 1
    }
    file = gguf_files.write(tmp_path / "model.gguf", settings, exact, kinds=kinds)
    to_folder(file, tmp_path / "folder")
    stored = oracle.load(tmp_path / "folder")
    assert stored.dtype == torch.bfloat16
    for name, values in stored.named_parameters():
        np.testing.assert_array_equal(values.detach().float().numpy(), exact[name])
    to_folder(file, tmp_path / "folder", dtype="float32")
    assert oracle.load(tmp_path / "folder").dtype == torch.float32


@pytest.mark.parametrize("family", WRITTEN)
@pytest.mark.parametrize("begins", [True, False])
def test_the_begin_token_of_every_family_is_the_file_s_to_say(family, begins, tmp_path):
    file, _ = written(
        tmp_path / "model.gguf",
        config(family),
        tokenizer=lambda writer: gguf_files.add_tiny_tokenizer(writer, begins),
    )
    to_folder(file, tmp_path / "folder")
    tokenizer = Tokenizer.load(tmp_path / "folder")
    assert tokenizer.begin_id == (1 if begins else None)
    assert tokenizer.end_id == 2
    assert tokenizer.decode(tokenizer.encode(["ab c"])[0]) == "ab c"
    described = json.loads((tmp_path / "folder" / "config.json").read_text())
    assert (described["bos_token_id"], described["eos_token_id"]) == (1, 2)


def other_architecture(path):
    return written(path, config("llama"), architecture="falcon")[0]


def other_quantisation(path):
    settings = config("llama") | {"hidden_size": 256, "head_dim": 64}
    blocks = np.zeros((settings["intermediate_size"], 84), np.uint8)
    name = "blk.1.ffn_up.weight"
    return written(path, settings, kinds={name: Kind.Q2_K}, raw={name: blocks})[0]


def other_tokenizer(path):
    def bert(writer):
        gguf_files.add_tiny_tokenizer(writer)
        writer.kv_data[0]["tokenizer.ggml.model"].value = "bert"

    return written(path, config("llama"), tokenizer=bert)[0]


def other_pre_tokenizer(path):
    def dbrx(writer):
        gguf_files.add_tiny_tokenizer(writer)
        writer.kv_data[0]["tokenizer.ggml.model"].value = "gpt2"
        writer.kv_data[0]["tokenizer.ggml.pre"].value = "dbrx"

    return written(path, config("llama"), tokenizer=dbrx)[0]


def other_rope(path):
    def yarn(writer):
        writer.add_string("llama.rope.scaling.type", "yarn")

    return written(path, config("llama"), change=yarn)[0]


def with_experts(path):
    return written(path, config("llama"), change=lambda w: w.add_expert_count(8))[0]


def with_another_tensor(path):
    def longrope(writer):
        writer.add_tensor("rope_factors_long.weight", np.ones(3, np.float32))

    return written(path, config("llama"), change=longrope)[0]


def without_a_tensor(path):
    settings = config("llama")
    tensors = tensors_of(oracle.random_model(settings))
    del tensors["model.layers.1.mlp.up_proj.weight"]
    return gguf_files.write(path, settings, tensors)


def without_a_size(path):
    def forgotten(writer):
        del writer.kv_data[0]["llama.block_count"]

    return written(path, config("llama"), change=forgotten)[0]


def cut(path):
    whole = written(path, config("llama"))[0].read_bytes()
    path.write_bytes(whole[:-500])
    return path


def no_gguf(path):
    path.write_bytes(b"PK" + bytes(100))
    return path


def of_two_parts(path):
    return written(path, config("llama"), change=lambda w: w.add_uint16("split.count", 2))[0]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (other_architecture, r"architecture of llama, qwen2, .*found 'falcon'"),
        (other_quantisation, r"F32, F16, .*found Q2_K in blk\.1\.ffn_up\.weight"),
        (other_tokenizer, r"tokenizer of gpt2, llama, found 'bert'"),
        (other_pre_tokenizer, r"pre-tokenizer of gpt-2, smollm, .*found 'dbrx'"),
        (other_rope, r"rope scaling of .*found 'yarn'"),
        (with_experts, r"expert_count to be 0, found 8"),
        (with_another_tensor, r"found rope_factors_long\.weight besides"),
        (without_a_tensor, r"expected the tensor blk\.1\.ffn_up\.weight, found none"),
        (without_a_size, r"expected llama\.block_count in its metadata"),
        (cut, r"found a cut or damaged one"),
        (no_gguf, r"expected a whole GGUF file"),
        (of_two_parts, r"one GGUF file, found one of 2 parts"),
        (lambda path: path, r"expected a GGUF file, found none"),
    ],
)
def test_what_is_not_known_is_refused_by_name(made, told, tmp_path):
    file = made(tmp_path / "model.gguf")
    with pytest.raises(CalrecError, match=told) as refused:
        to_folder(file, tmp_path / "folder")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "folder").exists()


def test_metadata_are_what_the_library_reads(tmp_path):
    """Ours reads arrays in one piece."""

    def more(writer):
        writer.add_array("llama.texts", ["", "é🎸", "x" * 300])
        writer.add_array("llama.flags", [True, False, True])
        writer.add_array("llama.floats", [0.5, -1.25])
        writer.add_float64("llama.float", 1e-300)
        writer.add_int8("llama.small", -3)

    file, _ = written(tmp_path / "model.gguf", config("gemma3_text"), change=more)
    expected = {n: field.contents() for n, field in gguf.GGUFReader(file).fields.items()}
    assert len(expected["tokenizer.ggml.tokens"]) == 9
    assert File.of(file).metadata == expected


def test_another_s_folder_stays(tmp_path):
    file, _ = written(tmp_path / "model.gguf", config("llama"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("mine")
    with pytest.raises(CalrecError, match="something else"):
        to_folder(file, tmp_path / "mine")
    assert (tmp_path / "mine" / "diary.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "rope",
    [
        {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "context": 8192},
        {"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "context": 8192},
        {"factor": 4.0, "low_freq_factor": 1.5, "high_freq_factor": 5.0, "context": 1000},
        {"factor": 1.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "context": 8192},
    ],
)
def test_factors_of_frequencies_come_back(rope, tmp_path):
    """As the config that gives these factors, whatever its bounds were called."""
    parameters = {name: value for name, value in rope.items() if name != "context"} | {
        "rope_type": "llama3",
        "rope_theta": 500_000.0,
        "original_max_position_embeddings": rope["context"],
    }
    settings = config("llama3") | {"head_dim": 64, "rope_parameters": parameters}
    file, _ = written(tmp_path / "model.gguf", settings)
    found = to_folder(file, tmp_path / "folder").rope
    again = {
        "rope_type": "llama3",
        "rope_theta": found.theta,
        "factor": found.factor,
        "low_freq_factor": found.low_freq_factor,
        "high_freq_factor": found.high_freq_factor,
        "original_max_position_embeddings": found.original_max_position_embeddings,
    }
    expected = gguf_files.rope_factors(settings)
    if found.kind == "llama3":
        actual = gguf_files.rope_factors(settings | {"rope_parameters": again})
    else:
        actual = np.ones_like(expected)
    np.testing.assert_allclose(actual, expected, rtol=1e-4)
    if rope["context"] == 8192 and rope["factor"] > 1:
        assert again == parameters
