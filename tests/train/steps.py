"""A small model and a batch of purchase histories, for tests of a training step."""

from dataclasses import replace

import jax
import numpy as np
from flax import nnx
from padded import collate, encode

from calrec.model.backbone import stacked
from calrec.model.backbone.config import DecoderConfig, Rope
from calrec.model.backbone.decoder import Decoder
from calrec.model.backbone.forward import Forward
from calrec.model.objective import losses
from calrec.model.objective_settings import ObjectiveSettings
from train.data.packing import Layout, batch_of, record_segments
from train.settings import MeshSettings, StageSettings
from train.step.mesh import make_mesh
from train.step.optimizer import optimizer
from train.step.terms import Task
from train.step.trainer import Trainer

CONFIG = DecoderConfig(
    vocab_size=96,
    hidden_size=16,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
)
WINDOWED = replace(
    CONFIG,
    norm="rms_offset",
    norm_outputs=True,
    norm_queries_and_keys=True,
    attention_softcap=20.0,
    window=9,
    windowed=(True, False),
    windowed_rope=Rope(theta=100.0),
)
"""As Gemma has it: what a layer sees differs from layer to layer."""
USERS = 16
OBJECTIVE = ObjectiveSettings()
SETTINGS = StageSettings(steps=10, batch_size=USERS, learning_rate=1e-3, warmup=0)


def records(seed=0, users=USERS):
    """Tokens of prompts and targets of very unequal length."""
    rng = np.random.default_rng(seed)
    return [
        (
            rng.integers(1, 96, rng.integers(3, 70)).tolist(),
            rng.integers(1, 96, rng.integers(2, 12)).tolist(),
        )
        for _ in range(users)
    ]


def batch(layout, seed=0, users=USERS, every=False):
    """The records in rows."""
    segments = [
        segment
        for user, (prompt, target) in enumerate(records(seed, users))
        for segment in record_segments(user, users, prompt, target, every=every)
    ]
    return batch_of(segments, users, layout)


def plain(model, seed=0):
    """Losses and gradient of the padded, unstacked form."""
    graph, weights = nnx.split(model)
    rows = collate(records(seed))

    def loss(weights):
        found = losses(encode(nnx.merge(graph, weights), rows), OBJECTIVE)
        return found["total"], found

    (_, found), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(weights)
    return found, stacked.stack(nnx.merge(graph, gradient))


def model(config=CONFIG):
    return Decoder(config, rngs=nnx.Rngs(0))


def trainer(devices=1, fsdp=1, microbatch=0, forward=None, tx=None, config=CONFIG):
    """A trainer of these records on so many devices, and the layout of its rows."""
    settings = MeshSettings(fsdp=fsdp)
    mesh = make_mesh(jax.devices()[:devices], settings)
    task = Task(config=config, forward=forward or Forward(), users=USERS, objective=OBJECTIVE)
    made = Trainer(
        task=task,
        tx=tx or optimizer(SETTINGS),
        microbatch=microbatch,
        mesh=mesh,
        settings=settings,
    )
    return made, Layout(tokens=96, places=48, shards=devices, microbatch=microbatch)


def farthest(found, expected):
    """The largest relative distance of two trees, leaf by leaf."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    return max(
        float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12))
        for a, b in ((np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in pairs)
    )
