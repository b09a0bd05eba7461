"""How the telescope followed the sky, and how the focus went, from frame to frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]


def measure_tracking(dx: ArrayLike, dy: ArrayLike) -> Values:
    """How far the field moved on the detector since the frame before it, pixels.

    Parameters
    ----------
    dx, dy : (n,)
        Shifts of the frames in the order in which they were taken; NaN where unknown.

    Returns
    -------
    (n,)
        NaN for the first frame, and for those without a shift.
    """
    x, y = np.asarray(dx, float), np.asarray(dy, float)
    moved = np.full(len(x), np.nan)
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    moved[known[1:]] = np.hypot(np.diff(x[known]), np.diff(y[known]))
    return moved


def slow_trend(values: ArrayLike, bands: ArrayLike, *, window: int = 9) -> Values:
    """The slow part of a metric: the median of the frames of the band around each frame.

    The focus that creeps with the temperature shows here, a gust of wind does not.

    Parameters
    ----------
    values, bands : (n,)
        A metric and the band of each frame, in the order in which they were taken.
    window : int
        Frames over which the median is taken; fewer at the ends of the night.

    Returns
    -------
    (n,)
        NaN where the metric is unknown.
    """
    value, band = np.asarray(values, float), np.asarray(bands, str)
    trend = np.full(len(value), np.nan)
    for name in np.unique(band):
        mine = np.flatnonzero((band == name) & np.isfinite(value))
        for k, i in enumerate(mine):
            # as many before as after, so that the ends do not lean; but never a frame alone
            half = max(min(window // 2, k, len(mine) - 1 - k), 1)
            trend[i] = np.median(value[mine[max(k - half, 0) : k + half + 1]])
    return trend
