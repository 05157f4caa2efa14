"""The packed, stacked, microbatched step equals the plain one: a row a record, layer by layer."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import steps
from flax import nnx
from padded import language_modelling

from calrec.model.backbone import stacked
from calrec.model.backbone.decoder import Decoder
from calrec.model.backbone.forward import Dropout, Forward
from train.data.packing import Layout, Segment, batch_of, record_segments
from train.step.gradient import gradient
from train.step.terms import Task, terms, value

EQUAL = 1e-5


@pytest.fixture(scope="module")
def model():
    return steps.model()


@pytest.fixture(scope="module")
def plain(model):
    return steps.plain(model)


@pytest.fixture(scope="module")
def weights(model):
    return stacked.stack(model)


@pytest.fixture(scope="module")
def single():
    """Row by row: the trainer, its layout, and its compiled gradient."""
    trainer, layout = steps.trainer(microbatch=1)
    return trainer, layout, jax.jit(lambda w, b: trainer._gradient(w, {}, b, None))


def gradient_of(trainer, weights, batch):
    return jax.jit(lambda w, b: trainer._gradient(w, {}, b, None))(weights, batch)


def losses_of(task, weights, batch):
    """The losses of all rows at once, as one program: fewer to compile than its operations."""
    return jax.jit(lambda w, b: value(task, terms(task, w, b.rows), b))(weights, batch)


@pytest.mark.slow
@pytest.mark.parametrize(("remat", "microbatch"), [("none", 0), ("dots", 1), ("full", 2)])
def test_losses_and_gradients_are_those_of_the_padded_form(weights, plain, remat, microbatch):
    trainer, layout = steps.trainer(forward=Forward(remat=remat), microbatch=microbatch)
    found, losses = gradient_of(trainer, weights, steps.batch(layout))
    assert steps.farthest(found, plain[1]) < EQUAL
    for name, expected in plain[0].items():
        assert float(losses[name]) == pytest.approx(float(expected), rel=EQUAL)


@pytest.mark.slow
def test_layers_that_see_otherwise_run_in_the_same_loop():
    model = steps.model(steps.WINDOWED)
    losses, expected = steps.plain(model)
    trainer, layout = steps.trainer(config=steps.WINDOWED, forward=Forward(remat="full"))
    found, ours = gradient_of(trainer, stacked.stack(model), steps.batch(layout))
    assert steps.farthest(found, expected) < 2 * EQUAL
    assert float(ours["total"]) == pytest.approx(float(losses["total"]), rel=EQUAL)


@pytest.mark.slow
def test_batches_of_another_number_of_rows_run_in_the_same_program(weights, single):
    _, layout, run = single
    whole = steps.trainer()[0]
    batches = [steps.batch(layout, seed) for seed in range(30)]
    held = len(batches[0].rows.tokens)
    batches = [batch for batch in batches if len(batch.rows.tokens) == held]
    most, least = (pick(batches, key=lambda batch: int(batch.used)) for pick in (max, min))
    assert int(least.used) < int(most.used)
    for batch in (most, least):
        expected = whole.evaluate(weights, batch)
        assert float(run(weights, batch)[1]["total"]) == pytest.approx(
            float(expected["total"]), rel=EQUAL
        )
    assert run._cache_size() == 1


@pytest.mark.slow
def test_accumulating_each_microbatch_by_itself_is_another_objective(weights, plain):
    """What naive accumulation computes: contrast within a microbatch. Ours must not be that."""
    trainer, _ = steps.trainer()
    halves = []
    for half in (slice(0, 8), slice(8, 16)):
        layout = Layout(tokens=96, places=48)
        some = steps.records()[half]
        task = Task(
            config=steps.CONFIG, forward=Forward(), users=8, objective=trainer.task.objective
        )
        segments = [
            segment
            for user, (prompt, target) in enumerate(some)
            for segment in record_segments(user, 8, prompt, target)
        ]
        batch = batch_of(segments, 8, layout)
        halves.append(losses_of(task, weights, batch))
    naive = np.mean([float(half["tt"]) for half in halves])
    assert abs(naive - float(plain[0]["tt"])) > 0.1


@pytest.mark.slow
def test_a_token_sees_none_behind_it_and_none_of_another_segment(weights):
    """By gradient: of a hidden state with respect to each embedded token of the row."""
    _, layout = steps.trainer()
    rows = steps.batch(layout).rows
    segment, position = rows.segment[:1], rows.position[:1]
    tokens = jnp.arange(layout.tokens)[None]
    config = replace(steps.CONFIG, vocab_size=layout.tokens)
    wide = stacked.stack(Decoder(config, rngs=nnx.Rngs(1)))

    def state(embedded, at):
        made = wide | {"embed_tokens": embedded}
        hidden = stacked.hidden(config, made, tokens, position, segment, forward=Forward())
        return hidden[0, at].sum()

    by_token = jax.jit(jax.grad(state))
    for at in (0, 20, 50, 90):
        seen = by_token(wide["embed_tokens"], at)
        reached = np.abs(np.asarray(seen)).sum(axis=1) > 0
        own = segment[0] == segment[0, at]
        assert not (reached & ~own).any()
        assert not reached[at + 1 :].any()
        assert reached[at]


@pytest.mark.slow
def test_the_gradient_is_that_of_finite_differences(weights, single):
    trainer, layout, run = single
    batch = steps.batch(layout)
    found, _ = run(weights, batch)
    rng = np.random.default_rng(0)
    direction = jax.tree.map(lambda w: rng.normal(size=w.shape).astype(np.float32), weights)
    size = 5e-4

    def at(step):
        moved = jax.tree.map(lambda w, d: w + step * d, weights, direction)
        return float(trainer.evaluate(moved, batch)["total"])

    slope = (at(size) - at(-size)) / (2 * size)
    along = sum(
        float((g * d).sum())
        for g, d in zip(jax.tree.leaves(found), jax.tree.leaves(direction), strict=True)
    )
    assert slope == pytest.approx(along, rel=0.02)


@pytest.mark.slow
def test_pretraining_predicts_every_token_but_the_first_of_a_row(model, weights):
    rng = np.random.default_rng(0)
    rows = rng.integers(1, 96, (3, 32)).astype(np.int32)
    task = Task(config=steps.CONFIG, forward=Forward(), users=0, objective=steps.OBJECTIVE)
    batch = batch_of(
        [Segment(tokens=row, predicted=1) for row in rows], 0, Layout(tokens=32, places=32)
    )
    found = losses_of(task, weights, batch)["total"]
    expected = nnx.jit(language_modelling)(model, rows, np.ones(rows.shape, bool))
    assert float(found) == pytest.approx(float(expected), rel=EQUAL)


@pytest.mark.slow
def test_a_step_that_is_no_number_changes_nothing_and_says_so(weights):
    trainer, layout = steps.trainer()
    state = trainer.init(jax.tree.map(lambda w: w.at[...].set(jnp.nan), weights))
    before = jax.device_get(state)
    after, metrics = trainer.step(state, steps.batch(layout))
    assert not bool(metrics["finite"])
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_dropout_is_a_row_s_own_whatever_stands_beside_it(weights, plain):
    forward = Forward(dropout=Dropout(residual=0.2, attention=0.2, embedding=0.1))
    task = Task(config=steps.CONFIG, forward=forward, users=16, objective=steps.OBJECTIVE)
    key = jax.random.key(3)

    def of(microbatch):
        layout = Layout(tokens=96, places=48, microbatch=microbatch)
        batch = steps.batch(layout)

        def run(weights, rows):
            return gradient(
                task,
                weights,
                rows,
                key,
                frozen={},
                microbatch=microbatch,
                gather=lambda weights, layer: weights,
                add_up=lambda found: found,
            )

        return jax.jit(run)(weights, batch)

    whole, losses = of(0)
    parts, same = of(1)
    assert steps.farthest(parts, whole) < EQUAL
    assert float(same["total"]) == pytest.approx(float(losses["total"]), rel=EQUAL)
    assert abs(float(plain[0]["total"]) - float(losses["total"])) > 1e-4


@pytest.mark.slow
def test_bfloat16_products_are_near_and_the_gradient_is_float32(weights, plain):
    trainer, layout = steps.trainer(forward=Forward(dtype="bfloat16"))
    found, losses = gradient_of(trainer, weights, steps.batch(layout))
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype("float32")}
    assert float(losses["total"]) == pytest.approx(float(plain[0]["total"]), rel=0.02)
    assert steps.farthest(found, plain[1]) < 0.1


@pytest.mark.slow
def test_splash_attention_is_the_plain_one():
    weights = stacked.stack(steps.model(steps.WINDOWED))
    layout = Layout(tokens=128, places=48)
    rows = steps.batch(layout).rows

    def hidden(kind):
        forward = Forward(attention=kind, interpret=True)
        run = jax.jit(partial(stacked.hidden, steps.WINDOWED, forward=forward))
        return run(weights, rows.tokens[:1], rows.position[:1], rows.segment[:1])

    plain, splash = hidden("packed"), hidden("splash")
    real = rows.segment[:1] > 0
    np.testing.assert_allclose(plain[real], splash[real], atol=2e-5)


@pytest.mark.slow
def test_stacked_weights_come_back(model, weights):
    again = stacked.stack(stacked.unstack(steps.CONFIG, weights))
    jax.tree.map(np.testing.assert_array_equal, again, weights)
