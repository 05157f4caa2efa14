"""Training steps on this machine's accelerators: tokens a second, share of the peak, memory.

Full rows of random tokens, bfloat16 products, float32 masters, AdamW, forward, backward and update,
with the settings of a preset's stage I; on a CPU a tiny model stands in, to try the script.

    python tests/benchmarks/accelerator.py [PRESET ...]
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time

import jax
import numpy as np
from flax import nnx

from calrec.model.backbone import stacked
from calrec.model.backbone.decoder import Decoder
from train import flops, presets
from train.data.packing import Layout, batch_of, record_segments
from train.plan.step import trainer_for

PRESETS = ("gpu-30m", "smollm2-135m", "gemma3-270m")
TURNS = 8


def measure(name, *, users, prompt, target, turns):
    """Prints what steps of a preset take."""
    preset = presets.load(name)
    chips = jax.device_count()
    settings = dataclasses.replace(preset.settings("stage1"), batch_size=users, compute="bfloat16")
    on_tpu = jax.default_backend() == "tpu"
    trainer = trainer_for(preset.model, settings, jax.devices(), splash=on_tpu)
    rng = np.random.default_rng(0)

    def tokens(number):
        return rng.integers(1, preset.model.vocab_size, number).tolist()

    segments = [
        segment
        for user in range(users)
        for segment in record_segments(user, users, tokens(prompt), tokens(target))
    ]
    row = prompt + 2 * target
    layout = Layout(tokens=row, places=2 * target, shards=chips, microbatch=settings.microbatch)
    batch = trainer.placed(batch_of(segments, users, layout))
    state = trainer.init(stacked.stack(Decoder(preset.model, rngs=nnx.Rngs(0))))
    state, metrics = trainer.step(state, batch)
    print(f"{name}: {flops.parameters(preset.model) / 1e6:.1f} M, loss {metrics['total']:.3f}")
    seconds = []
    for _ in range(turns):
        start = time.perf_counter()
        state, metrics = trainer.step(state, batch)
        jax.block_until_ready(metrics)
        seconds.append(time.perf_counter() - start)
    taken = statistics.median(seconds)
    real = users * (prompt + 2 * target)
    forwards = 2 if settings.microbatch else 1
    # What counts as work: one forward pass and a backward one, not what is run again.
    work = flops.training(preset.model, real, users * target, row)
    print(f"  {real / taken:,.0f} tokens/s, {taken:.3f} s a step, forward passes: {forwards}")
    device = jax.devices()[0]
    if (peak := flops.peak(device.device_kind)) is not None:
        print(f"  {work / taken / peak / chips:.1%} of the peak of {chips} x {device.device_kind}")
    memory = device.memory_stats() or {}
    if "peak_bytes_in_use" in memory:
        print(f"  {memory['peak_bytes_in_use'] / 1e9:.2f} GB at the highest")


def main(names: list[str]) -> None:
    """Measures each preset."""
    if jax.default_backend() == "cpu":
        for name in names or ["tiny"]:
            measure(name, users=4, prompt=40, target=8, turns=2)
        return
    for name in names or PRESETS:
        measure(name, users=256, prompt=864, target=80, turns=TURNS)


if __name__ == "__main__":
    main(sys.argv[1:])
