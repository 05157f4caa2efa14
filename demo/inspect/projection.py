"""Vectors in two dimensions, by linear algebra of NumPy and SciPy: the same input, the same map.

Vectors are first brought to length 1, so that what lies near each other has a high cosine.

Shapes: N vectors, D their size, Q further ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

METHODS: Mapping[str, str] = {
    "pca": "Directions of the largest spread (PCA)",
    "neighbours": "Like items together (spectral)",
}
"""Ways to project, with their names for people."""

NEIGHBOURS = 15
"""Fewer tear a map into pieces, many more blur its groups; 15 is what UMAP takes by default."""
SLIGHT = 0.01
"""Weight of a neighbour whose cosine is lower: so that every vector hangs on to something."""
SHARPNESS = 0.05
"""A neighbour whose cosine is so much below the best one's counts 1/e of it on a place."""
CHUNK = 1024
"""Rows of cosines made at a time: 80 MB for a shop of 20,000 items."""
SMALL = 300
"""Up to so many vectors the eigenvectors come from the dense matrix: exact, and as quick."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PCA:
    """The two directions along which the vectors differ most.

    Attributes:
      points: the vectors in these directions, around their mean.
      mean: of the vectors.
      axes: the directions, orthonormal; the entry largest by amount is positive.
      share: of the whole variance that each direction keeps, as fractions, descending.
    """

    points: Float[np.ndarray, "N 2"]
    mean: Float[np.ndarray, " D"]
    axes: Float[np.ndarray, "2 D"]
    share: tuple[float, float]

    @classmethod
    def of(cls, vectors: Float[np.ndarray, "N D"]) -> PCA:
        """Finds the directions; at least one vector of at least two numbers."""
        x = unit(vectors)
        mean = x.mean(axis=0)
        x -= mean
        # D is small and N is not: the D x D matrix holds all that is asked for.
        values, directions = np.linalg.eigh(x.T @ x)
        values = np.clip(values, 0, None)
        axes = directions[:, [-1, -2]].T
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        axes = axes * np.where(largest < 0, -1.0, 1.0)
        whole = values.sum()
        share = values[[-1, -2]] / whole if whole > 0 else np.zeros(2)
        return cls(
            points=x @ axes.T, mean=mean, axes=axes, share=(float(share[0]), float(share[1]))
        )

    def place(self, vectors: Float[np.ndarray, "Q D"]) -> Float[np.ndarray, "Q 2"]:
        """Further vectors in the same directions."""
        return (unit(vectors) - self.mean) @ self.axes.T


@dataclass(frozen=True, kw_only=True, eq=False)
class SpectralMap:
    """A map that lays each vector between those that it has the highest cosines with.

    The smoothest two functions on the graph of nearest neighbours (its normalised Laplacian's
    eigenvectors); each direction is stretched so that the places along it are as far apart as
    their ranks, because a few far groups would else push the rest into one spot.

    Attributes:
      points: from -1 to 1 in both directions.
      vectors: of length 1, to find the neighbours of further ones.
    """

    points: Float[np.ndarray, "N 2"]
    vectors: Float[np.ndarray, "N D"]

    @classmethod
    def of(cls, vectors: Float[np.ndarray, "N D"]) -> SpectralMap:
        """Finds the map; at least one vector."""
        x = unit(vectors).astype(np.float32)
        count = len(x)
        if count < 4:
            return cls(points=np.linspace([-1, 0], [1, 0], count), vectors=x)
        near, cosine = nearest(x, x, min(NEIGHBOURS, count - 1), but_itself=True)
        rows = np.repeat(np.arange(count), near.shape[1])
        weights = np.clip(cosine, SLIGHT, None).ravel().astype(np.float64)
        graph = sparse.csr_array((weights, (rows, near.ravel())), shape=(count, count))
        graph = graph.maximum(graph.T)
        scale = 1 / np.sqrt(np.asarray(graph.sum(axis=1)).ravel())
        each = sparse.diags_array(scale)
        smooth = _smoothest(sparse.csr_array(each @ graph @ each), count)
        # A graph that the solver finds no way through is rare; then the spread has to do.
        points = PCA.of(x).points if smooth is None else smooth * scale[:, None]
        return cls(points=_by_rank(points), vectors=x)

    def place(self, vectors: Float[np.ndarray, "Q D"]) -> Float[np.ndarray, "Q 2"]:
        """Amid the nearest vectors of the map, nearer to those with the higher cosines."""
        x = unit(vectors).astype(np.float32)
        near, cosine = nearest(x, self.vectors, min(NEIGHBOURS, len(self.vectors)))
        weights = np.exp((cosine - cosine.max(axis=1, keepdims=True)) / SHARPNESS)
        weights /= weights.sum(axis=1, keepdims=True)
        return np.einsum("qk,qkc->qc", weights, self.points[near])


def project(vectors: Float[np.ndarray, "N D"], method: str) -> PCA | SpectralMap:
    """The map of some vectors.

    Args:
      vectors: at least one; float of any kind.
      method: a key of `METHODS`.

    Raises:
      ValueError: if there is no vector, or no such method.
    """
    if len(vectors) < 1:
        raise ValueError("expected at least one vector to project, found none")
    if method not in METHODS:
        raise ValueError(f"expected a method of {', '.join(METHODS)}, found {method!r}")
    return PCA.of(vectors) if method == "pca" else SpectralMap.of(vectors)


def unit(vectors: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
    """The vectors at length 1, in float64; a vector of zeros stays one."""
    vectors = np.asarray(vectors, np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length == 0, 1.0, length)


def nearest(
    of: Float[np.ndarray, "Q D"],
    among: Float[np.ndarray, "N D"],
    count: int,
    *,
    but_itself: bool = False,
) -> tuple[Int[np.ndarray, "Q k"], Float[np.ndarray, "Q k"]]:
    """The `count` vectors with the highest cosines, best first, and these cosines.

    Args:
      of: vectors of length 1.
      among: likewise.
      count: at most N, or N - 1 without itself.
      but_itself: `of` is `among`, and none is its own neighbour.
    """
    places, cosines = [], []
    for start in range(0, len(of), CHUNK):
        part = of[start : start + CHUNK] @ among.T
        if but_itself:
            part[np.arange(len(part)), start + np.arange(len(part))] = -np.inf
        best = np.argpartition(-part, count - 1, axis=1)[:, :count]
        value = np.take_along_axis(part, best, axis=1)
        # Equal cosines in the order of the vectors, as for equal texts.
        order = np.lexsort((best, -value), axis=1)
        places.append(np.take_along_axis(best, order, axis=1))
        cosines.append(np.take_along_axis(value, order, axis=1))
    return np.concatenate(places), np.concatenate(cosines)


def _smoothest(graph: sparse.csr_array, count: int) -> Float[np.ndarray, "N 2"] | None:
    """The second and third eigenvector of a normalised graph of `count` nodes.

    The first says nothing.
    """
    if count <= SMALL:
        values, vectors = np.linalg.eigh(graph.toarray())
    else:
        start = np.random.default_rng(0).standard_normal(count)
        try:
            values, vectors = eigsh(graph, k=3, which="LA", v0=start, maxiter=3000)
        except ArpackNoConvergence:
            return None
    order = np.argsort(-values)
    chosen = vectors[:, order[1:3]]
    largest = np.take_along_axis(chosen, np.abs(chosen).argmax(axis=0)[None], axis=0)
    return chosen * np.where(largest < 0, -1.0, 1.0)


def _by_rank(points: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
    """From -1 to 1, half by place and half by rank; equal places stay equal."""
    furthest = np.abs(points).max(axis=0, keepdims=True)
    spread = points / np.where(furthest == 0, 1.0, furthest)
    ranked = np.empty_like(points)
    for axis in range(2):
        # Rounded: vectors that are equal come out of the solver equal to a few digits.
        _, place, number = np.unique(
            np.round(spread[:, axis], 9), return_inverse=True, return_counts=True
        )
        middle = np.cumsum(number) - (number + 1) / 2
        ranked[:, axis] = 2 * middle[place] / max(1, len(points) - 1) - 1
    return (spread + 2 * ranked) / 3
