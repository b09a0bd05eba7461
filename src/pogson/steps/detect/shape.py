"""Measure the shape of stars: moments of each one, the profile of all."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.flags import SPOILED, Star
from pogson.core.frame import Frame
from pogson.core.psf import PSF
from pogson.core.units import Pixels
from pogson.kernels.centroid import adaptive_moments
from pogson.kernels.peaks import neighbours
from pogson.kernels.rings import stack_rings
from pogson.steps.detect.centroid import BLANK, FWHM_TO_SIGMA

Values = NDArray[np.float64]

MOST = 50  # stars of the stacked profile
APART = 4.0  # FWHM to the next star of more than FAINT times the flux
FAINT = 0.02
REACH = 3.0  # FWHM: radius of the profile
LEAST_SNR = 8.0  # noise peaks stay below it
BINS_PER_FWHM = 10
GAUSSIAN = 0.03  # 1 / beta below which a Moffat is not told from a Gaussian

# nodes over a pixel (Gauss-Legendre, 3 x 3) in two directions, which cancel the pixel's fourfold symmetry
NODES = np.array([-np.sqrt(0.15), 0.0, np.sqrt(0.15)])
WEIGHTS = np.outer([5, 8, 5], [5, 8, 5]).ravel() / 324.0
DIRECTIONS = np.radians([11.25, 33.75])


@dataclass(frozen=True)
class Shapes:
    """Widths of n stars: FWHM (pixels), major over minor axis, its direction (degree from +x)."""

    fwhm: Values
    elongation: Values
    angle: Values


@dataclass(frozen=True)
class RadialProfile:
    """Stacked profile of stars: radius (pixels), value and error, as a fraction of the peak; stars used."""

    r: Values
    value: Values
    err: Values
    n: int
    elongation: float = nan


def measure_shapes(frame: Frame, x: Values, y: Values, sky: Values, *, fwhm: Pixels) -> Shapes:
    """Measure width, elongation and direction of stars from adaptive second moments.

    Parameters
    ----------
    frame : Frame
        Calibrated frame.
    x, y : float64 (n,)
        Centres.
    sky : float64 (n,)
        Sky level under each star.
    fwhm : float
        First guess of the FWHM.

    Returns
    -------
    Shapes
        NaN where noise left no positive moments. The FWHM is that of the Gaussian with the moments
        measured, before integration over pixels.
    """
    sigma = fwhm * FWHM_TO_SIGMA
    xx, yy, xy = adaptive_moments(
        frame.data, frame.mask, BLANK, sky, x, y, sigma, max(0.4 * sigma, 0.5), 3.0 * sigma
    )
    mean, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    major, minor = mean + half, mean - half
    good = minor > 0
    major, minor = np.where(good, major, nan), np.where(good, minor, nan)
    return Shapes(
        (major * minor) ** 0.25 / FWHM_TO_SIGMA,
        np.sqrt(major / minor),
        np.degrees(np.arctan2(2 * xy, xx - yy) / 2),
    )


def isolated_stars(stars: Table, fwhm: float, most: int = MOST) -> NDArray[np.int64]:
    """Rows of the brightest stars without remark and without a neighbour, brightest first."""
    order = np.argsort(stars["y"].data)
    x, y, flux = (stars[name].data[order] for name in ("x", "y", "flux"))
    alone = np.empty(len(stars), bool)
    alone[order] = neighbours(x, y, flux, APART * fwhm)[1] < FAINT
    clean = (stars["flags"].data & SPOILED == 0) & (stars["snr"].data > LEAST_SNR)
    quiet = clean & (stars["flags"].data & int(Star.NEIGHBOR) == 0)
    for chosen in (quiet & alone & (stars["snr"].data > 20), quiet & alone, quiet, clean):
        if chosen.sum() >= 3:
            break
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(-stars["flux"].data[rows], kind="stable")][:most]


def stretch_of(stars: Table, fwhm: Pixels) -> float:
    """Width of the stars along x over the geometric mean of the widths along x and y.

    The moments of a narrow star depend on where in its pixel it lies, as cos(2 pi x) - cos(2 pi y) in their
    ratio: that is fitted and left out. Noise has no direction and takes care of itself.
    """
    rows = isolated_stars(stars, fwhm)
    rows = rows[np.isfinite(stars["elongation"].data[rows])]
    if len(rows) < 3:
        return 1.0
    x, y, e, angle = (stars[name].data[rows] for name in ("x", "y", "elongation", "angle"))
    along, across = np.cos(np.radians(angle)) ** 2, np.sin(np.radians(angle)) ** 2
    ratio = np.log((e * along + across / e) / (e * across + along / e))
    wave = np.cos(2.0 * np.pi * x) - np.cos(2.0 * np.pi * y)
    return float(np.exp(np.polynomial.polynomial.polyfit(wave, ratio, 1)[0] / 4.0))


def measure_profile(frame: Frame, stars: Table, *, fwhm: Pixels) -> RadialProfile:
    """Stack the radial profiles of bright isolated stars.

    Parameters
    ----------
    frame : Frame
        Calibrated frame.
    stars : Table
        STARS of this frame.
    fwhm : float
        First guess of the FWHM: sets the bins and the radius.

    Returns
    -------
    RadialProfile
        Clipped medians in rings of a tenth of a FWHM; empty without a usable star.
    """
    rows = isolated_stars(stars, fwhm)
    x, y, sky = (stars[name].data[rows] for name in ("x", "y", "sky"))
    half = int(np.ceil(REACH * fwhm)) + 1
    rings = stack_rings(
        frame.data, frame.mask, BLANK, x, y, sky, fwhm * FWHM_TO_SIGMA, half, BINS_PER_FWHM / fwhm,
        int(REACH * BINS_PER_FWHM), 3.0,
    )  # fmt: skip
    r, value, err = (values[np.isfinite(rings[1])] for values in rings)
    elongation = stars["elongation"].data[rows]
    elongation = elongation[np.isfinite(elongation)]
    return RadialProfile(r, value, err, len(rows), float(np.median(elongation)) if len(elongation) else nan)


def fit_psf(frame: Frame, stars: Table, *, fwhm: Pixels) -> PSF:
    """Fit a Moffat profile to the stacked stars of a frame.

    Parameters
    ----------
    frame : Frame
        Calibrated frame.
    stars : Table
        STARS of this frame.
    fwhm : float
        First guess of the FWHM.

    Returns
    -------
    PSF
        FWHM of the profile before integration over pixels, with its error; NaN where
        no star was usable. The profile is called a Gaussian where beta is beyond 33.

    Notes
    -----
    I(r) = I0 (1 + r^2 / alpha^2)^-beta + constant, FWHM = 2 alpha sqrt(2^(1/beta) - 1) (Trujillo et al.
    2001, MNRAS 328, 977), averaged over pixels, by Levenberg-Marquardt steps on the rings of
    `measure_profile`.
    """
    return fit_profile(measure_profile(frame, stars, fwhm=fwhm), fwhm)


def fit_profile(profile: RadialProfile, start: float) -> PSF:
    """Fit a Moffat profile to rings; `start` is the first guess of the FWHM."""
    if len(profile.r) < 6:
        return PSF("moffat", nan, n=0)
    err = np.hypot(profile.err, 0.002 * profile.value.max())
    best, covariance, chi2 = _levenberg_marquardt(
        profile, err, np.array([profile.value.max(), start, 0.33, 0.0])
    )
    spread = max(1.0, chi2 / (len(err) - 4))
    gaussian = best[2] <= GAUSSIAN
    return PSF(
        "gaussian" if gaussian else "moffat",
        float(best[1]),
        float(np.sqrt(covariance[1, 1] * spread)),
        nan if gaussian else float(1.0 / best[2]),
        profile.elongation,
        profile.n,
    )


def moffat_in_pixels(r: Values, height: float, fwhm: float, inverse_beta: float) -> Values:
    """Moffat profile averaged over the pixels at distance `r` from its centre."""
    alpha2 = (fwhm / 2) ** 2 / (2**inverse_beta - 1)
    u, v = (grid.ravel() for grid in np.meshgrid(NODES, NODES))
    total = np.zeros(len(r))
    for turn in DIRECTIONS:
        x, y = r[:, None] * np.cos(turn) + u, r[:, None] * np.sin(turn) + v
        total += (1 + (x * x + y * y) / alpha2) ** (-1 / inverse_beta) @ WEIGHTS
    values: Values = height * total / len(DIRECTIONS)
    return values


def _levenberg_marquardt(profile: RadialProfile, err: Values, p: Values) -> tuple[Values, Values, float]:
    """Best height, FWHM, 1 / beta and constant, their covariance, and chi squared."""
    low = np.array([0.1 * p[0], 0.2 * p[1], 0.004, -p[0]])
    high = np.array([10 * p[0], 5 * p[1], 0.9, p[0]])
    steps = np.array([1e-4 * p[0], 1e-4 * p[1], 1e-4, 1e-4])

    def residual(q: Values) -> Values:
        wrong: Values = (profile.value - moffat_in_pixels(profile.r, q[0], q[1], q[2]) - q[3]) / err
        return wrong

    damping, now = 1e-3, residual(p)
    slope = np.zeros((4, len(now)))
    for _ in range(40):
        for k in range(4):
            trial = p.copy()
            trial[k] += steps[k]
            slope[k] = (now - residual(trial)) / steps[k]
        pull = slope @ now
        # a parameter that leans on its limit stays there
        free = ~((p <= low) & (pull < 0) | (p >= high) & (pull > 0))
        curvature = slope[free] @ slope[free].T
        then = np.full(1, np.inf)
        while damping < 1e6:
            trial = p.copy()
            trial[free] += np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), pull[free])
            trial = np.clip(trial, low, high)
            then = residual(trial)
            if then @ then <= now @ now:
                break
            damping *= 10
        if not then @ then <= now @ now:
            break
        done = now @ now - then @ then < 1e-3
        p, now, damping = trial, then, damping / 10
        if done:
            break
    covariance = np.zeros((4, 4))
    covariance[np.ix_(free, free)] = np.linalg.pinv(curvature)
    return p, covariance, float(now @ now)
