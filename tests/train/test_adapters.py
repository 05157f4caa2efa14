"""Adapters beside a frozen model: what they compute, their gradient, and a run of them."""

import shutil
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steps
from commands import run
from flax import nnx

from calrec.errors import CalrecError
from calrec.model import bases, checkpoint, hf, new_tokens
from calrec.model.backbone import lora, stacked
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from calrec.model.backbone.forward import Forward
from calrec.model.backbone.lora_settings import LoraSettings
from calrec.text import LABELS, item_text
from calrec.tokenizer import Tokenizer
from catalog.store import Catalogue
from train import evaluate
from train.data.prepared import Prepared
from train.run.start import Start
from train.run.states import best_weights

CONFIG = steps.CONFIG
SETTINGS = LoraSettings(rank=2, alpha=4.0, layers=1)
EQUAL = 1e-5


@pytest.fixture(scope="module")
def weights():
    return stacked.stack(Decoder(CONFIG, rngs=nnx.Rngs(0)))


def adapters(weights, settings, added=0):
    """Some that do change what is computed."""
    found = lora.trained(weights, settings, added)
    return jax.tree.map(lambda x: x + 0.1 * jax.random.normal(jax.random.key(1), x.shape), found)


def trainer_of(trained, frozen):
    made, layout = steps.trainer(forward=Forward(lora=SETTINGS))
    return made.adapting(trained, frozen), layout


@pytest.mark.slow
def test_the_gradient_is_that_of_the_merged_weights_by_the_chain_rule(weights):
    """W + s B A: the gradient of B is s G A^T, of A is s B^T G, where G is that of W."""
    trained = adapters(weights, SETTINGS, added=3)
    trainer, layout = trainer_of(trained, weights)
    batch = steps.batch(layout)
    found, losses = jax.jit(lambda t, w: trainer._gradient(t, w, batch, None))(trained, weights)

    merged = stacked.merged({**weights, **trained}, SETTINGS)
    plain, _ = steps.trainer()
    whole, expected = jax.jit(lambda w: plain._gradient(w, {}, batch, None))(merged)
    for name in losses:
        np.testing.assert_allclose(losses[name], expected[name], rtol=EQUAL)
    assert set(found) == {"adapters", "new_tokens"}
    rows = found["new_tokens"]["embed_tokens"]
    assert steps.farthest(rows, whole["embed_tokens"][-3:]) < EQUAL
    for part, projections in found["adapters"].items():
        for name, gradient in projections.items():
            adapter = trained["adapters"][part][name]
            of_weight = whole["layers"][part][name]["weight"][-len(adapter["a"]) :]
            chained = {
                "a": SETTINGS.scale * jnp.einsum("nok,noi->nki", adapter["b"], of_weight),
                "b": SETTINGS.scale * jnp.einsum("noi,nki->nok", of_weight, adapter["a"]),
            }
            assert steps.farthest(gradient, chained) < EQUAL, (part, name)


@pytest.mark.slow
def test_a_fresh_adapter_changes_nothing(weights):
    _, layout = steps.trainer()
    rows = steps.batch(layout).rows
    given = (rows.tokens, rows.position, rows.segment)
    fresh = {**weights, **lora.trained(weights, SETTINGS, 0)}
    found = stacked.hidden(CONFIG, fresh, *given, forward=Forward(lora=SETTINGS))
    np.testing.assert_array_equal(found, stacked.hidden(CONFIG, weights, *given, forward=Forward()))


@pytest.mark.slow
def test_tokens_that_were_added_start_as_the_mean_of_what_they_stand_for():
    model = Decoder(CONFIG, rngs=nnx.Rngs(0))
    wider = new_tokens.widened(model, 90, [[1, 2], [5, 6, 7]])
    rows = np.asarray(model.embed_tokens[...])
    found = np.asarray(wider.embed_tokens[...])
    assert wider.config.vocab_size == len(found) == 92
    np.testing.assert_array_equal(found[:90], rows[:90])
    np.testing.assert_allclose(found[90], rows[1:3].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found[91], rows[5:8].mean(axis=0), rtol=1e-6)


