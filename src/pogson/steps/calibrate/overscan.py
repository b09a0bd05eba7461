"""From the stored image to ADU above the overscan, useful part only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from pogson.core.errors import FrameError
from pogson.core.frame import Image, RawFrame, Section
from pogson.kernels.decode import decode


def useful_section(raw: RawFrame) -> Section:
    """Rows and columns of the useful part: (y0, y1, x0, x1).

    Raises
    ------
    FrameError
        If the trim section lies outside of the image.
    """
    ny, nx = raw.pixels.shape
    y0, y1, x0, x1 = raw.exposure.trim or (0, ny, 0, nx)
    if not (0 <= y0 < y1 <= ny and 0 <= x0 < x1 <= nx):
        raise FrameError(
            f"{raw.exposure.path}: the useful part {(y0, y1, x0, x1)} does not fit into an image "
            f"of {ny} rows and {nx} columns; correct TRIMSEC"
        )
    return y0, y1, x0, x1


#: rows over which the level is averaged: where it jitters from row to row, and the part of all rows where not
_SHORT, _PART = 15, 0.25


def overscan_level(raw: RawFrame) -> NDArray[np.float32]:
    """Level of the overscan for each stored row, ADU; zeros where there is no overscan.

    The clipped mean of each row, averaged over a quarter of the rows: its own noise would enter the image as
    stripes, which no error column holds. Only where rows differ by more than their noise the average
    is short. A strip of whole rows (wider than high) gives one number.
    """
    ny, nx = raw.pixels.shape
    level = np.zeros(ny, np.float32)
    if raw.exposure.overscan is None:
        return level
    y0, y1, x0, x1 = raw.exposure.overscan
    strip = stored_adu(raw, (max(y0, 0), min(y1, ny), max(x0, 0), min(x1, nx)))
    if strip.size == 0:
        return level
    if strip.shape[1] > strip.shape[0]:
        finite = strip[np.isfinite(strip)]
        level[:] = np.median(finite) if finite.size else 0.0
        return level
    means, noise = _row_means(strip)
    known = np.flatnonzero(np.isfinite(means))
    if not known.size:
        return level
    # a row without numbers must not spread through the running mean
    filled = np.interp(np.arange(len(means)), known, means[known])
    steps = np.diff(filled)
    jitters = steps.size > 0 and float(np.mean(steps**2)) / 2.0 > 1.5 * noise**2
    smooth = _SHORT if jitters else max(_SHORT, round(_PART * len(filled)))
    rows = uniform_filter1d(filled, smooth, mode="nearest")
    level[:] = np.interp(np.arange(ny), np.arange(max(y0, 0), max(y0, 0) + len(rows)), rows)
    return level


def _row_means(strip: Image) -> tuple[NDArray[np.float64], float]:
    """Clipped mean of each row, and the noise of such a mean."""
    middle = np.median(strip, axis=1, keepdims=True)
    away = strip - middle
    spread = 1.4826 * float(np.nanmedian(np.abs(away))) if np.isfinite(away).any() else 0.0
    # whole numbers hide a small spread
    kept = np.abs(away) <= 4.0 * max(spread, 1.0)
    n = np.maximum(kept.sum(axis=1), 1)
    means = (middle[:, 0] + np.where(kept, away, 0.0).sum(axis=1) / n).astype(np.float64)
    sigma = float(np.sqrt(np.mean(away[kept] ** 2))) if kept.any() else 0.0
    return means, sigma / float(np.sqrt(strip.shape[1]))


def stored_adu(raw: RawFrame, section: Section, level: NDArray[np.float32] | None = None) -> Image:
    """A part of the stored image in ADU, above `level` (one number per stored row)."""
    y0, y1, x0, x1 = section
    rows = np.zeros(raw.pixels.shape[0], np.float32) if level is None else level
    out = np.empty((max(y1 - y0, 0), max(x1 - x0, 0)), np.float32)
    if raw.swapped:
        decode(raw.pixels, np.float32(raw.scale), np.float32(raw.zero), rows, y0, x0, out)
        return out
    out[:] = raw.pixels[y0:y1, x0:x1]
    if raw.scale != 1.0 or raw.zero != 0.0:
        out *= np.float32(raw.scale)
        out += np.float32(raw.zero)
    out -= rows[y0:y1, None]
    return out


def useful_adu(raw: RawFrame) -> Image:
    """The useful part in ADU, above the overscan."""
    return stored_adu(raw, useful_section(raw), overscan_level(raw))


def converter_step(raw: RawFrame) -> float:
    """Step of the converter in ADU: the greatest common divisor of the numbers' differences.

    A 12-bit camera whose numbers were stretched to 16 bits has a step of 16. Images that hold no whole
    numbers (averages, for instance) have none: 0.
    """
    stored = raw.pixels[:: max(1, raw.pixels.shape[0] // 32)]
    numbers = (stored.view(">i2") if raw.swapped else stored).astype(np.float64) * raw.scale
    numbers = numbers[np.isfinite(numbers)]
    if numbers.size < 2 or np.any(numbers != np.rint(numbers)):
        return 0.0
    return float(np.gcd.reduce((numbers - numbers[0]).astype(np.int64))) or 1.0
