"""Hugging Face folders in and out, without torch."""

import dataclasses
import json
import shutil

import decoding
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from families import FAMILIES
from flax import nnx
from hub_forms import GOLDEN
from safetensors.numpy import load_file, save_file
from tiny import tiny_decoder, tiny_tokenizer

from calrec.errors import CalrecError
from calrec.model import hf
from calrec.model.backbone.config import Rope
from calrec.model.backbone.decoder import Decoder
from calrec.tokenizer import Tokenizer


def weights(model):
    return nnx.to_pure_dict(nnx.state(model))


def dtypes(model):
    return {str(x.dtype) for x in jax.tree.leaves(weights(model))}


def stored_as(dtype, family, folder, *, but=()):
    """A golden folder with its tensors in another dtype, except those named in `but`."""
    shutil.copy(GOLDEN / family / "config.json", folder)
    tensors = load_file(GOLDEN / family / "model.safetensors")
    save_file(
        {name: x if name in but else x.astype(dtype) for name, x in tensors.items()},
        folder / "model.safetensors",
    )
    return tensors


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_folder_comes_back_as_it_was(family, dtype, tmp_path):
    model = hf.load(GOLDEN / family, dtype=dtype)
    assert dtypes(model) == {dtype}
    hf.save_pretrained(tmp_path / "saved", model)
    again = hf.load(tmp_path / "saved")
    assert again.config == model.config
    assert dtypes(again) == {dtype}
    jax.tree.map(np.testing.assert_array_equal, weights(again), weights(model))
    # Its older name, which all versions of transformers read.
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["torch_dtype"] == dtype
    if dtype == "float32":
        original = load_file(GOLDEN / family / "model.safetensors")
        saved = load_file(tmp_path / "saved" / "model.safetensors")
        assert saved.keys() == original.keys()
        jax.tree.map(np.testing.assert_array_equal, saved, original)


@pytest.mark.slow
def test_a_model_made_here_with_its_tokenizer(tmp_path):
    tokenizer = tiny_tokenizer()
    model = tiny_decoder(tokenizer.vocab_size)
    hf.save_pretrained(tmp_path / "saved", model, tokenizer)
    # A second time over the first: a run that exports as it goes.
    hf.save_pretrained(tmp_path / "saved", model, tokenizer)
    tokens = np.arange(14).reshape(2, 7)
    mask = np.ones((2, 7), bool)
    np.testing.assert_array_equal(
        decoding.run(hf.load(tmp_path / "saved"), tokens, mask)[1],
        decoding.run(model, tokens, mask)[1],
    )
    again = Tokenizer.load(tmp_path / "saved")
    assert again.encode(["Title: Aroma Kettle 0"]) == tokenizer.encode(["Title: Aroma Kettle 0"])
    assert (again.end_id, again.vocab_size) == (tokenizer.end_id, tokenizer.vocab_size)
    # With this, transformers' `generate` stops where ours does.
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["eos_token_id"] == tokenizer.end_id


def test_bfloat16_is_kept_bit_for_bit(tmp_path):
    original = stored_as(ml_dtypes.bfloat16, "qwen3", tmp_path)
    model = hf.load(tmp_path)
    assert dtypes(model) == {"bfloat16"}
    np.testing.assert_array_equal(
        model.embed_tokens[...], original["model.embed_tokens.weight"].astype(ml_dtypes.bfloat16)
    )


def test_one_float32_tensor_makes_all_float32(tmp_path):
    stored_as(ml_dtypes.bfloat16, "llama", tmp_path, but=["model.norm.weight"])
    assert dtypes(hf.load(tmp_path)) == {"float32"}


def test_float16_becomes_float32(tmp_path):
    original = stored_as(np.float16, "llama", tmp_path)
    model = hf.load(tmp_path)
    assert dtypes(model) == {"float32"}
    expected = original["model.embed_tokens.weight"].astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(model.embed_tokens[...], expected)


def test_buffers_do_not_decide_the_dtype(tmp_path):
    """GPT-2's causal masks are float32 or bool, whatever the weights are."""
    stored_as(ml_dtypes.bfloat16, "gpt2", tmp_path)
    path = tmp_path / "model.safetensors"
    masks = {
        "transformer.h.0.attn.bias": np.tril(np.ones((64, 64), np.float32))[None, None],
        "transformer.h.1.attn.bias": np.tril(np.ones((64, 64), bool))[None, None],
    }
    save_file(load_file(path) | masks, path)
    assert dtypes(hf.load(tmp_path)) == {"bfloat16"}


