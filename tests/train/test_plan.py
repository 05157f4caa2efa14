"""Plans by counting; what the compiler says of them is in tests/tpu."""

import jax
import jax.numpy as jnp
import pytest
from commands import run
from flax import nnx

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from train import flops, presets
from train.plan.compiled import _collectives
from train.plan.step import estimated, plan
from train.plan.topology import Topology

SMOL = presets.load("smollm2-135m")


def test_parameters_are_those_of_the_models():
    """As their model cards state them."""
    counts = {
        name: flops.parameters(presets.load(name).model)
        for name in ("smollm2-135m", "gemma3-270m", "llama3.2-1b")
    }
    assert counts == {
        "smollm2-135m": 134_515_008,
        "gemma3-270m": 268_098_176,
        "llama3.2-1b": 1_235_814_400,
    }


def test_operations_are_those_that_the_compiler_counts():
    """Of one layer without attention's products, forward, in the plain decoder."""
    config = DecoderConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
    )
    graph, weights = nnx.split(Decoder(config, rngs=nnx.Rngs(0)))
    tokens = jnp.zeros((1, 128), int)

    def forward(weights):
        model = nnx.merge(graph, weights)
        return model.logits(model.hidden(tokens, jnp.ones(tokens.shape, bool)))

    counted = jax.jit(forward).lower(weights).compile().cost_analysis()["flops"]
    # Forward alone is a third; rows see half of themselves, the plain decoder computes all of it.
    ours = flops.training(config, 128, 128, 256) / 3
    assert counted == pytest.approx(ours, rel=0.1)


@pytest.mark.parametrize("name", ["v5e", "v5litepod-16", "h100:2x2", "gpu", "v5e:4", "v5e:4x4x"])
def test_an_unknown_topology_is_one_line(name, capsys):
    with pytest.raises(CalrecError, match="expected a topology such as v5e:4x4"):
        Topology.of(name)
    assert run("plan", "--no-compile", "--topology", name) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_chips_are_those_of_all_slices():
    assert Topology.of("v5e:4x4").chips == 16
    assert Topology.of("v5p:2x2x4", 2).chips == 32
    assert Topology.of("h100").chips == 1


def test_a_model_that_is_too_large_does_not_fit_and_sharding_helps(capsys):
    line = ("plan", "--no-compile", "--preset", "llama3.2-1b", "--topology", "v5e:4x4")
    assert run(*line, "--fsdp", "1", "--no-zero1") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("does not fit: ")
    assert run(*line, "--fsdp", "16") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("fits: ")


def test_time_follows_from_operations_chips_and_share():
    found = plan(
        SMOL.model,
        SMOL.settings("stage1"),
        Topology.of("v5e:4x4"),
        tokens_per_user=1024,
        compile=False,
    )
    assert found.seconds(0.5) == pytest.approx(found.operations / (197e12 * 0.5 * 16))
    assert found.tokens >= 512 * 1024
    # Forward twice and backward once over all weights, at least.
    assert found.operations > 8 * found.tokens * found.parameters * 0.7


def test_a_smaller_microbatch_needs_less():
    from dataclasses import replace

    small, large = (
        estimated(SMOL.model, replace(SMOL.settings("stage1"), microbatch=n), 1152, 16)
        for n in (1, 8)
    )
    assert small < large


def test_collectives_are_read_from_a_program():
    text = """
%body (p: f32[4]) -> f32[4] {
  %x = (f32[8,2]{1,0}, bf16[4]{0}) all-gather-start(%p), dimensions={0}
}
ENTRY %main (a: f32[4]) -> f32[4] {
  %w = f32[4] while(%a), condition=%cond, body=%body
  %r = f32[100]{0} all-reduce(%w), to_apply=%add
  %s = f32[10]{0} all-reduce(%w), to_apply=%add
}
"""
    everywhere, inside = _collectives(text)
    assert everywhere == {"all-gather": 8 * 2 * 4 + 4 * 2, "all-reduce": 440}
    assert inside == {"all-gather": 72}
