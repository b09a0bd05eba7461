"""Saturated stars: one per group of saturated pixels."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import Pixel
from pogson.core.frame import Frame
from pogson.kernels.saturated import saturated_groups
from pogson.steps.detect.peaks import Peaks, flux_per_height, heights_of, noise_gain
from pogson.steps.detect.sky import Sky

FULL = int(Pixel.SATURATED | Pixel.BLEED)


def saturated_stars(frame: Frame, sky: Sky, fwhm: float) -> tuple[Peaks, int]:
    """Saturated stars, and the number of saturated groups that are none.

    A group three pixels wide is a star; a narrower one must have wings: the pixels that touch it
    reach a tenth of its top.
    """
    groups = saturated_groups(frame.data, frame.mask, FULL)
    x, y, area, core, top, total, border = np.ascontiguousarray(groups.T)
    level, noise = sky.level_at(x, y), sky.noise_at(x, y)
    star = ((core >= 3) | (border - level > 0.1 * (top - level))) & np.isfinite(level)
    # a small plateau still fills the filter; of a wide one the saturated pixels tell more
    own = heights_of(frame, sky, np.rint(x).astype(np.int64), np.rint(y).astype(np.int64), fwhm)
    height = np.maximum.reduce([own, (total - area * level) / flux_per_height(fwhm, fwhm), 1e-3 * noise])
    unknown = np.full(len(x), nan)
    zero = np.zeros(len(x))
    found = Peaks(
        x, y, zero, zero, height, height, height / (noise_gain(fwhm) * noise), noise, level, top - level,
        unknown, unknown, unknown, np.full(len(x), int(Pixel.SATURATED)), area,
    )  # fmt: skip
    return found.take(np.flatnonzero(star)), int((~star).sum())


def beside_saturation(frame: Frame, peaks: Peaks, fwhm: float) -> NDArray[np.bool_]:
    """Peaks that belong to a group of saturated pixels, not to a star of their own."""
    beside = np.zeros(len(peaks.x), bool)
    reach = 1 + int(0.5 * fwhm)
    ny, nx = frame.shape
    for n in np.flatnonzero(peaks.bits & FULL):
        x, y = int(peaks.x[n]), int(peaks.y[n])
        near = frame.mask[
            max(0, y - reach) : min(ny, y + reach + 1), max(0, x - reach) : min(nx, x + reach + 1)
        ]
        beside[n] = (near & FULL).any()
    return beside
