"""The matched filter, and what it tells about each of its peaks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import erf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Frame, Image
from pogson.kernels.convolve import lowered_gaussian
from pogson.kernels.peaks import find_peaks, measure_peaks, nearest_of
from pogson.steps.detect.centroid import BLANK, FWHM_TO_SIGMA
from pogson.steps.detect.sky import Sky

Values = NDArray[np.float64]
Places = NDArray[np.int64]

SUPPORT = 1.3  # FWHM: half width of the filter; wider costs crowded stars, narrower costs faint ones
NARROW = 0.64  # FWHM: half width of the filter, as DAOFIND has it, that resolves close stars
BESIDE = 1.1  # FWHM: a peak of the wide filter is the same star as one of the narrow filter this near
REACH = 0.6  # FWHM: radius in which a peak must be the highest
MARGIN = 3.0  # errors of its own sharpness or roundness by which a star may miss the limits


@dataclass(frozen=True)
class Peaks:
    """What the matched filter found, in rising order of y; arrays of n."""

    x: Values  # of the highest pixel
    y: Values
    dx: Values  # from there to the summit
    dy: Values
    height: Values  # of the best-fitting Gaussian, at the highest pixel
    summit: Values  # the same, between the pixels
    snr: Values
    noise: Values  # of one sky pixel
    level: Values  # sky
    top: Values  # highest pixel above the sky
    contrast: Values  # central pixel less the mean of those around it
    hx: Values  # height of the Gaussian that fits the marginal along x best
    hy: Values
    bits: NDArray[np.int64]  # Pixel flags within a FWHM
    area: Values  # saturated pixels; 0 for an ordinary peak

    @property
    def sharpness(self) -> Values:
        """DAOFIND's sharpness."""
        return self.contrast / self.height

    @property
    def roundness(self) -> Values:
        """DAOFIND's roundness from the marginals; -2 or 2 where one of them has no peak."""
        both = np.maximum(self.hx, 0) + np.maximum(self.hy, 0)
        return np.clip(2 * (self.hx - self.hy) / np.where(both > 0, both, nan), -2.0, 2.0)

    def __getitem__(self, rows: Any) -> Peaks:
        return replace(self, **{name: value[rows] for name, value in vars(self).items()})


def join_peaks(one: Peaks, other: Peaks) -> Peaks:
    """The peaks of both."""
    return Peaks(
        *(np.concatenate([a, b]) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))
    )


def filter_frame(frame: Frame, sky: Sky, width: float, support: float = SUPPORT) -> Image:
    """Height of the Gaussian of FWHM `width` that fits each pixel's surroundings best."""
    return lowered_gaussian(frame.data, frame.mask, BLANK, sky.level_mesh, filter_profile(width, support))


def filter_profile(fwhm: float, support: float = SUPPORT) -> NDArray[np.float32]:
    """The filter's Gaussian along one axis."""
    half = max(2, round(support * fwhm))
    step = np.arange(-half, half + 1)
    return np.exp(-0.5 * (step / (fwhm * FWHM_TO_SIGMA)) ** 2).astype(np.float32)


def noise_gain(fwhm: float, support: float = SUPPORT) -> float:
    """Noise of the filtered image over that of one pixel: 1 / sqrt(sum G^2 - (sum G)^2 / n)."""
    profile = filter_profile(fwhm, support).astype(float)
    return float(1.0 / np.sqrt((profile**2).sum() ** 2 - profile.sum() ** 4 / profile.size**2))


def peaks_above(
    frame: Frame, sky: Sky, height: Image, threshold: float, fwhm: float, sharp: Image | None = None
) -> Peaks:
    """Peaks of the filtered image above `threshold` times its noise, with all that is measured there.

    `sharp` is the image seen through the narrow filter: where that resolves what the wide one blends,
    its peaks count.
    """
    gain, reach = noise_gain(fwhm), max(1.5, REACH * fwhm)
    column, row = find_peaks(height, sky.noise_mesh, threshold * gain, reach)
    if sharp is not None:
        fine = find_peaks(sharp, sky.noise_mesh, threshold * noise_gain(fwhm, NARROW), reach)
        column, row = _merge((column, row), fine, BESIDE * fwhm)
    x, y = column.astype(float), row.astype(float)
    noise = sky.noise_at(x, y)
    peak = height[row, column].astype(float)
    snr = peak / (gain * noise)
    if sharp is not None:
        # a faint star in the trough that the wide filter digs around a bright one
        narrow = sharp[row, column].astype(float)
        peak, snr = np.maximum(peak, narrow), np.maximum(snr, narrow / (noise_gain(fwhm, NARROW) * noise))
    dx, rise_x = _parabola(height, row, column, 0, 1)
    dy, rise_y = _parabola(height, row, column, 1, 0)
    summit = peak + rise_x + rise_y
    level = sky.level_at(x, y)
    top, (contrast, hx, hy), bits = measure_peaks(
        frame.data, frame.mask, BLANK, level, column, row, _daofind_stamps(fwhm), max(1.5, fwhm)
    )
    return Peaks(x, y, dx, dy, peak, summit, snr, noise, level, top, contrast, hx, hy, bits, np.zeros(len(x)))


