"""What XLA:TPU makes of the step and of the sampler, for chips that are described and not there.

Run by `make test-tpu`, which installs libtpu beside the environment, not into it: jax would look
for chips in every other test.
"""

import importlib.util
import os

import pytest

pytestmark = [pytest.mark.tpu, pytest.mark.slow]
if importlib.util.find_spec("libtpu") is None:
    pytest.skip("needs libtpu on the path: make test-tpu", allow_module_level=True)

# Before jax is imported: a CPU computes, and the compiler takes a third of its time.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_EXEC_TIME_OPTIMIZATION_EFFORT", "-1.0")

from train import flops, presets  # noqa: E402
from train.plan.sampler import sampler_plan  # noqa: E402
from train.plan.step import plan  # noqa: E402
from train.plan.topology import GB, MEMORY, Topology  # noqa: E402


def compiled(name, topology, slices=1, **settings):
    from dataclasses import replace

    preset = presets.load(name)
    stage = replace(preset.settings("stage1"), **settings)
    return plan(preset.model, stage, Topology.of(topology, slices), tokens_per_user=1024)


@pytest.mark.parametrize("name", ["smollm2-135m", "gemma3-270m"])
def test_the_paper_s_batch_fits_sixteen_small_chips_with_one_sum_of_gradients(name):
    found = compiled(name, "v5e:4x4")
    assert found.tokens >= 512 * 1024
    assert found.peak < MEMORY["v5e"] * GB
    weights = 4 * found.parameters
    assert weights <= found.compiled.collectives["all-reduce"] < 1.1 * weights
    assert "all-reduce" not in found.compiled.inside_loops


def test_a_billion_parameters_fit_when_split():
    from train.settings import MeshSettings

    found = compiled("llama3.2-1b", "v5e:4x4", mesh=MeshSettings(fsdp=16))
    assert found.peak < MEMORY["v5e"] * GB
    # Weights are made whole layer by layer, so that these gathers stand in loops.
    assert found.compiled.inside_loops["all-gather"] > 0


def test_two_hundred_and_fifty_six_chips():
    found = compiled("smollm2-135m", "v5e:16x16", microbatch=2)
    assert found.peak < MEMORY["v5e"] * GB
    assert found.compiled.collectives["all-reduce"] < 1.1 * 4 * found.parameters


@pytest.mark.parametrize(("users", "most"), [(1, 1.6), (16, 3.8)])
def test_a_step_of_the_sampler_moves_little_more_than_it_must_read(users, most):
    """Measured: 1.4 times weights and caches for one user, 3.6 for sixteen; the goal is 2."""
    model = presets.load("smollm2-135m").model
    found, moved, needed = sampler_plan(model, Topology.of("v5e:2x2"), users)
    assert found.peak < MEMORY["v5e"] * GB
    assert needed > 2 * flops.parameters(model)
    assert needed < moved < most * needed
