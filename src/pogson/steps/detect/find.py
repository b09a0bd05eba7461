"""Find stars: matched filter, local maxima, limits on their shape."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import erf, isfinite, nan
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import STARS
from pogson.core.errors import SettingError
from pogson.core.flags import Pixel, Star
from pogson.core.frame import Frame, Image
from pogson.core.units import Pixels, Sigma
from pogson.kernels.background import paint_discs
from pogson.kernels.convolve import lowered_gaussian
from pogson.kernels.peaks import find_peaks, measure_peaks, neighbours, saturated_groups
from pogson.steps.detect.centroid import BLANK, FWHM_TO_SIGMA, measure_centroids
from pogson.steps.detect.shape import LEAST_SNR, fit_psf, measure_shapes
from pogson.steps.detect.sky import Sky, estimate_sky

Values = NDArray[np.float64]
Places = NDArray[np.int64]

START = 3.0  # px: first guess of the FWHM
SAME = 0.25  # a width that differs by less is not worth a second search
ROUNDS = 6
SUPPORT = 1.3  # FWHM: half width of the filter; wider costs crowded stars, narrower costs faint ones
REACH = 0.6  # FWHM: radius in which a peak must be the highest
CROWDED = 0.02  # share of pixels under stars from which the sky is worth a second look
BLENDED = 1.5  # FWHM: closer stars share most of their light
MARGIN = 3.0  # errors of its own sharpness or roundness by which a star may miss the limits
FULL = int(Pixel.SATURATED | Pixel.BLEED)


@dataclass(frozen=True)
class Peaks:
    """What the matched filter found, in rising order of y; arrays of n."""

    x: Values
    y: Values
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


def detect_stars(
    frame: Frame,
    *,
    threshold: Sigma = 5.0,
    fwhm: Pixels = nan,
    sharpness: tuple[float, float] = (0.2, 1.0),
    roundness: tuple[float, float] = (-1.0, 1.0),
    brightest: int = 0,
    box: Pixels = 64,
    left_out: tuple[str, ...] = (),
) -> Table:
    """Find stars by matched filter and local maxima, and measure their centres and shapes.

    Parameters
    ----------
    frame : Frame
        Calibrated frame, sky not subtracted.
    threshold : float
        Detection limit over the noise of the filtered image.
    fwhm : float
        Full width at half maximum of the stars; nan measures it on the frame.
    sharpness : tuple of float
        Lowest and highest DAOFIND sharpness; hot pixels and cosmic rays are sharper.
    roundness : tuple of float
        Lowest and highest DAOFIND roundness; rows and columns lie outside.
    brightest : int
        Keep this many of the brightest stars; 0 keeps all.
    box : float
        Side of the boxes in which the sky is estimated.
    left_out : tuple of str
        Parts of the frame where no star is wanted, each as "x0:x1,y0:y1" (0-based, stop excluded).

    Returns
    -------
    Table
        STARS, brightest first; meta holds psf (PSF), sky (Sky), exposure, fwhm (of the filter) and n_rejected
        (reason -> number of peaks). Besides the contract: angle, the direction of the major axis in degrees.

    Raises
    ------
    SettingError
        If a limit is not a number above zero, or a part left out cannot be read.

    Notes
    -----
    The filter is the lowered Gaussian of DAOFIND (Stetson 1987, PASP 99, 191), on a square of
    half width 1.3 FWHM. Its noise is that of one sky pixel times 1 / sqrt(sum G^2 - (sum G)^2 / n). The noise
    of one pixel is the one measured on the frame; only where that is zero (numbers too coarse to
    show it) the frame's variance stands in. Pixel noise is taken as uncorrelated.

    Sharpness and roundness follow DAOFIND. A star is rejected when it misses a limit by more than three
    times the error that sky noise gives its own value, so that the limits cost no faint stars.

    Where stars cover more than 2 % of the frame, sky and noise are estimated a second time without them.

    Saturated stars are kept, one per group of saturated pixels, and skip these limits. A group without
    wings is a hot pixel or a cosmic ray. An unknown FWHM starts at 3 px and follows the
    bright stars until it changes by less than 25 %.
    """
    if not threshold > 0:
        raise SettingError(f"threshold = {threshold:g} sigma must be above 0; 5 is usual")
    if not (np.isnan(fwhm) or fwhm > 0.5):
        raise SettingError(f"fwhm = {fwhm:g} px must be above 0.5, or nan to measure it on the frame")
    parts = [_read_part(text) for text in left_out]
    sky = _with_noise(frame, estimate_sky(frame, box=box))
    peaks, height, width, measured = _search(frame, sky, threshold, fwhm)
    covered = star_pixels(frame.shape, peaks, measured)
    if covered.mean() > CROWDED:
        sky = _with_noise(frame, estimate_sky(frame, box=box, star_mask=covered))
        peaks = _peaks(frame, sky, height, threshold, width)
    peaks, rejected = _select(frame, sky, height, peaks, width, sharpness, roundness, parts)
    peaks = peaks[np.argsort(-peaks.summit, kind="stable")[: brightest or None]]
    stars = _measure(frame, peaks, width, measured)
    psf = fit_psf(frame, stars, fwhm=measured)
    stars.meta.update(psf=psf, sky=sky, exposure=frame.exposure, fwhm=width, n_rejected=rejected)
    return stars


def _read_part(text: str) -> tuple[int, int, int, int]:
    match = re.fullmatch(r"\s*(\d+):(\d+)\s*,\s*(\d+):(\d+)\s*", text)
    if match is None:
        raise SettingError(f"left_out = {text!r} cannot be read; write x0:x1,y0:y1, such as 100:180,0:40")
    x0, x1, y0, y1 = map(int, match.groups())
    return x0, x1, y0, y1


def _with_noise(frame: Frame, sky: Sky) -> Sky:
    """Let the variance stand in where the measured noise is zero."""
    silent = ~(sky.noise_mesh > 0)
    if not silent.any() or np.isnan(sky.noise_mesh).any():
        return sky
    expected = np.sqrt(np.median(frame.variance[::4, ::4]))
    return replace(sky, noise_mesh=np.where(silent, expected, sky.noise_mesh).astype(np.float32))


def _search(frame: Frame, sky: Sky, threshold: float, fwhm: float) -> tuple[Peaks, Image, float, float]:
    """Peaks, the filtered image, the filter's width and the stars' width."""
    width = measured = fwhm if isfinite(fwhm) else START
    for _ in range(ROUNDS):
        height = lowered_gaussian(frame.data, frame.mask, BLANK, sky.level_mesh, _profile(width))
        peaks = _peaks(frame, sky, height, threshold, width)
        measured = width if isfinite(fwhm) else _typical_width(frame, peaks, width)
        if abs(measured - width) <= SAME * measured:
            break
        width = measured
    return peaks, height, width, measured


def _profile(fwhm: float) -> NDArray[np.float32]:
    half = max(2, round(SUPPORT * fwhm))
    step = np.arange(-half, half + 1)
    return np.exp(-0.5 * (step / (fwhm * FWHM_TO_SIGMA)) ** 2).astype(np.float32)


def noise_gain(fwhm: float) -> float:
    """Noise of the filtered image over that of one pixel: 1 / sqrt(sum G^2 - (sum G)^2 / n)."""
    profile = _profile(fwhm).astype(float)
    return float(1.0 / np.sqrt((profile**2).sum() ** 2 - profile.sum() ** 4 / profile.size**2))


def _peaks(frame: Frame, sky: Sky, height: Image, threshold: float, fwhm: float) -> Peaks:
    gain = noise_gain(fwhm)
    column, row = find_peaks(height, sky.noise_mesh, threshold * gain, max(1.5, REACH * fwhm))
    x, y = column.astype(float), row.astype(float)
    peak, noise, level = height[row, column].astype(float), sky.noise_at(x, y), sky.level_at(x, y)
    stamps = _daofind_stamps(fwhm)
    top, (contrast, hx, hy), bits = measure_peaks(
        frame.data, frame.mask, BLANK, level, column, row, stamps, max(1.5, fwhm)
    )
    snr = peak / (gain * noise)
    summit = peak + _rise(height, row, column, 0, 1) + _rise(height, row, column, 1, 0)
    return Peaks(x, y, peak, summit, snr, noise, level, top, contrast, hx, hy, bits, np.zeros(len(x)))


def _rise(height: Image, row: Places, column: Places, down: int, right: int) -> Values:
    """How far a parabola through a peak and its two neighbours rises above the peak."""
    middle = height[row, column].astype(float)
    before, after = height[row - down, column - right], height[row + down, column + right]
    rise: Values = (before - after) ** 2 / (8 * np.maximum(2 * middle - before - after, 1e-9 * middle))
    return np.minimum(rise, 0.25 * middle)


def flux_per_height(width: float, fwhm: float) -> float:
    """Flux of a Gaussian star of width `fwhm` to which the filter of width `width` gives a height of one."""
    profile = _profile(width).astype(float)
    half = len(profile) // 2
    scale = fwhm * FWHM_TO_SIGMA * 2**0.5
    share = np.array([(erf((i + 0.5) / scale) - erf((i - 0.5) / scale)) / 2 for i in range(-half, half + 1)])
    lowered = profile.sum() * share.sum() / len(profile)
    return float(noise_gain(width) ** -2 / ((profile @ share) ** 2 - lowered**2))


def star_pixels(shape: tuple[int, int], peaks: Peaks, fwhm: float) -> NDArray[np.bool_]:
    """Pixels under the stars, to a radius that grows with their brightness."""
    covered = np.zeros(shape, bool)
    radius = fwhm * (1.2 + 0.8 * np.log10(np.maximum(peaks.snr / 5, 1.0)))
    paint_discs(covered, peaks.x, peaks.y, radius)
    return covered


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


def _typical_width(frame: Frame, peaks: Peaks, width: float) -> float:
    """Median FWHM of bright unsaturated stars that stand alone; `width` without any."""
    clean = (peaks.bits == 0) & (peaks.sharpness < 3.0) & (peaks.snr > LEAST_SNR)
    alone = clean & (neighbours(peaks.x, peaks.y, peaks.height, 4 * width)[1] < 0.3)
    for chosen in (alone & (peaks.snr > 20), alone, clean):
        if chosen.sum() >= 3:
            break
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(-peaks.height[rows], kind="stable")][:50]
    some = peaks[rows]
    centers = measure_centroids(frame, some.x, some.y, some.level, fwhm=width)
    widths = measure_shapes(frame, centers.x, centers.y, some.level, fwhm=width).fwhm
    widths = widths[np.isfinite(widths)]
    return float(np.median(widths)) if len(widths) else width


def _select(
    frame: Frame,
    sky: Sky,
    filtered: Image,
    peaks: Peaks,
    fwhm: float,
    sharpness: tuple[float, float],
    roundness: tuple[float, float],
    parts: list[tuple[int, int, int, int]],
) -> tuple[Peaks, dict[str, int]]:
    """Peaks that are stars, saturated ones among them; and how many were rejected why."""
    groups, n_hot = _saturated(frame, sky, filtered, fwhm)
    wings = _beside_saturation(frame, peaks, fwhm)
    off_sharp, off_round = _off_limits(peaks, fwhm, sharpness, roundness)
    rejected = {
        "sharpness": int((off_sharp & ~wings).sum()),
        "roundness": int((off_round & ~off_sharp & ~wings).sum()),
        "beside saturation": int(wings.sum()),
        "saturated without wings": n_hot,
    }
    kept = _join(peaks[~(wings | off_sharp | off_round)], groups)
    out = np.zeros(len(kept.x), bool)
    for x0, x1, y0, y1 in parts:
        out |= (kept.x >= x0) & (kept.x < x1) & (kept.y >= y0) & (kept.y < y1)
    rejected["left out"] = int(out.sum())
    return kept[~out], rejected


def _off_limits(
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


def _join(one: Peaks, other: Peaks) -> Peaks:
    return Peaks(
        *(np.concatenate([a, b]) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))
    )


def _beside_saturation(frame: Frame, peaks: Peaks, fwhm: float) -> NDArray[np.bool_]:
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


def _saturated(frame: Frame, sky: Sky, filtered: Image, fwhm: float) -> tuple[Peaks, int]:
    """Saturated stars, and the number of saturated groups that are none.

    A group three pixels wide is a star; a narrower one must have wings: the pixels that touch it
    reach a tenth of its top.
    """
    x, y, area, core, top, total, border = saturated_groups(frame.data, frame.mask, FULL).T
    level, noise = sky.level_at(x, y), sky.noise_at(x, y)
    star = ((core >= 3) | (border - level > 0.1 * (top - level))) & np.isfinite(level)
    # a small plateau still fills the filter; of a wide one the saturated pixels tell more
    own = filtered[np.rint(y).astype(int), np.rint(x).astype(int)]
    height = np.maximum.reduce([own, (total - area * level) / flux_per_height(fwhm, fwhm), 1e-3 * noise])
    unknown = np.full(len(x), nan)
    found = Peaks(
        x, y, height, height, height / (noise_gain(fwhm) * noise), noise, level, top - level,
        unknown, unknown, unknown, np.full(len(x), int(Pixel.SATURATED)), area,
    )  # fmt: skip
    return found[star], int((~star).sum())


def _measure(frame: Frame, peaks: Peaks, width: float, fwhm: float) -> Table:
    """The STARS table of peaks, in their order; `width` is the filter's, `fwhm` the stars'."""
    centers = measure_centroids(frame, peaks.x, peaks.y, peaks.level, fwhm=fwhm)
    # a wide plateau has no peak to follow: its own centre stands, good to a tenth of its diameter
    wide = peaks.area > fwhm**2
    x, y = np.where(wide, peaks.x, centers.x), np.where(wide, peaks.y, centers.y)
    rough = np.where(wide, 0.1 * np.sqrt(peaks.area), fwhm * FWHM_TO_SIGMA / np.maximum(peaks.snr, 1.0))
    lost = wide | np.isnan(centers.x_err)
    shapes = measure_shapes(frame, x, y, peaks.level, fwhm=fwhm)
    return STARS.table(
        id=np.arange(1, len(x) + 1),
        x=x,
        y=y,
        x_err=np.where(lost, rough, centers.x_err),
        y_err=np.where(lost, rough, centers.y_err),
        flux=peaks.summit * flux_per_height(width, fwhm),
        peak=peaks.top,
        snr=peaks.snr,
        sharpness=peaks.sharpness,
        roundness=peaks.roundness,
        fwhm=shapes.fwhm,
        elongation=shapes.elongation,
        sky=peaks.level,
        flags=_flags(frame, peaks, x, y, fwhm),
        angle=shapes.angle,
    )


def _flags(frame: Frame, peaks: Peaks, x: Values, y: Values, fwhm: float) -> NDArray[np.int64]:
    order = np.argsort(y, kind="stable")
    distance, ratio = (np.empty(len(x)) for _ in range(2))
    distance[order], ratio[order] = neighbours(x[order], y[order], peaks.height[order], 3 * fwhm)
    ny, nx = frame.shape
    edge = np.minimum.reduce([x, y, nx - 1 - x, ny - 1 - y]) < fwhm
    flags = np.zeros(len(x), np.int64)
    for bit, here in (
        (Star.NEIGHBOR, ratio > 0.05),
        (Star.BLENDED, distance < BLENDED * fwhm),
        (Star.SATURATED, peaks.bits & FULL != 0),
        (Star.EDGE, edge),
        (Star.BAD_PIXEL, peaks.bits & int(Pixel.BAD | Pixel.HOT | Pixel.FLAT | Pixel.EMPTY) != 0),
        (Star.COSMIC, peaks.bits & int(Pixel.COSMIC) != 0),
        (Star.NONLINEAR, peaks.bits & int(Pixel.NONLINEAR) != 0),
    ):
        flags[here] |= int(bit)
    return flags
