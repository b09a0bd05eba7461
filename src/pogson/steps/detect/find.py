"""Find stars: matched filter, local maxima, limits on their shape."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isfinite, nan, pi
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import STARS
from pogson.core.errors import SettingError
from pogson.core.flags import Pixel, Star
from pogson.core.frame import Frame
from pogson.core.units import Pixels, Sigma
from pogson.kernels.peaks import neighbours
from pogson.steps.detect.centroid import FWHM_TO_SIGMA, SAMPLED, measure_centroids, remove_pixel_bias
from pogson.steps.detect.peaks import (
    NARROW,
    Found,
    Peaks,
    flux_per_height,
    join_peaks,
    off_limits,
    peaks_above,
    search_again,
    search_frame,
)
from pogson.steps.detect.saturated import FULL, beside_saturation, saturated_stars
from pogson.steps.detect.shape import LEAST_SNR, fit_psf, measure_profile, measure_shapes, stretch_of
from pogson.steps.detect.sky import Boxes, Sky

Values = NDArray[np.float64]

STARTS = (3.0, 7.0, 14.0)  # px: guesses of the FWHM; the next one counts where no star fits the one before
SAME = 0.25  # a width that differs by less is not worth a second search
ROUNDS = 6
WIDEST = 25.0  # px: what is wider is a nebula, not a star
CROWDED = 0.02  # share of pixels under stars from which the sky is worth a second look
BLENDED = 1.5  # FWHM: closer stars share most of their light


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
    start: Pixels = STARTS[0],
    resolve: bool = True,
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
    start : float
        Where an unknown FWHM begins: near that of the night's other frames one search is enough.
    resolve : bool
        Search crowded frames with the narrow filter, too: not needed where the field is known.

    Returns
    -------
    Table
        STARS, brightest first; meta holds psf (PSF), sky (Sky), exposure, fwhm (of the filter), n_rejected
        (reason -> number of peaks) and n_stars, what the wide filter finds: that can be compared among
        frames. Besides the contract: angle, the direction of the major axis in degrees.

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

    Where stars cover more than 2 % of the frame, sky and noise are estimated a second time without them, and
    a filter of half width 0.64 FWHM, that of DAOFIND itself, resolves stars that the wider one blends.

    Saturated stars are kept, one per group of saturated pixels, and skip these limits. A group without
    wings is a hot pixel or a cosmic ray. An unknown FWHM begins at `start` (at 3, 7 and 14 px where that
    finds no bright star) and follows the bright stars until it changes by less than 25 %.
    """
    if not threshold > 0:
        raise SettingError(f"threshold = {threshold:g} sigma must be above 0; 5 is usual")
    if not (np.isnan(fwhm) or fwhm > 0.5):
        raise SettingError(f"fwhm = {fwhm:g} px must be above 0.5, or nan to measure it on the frame")
    parts = [_read_part(text) for text in left_out]
    boxes = Boxes(frame, box)
    sky = _with_noise(frame, boxes.sky)
    found, peaks, width, measured = _search(frame, sky, threshold, fwhm, start)
    reach = star_radii(peaks, measured)
    if pi * (reach @ reach) > CROWDED * frame.data.size:
        sky = _with_noise(frame, boxes.take_out(peaks.x, peaks.y, reach))
        found = search_again(frame, sky, threshold, found)
        peaks = peaks_above(frame, sky, threshold, found)
    else:
        resolve = False
    peaks, rejected = _select(frame, sky, peaks, width, sharpness, roundness, parts)
    n_stars = len(peaks.x)
    if resolve:
        fine = search_frame(frame, sky, threshold, width, NARROW, 1.0)
        peaks = peaks_above(frame, sky, threshold, found, fine)
        peaks, rejected = _select(frame, sky, peaks, width, sharpness, roundness, parts)
    if brightest:
        peaks = peaks.take(np.sort(np.argsort(-peaks.summit, kind="stable")[:brightest]))
    # the order of the image's rows is kept up to the table: neighbours in memory are read together
    stars = _measure(frame, peaks, width, measured)
    profile = measure_profile(frame, stars, fwhm=measured)
    psf = fit_psf(profile, fwhm=measured)
    if psf.fwhm < SAMPLED:
        stretch = stretch_of(stars, profile.rows)
        for axis, along in (("x", stretch), ("y", 1.0 / stretch)):
            place, err = stars[axis], stars[f"{axis}_err"]
            place[:], err[:] = remove_pixel_bias(place.data, err.data, psf, fwhm=measured, stretch=along)
    stars.meta.update(psf=psf, sky=sky, exposure=frame.exposure, fwhm=width, n_rejected=rejected)
    stars.meta["n_stars"] = n_stars
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


