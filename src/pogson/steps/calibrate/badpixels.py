"""Pixels that cannot be calibrated: hot in the dark, dead or unknown in the flat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import Pixel
from pogson.core.frame import Image, Mask, Master
from pogson.core.units import Fraction, Sigma
from pogson.kernels.around import median_around


def flag_dark(
    dark: Master, *, single_variance: float, per_adu: float, bayer: str = "", threshold: Sigma = 8.0
) -> Master:
    """Flag hot pixels: those whose dark current makes them more than three times as noisy as those around.

    A pixel that is merely warm is corrected by the dark and carries its noise; thousands of them are on a
    detector, and to lose them all would spoil most stars.

    Parameters
    ----------
    dark : Master
        Combined dark.
    single_variance : float
        ADU^2 of one frame without light.
    per_adu : float
        1 / gain: ADU^2 of photon noise per ADU of dark current; 0 where the gain is unknown: 1 is taken.
    bayer : str
        Not empty for a mosaic of colours: neighbours are then two pixels apart.
    threshold : float
        Least height above the median of the neighbours, in noise of a single frame, that of the dark
        current included.

    Returns
    -------
    Master
        With the bit HOT where needed.
    """
    around = _neighbors(dark.data, bayer)
    excess = dark.data - around
    usual = single_variance + per_adu * np.maximum(around, 0.0)
    if dark.has_bias:  # does not tell its level: the pixels themselves tell how far they scatter
        usual = np.maximum(single_variance, (1.4826 * np.nanmedian(np.abs(excess))) ** 2)
    noise = np.sqrt(np.maximum(usual, dark.variance))
    mask = dark.mask.copy()
    hot = excess > np.maximum(threshold * noise, 10.0 * usual / (per_adu or 1.0))
    mask[hot] |= int(Pixel.HOT)
    return replace(dark, mask=mask)


def flag_flat(
    flat: Master, *, bayer: str = "", lowest: Fraction = 0.1, dead: Fraction = 0.5, bright: Fraction = 1.6
) -> Master:
    """Set the flat to a median of 1, flag where it cannot be used, and put 1 there.

    Parameters
    ----------
    flat : Master
        Combined flat field.
    bayer : str
        Not empty for a mosaic of colours: each of the four pixels of its cell gets a median of 1.
    lowest : float
        Below this the flat is too low: FLAT.
    dead, bright : float
        Outside of these fractions of its neighbours' median a pixel is bad: BAD.

    Returns
    -------
    Master
    """
    data, variance, mask = flat.data.copy(), flat.variance.copy(), flat.mask.copy()
    for cell in _cells(bayer):
        good = mask[cell] == 0
        level = np.float32(np.median(data[cell][good])) if good.any() else np.float32(1.0)
        data[cell] /= level
        variance[cell] /= level**2
    ratio = data / np.maximum(_neighbors(data, bayer), 1e-6)
    mask[(ratio < dead) | (ratio > bright)] |= int(Pixel.BAD)
    unknown = ~(data > lowest) | ~np.isfinite(variance)
    mask[unknown] |= int(Pixel.FLAT)
    data[unknown] = 1.0
    variance[unknown] = 0.0
    return replace(flat, data=data, variance=variance, mask=mask)


def merge_masks(shape: tuple[int, int], *masks: Mask | None) -> Mask:
    """All flags together; masks that are None do not count."""
    out = np.zeros(shape, np.uint16)
    for mask in masks:
        if mask is not None:
            out |= mask
    return out


def _cells(bayer: str) -> list[tuple[slice, slice]]:
    if not bayer:
        return [(slice(None), slice(None))]
    return [(slice(j, None, 2), slice(i, None, 2)) for j in (0, 1) for i in (0, 1)]


def _neighbors(image: Image, bayer: str) -> NDArray[np.float32]:
    """Median of the 3 x 3 pixels around, of the same colour on a mosaic."""
    out = np.empty(image.shape, np.float32)
    known = np.isfinite(image)
    clean = np.array(image) if known.all() else np.where(known, image, np.float32(np.nanmedian(image)))
    for cell in _cells(bayer):
        part, around = (np.ascontiguousarray(plane[cell]) for plane in (clean, out))
        median_around(part, around)
        out[cell] = around
    return out