@pytest.mark.slow
def test_each_user_is_at_its_own_step():
    """One user feeds each token twice, at one step each: what it hears must not change."""
    said = np.load(GOLDEN / "gemma3_text" / "golden.npz")
    model = hf.load(GOLDEN / "gemma3_text")
    _, prompt = nnx.jit(type(model).prefill)(model, said["prompts"], said["length"])
    cache = decoding.SampleCache.empty(model.config, 2, 2, 10, jnp.float32)
    for turn in range(10):
        step = np.array([turn, turn // 2], np.int32)
        tokens = np.stack([said["drawn"][u, :, step[u]] for u in range(2)])
        hidden, _, cache = decoding.feed(model, tokens, prompt, cache, jnp.asarray(step))
        for u in range(2):
            np.testing.assert_allclose(
                hidden[u], said["cached_hidden"][u, :, step[u] + 1], rtol=0, atol=1e-4
            )


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt2", "qwen2_window", "gemma3_text"])
def test_cached_decoding_in_bfloat16(family):
    """As far from the float32 truth as the whole pass over the same tokens is, no further."""
    said = np.load(GOLDEN / family / "golden.npz")
    model = hf.load(GOLDEN / family, dtype="bfloat16")
    _, steps = decoding.run_cached(model, said["prompts"], said["length"], said["drawn"])
    tokens, mask = np.zeros((4, 22), np.int32), np.zeros((4, 22), bool)
    for row, (u, n) in enumerate(np.ndindex(2, 2)):
        given = [*said["prompts"][u, : said["length"][u]], *said["drawn"][u, n]]
        tokens[row, : len(given)], mask[row, : len(given)] = given, True
    _, whole = decoding.run_compiled(model, tokens, mask)
    # From the prompt's last token on.
    whole = np.stack([x[m.sum() - 11 : m.sum()] for x, m in zip(whole, mask, strict=True)])
    truth = said["cached_logits"].reshape(whole.shape)
    assert np.abs(steps.reshape(whole.shape) - truth).mean() < 1.25 * np.abs(whole - truth).mean()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gemma3_text", "gpt2"])
def test_causality_by_gradient(family):
    """A state depends on its own token and those before, in a window no further back."""
    graph, state = nnx.split(hf.load(GOLDEN / family))
    tokens = jnp.arange(20)[None]

    def twelfth(state):
        hidden = nnx.merge(graph, state).hidden(tokens, jnp.ones((1, 20), bool))
        return (hidden[0, 12] ** 3).sum()

    moved = np.abs(jax.jit(jax.grad(twelfth))(state)["embed_tokens"][...])[:20].sum(axis=1)
    assert (moved[:13] > 0).all()
    assert (moved[13:] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "change"),
    [
        ("llama", {"attention_softcap": 2.0}),
        ("llama", {"logit_softcap": 2.0}),
        ("llama", {"attention_scale": 0.3}),
        ("llama", {"norm": "rms_offset"}),
        ("llama", {"norm": "layer"}),
        ("llama", {"norm_outputs": True}),
        ("llama", {"norm_queries_and_keys": True}),
        ("llama", {"scale_embeddings": True}),
        ("llama", {"attention_bias": True}),
        ("llama", {"attention_bias": True, "output_bias": True}),
        ("llama", {"gated_mlp": False}),
        ("llama", {"activation": "gelu"}),
        ("llama", {"rope": None}),
        ("llama", {"window": 4, "windowed": (True, True)}),
        ("llama", {"family": "qwen2"}),
        ("llama", {"family": "gemma"}),
        ("mistral", {"windowed": (True, False, True)}),
        ("mistral", {"mlp_bias": True}),
        ("qwen2", {"head_dim": 6}),
        ("qwen3", {"norm_queries_and_keys": False}),
        ("gemma", {"norm": "rms", "activation": "silu"}),
        ("gemma2", {"attention_scale": None}),
        ("gemma2", {"attention_scale": 0.3, "attention_softcap": None}),
        ("gemma2", {"windowed": ()}),
        ("gemma3_text", {"windowed_rope": None}),
        ("gemma3_text", {"windowed_rope": Rope(theta=100.0, kind="linear", factor=2.0)}),
        ("gpt2", {"mlp_bias": False}),
        ("gpt2", {"attention_scale": 0.3}),
        ("gpt2", {"num_key_value_heads": 2}),
        ("gpt2", {"gated_mlp": True}),
        ("gpt2", {"rope": Rope()}),
    ],
    ids=str,
)
def test_a_decoder_comes_back_the_same_or_is_not_saved(family, change, tmp_path):
    """What its family's config.json cannot say must not be lost without a word."""
    known = hf.load(GOLDEN / family).config
    model = Decoder(dataclasses.replace(known, **change), rngs=nnx.Rngs(0))
    # Loud weights, so that a cap or a scale that went missing shows.
    nnx.update(model, jax.tree.map(lambda x: x * 10 if x.ndim == 2 else x + 0.3, nnx.state(model)))
    try:
        hf.save_pretrained(tmp_path / "saved", model)
    except CalrecError:
        assert not (tmp_path / "saved").exists()
        return
    tokens, mask = np.arange(20).reshape(2, 10), np.ones((2, 10), bool)
    again = hf.load(tmp_path / "saved")
    np.testing.assert_allclose(
        decoding.run(again, tokens, mask)[1], decoding.run(model, tokens, mask)[1], atol=1e-5
    )


def test_an_existing_folder_is_not_half_overwritten(tmp_path):
    """Something else's folder stays as it is; an earlier model is replaced whole."""
    model = tiny_decoder(50)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("mine")
    with pytest.raises(CalrecError, match="notes"):
        hf.save_pretrained(tmp_path / "notes", model)
    assert (tmp_path / "notes" / "diary.txt").read_text() == "mine"
    hf.save_pretrained(tmp_path / "model", model)
    hf.save_pretrained(tmp_path / "model", tiny_decoder(60))
    assert hf.load(tmp_path / "model").config.vocab_size == 60
