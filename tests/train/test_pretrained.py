"""From a Hugging Face folder through stage II to a checkpoint, and to a folder for others."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from commands import run
from flax import nnx

from calrec.model import checkpoint, hf
from calrec.model.backbone.config import DecoderConfig, Rope
from calrec.model.backbone.decoder import Decoder
from calrec.text import item_text
from calrec.tokenizer import Tokenizer
from catalog.store import Catalogue


@pytest.fixture(scope="module")
def pretrained(tiny_workspace, tmp_path_factory):
    """A Gemma 3 of random weights with a larger vocabulary than its tokenizer has tokens."""
    folder = tmp_path_factory.mktemp("pretrained") / "gemma"
    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        tokenizer = Tokenizer.train([item_text(item) for item in catalogue.items], 400)
    config = DecoderConfig(
        family="gemma3_text",
        vocab_size=tokenizer.vocab_size + 9,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        scale_embeddings=True,
        norm="rms_offset",
        norm_outputs=True,
        norm_queries_and_keys=True,
        activation="gelu_tanh",
        attention_scale=16**-0.5,
        window=16,
        windowed=(True, False),
        windowed_rope=Rope(theta=1_000.0),
    )
    hf.save_pretrained(folder, Decoder(config, rngs=nnx.Rngs(0)), tokenizer)
    return folder


def prepare(workspace, out, *options):
    return run(*("prepare", "--workspace", workspace, "--domains", "shop", "--out", out, *options))


STAGE = ("--preset", "tiny", "--steps", "2", "--batch-size", "4", "--validate-every", "2")


@pytest.mark.slow
def test_a_pretrained_model_is_tuned_and_exported(pretrained, tiny_workspace, tmp_path):
    data, tuned = tmp_path / "data", tmp_path / "tuned"
    assert prepare(tiny_workspace, data, "--tokenizer", pretrained) == 0
    stage = ("stage2", "--data", data, "--domain", "shop", "--out", tuned)
    assert run(*stage, *STAGE, "--from-pretrained", pretrained) == 0

    assert run("export", "--run", tuned, "--out", tmp_path / "checkpoint") == 0
    model, tokenizer, described = checkpoint.load(tmp_path / "checkpoint")
    start = hf.load(pretrained)
    assert described.decoder == start.config
    assert described.training["stages"][0]["settings"]["family"] == "gemma3_text"
    assert [s["stage"] for s in described.training["stages"]] == ["pretrained", "stage2"]
    assert tokenizer.vocabulary() == Tokenizer.load(pretrained).vocabulary()
    moved = np.abs(np.asarray(model.embed_tokens[...] - start.embed_tokens[...]))
    assert 0 < moved.max() < 0.1

    out = tmp_path / "for-others"
    options = ("--format", "hugging-face", "--dtype", "float32")
    assert run("export", "--run", tuned, "--out", out, *options) == 0
    tokens, mask = jnp.arange(12)[None], jnp.ones((1, 12), bool)
    theirs = hf.load(out)
    hidden = theirs.hidden(tokens, mask)
    # The checkpoint holds bfloat16.
    np.testing.assert_allclose(hidden, model.hidden(tokens, mask), atol=0.1)
    assert json.loads((out / "config.json").read_text())["architectures"] == ["Gemma3ForCausalLM"]


def test_data_of_another_tokenizer_are_refused(pretrained, tiny_workspace, tmp_path, capsys):
    assert prepare(tiny_workspace, tmp_path / "data", "--vocab-size", "300") == 0
    stage = ("stage1", "--data", tmp_path / "data", "--out", tmp_path / "out")
    assert run(*stage, *STAGE, "--from-pretrained", pretrained) == 2
    error = capsys.readouterr().err
    assert f"prepare it with --tokenizer {pretrained}" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "found"),
    [((), "neither"), (("--from-run", "a", "--from-pretrained", "b"), "both")],
)
def test_a_stage_starts_from_one_thing(options, found, tmp_path, capsys):
    stage = ("stage1", "--data", tmp_path, "--out", tmp_path / "out")
    assert run(*stage, *options) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert f"found {found}" in lines[0]
