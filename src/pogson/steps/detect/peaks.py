"""The matched filter, and what it tells about each of its peaks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import erf, nan

import numpy as np
from numpy.typing import NDArray

from pogson.core.frame import Frame, Image
from pogson.kernels.convolve import heights_at
from pogson.kernels.peaks import find_peaks, measure_peaks, nearest_of, peaks_over
from pogson.steps.detect.centroid import BLANK, FWHM_TO_SIGMA
from pogson.steps.detect.sky import Sky

Values = NDArray[np.float64]
Places = NDArray[np.int64]

SUPPORT = 1.3  # FWHM: half width of the filter; wider costs crowded stars, narrower costs faint ones
NARROW = 0.64  # FWHM: half width of the filter, as DAOFIND has it, that resolves close stars
BESIDE = 1.1  # FWHM: a peak of the wide filter is the same star as one of the narrow filter this near
REACH = 0.6  # FWHM: radius in which a peak must be the highest
LOWER = 0.8  # of the noise of a first look: the peaks down to there serve a second look as well
WIDTHS = (
    32  # whose filters are remembered: those of a frame are needed many times, that of a night in each frame
)
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

    def take(self, rows: NDArray[np.int64]) -> Peaks:
        """Some of the peaks."""
        return Peaks(*(value.take(rows) for value in vars(self).values()))


def join_peaks(one: Peaks, other: Peaks) -> Peaks:
    """The peaks of both."""
    return Peaks(
        *(np.concatenate([a, b]) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))
    )


@dataclass(frozen=True)
class Found:
    """Peaks of the filtered image, in rising order of y: places, and the heights (n, 5) there and beside.

    All are there that rise above `floor`, of which float32 (n_rows, n_columns) is the mesh.
    """

    column: Places
    row: Places
    around: Image
    width: float  # of the filter
    support: float
    floor: Image


def search_frame(
    frame: Frame, sky: Sky, threshold: float, width: float, support: float = SUPPORT, share: float = LOWER
) -> Found:
    """Peaks of the frame seen through a filter for stars of FWHM `width`, above a share of the threshold."""
    factor = share * threshold * noise_gain(width, support)
    column, row, around = find_peaks(
        frame.data, frame.mask, BLANK, sky.level_mesh, filter_profile(width, support), sky.noise_mesh,
        factor, max(1.5, REACH * width),
    )  # fmt: skip
    return Found(column, row, around, width, support, factor * sky.noise_mesh)


def search_again(frame: Frame, sky: Sky, threshold: float, found: Found) -> Found:
    """The same peaks, if none is missing now that the sky is known better."""
    floor = threshold * noise_gain(found.width, found.support) * sky.noise_mesh
    return found if np.all(floor >= found.floor) else search_frame(frame, sky, threshold, found.width)


def heights_of(
    frame: Frame, sky: Sky, column: Places, row: Places, width: float, support: float = SUPPORT
) -> Values:
    """Height of the Gaussian of FWHM `width` that fits the surroundings of some pixels best."""
    level = sky.level_at(column.astype(float), row.astype(float))
    profile = filter_profile(width, support)
    return heights_at(frame.data, frame.mask, BLANK, level, profile, column, row)


@lru_cache(maxsize=WIDTHS)
def filter_profile(fwhm: float, support: float = SUPPORT) -> NDArray[np.float32]:
    """The filter's Gaussian along one axis."""
    half = max(2, round(support * fwhm))
    step = np.arange(-half, half + 1)
    return np.exp(-0.5 * (step / (fwhm * FWHM_TO_SIGMA)) ** 2).astype(np.float32)


@lru_cache(maxsize=WIDTHS)
def noise_gain(fwhm: float, support: float = SUPPORT) -> float:
    """Noise of the filtered image over that of one pixel: 1 / sqrt(sum G^2 - (sum G)^2 / n)."""
    profile = filter_profile(fwhm, support).astype(float)
    return float(1.0 / np.sqrt((profile**2).sum() ** 2 - profile.sum() ** 4 / profile.size**2))


