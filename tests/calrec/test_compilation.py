"""What one process compiles, the next one takes from the workspace."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
import jax
from flax import nnx
from calrec.backbone.config import DecoderConfig
from calrec.backbone.decoder import Decoder
from calrec.compilation import keep_compiled
from calrec.sampler import Sampler
from calrec.sampling import SamplingSettings

keep_compiled(Path(sys.argv[1]))
config = DecoderConfig(
    vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
    num_attention_heads=2, num_key_value_heads=1, head_dim=8,
)
sampler = Sampler(Decoder(config, rngs=nnx.Rngs(0)), 0)
hits, misses = [], []
jax.monitoring.register_event_listener(
    lambda event, **_: (hits if "cache_hits" in event else misses if "cache_misses" in event
                        else []).append(event)
)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
*_, drawn = sampler.stream([5, 6, 7], 3, SamplingSettings(samples=2, max_new_tokens=4))
print(drawn.tokens.tolist())
print(len(hits), len(misses))
"""


def run(workspace):
    """What was drawn, and programs that were found and that were compiled."""
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(workspace)],
        capture_output=True,
        text=True,
        check=True,
    )
    drawn, counts = shown.stdout.splitlines()
    return drawn, *map(int, counts.split())


@pytest.mark.slow
def test_a_restart_compiles_nothing_of_the_sampler_again(tmp_path):
    drawn, hits, misses = run(tmp_path)
    assert hits == 0
    assert misses >= 2
    assert run(tmp_path) == (drawn, misses, 0)
    assert any((tmp_path / "compiled").iterdir())


@pytest.mark.slow
def test_a_workspace_that_cannot_be_written_does_no_harm(tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert run(tmp_path / "file")[1:] == (0, 0)