@pytest.fixture(scope="module")
def pretrained(tiny_workspace, tmp_path_factory):
    """A model of random weights, where the workspace keeps such."""
    workspace = tmp_path_factory.mktemp("adapters") / "workspace"
    shutil.copytree(tiny_workspace, workspace)
    folder = workspace / "models" / "small"
    with Catalogue.open(workspace, "shop") as catalogue:
        tokenizer = Tokenizer.train([item_text(item) for item in catalogue.items], 320)
    config = DecoderConfig(
        vocab_size=tokenizer.vocab_size + 5,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    hf.save_pretrained(folder, Decoder(config, rngs=nnx.Rngs(0)), tokenizer)
    return folder


STAGE = ("--preset", "tiny", "--batch-size", "4", "--validate-every", "2", "--select-by", "nig")
LORA = ("--lora-rank", "2", "--lora-layers", "1")


@pytest.fixture(scope="module")
def tuned(pretrained, tmp_path_factory):
    """Prepared data with new tokens, and a run of adapters on them."""
    folder, workspace = tmp_path_factory.mktemp("tuned"), pretrained.parents[1]
    data, out = folder / "data", folder / "run"
    given = ("--workspace", workspace, "--domains", "shop", "--out", data)
    assert run("prepare", *given, "--tokenizer", pretrained, "--new-tokens") == 0
    stage = ("stage2", "--data", data, "--domain", "shop", "--out", out, "--steps", "4")
    assert run(*stage, *STAGE, *LORA, "--from-pretrained", pretrained) == 0
    return data, out


def logits(model):
    tokens, mask = jnp.arange(12)[None] + 300, jnp.ones((1, 12), bool)
    return np.asarray(model.logits(model.hidden(tokens, mask)))


@pytest.mark.slow
def test_adapters_are_exported_merged_and_alone(pretrained, tuned, tmp_path, monkeypatch):
    data, out = tuned
    workspace = pretrained.parents[1]
    added = Prepared.load(data).added
    assert len(added) > len(LABELS)
    export = ("export", "--run", out, "--dtype", "float32", "--workspace", workspace)
    assert run(*export, "--out", tmp_path / "merged") == 0
    assert run(*export, "--out", tmp_path / "alone", "--format", "adapter") == 0
    monkeypatch.setenv("CALREC_WORKSPACE", str(workspace))
    merged, tokenizer, _ = checkpoint.load(tmp_path / "merged")
    alone, _, described = checkpoint.load(tmp_path / "alone")
    np.testing.assert_allclose(logits(alone), logits(merged), atol=EQUAL)
    start = new_tokens.widened(hf.load(pretrained), tokenizer.vocab_size - len(added), added)
    moved = np.abs(logits(merged) - logits(start)).max()
    assert 1e-4 < moved < 1, "training has changed what the model says"
    below = merged.layers[0].mlp.up_proj.weight[...]
    np.testing.assert_array_equal(below, start.layers[0].mlp.up_proj.weight[...])
    assert described.adapters.name == "small"
    assert str(workspace) not in (tmp_path / "alone" / "calrec.json").read_text()


@pytest.mark.slow
def test_a_missing_or_other_base_is_one_line(pretrained, tuned, tmp_path):
    workspace = pretrained.parents[1]
    alone = tmp_path / "alone"
    export = ("export", "--run", tuned[1], "--format", "adapter", "--workspace", workspace)
    assert run(*export, "--out", alone) == 0
    with pytest.raises(CalrecError, match=r"model small .* found none; copy its Hugging Face"):
        checkpoint.load(alone, models=tmp_path / "models")
    other = Decoder(hf.load(pretrained).config, rngs=nnx.Rngs(7))
    hf.save_pretrained(tmp_path / "models" / "small", other, Tokenizer.load(pretrained))
    with pytest.raises(CalrecError, match="found another model in"):
        checkpoint.load(alone, models=tmp_path / "models")


@pytest.mark.slow
def test_an_evaluation_looks_for_the_base_in_its_own_workspace(
    pretrained, tuned, tmp_path, monkeypatch
):
    workspace, alone = pretrained.parents[1], tmp_path / "alone"
    export = ("export", "--run", tuned[1], "--format", "adapter", "--workspace", workspace)
    assert run(*export, "--out", alone) == 0
    monkeypatch.setenv("CALREC_WORKSPACE", str(tmp_path / "elsewhere"))
    line = ("--domain", "shop", "--recommender", "calrec", "--checkpoint", alone, "--users", 1)
    given = ("--workspace", workspace, *line, "--out", tmp_path / "out")
    monkeypatch.setattr("sys.argv", ["calrec-evaluate", *map(str, given)])
    evaluate.main()
    assert (tmp_path / "out" / "meta.json").is_file()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--new-tokens",), "expected --tokenizer, a pretrained model's, beside --new-tokens"),
        (("--merges", "attributes", "--tokenizer", "x"), "expected no --merges beside --tokenizer"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    options, found, tiny_workspace, tmp_path, capsys
):
    given = ("--workspace", tiny_workspace, "--domains", "shop", "--out", tmp_path / "data")
    assert run("prepare", *given, *options) == 2
    assert found in capsys.readouterr().err


@pytest.mark.slow
def test_a_later_stage_goes_on_with_the_adapters_or_with_all_weights(tuned, tmp_path, capsys):
    data, out = tuned
    stage = ("stage2", "--data", data, "--domain", "shop", "--steps", "2", *STAGE)
    stage = (*stage, "--from-run", out)
    assert run(*stage, *LORA, "--out", tmp_path / "further") == 0
    further, before = best_weights(tmp_path / "further"), best_weights(out)
    assert np.isfinite(logits(further)).all()
    np.testing.assert_array_equal(
        further.layers[0].mlp.up_proj.weight[...], before.layers[0].mlp.up_proj.weight[...]
    )
    assert run(*stage, "--out", tmp_path / "whole") == 0
    capsys.readouterr()
    assert run(*stage, "--lora-rank", "3", "--out", tmp_path / "other") == 2
    assert "to hold adapters of these settings" in capsys.readouterr().err


@pytest.mark.slow
def test_a_base_is_known_by_its_tensors_whatever_files_they_lie_in(pretrained, tmp_path):
    base = bases.Base.of(pretrained, 325)
    copied = tmp_path / "elsewhere"
    shutil.copytree(pretrained, copied)
    assert bases.digest(copied) == base.digest
    assert replace(base, folder="").find([tmp_path]) == copied
    hf.save_pretrained(tmp_path / "other", Decoder(hf.load(pretrained).config, rngs=nnx.Rngs(7)))
    assert bases.digest(tmp_path / "other") != base.digest


@pytest.mark.slow
def test_the_start_of_adapters_is_the_same_for_the_same_seed(weights):
    model = stacked.unstack(CONFIG, weights)
    base = bases.Base(name="a", digest="b", tokens=96)
    first, again, other = (
        Start.beside(base, model, SETTINGS, 0, seed=seed).trained["adapters"] for seed in (0, 0, 1)
    )
    assert steps.farthest(first, again) == 0
    assert steps.farthest(first["mlp"]["up_proj"]["a"], other["mlp"]["up_proj"]["a"]) > 0.1
