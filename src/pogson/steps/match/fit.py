"""Pair two star lists through a map, judge the pairs against chance, and fit the map to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import pdtrc

from pogson.core.transform import Transform

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

_FLOOR = 0.03  # pixels: no centroid is better than this from frame to frame


@dataclass(frozen=True)
class Points:
    """A star list, brightest first: positions (n, 2) and their errors (n,)."""

    xy: Values
    err: Values

    @cached_property
    def tree(self) -> cKDTree:
        """A search tree; one that is built fast: it answers few questions."""
        return cKDTree(self.xy, balanced_tree=False, compact_nodes=False)

    def brightest(self, n: int) -> Points:
        """The first n."""
        return self if n >= len(self.xy) else Points(self.xy[:n], self.err[:n])


def stand_out(stars: Points, reference: Points, n: int = 120) -> tuple[Points, Points]:
    """The stars that stand out among their neighbours: for clusters whose core one list
    lacks, and for heaps of false stars.

    A star counts by its distance to the nearest brighter star, which no shift, turn or mirror
    changes; the same distance cuts both lists, so that their densities agree.
    """
    lonely = [_distance_to_brighter(points.xy[:1500]) for points in (stars, reference)]
    least = max(float(np.sort(d)[-min(n, len(d))]) for d in lonely)
    kept = [np.flatnonzero(d >= least * 0.6) for d in lonely]
    first = [k[np.argsort(-d[k], kind="stable")] for k, d in zip(kept, lonely, strict=True)]
    return (
        Points(stars.xy[first[0]], stars.err[first[0]]),
        Points(reference.xy[first[1]], reference.err[first[1]]),
    )


def _distance_to_brighter(xy: Values) -> Values:
    """For each star of a list, brightest first: distance to the nearest before it."""
    z = xy @ np.array([1.0, 1j])
    apart = np.abs(z[:, None] - z[None, :])
    apart[np.triu_indices(len(z))] = np.inf
    nearest = apart.min(1)
    nearest[:1] = 1e9
    return nearest


def move(matrix: Values, xy: Values) -> Values:
    """Positions (n, 2) through [[a, b, c], [d, e, f]]."""
    return xy @ matrix[:, :2].T + matrix[:, 2]


def pair(matrix: Values, reference: Points, stars: Points, radius: float) -> tuple[Indices, Indices]:
    """Mutual nearest neighbours within `radius`: indices into reference and stars."""
    moved = move(matrix, reference.xy)
    distance, nearest = stars.tree.query(moved, distance_upper_bound=radius)
    i = np.flatnonzero(np.isfinite(distance))
    order = i[np.argsort(distance[i], kind="stable")]
    _, first = np.unique(nearest[order], return_index=True)
    i = order[first]
    return i, nearest[i]


def fit_matrix(p: Values, q: Values, err: Values, *, affine: bool, rounds: int = 4) -> Values:
    """Least squares map of p (n, 2) onto q (n, 2); weights fall beyond 2.5 sigma, in so many rounds."""
    w = 1.0 / (err**2 + _FLOOR**2)
    matrix = _fit_once(p, q, w, affine)
    for _ in range(rounds):
        pull = np.hypot(*(q - move(matrix, p)).T) * np.sqrt(w)
        spread = max(1.0, float(np.median(pull)) / 1.18)
        matrix = _fit_once(p, q, w * np.minimum(1.0, (2.5 * spread / np.maximum(pull, 1e-9)) ** 2), affine)
    return matrix


def _fit_once(p: Values, q: Values, w: Values, affine: bool) -> Values:
    total = w.sum()
    mp, mq = (w @ p) / total, (w @ q) / total
    dp, dq = p - mp, q - mq
    if affine:
        part = _solve_two((dp.T * w) @ dp, (dp.T * w) @ dq).T
    else:
        cross = (dp.T * w) @ dq
        flip = np.linalg.det(cross) < 0
        if flip:
            cross[1] *= -1
        a, b = cross[0, 0] + cross[1, 1], cross[0, 1] - cross[1, 0]
        part = np.array([[a, -b], [b, a]]) / max(float(w @ (dp**2).sum(1)), 1e-12)
        if flip:
            part[:, 1] *= -1
    return np.column_stack([part, mq - part @ mp])


def _solve_two(normal: Values, right: Values) -> Values:
    """Two equations; stars on one line leave the other direction as it is least squares' wont."""
    (a, b), (_, d) = normal
    det = a * d - b * b
    if det <= 1e-10 * a * d:
        least: Values = np.asarray(np.linalg.lstsq(normal, right, rcond=None)[0], float)
        return least
    found: Values = np.array([[d, -b], [-b, a]]) @ right / det
    return found


def chance_of(
    matrix: Values, reference: Points, stars: Points, radius: float, n: int, trials: float
) -> float:
    """Expected number of maps, out of `trials`, that pair n stars or more by accident.

    The number of accidental pairs is Poisson, with the mean that the density of stars around
    each predicted position gives; two pairs are taken up by the map itself.
    """
    moved = move(matrix, reference.xy)
    low, high = stars.xy.min(0) - radius, stars.xy.max(0) + radius
    inside = moved[((moved >= low) & (moved <= high)).all(1)]
    if n < 3 or len(inside) < 3:
        return trials
    wide = 6.0 * radius
    around = stars.tree.query_ball_point(inside, wide, return_length=True)
    close = stars.tree.query_ball_point(inside, radius, return_length=True)
    # the box round n stars is smaller than the field they are in
    n_stars = len(stars.xy)
    mean = n_stars / max(float(np.prod((high - low) * (n_stars + 1.0) / max(n_stars - 1.0, 1.0))), 1.0)
    # whichever is higher: the density beside the predicted places, or that of the whole field
    beside = float(np.sum(around - close)) / (np.pi * (wide**2 - radius**2))
    free = (len(inside) - 2.0) / len(inside)
    expected = free * np.pi * radius**2 * max(beside, mean * len(inside))
    return float(min(trials, trials * pdtrc(n - 3, expected)))


def refine(
    matrix: Values, reference: Points, stars: Points, *, start: float, radius: float, rounds: int = 4
) -> tuple[Values, Indices, Indices]:
    """Pair and fit again while the radius shrinks from `start` to `radius`."""
    reach = max(start, radius)
    i, j = pair(matrix, reference, stars, reach)
    for _ in range(7):
        if len(i) < 3:
            break
        err = np.hypot(reference.err[i], stars.err[j])
        affine = len(i) >= 10 and reach <= 2.0 * radius
        matrix = fit_matrix(reference.xy[i], stars.xy[j], err, affine=affine, rounds=rounds)
        done = reach <= radius
        reach = max(radius, reach / 2.0)
        before = (i, j)
        i, j = pair(matrix, reference, stars, reach)
        if done and len(i) == len(before[0]) and np.array_equal(i, before[0]):
            break
    return matrix, i, j


def finish(
    matrix: Values, i: Indices, j: Indices, reference: Points, stars: Points, chance: float
) -> Transform:
    """The map with its numbers."""
    rms = float(np.sqrt(np.mean(np.sum((stars.xy[j] - move(matrix, reference.xy[i])) ** 2, 1))))
    return Transform(matrix, rms, len(i), chance)