def _search(
    frame: Frame, sky: Sky, threshold: float, fwhm: float, start: float
) -> tuple[Found, Peaks, float, float]:
    """What the filter found, the peaks, the filter's width and the stars' width."""
    if isfinite(fwhm):
        found = search_frame(frame, sky, threshold, fwhm)
        return found, peaks_above(frame, sky, threshold, found), fwhm, fwhm
    for width in (*dict.fromkeys((start, *STARTS)), start):
        for _ in range(ROUNDS):
            found = search_frame(frame, sky, threshold, width)
            peaks = peaks_above(frame, sky, threshold, found)
            measured = _typical_width(frame, peaks, width)
            if measured > WIDEST:
                measured = nan
            if not abs(measured - width) > SAME * measured:
                break
            width = measured
        if isfinite(measured):
            return found, peaks, width, measured
    return found, peaks, width, width


def star_radii(peaks: Peaks, fwhm: float) -> Values:
    """Radii (pixels) of what the stars cover: they grow with their brightness."""
    radii: Values = fwhm * (1.2 + 0.8 * np.log10(np.maximum(peaks.snr / 5, 1.0)))
    return radii


def _typical_width(frame: Frame, peaks: Peaks, width: float) -> float:
    """Median FWHM of bright unsaturated stars that stand alone; NaN without any."""
    clean = (peaks.bits == 0) & (peaks.sharpness < 3.0) & (peaks.snr > LEAST_SNR)
    alone = clean & (neighbours(peaks.x, peaks.y, peaks.height, 4 * width)[1] < 0.3)
    for chosen in (alone & (peaks.snr > 20), alone, clean):
        if chosen.sum() >= 3:
            break
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(-peaks.height[rows], kind="stable")][:50]
    level, x, y = peaks.level[rows], (peaks.x + peaks.dx)[rows], (peaks.y + peaks.dy)[rows]
    centers = measure_centroids(frame, x, y, level, fwhm=width)
    widths = measure_shapes(frame, centers.x, centers.y, level, fwhm=width).fwhm
    widths = widths[np.isfinite(widths)]
    return float(np.median(widths)) if len(widths) else nan


def _select(
    frame: Frame,
    sky: Sky,
    peaks: Peaks,
    fwhm: float,
    sharpness: tuple[float, float],
    roundness: tuple[float, float],
    parts: list[tuple[int, int, int, int]],
) -> tuple[Peaks, dict[str, int]]:
    """Peaks that are stars, saturated ones among them; and how many were rejected why."""
    groups, n_hot = saturated_stars(frame, sky, fwhm)
    wings = beside_saturation(frame, peaks, fwhm)
    off_sharp, off_round = off_limits(peaks, fwhm, sharpness, roundness)
    rejected = {
        "sharpness": int((off_sharp & ~wings).sum()),
        "roundness": int((off_round & ~off_sharp & ~wings).sum()),
        "beside saturation": int(wings.sum()),
        "saturated without wings": n_hot,
    }
    kept = join_peaks(peaks.take(np.flatnonzero(~(wings | off_sharp | off_round))), groups)
    out = np.zeros(len(kept.x), bool)
    for x0, x1, y0, y1 in parts:
        out |= (kept.x >= x0) & (kept.x < x1) & (kept.y >= y0) & (kept.y < y1)
    rejected["left out"] = int(out.sum())
    return kept.take(np.flatnonzero(~out)) if parts else kept, rejected


def _measure(frame: Frame, peaks: Peaks, width: float, fwhm: float) -> Table:
    """The STARS table of peaks, brightest first; `width` is the filter's, `fwhm` the stars'."""
    centers = measure_centroids(frame, peaks.x + peaks.dx, peaks.y + peaks.dy, peaks.level, fwhm=fwhm)
    # a wide plateau has no peak to follow: its own centre stands, good to a tenth of its diameter
    wide = peaks.area > fwhm**2
    x, y = np.where(wide, peaks.x, centers.x), np.where(wide, peaks.y, centers.y)
    rough = np.where(wide, 0.1 * np.sqrt(peaks.area), fwhm * FWHM_TO_SIGMA / np.maximum(peaks.snr, 1.0))
    lost = wide | np.isnan(centers.x_err)
    shapes = measure_shapes(frame, x, y, peaks.level, fwhm=fwhm)
    columns: dict[str, Any] = {
        "x": x,
        "y": y,
        "x_err": np.where(lost, rough, centers.x_err),
        "y_err": np.where(lost, rough, centers.y_err),
        "flux": peaks.summit * flux_per_height(width, fwhm),
        "peak": peaks.top,
        "snr": peaks.snr,
        "sharpness": peaks.sharpness,
        "roundness": peaks.roundness,
        "fwhm": shapes.fwhm,
        "elongation": shapes.elongation,
        "sky": peaks.level,
        "flags": _flags(frame, peaks, x, y, fwhm),
        "angle": shapes.angle,
    }
    order = np.argsort(-peaks.summit, kind="stable")
    sorted_columns = {name: value.take(order) for name, value in columns.items()}
    return STARS.table(id=np.arange(1, len(x) + 1), **sorted_columns)


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
        flags += here * int(bit)
    return flags
