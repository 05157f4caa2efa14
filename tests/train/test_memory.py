"""Memory of a step, as the compiler says."""

from dataclasses import replace

import jax
import pytest

from train import flops, presets
from train.plan.step import step_shapes, trainer_for

PRESET = presets.load("sample")


def needed(**settings):
    """Bytes of a step of 512 rows of 512 tokens with the shipped model's shape."""
    assert PRESET.model is not None
    stage = replace(PRESET.settings("stage1"), batch_size=512, **settings)
    trainer = trainer_for(PRESET.model, stage, jax.devices()[:1], splash=False)
    made = trainer.step.lower(*step_shapes(trainer, 512, 512, 128)).compile()
    said = made.memory_analysis()
    new = said.output_size_in_bytes - said.alias_size_in_bytes
    return said.argument_size_in_bytes + said.temp_size_in_bytes + new


@pytest.mark.slow
def test_a_batch_of_the_paper_s_size_needs_little_memory_in_microbatches():
    assert PRESET.model is not None
    assert 2.1e6 < flops.parameters(PRESET.model) < 2.3e6
    assert 0.1e9 < needed(microbatch=8) < 1.5e9
