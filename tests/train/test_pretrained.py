"""From a Hugging Face folder through stage II to a checkpoint, and to a folder for others."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from commands import run
from flax import nnx

from calrec.generation.model import GenerativeModel
from calrec.model import checkpoint, hf
from calrec.model.backbone.config import DecoderConfig, Rope
from calrec.model.backbone.decoder import Decoder
from calrec.records import Item
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
@pytest.mark.parametrize("begins", [True, False])
def test_a_pretrained_model_is_a_checkpoint_as_it_is(pretrained, begins, tmp_path):
    """Same weights, and a prompt behind the begin token if the folder asks for one."""
    folder = shutil.copytree(pretrained, tmp_path / "gemma")
    Tokenizer.load(pretrained).beginning_with(0 if begins else None).save(folder)
    out = tmp_path / "checkpoint"
    assert run("export", "--from-pretrained", folder, "--out", out, "--dtype", "float32") == 0
    model = GenerativeModel.from_checkpoint(out)
    start = nnx.to_flat_state(nnx.state(hf.load(folder)))
    for (_, ours), (_, theirs) in zip(
        nnx.to_flat_state(nnx.state(model.sampler.model)), start, strict=True
    ):
        np.testing.assert_array_equal(ours[...], theirs[...])
    description = model.description
    assert [s["stage"] for s in description.training["stages"]] == ["pretrained"]
    assert (description.data, description.begin_id) == ({}, 0 if begins else None)
    # The decoder of these tests has 1,152 positions.
    assert description.max_prompt_tokens == 1024
    prompt = model.prompt([Item(item_id="1", title="steel pen")])
    assert (prompt.token_ids[0] == 0) == begins
    assert prompt.text.startswith("<pad>This is" if begins else "This is")
    *_, generation = model.stream([Item(item_id="1", title="steel pen")], samples=2)
    assert generation.prompt_tokens == len(prompt.token_ids)
    assert (
        "is the pretrained model gemma, never trained for this" in (out / "README.md").read_text()
    )


def with_positions(folder, positions, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "short")
    content = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(content | {"max_position_embeddings": positions}))
    return copy


def test_a_history_gets_the_positions_that_there_are(pretrained, tmp_path):
    folder = with_positions(pretrained, 400, tmp_path)
    assert run("export", "--from-pretrained", folder, "--out", tmp_path / "out") == 0
    assert checkpoint.describe(tmp_path / "out").max_prompt_tokens == 320


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "found neither"),
        (("--run", "a", "--from-pretrained", "b"), "found both"),
        (("--from-pretrained", "b", "--format", "hugging-face"), "expected --format calrec"),
        (("--from-pretrained", "b"), "no b"),
    ],
)
def test_an_export_is_of_one_thing(options, told, tmp_path, capsys):
    assert run("export", "--out", tmp_path / "out", *options) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert told in lines[0]


def test_too_few_positions_for_a_history_are_refused(pretrained, tmp_path, capsys):
    folder = with_positions(pretrained, 90, tmp_path)
    assert run("export", "--from-pretrained", folder, "--out", tmp_path / "out") == 2
    assert "positions, for a history and 80 new tokens, found 90" in capsys.readouterr().err


def test_a_run_and_data_of_another_begin_token_are_refused(pretrained, tiny_workspace, tmp_path):
    data = tmp_path / "data"
    assert prepare(tiny_workspace, data, "--tokenizer", pretrained) == 0
    folder = shutil.copytree(pretrained, tmp_path / "gemma")
    Tokenizer.load(pretrained).beginning_with(0).save(folder)
    stage = ("stage1", "--data", data, "--out", tmp_path / "out", *STAGE)
    assert run(*stage, "--from-pretrained", folder) == 2
    assert not (tmp_path / "out").exists()


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
