"""How far each frame is off its night, in units that mean something."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

#: a score above this is worth a word
FAR = 5.0
#: frames of a band that are needed to know what is usual
LEAST_FRAMES = 3


def score(
    values: ArrayLike, bands: ArrayLike, *, matters: ArrayLike, among: ArrayLike | None = None
) -> Values:
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
    among : bool (n,), optional
        Frames that make the night; the others are compared with them.
    """
    value, band = np.asarray(values, float), np.asarray(bands, str)
    counts = np.isfinite(value) if among is None else np.isfinite(value) & np.asarray(among, bool)
    off = value - usual(value, band, among=counts)
    spread = 1.4826 * usual(np.abs(off), band, among=counts)
    _, group = np.unique(band, return_inverse=True)
    enough = (np.bincount(group, counts) >= LEAST_FRAMES)[group] if len(band) else np.zeros(0, bool)
    scale = np.maximum(spread, np.maximum(np.asarray(matters, float) / FAR, 1e-12))
    return np.where(enough & np.isfinite(off), off / scale, 0.0)


def usual(values: ArrayLike, bands: ArrayLike, *, among: ArrayLike | None = None) -> Values:
    """The median of each frame's band, of the frames `among`; NaN where no value is known."""
    value, band = np.asarray(values, float), np.asarray(bands, str)
    counts = np.isfinite(value) if among is None else np.isfinite(value) & np.asarray(among, bool)
    result = np.full(len(value), np.nan)
    for name in np.unique(band):
        known = value[(band == name) & counts]
        if known.size:
            result[band == name] = np.median(known)
    return result
