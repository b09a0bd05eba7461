"""What the light frames themselves show to be bad, where no dark and no flat does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_opening, median_filter

from pogson.core.flags import Pixel
from pogson.core.frame import Image, Mask, RawFrame
from pogson.core.units import Sigma
from pogson.kernels.around import median_around
from pogson.steps.calibrate.overscan import useful_adu

ROWS = 64  # of a part of a column: fewer hold stars, more may be good in one half
AROUND = 11  # columns whose median is what a column should be
WIDEST = 3  # bad columns side by side: what is wider is a galaxy
SHARE = 0.2  # of a hot pixel's height, which no pixel beside it reaches: those of a star do


def flag_columns(raws: Sequence[RawFrame], *, threshold: Sigma = 6.0) -> Mask | None:
    """Flag parts of columns that are darker or brighter than those beside them in most light frames.

    A column counts by the median of its pixels, 64 at a time, which no star and no cosmic ray moves. It is
    bad where it stands off the columns around it by the noise of one pixel: less harms no star.

    Parameters
    ----------
    raws : sequence of RawFrame
        Light frames of one camera, of any band; three at least.
    threshold : float
        And by so many times the scatter of all columns.

    Returns
    -------
    uint16 (ny, nx) or None
        Bit BAD; None where no column is bad, or where too few frames or a mosaic of colours cannot tell.
    """
    if not _can_tell(raws):
        return None
    found = [_stand_off(useful_adu(raw)) for raw in raws]
    off, noise = (np.median(values, axis=0) for values in zip(*found, strict=True))
    usual = 1.4826 * np.median(np.abs(off), axis=1, keepdims=True)
    bad = np.abs(off) > np.maximum(threshold * usual, noise[:, None])
    bad &= ~binary_opening(bad, np.ones((1, WIDEST + 1)))
    height = useful_adu(raws[0]).shape[0]
    part = np.minimum(np.arange(height) // ROWS, len(bad) - 1)
    return np.where(bad[part], np.uint16(Pixel.BAD), np.uint16(0)) if bad.any() else None


def flag_hot(raws: Sequence[RawFrame], *, threshold: Sigma = 5.0) -> Mask | None:
    """Flag pixels that stand out alone, and at the same place in all light frames but one at most.

    Of a star, the pixels beside the highest one have at least 0.22 of its height from a FWHM of 1.3 px on,
    wherever in its pixel it lies.

    Parameters
    ----------
    raws : sequence of RawFrame
        Light frames of one camera, of any band; three at least.
    threshold : float
        Height above the median of the pixels around, in units of the noise.

    Returns
    -------
    uint16 (ny, nx) or None
        Bit HOT; None where no pixel is hot, or where too few frames or a mosaic of colours cannot tell.
    """
    if not _can_tell(raws):
        return None
    times = _alone(useful_adu(raws[0]), threshold)
    for raw in raws[1:]:  # one after the other: they are large
        times += _alone(useful_adu(raw), threshold)
    hot = times >= len(raws) - 1
    return np.where(hot, np.uint16(Pixel.HOT), np.uint16(0)) if hot.any() else None


def _can_tell(raws: Sequence[RawFrame]) -> bool:
    return len(raws) >= 3 and not any(raw.exposure.bayer for raw in raws)


def _noise(image: Image) -> Image:
    """Of a pixel, from the differences of neighbours in a row; in each row of the image.

    Infinite where most pixels equal their neighbours: numbers too coarse to show noise tell no defects.
    """
    noise = 1.4826 / np.sqrt(2.0) * np.median(np.abs(np.diff(image, axis=1)), axis=1)
    return np.where(noise > 0.0, noise, np.inf)


def _stand_off(image: Image) -> tuple[Image, Image]:
    """How far the parts of columns are above those around, and the noise of a pixel in each row of parts."""
    parts = max(image.shape[0] // ROWS, 1)
    rows = [image[k * ROWS : (k + 1) * ROWS if k < parts - 1 else None] for k in range(parts)]
    level = np.array([np.median(part, axis=0) for part in rows])
    noise = np.array([np.median(_noise(part[::4])) for part in rows])
    return level - median_filter(level, size=(1, AROUND), mode="nearest"), noise


def _alone(image: Image, threshold: float) -> Mask:
    """1 where a pixel rises from those around it, and none beside it does by a share of its height."""
    once, around = np.empty_like(image), np.empty_like(image)
    median_around(image, once)
    median_around(once, around)
    beside = np.full_like(image, -np.inf)
    beside[1:] = image[:-1]
    beside[:-1] = np.maximum(beside[:-1], image[1:])
    beside[:, 1:] = np.maximum(beside[:, 1:], image[:, :-1])
    beside[:, :-1] = np.maximum(beside[:, :-1], image[:, 1:])
    height = image - around
    alone = (height > threshold * np.median(_noise(image[::16]))) & (beside - around < SHARE * height)
    return alone.astype(np.uint16)
