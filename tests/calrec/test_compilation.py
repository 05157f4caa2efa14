"""What one process compiles, the next one of the same person takes from the disk."""

import os
import subprocess
import sys

import pytest

from calrec.model.compilation import compiled_folder, keep_compiled

PROGRAM = """
import jax
from flax import nnx
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from calrec.model.compilation import keep_compiled
from calrec.generation.sampler import Sampler
from calrec.records.settings import SamplingSettings

keep_compiled()
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


def run(cache):
    """What was drawn, and programs that were found and that were compiled."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-W", "default:Error reading", "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env=others | {"XDG_CACHE_HOME": str(cache)},
    )
    drawn, counts = shown.stdout.splitlines()
    return drawn, *map(int, counts.split())


@pytest.mark.slow
def test_a_restart_compiles_nothing_of_the_sampler_again(tmp_path):
    drawn, hits, misses = run(tmp_path)
    assert hits == 0
    assert misses >= 2
    assert run(tmp_path) == (drawn, misses, 0)
    kept = list((tmp_path / "calrec" / "compiled").glob("*-cache"))
    assert len(kept) >= misses
    assert (tmp_path / "calrec" / "compiled").stat().st_mode & 0o777 == 0o700
    for path in kept:
        content = path.read_bytes()
        half = len(content) // 2
        path.write_bytes(content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :])
    assert run(tmp_path)[0] == drawn  # a damaged one is compiled anew


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert run(tmp_path / "file")[1:] == (0, 0)


def test_the_folder_is_the_persons_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled_folder() == tmp_path / "calrec" / "compiled"
    monkeypatch.setenv("HOME", str(tmp_path))
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert compiled_folder() == tmp_path / ".cache" / "calrec" / "compiled"
    used = []
    monkeypatch.setattr("jax.config.update", lambda *given: used.append(given))
    monkeypatch.setattr("os.getuid", lambda: -1)  # somebody else's
    keep_compiled()
    assert used == []
