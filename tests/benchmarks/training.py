"""Training steps beside torch + transformers: tokens a second, measured in turns in one run.

4 rows of 512 real tokens, language modelling, float32, AdamW: forward, backward and update.

    python tests/benchmarks/training.py [small|middle]
"""

from __future__ import annotations

import statistics
import sys
import time

import jax
import numpy as np
import optax
import torch
import transformers
from flax import nnx

from calrec.model.backbone import stacked
from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from calrec.model.backbone.forward import Forward
from calrec.model.objective_settings import ObjectiveSettings
from train.data.packing import Layout, Segment, batch_of
from train.settings import MeshSettings
from train.step.mesh import make_mesh
from train.step.terms import Task
from train.step.trainer import Trainer

SIZES = {
    "small": {"hidden": 256, "layers": 6, "inner": 1024, "vocabulary": 8192, "heads": 8},
    "middle": {"hidden": 512, "layers": 8, "inner": 2048, "vocabulary": 16384, "heads": 8},
}
ROWS, TOKENS, TURNS = 4, 512, 7


def ours(size, tokens):
    """A function that makes one step."""
    config = DecoderConfig(
        vocab_size=size["vocabulary"],
        hidden_size=size["hidden"],
        intermediate_size=size["inner"],
        num_hidden_layers=size["layers"],
        num_attention_heads=size["heads"],
        num_key_value_heads=size["heads"] // 2,
        head_dim=size["hidden"] // size["heads"],
    )
    settings = MeshSettings()
    trainer = Trainer(
        task=Task(
            config=config,
            forward=Forward(unroll=config.num_hidden_layers),
            users=0,
            objective=ObjectiveSettings(),
        ),
        tx=optax.adamw(1e-3),
        microbatch=0,
        mesh=make_mesh(jax.devices()[:1], settings),
        settings=settings,
    )
    state = trainer.init(stacked.stack(Decoder(config, rngs=nnx.Rngs(0))))
    batch = batch_of(
        [Segment(tokens=row, predicted=1) for row in tokens],
        0,
        Layout(tokens=TOKENS, places=TOKENS),
    )

    def step():
        nonlocal state
        state, metrics = trainer.step(state, batch)
        return float(metrics["total"])

    return step


def theirs(size, tokens):
    """The same by torch."""
    config = transformers.LlamaConfig(
        vocab_size=size["vocabulary"],
        hidden_size=size["hidden"],
        intermediate_size=size["inner"],
        num_hidden_layers=size["layers"],
        num_attention_heads=size["heads"],
        num_key_value_heads=size["heads"] // 2,
        tie_word_embeddings=True,
    )
    model = transformers.LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rows = torch.tensor(tokens)

    def step():
        optimizer.zero_grad()
        loss = model(input_ids=rows, labels=rows).loss
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def main(name: str = "small") -> None:
    """Measures and prints."""
    size = SIZES[name]
    tokens = np.random.default_rng(0).integers(1, size["vocabulary"], (ROWS, TOKENS))
    steps = {"calrec": ours(size, tokens), "torch": theirs(size, tokens)}
    seconds = {who: [] for who in steps}
    for who, step in steps.items():
        print(f"{who}: loss {step():.3f}")  # compiles
    for _ in range(TURNS):
        for who, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[who].append(time.perf_counter() - start)
    speed = {who: ROWS * TOKENS / statistics.median(taken) for who, taken in seconds.items()}
    for who, tokens_a_second in speed.items():
        print(f"{who}: {tokens_a_second:,.0f} tokens/s")
    print(f"ratio: {speed['calrec'] / speed['torch']:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
