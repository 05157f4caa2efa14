import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from padded import collate, encode, language_modelling
from tiny import hidden_of, tiny_decoder

from calrec.errors import CalrecError
from calrec.model.objective import Encoded, contrastive, losses
from calrec.model.objective_settings import ObjectiveSettings

V = 30


@pytest.fixture(scope="module")
def model():
    return tiny_decoder(V)


RECORDS = [([1, 2, 3], [4, 5, 0]), ([6, 7, 8, 9, 10], [11, 0]), ([12], [13, 14, 15, 0])]


def test_vectors_and_losses_equal_a_row_by_row_computation(model):
    """The oracle runs each user alone, without padding, and indexes by hand."""
    encoded = nnx.jit(encode)(model, collate(RECORDS, 12))
    for row, (history, answer) in enumerate(RECORDS):
        whole = np.array([history + answer])
        hidden = hidden_of(model, whole, np.ones(whole.shape, bool))[0]
        alone = hidden_of(model, np.array([answer]), np.ones((1, len(answer)), bool))[0]
        log_probs = jax.nn.log_softmax(model.logits(hidden))
        at = range(len(history) - 1, len(history) + len(answer) - 1)
        nll = -sum(float(log_probs[i, t]) for i, t in zip(at, answer, strict=True))
        np.testing.assert_allclose(encoded.v_t[row], alone.mean(0), atol=1e-5)
        np.testing.assert_allclose(encoded.v_u[row], hidden[: len(history)].mean(0), atol=1e-5)
        np.testing.assert_allclose(encoded.v_tu[row], hidden[len(history) :].mean(0), atol=1e-5)
        np.testing.assert_allclose(encoded.nll[row], nll, rtol=1e-4)


@pytest.mark.slow
def test_contrast_runs_over_users_for_each_target():
    """Eq. 2 written out with loops: for target i, softmax over users j."""
    rng = np.random.default_rng(0)
    v_t, v_tu = rng.normal(size=(2, 5, 4))
    tau, total = 0.5, 0.0
    for i in range(5):
        cos = [
            v_tu[j] @ v_t[i] / np.linalg.norm(v_tu[j]) / np.linalg.norm(v_t[i]) for j in range(5)
        ]
        weights = [np.exp(c / tau) for c in cos]
        total -= np.log(weights[i] / sum(weights))
    ours = contrastive(jnp.asarray(v_t), jnp.asarray(v_tu), tau)
    np.testing.assert_allclose(ours, total / 5, rtol=1e-5)
    swapped = contrastive(jnp.asarray(v_tu), jnp.asarray(v_t), tau)
    assert abs(float(swapped) - total / 5) > 1e-3, "the direction of the softmax matters"


def encoded_of(count, seed=0):
    rng = np.random.default_rng(seed)
    vectors = {name: jnp.asarray(rng.normal(size=(count, 64))) for name in ("v_t", "v_u", "v_tu")}
    return Encoded(
        **vectors,
        nll=jnp.asarray(rng.uniform(1, 9, count)),
        target_length=jnp.asarray(rng.integers(2, 9, count)),
    )


@pytest.mark.slow
def test_total_weighs_the_three_losses_as_the_paper_does():
    encoded = encoded_of(6)
    values = losses(encoded, ObjectiveSettings(alpha=0.125, beta=-0.025))
    expected = 0.9 * values["nig"] + 0.125 * values["tt"] - 0.025 * values["ut"]
    np.testing.assert_allclose(values["total"], expected, rtol=1e-6)
    tokens = float(encoded.target_length.sum())
    np.testing.assert_allclose(values["nig"], float(encoded.nll.sum()) / tokens, rtol=1e-6)
    summed = losses(encoded, ObjectiveSettings(nig_reduction="sequence_sum"))
    np.testing.assert_allclose(summed["nig"], float(encoded.nll.mean()), rtol=1e-6)


@pytest.mark.slow
def test_unaligned_vectors_cost_about_log_of_the_batch():
    assert abs(float(losses(encoded_of(256), ObjectiveSettings())["tt"]) - np.log(256)) < 0.1


@pytest.mark.slow
def test_language_modelling_ignores_padding(model):
    row = jnp.array([[3, 4, 5, 6]])
    whole = language_modelling(model, row, jnp.ones((1, 4), bool))
    padded = language_modelling(
        model, jnp.pad(row, ((0, 0), (0, 3))), jnp.array([[1] * 4 + [0] * 3], bool)
    )
    np.testing.assert_allclose(padded, whole, rtol=1e-5)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"tau": 0.0}, "tau of at least 0.001, found 0.0"),
        ({"tau": -0.5}, "found -0.5"),
        ({"tau": math.nan}, "found nan"),
        ({"tau": math.inf}, "found inf"),
        ({"alpha": math.nan}, "alpha from -1 to 1, found nan"),
        ({"beta": -math.inf}, "beta from -1 to 1, found -inf"),
        ({"alpha": 1.5}, "found 1.5"),
        ({"alpha": 0.5, "beta": 0.5}, r"below 1, .* found 0.5 \+ 0.5"),
        ({"nig_reduction": "max"}, "sequence_sum, found 'max'"),
    ],
)
def test_settings_out_of_range_are_refused(bad, message):
    with pytest.raises(CalrecError, match=f"^expected .*{message}; give"):
        ObjectiveSettings(**bad)


def test_the_lowest_temperature_keeps_the_gradient_finite():
    encoded = encoded_of(8)

    def total(v_tu):
        settings = ObjectiveSettings(tau=1e-3)
        return losses(dataclasses.replace(encoded, v_tu=v_tu), settings)["total"]

    assert np.isfinite(jax.jit(jax.grad(total))(encoded.v_tu)).all()


def test_without_weights_the_contrast_moves_nothing():
    encoded = encoded_of(6)

    def total(vectors):
        values = losses(dataclasses.replace(encoded, **vectors), ObjectiveSettings(alpha=0, beta=0))
        return values["total"]

    vectors = {name: getattr(encoded, name) for name in ("v_t", "v_u", "v_tu")}
    value, gradient = jax.jit(jax.value_and_grad(total))(vectors)
    mean = float(encoded.nll.sum()) / float(encoded.target_length.sum())
    np.testing.assert_allclose(value, mean, rtol=1e-6)
    assert not any(np.any(one) for one in gradient.values())