def _merge(wide: tuple[Places, Places], fine: tuple[Places, Places], reach: float) -> tuple[Places, Places]:
    """The wide peaks, but where several fine ones lie within `reach` of one, or none does, the fine ones."""
    if len(fine[0]) == 0 or len(wide[0]) == 0:
        return wide if len(fine[0]) == 0 else fine
    nearest = nearest_of(*fine, *wide, reach)
    inside = nearest >= 0
    count = np.bincount(nearest[inside], minlength=len(wide[0]))
    fine_counts = ~inside | (count[nearest] > 1)
    column, row = (np.concatenate([f[fine_counts], w[count < 2]]) for f, w in zip(fine, wide, strict=True))
    order = np.lexsort((column, row))
    return column[order], row[order]


def _parabola(height: Image, row: Places, column: Places, down: int, right: int) -> tuple[Values, Values]:
    """Where the top of a parabola through a peak and its two neighbours lies, and how far above the peak."""
    middle = height[row, column].astype(float)
    before, after = height[row - down, column - right], height[row + down, column + right]
    bend = 2 * middle - before - after
    is_peak = (middle > 0) & (middle >= np.maximum(before, after)) & (bend > 0)
    shift = np.where(is_peak, (after - before) / (2 * np.where(is_peak, bend, 1.0)), 0.0)
    return shift, shift * (after - before) / 4


def flux_per_height(width: float, fwhm: float) -> float:
    """Flux of a Gaussian star of width `fwhm` to which the filter of width `width` gives a height of one."""
    profile = filter_profile(width).astype(float)
    half = len(profile) // 2
    scale = fwhm * FWHM_TO_SIGMA * 2**0.5
    share = np.array([(erf((i + 0.5) / scale) - erf((i - 0.5) / scale)) / 2 for i in range(-half, half + 1)])
    lowered = profile.sum() * share.sum() / len(profile)
    return float(noise_gain(width) ** -2 / ((profile @ share) ** 2 - lowered**2))


def _daofind_stamps(fwhm: float) -> Values:
    """Weights whose sums are DAOFIND's central contrast and heights of the x and y marginals, (3, k, k).

    The contrast is the central pixel less the mean of those within 1.5 sigma (at least 2 px). A height is
    that of the Gaussian on a free constant that fits the marginal best, with weights
    that fall linearly from the centre.
    """
    sigma = fwhm * FWHM_TO_SIGMA
    half = max(2, int(1.5 * sigma))
    step = np.arange(-half, half + 1)
    r2 = step[:, None] ** 2 + step**2
    near = (r2 <= (1.5 * sigma) ** 2) | (r2 <= 4)
    contrast = np.where(near, -1.0 / (near.sum() - 1.0), 0.0)
    contrast[half, half] = 1.0
    falling = half + 1.0 - np.abs(step)
    marginal = falling @ np.exp(-r2 / (2 * sigma**2))
    free = marginal - (marginal * falling).sum() / falling.sum()
    height = (
        falling * free / ((marginal**2 * falling).sum() - (marginal * falling).sum() ** 2 / falling.sum())
    )
    return np.stack([contrast, np.outer(falling, height), np.outer(height, falling)])


def off_limits(
    peaks: Peaks, fwhm: float, sharpness: tuple[float, float], roundness: tuple[float, float]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Peaks that are certainly not as sharp, or as round, as a star.

    Both limits are put as sums of pixels whose sign decides, since the noise of a sum is known exactly:
    sharpness < low means contrast - low height < 0, roundness < low means (2 - low) hx - (2 + low) hy < 0.
    """
    contrast, x, y = _daofind_stamps(fwhm)
    off_sharp, off_round = (np.zeros(len(peaks.x), bool) for _ in range(2))
    margin = MARGIN * peaks.noise
    for limit, side in zip(sharpness, (-1, 1), strict=True):
        excess = side * (peaks.contrast - limit * peaks.height)
        off_sharp |= excess > margin * np.sqrt((contrast**2).sum())
    for limit, side in zip(roundness, (-1, 1), strict=True):
        excess = side * ((2 - limit) * peaks.hx - (2 + limit) * peaks.hy)
        off_round |= excess > margin * np.sqrt((((2 - limit) * x - (2 + limit) * y) ** 2).sum())
    return off_sharp, off_round
