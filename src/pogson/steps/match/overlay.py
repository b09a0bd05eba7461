"""Lay catalogue places on stars: near a first guess, by patterns then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.core.transform import Transform
from pogson.steps.match.align import match_near, match_points
from pogson.steps.match.fit import Points
from pogson.steps.match.starts import Start

Values = NDArray[np.float64]

_SPREAD = 200  # stars whose triangles are compared, where the brightest alone do not match


def lay_catalog(
    start: Start, stars: Points, known: Points, shape: tuple[float, float], radius: float
) -> Transform | None:
    """Map catalogue places to stars: near the guess first, by patterns then."""
    if start.drift > 0.0:
        a, b = _overlap(stars, known, shape)
        if min(len(a.xy), len(b.xy)) >= 3:
            near = match_near(a, b, np.eye(2, 3), radius=radius, drift=start.drift)
            found = near or match_points(a, b, radius=radius, scale_tolerance=start.scale_tolerance)
            if found is not None:
                return found
    found = match_points(stars, known, radius=radius, scale_tolerance=start.scale_tolerance)
    if found is None:
        a, b = _spread(stars, known)
        found = match_points(a, b, radius=radius, scale_tolerance=start.scale_tolerance, pattern=_SPREAD)
    return found


def _spread(stars: Points, known: Points, n: int = 120) -> tuple[Points, Points]:
    """The stars that stand out among their neighbours: for clusters whose core one list lacks.

    A star counts by its distance to the nearest brighter star, which no shift, turn or mirror
    changes; the same distance cuts both lists, so that their densities agree.
    """
    lonely = [_distance_to_brighter(points.xy[:1500]) for points in (stars, known)]
    least = max(float(np.sort(d)[-min(n, len(d))]) for d in lonely)
    kept = [np.flatnonzero(d >= least * 0.6) for d in lonely]
    first = [k[np.argsort(-d[k], kind="stable")] for k, d in zip(kept, lonely, strict=True)]
    return (
        Points(stars.xy[first[0]], stars.err[first[0]]),
        Points(known.xy[first[1]], known.err[first[1]]),
    )


def _distance_to_brighter(xy: Values) -> Values:
    """For each star of a list, brightest first: distance to the nearest before it."""
    z = xy @ np.array([1.0, 1j])
    apart = np.abs(z[:, None] - z[None, :])
    apart[np.triu_indices(len(z))] = np.inf
    nearest = apart.min(1)
    nearest[:1] = 1e9
    return nearest


def _overlap(stars: Points, known: Points, shape: tuple[float, float]) -> tuple[Points, Points]:
    """Both lists, where both have stars: a catalogue may end in the middle of the frame."""
    cell = max(shape) / 12.0

    def cells(xy: Values) -> NDArray[np.int64]:
        k = np.floor(xy / cell).astype(np.int64)
        return k[:, 0] * 1000 + k[:, 1]

    here, there = cells(stars.xy), cells(known.xy)
    a, b = np.isin(here, there), np.isin(there, here)
    return Points(stars.xy[a], stars.err[a]), Points(known.xy[b], known.err[b])
