"""Pair two star lists through a map, judge the pairs against chance, and fit the map to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtrc

from pogson.core.transform import Transform
from pogson.kernels.pairs import count_around, distance_to_brighter, fit_map, pair_stars, settle, vote_shift

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

_EVERYWHERE = np.array([-np.inf, -np.inf, np.inf, np.inf])


def _plain(values: Values) -> Values:
    """The values in the one kind of array for which the kernels are compiled."""
    return np.ascontiguousarray(values, np.float64)


@dataclass(frozen=True)
class Points:
    """A star list, brightest first: positions (n, 2) and their errors (n,)."""

    xy: Values
    err: Values

    def __post_init__(self) -> None:
        for name in ("xy", "err"):
            object.__setattr__(self, name, _plain(getattr(self, name)))

    @cached_property
    def by_x(self) -> tuple[Values, Values, Indices]:
        """Positions and errors in the order of x, and their rows in this list: to find neighbours."""
        rows = np.argsort(self.xy[:, 0])
        return self.xy[rows], self.err[rows], rows

    def brightest(self, n: int) -> Points:
        """The first n."""
        return self if n >= len(self.xy) else Points(self.xy[:n], self.err[:n])


def stand_out(stars: Points, reference: Points, n: int = 120) -> tuple[Points, Points]:
    """The stars that stand out among their neighbours: for clusters whose core one list
    lacks, and for heaps of false stars.

    A star counts by its distance to the nearest brighter star, which no shift, turn or mirror
    changes; the same distance cuts both lists, so that their densities agree.
    """
    lonely = [distance_to_brighter(points.xy[:1500]) for points in (stars, reference)]
    least = max(float(np.sort(d)[-min(n, len(d))]) for d in lonely)
    kept = [np.flatnonzero(d >= least * 0.6) for d in lonely]
    first = [k[np.argsort(-d[k], kind="stable")] for k, d in zip(kept, lonely, strict=True)]
    return (
        Points(stars.xy[first[0]], stars.err[first[0]]),
        Points(reference.xy[first[1]], reference.err[first[1]]),
    )


def move(matrix: Values, xy: Values) -> Values:
    """Positions (n, 2) through [[a, b, c], [d, e, f]]."""
    return xy @ matrix[:, :2].T + matrix[:, 2]


def pair(matrix: Values, reference: Points, stars: Points, radius: float) -> tuple[Indices, Indices]:
    """Mutual nearest neighbours within `radius`: indices into reference and stars."""
    places, _, rows = stars.by_x
    i, j = pair_stars(_plain(matrix), reference.xy, places, rows, float(radius))
    return i, j


def fit_matrix(p: Values, q: Values, err: Values, *, affine: bool, rounds: int = 4) -> Values:
    """Least squares map of p (n, 2) onto q (n, 2); weights fall beyond 2.5 sigma, in so many rounds."""
    a, b = Points(p, err), Points(q, err)
    matrix: Values = fit_map(a.xy, b.xy, a.err, affine, rounds)
    return matrix


def find_shift(
    matrix: Values, reference: Points, stars: Points, drift: float, radius: float
) -> tuple[int, float, float]:
    """The shift beside a map that most pairs agree on within `radius`: their number, and their mean x, y."""
    votes, x, y = vote_shift(_plain(matrix), reference.xy, stars.xy, float(drift), float(radius))
    return votes, x, y


def count_pairs(
    matrix: Values, reference: Points, stars: Points, close: float, wide: float, box: Values = _EVERYWHERE
) -> tuple[int, int, int]:
    """Predicted positions in a box, and how many stars are within two distances of them, in all."""
    inside, n_close, n_wide = count_around(
        _plain(matrix), reference.xy, stars.by_x[0], box, float(close), float(wide)
    )
    return inside, n_close, n_wide


def chance_of(
    matrix: Values, reference: Points, stars: Points, radius: float, n: int, trials: float
) -> float:
    """Expected number of maps, out of `trials`, that pair n stars or more by accident.

    The number of accidental pairs is Poisson, with the mean that the density of stars around
    each predicted position gives; two pairs are taken up by the map itself.
    """
    if n < 3:
        return trials
    low, high = stars.xy.min(0) - radius, stars.xy.max(0) + radius
    wide = 6.0 * radius
    inside, close, around = count_pairs(matrix, reference, stars, radius, wide, np.concatenate([low, high]))
    if inside < 3:
        return trials
    # the box round n stars is smaller than the field they are in
    n_stars = len(stars.xy)
    mean = n_stars / max(float(np.prod((high - low) * (n_stars + 1.0) / max(n_stars - 1.0, 1.0))), 1.0)
    # whichever is higher: the density beside the predicted places, or that of the whole field
    beside = (around - close) / (np.pi * (wide**2 - radius**2))
    free = (inside - 2.0) / inside
    expected = free * np.pi * radius**2 * max(beside, mean * inside)
    return float(min(trials, trials * pdtrc(n - 3, expected)))


def refine(
    matrix: Values, reference: Points, stars: Points, *, start: float, radius: float, rounds: int = 4
) -> tuple[Values, Indices, Indices]:
    """Pair and fit again while the radius shrinks from `start` to `radius`."""
    found, i, j = settle(
        _plain(matrix), reference.xy, reference.err, *stars.by_x, float(start), float(radius), rounds
    )
    return found, i, j


def finish(
    matrix: Values, i: Indices, j: Indices, reference: Points, stars: Points, chance: float
) -> Transform:
    """The map with its numbers."""
    rms = float(np.sqrt(np.mean(np.sum((stars.xy[j] - move(matrix, reference.xy[i])) ** 2, 1))))
    return Transform(matrix, rms, len(i), chance)
