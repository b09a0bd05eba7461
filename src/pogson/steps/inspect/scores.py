"""How far each frame is off its night, in units that mean something."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

#: a score above this is worth a word
FAR = 5.0
#: frames of a band that are needed to know what is usual
LEAST_FRAMES = 3


def score(values: ArrayLike, bands: ArrayLike, *, matters: ArrayLike) -> Values:
    """How far each frame is above the others of its band; 0 where that cannot be told.

    The score is the difference from the band's median over 1.4826 times the median absolute deviation.
    A steady night must not reject its own noise: a score of 5 needs a difference of at
    least `matters`. What is there all night, as a bright sky under the moon, scores 0.

    Parameters
    ----------
    values, bands : (n,)
        A metric and the band of each frame.
    matters : float or (n,)
        The least difference that means something.
    """
    value, band = np.asarray(values, float), np.asarray(bands, str)
    off = value - usual(value, band)
    spread = 1.4826 * usual(np.abs(off), band)
    enough = np.zeros(len(value), bool)
    for name in np.unique(band):
        enough[band == name] = np.isfinite(value[band == name]).sum() >= LEAST_FRAMES
    scale = np.maximum(spread, np.maximum(np.asarray(matters, float) / FAR, 1e-12))
    return np.where(enough & np.isfinite(off), off / scale, 0.0)


def usual(values: ArrayLike, bands: ArrayLike) -> Values:
    """The median of each frame's band; NaN where no value is known."""
    value, band = np.asarray(values, float), np.asarray(bands, str)
    result = np.full(len(value), np.nan)
    for name in np.unique(band):
        known = value[(band == name) & np.isfinite(value)]
        if known.size:
            result[band == name] = np.median(known)
    return result