def peaks_above(frame: Frame, sky: Sky, threshold: float, found: Found, fine: Found | None = None) -> Peaks:
    """Peaks of the filtered image above `threshold` times its noise, with all that is measured there.

    `fine` are those of the narrow filter: where that resolves what the wide one blends, they count.
    """
    width = found.width
    column, row, around = _rising(sky, threshold, found)
    narrow = None
    if fine is not None:
        column, row, around, narrow = _resolve(
            frame, sky, (column, row, around), _rising(sky, threshold, fine), width
        )
    (level, noise, top, dx, dy, rise, contrast, hx, hy), bits = measure_peaks(
        frame.data, frame.mask, BLANK, sky.level_mesh, sky.noise_mesh, column, row, around,
        _daofind_stamps(width), max(1.5, width),
    )  # fmt: skip
    peak = around[:, 0].copy()
    snr = peak / (noise_gain(width) * noise)
    if narrow is not None:
        # a faint star in the trough that the wide filter digs around a bright one
        peak, snr = np.maximum(peak, narrow), np.maximum(snr, narrow / (noise_gain(width, NARROW) * noise))
    return Peaks(
        column.astype(float), row.astype(float), dx, dy, peak, peak + rise, snr, noise, level, top, contrast,
        hx, hy, bits, np.zeros(len(column)),
    )  # fmt: skip


def _rising(sky: Sky, threshold: float, found: Found) -> tuple[Places, Places, Values]:
    """The peaks above `threshold` times the noise."""
    factor = threshold * noise_gain(found.width, found.support)
    above = peaks_over(sky.noise_mesh, factor, *sky.shape, found.column, found.row, found.around)
    rows = np.flatnonzero(above)
    return found.column.take(rows), found.row.take(rows), found.around.take(rows, axis=0).astype(float)


def _resolve(
    frame: Frame,
    sky: Sky,
    wide: tuple[Places, Places, Values],
    fine: tuple[Places, Places, Values],
    width: float,
) -> tuple[Places, Places, Values, Values]:
    """The wide peaks, but where several fine ones lie beside one, or none does, the fine ones.

    Returns their places, and their heights by the wide and by the narrow filter.
    """
    nearest = nearest_of(*fine[:2], *wide[:2], BESIDE * width)
    count = np.bincount(nearest[nearest >= 0], minlength=len(wide[0]) + 1)
    new, old = (nearest < 0) | (count[nearest] > 1), count[:-1] < 2
    column, row = (np.concatenate([f[new], w[old]]) for f, w in zip(fine[:2], wide[:2], strict=True))
    across, down = column[: new.sum(), None] + [0, -1, 1, 0, 0], row[: new.sum(), None] + [0, 0, 0, -1, 1]
    beside = heights_of(frame, sky, across.ravel(), down.ravel(), width).reshape(-1, 5)
    narrow = heights_of(frame, sky, wide[0][old], wide[1][old], width, NARROW)
    order = np.argsort(row * frame.shape[1] + column, kind="stable")
    around = np.concatenate([beside, wide[2][old]])
    return column[order], row[order], around[order], np.concatenate([fine[2][new, 0], narrow])[order]


@lru_cache(maxsize=WIDTHS)
def flux_per_height(width: float, fwhm: float) -> float:
    """Flux of a Gaussian star of width `fwhm` to which the filter of width `width` gives a height of one."""
    profile = filter_profile(width).astype(float)
    half = len(profile) // 2
    scale = fwhm * FWHM_TO_SIGMA * 2**0.5
    share = np.array([(erf((i + 0.5) / scale) - erf((i - 0.5) / scale)) / 2 for i in range(-half, half + 1)])
    lowered = profile.sum() * share.sum() / len(profile)
    return float(noise_gain(width) ** -2 / ((profile @ share) ** 2 - lowered**2))


@lru_cache(maxsize=WIDTHS)
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
