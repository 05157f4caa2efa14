"""Maps of vectors: PCA against NumPy's own decomposition, neighbours by what a map is for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.inspect.projection import METHODS, PCA, SMALL, SpectralMap, nearest, project, unit


def groups(count=40, size=24, seed=0, spread=0.15):
    """Three clouds of unit vectors around directions of their own."""
    rng = np.random.default_rng(seed)
    middles = np.linalg.qr(rng.standard_normal((size, 3)))[0].T
    which = np.arange(count) % 3
    return (middles[which] + spread * rng.standard_normal((count, size))).astype("f"), which


def test_pca_is_that_of_the_singular_value_decomposition():
    vectors, _ = groups(60)
    x = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    x = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    _, values, directions = np.linalg.svd(x, full_matrices=False)
    found = PCA.of(vectors)
    share = values**2 / (values**2).sum()
    assert found.share == pytest.approx(share[:2], abs=1e-6)
    assert abs(found.axes @ directions[:2].T) == pytest.approx(np.eye(2), abs=1e-4)
    assert found.points.var(axis=0) == pytest.approx(values[:2] ** 2 / 60, rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_vectors_make_the_same_map_in_any_length(method):
    vectors = np.random.default_rng(1).standard_normal((SMALL + 50, 4)).astype("f")
    one = project(vectors, method)
    assert np.array_equal(one.points, project(vectors.copy(), method).points)
    scaled = vectors * np.linspace(0.5, 30, len(vectors))[:, None].astype("f")
    assert project(scaled, method).points == pytest.approx(one.points, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [60, SMALL + 60])
def test_groups_stay_groups_and_a_further_vector_lies_in_its_own(method, count):
    vectors, which = groups(count)
    projected = project(vectors, method)
    middles = np.stack([projected.points[which == k].mean(axis=0) for k in range(3)])
    new, group = groups(30, seed=0, spread=0.15)
    for points, own in ((projected.points, which), (projected.place(new), group)):
        distance = np.linalg.norm(points[:, None] - middles[None], axis=2)
        assert (distance.argmin(axis=1) == own).mean() > 0.95


def test_the_vectors_of_a_map_are_placed_where_they_are():
    vectors, _ = groups()
    projected = PCA.of(vectors)
    assert projected.place(vectors) == pytest.approx(projected.points, abs=1e-6)


@settings(max_examples=40)
@given(st.integers(1, 30), st.sampled_from(sorted(METHODS)), st.integers(0, 3), st.booleans())
def test_few_equal_and_zero_vectors_give_finite_points(count, method, kinds, zero):
    rng = np.random.default_rng(count)
    vectors = rng.standard_normal((count, 5)).astype("f")
    if kinds:
        vectors = vectors[np.arange(count) % min(kinds, count)]
    if zero:
        vectors[0] = 0
    projected = project(vectors, method)
    assert projected.points.shape == (count, 2)
    assert np.isfinite(projected.points).all()
    assert np.isfinite(projected.place(vectors[:1])).all()


def test_a_place_lies_amid_its_neighbours():
    vectors, _ = groups(SMALL + 20)
    projected = SpectralMap.of(vectors)
    assert np.abs(projected.points).max() <= 1
    place = projected.place(vectors[7:8])[0]
    near = nearest(unit(vectors[7:8]), unit(vectors), 15)[0][0]
    low, high = projected.points[near].min(axis=0), projected.points[near].max(axis=0)
    assert (place >= low - 1e-5).all()
    assert (place <= high + 1e-5).all()


def test_nearest_is_a_full_sort():
    rng = np.random.default_rng(3)
    vectors = unit(rng.standard_normal((1500, 6)))
    places, cosines = nearest(vectors, vectors, 4, but_itself=True)
    whole = vectors @ vectors.T
    np.fill_diagonal(whole, -2)
    for row in (0, 1023, 1024, 1499):
        expected = np.argsort(-whole[row], kind="stable")[:4]
        assert places[row].tolist() == expected.tolist()
        assert cosines[row] == pytest.approx(whole[row][expected])


@pytest.mark.parametrize(("vectors", "method"), [(np.zeros((0, 3)), "pca"), (np.eye(3), "tsne")])
def test_no_vectors_and_no_such_method_are_refused(vectors, method):
    with pytest.raises(ValueError, match="expected"):
        project(vectors, method)
