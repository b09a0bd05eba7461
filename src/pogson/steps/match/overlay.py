"""Lay catalogue places on stars: near a first guess, by patterns then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.core.transform import Transform
from pogson.steps.match.align import match_near, match_points
from pogson.steps.match.fit import Points, stand_out
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
        a, b = stand_out(stars, known)
        found = match_points(a, b, radius=radius, scale_tolerance=start.scale_tolerance, pattern=_SPREAD)
    return found


def _overlap(stars: Points, known: Points, shape: tuple[float, float]) -> tuple[Points, Points]:
    """Both lists, where both have stars: a catalogue may end in the middle of the frame."""
    cell = max(shape) / 12.0

    def cells(xy: Values) -> NDArray[np.int64]:
        k = np.floor(xy / cell).astype(np.int64)
        return k[:, 0] * 1000 + k[:, 1]

    here, there = cells(stars.xy), cells(known.xy)
    a, b = np.isin(here, there), np.isin(there, here)
    return Points(stars.xy[a], stars.err[a]), Points(known.xy[b], known.err[b])
