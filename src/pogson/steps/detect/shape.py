"""Measure the shape of stars: moments of each one, the profile of all."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, nan, sqrt

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.flags import SPOILED, Star
from pogson.core.frame import Frame
from pogson.core.psf import PSF
from pogson.core.units import Pixels
from pogson.kernels.centroid import adaptive_ellipses
from pogson.kernels.moffat import fit_moffat
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


@dataclass(frozen=True)
class Shapes:
    """Widths of n stars: FWHM (pixels), major over minor axis, its direction (degree from +x)."""

    fwhm: Values
    elongation: Values
    angle: Values


@dataclass(frozen=True)
class RadialProfile:
    """Stacked profile of stars: radius (pixels), value and error, as a fraction of the peak; whose it is."""

    r: Values
    value: Values
    err: Values
    rows: NDArray[np.int64]
    elongation: float = nan

    @property
    def n(self) -> int:
        """Stars used."""
        return len(self.rows)


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
    width, elongation, angle = adaptive_ellipses(
        frame.data, frame.mask, BLANK, sky, x, y, sigma, max(0.4 * sigma, 0.5), 3.0 * sigma
    )
    return Shapes(width / FWHM_TO_SIGMA, elongation, angle)


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


def stretch_of(stars: Table, rows: NDArray[np.int64]) -> float:
    """Width of some stars along x over the geometric mean of the widths along x and y.

    The moments of a narrow star depend on where in its pixel it lies, as cos(2 pi x) - cos(2 pi y) in their
    ratio: that is fitted and left out. Noise has no direction and takes care of itself.
    """
    rows = rows[np.isfinite(stars["elongation"].data[rows])]
    if len(rows) < 3:
        return 1.0
    x, y, e, angle = (stars[name].data[rows] for name in ("x", "y", "elongation", "angle"))
    along, across = np.cos(np.radians(angle)) ** 2, np.sin(np.radians(angle)) ** 2
    ratio = np.log((e * along + across / e) / (e * across + along / e))
    wave = np.cos(2.0 * np.pi * x) - np.cos(2.0 * np.pi * y)
    off = wave - wave.mean()
    slope = (off @ ratio) / (off @ off) if off.any() else 0.0
    return exp(0.25 * (ratio.mean() - slope * wave.mean()))


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
    return RadialProfile(r, value, err, rows, float(np.median(elongation)) if len(elongation) else nan)


def fit_psf(profile: RadialProfile, *, fwhm: Pixels) -> PSF:
    """Fit a Moffat profile to the stacked stars of a frame.

    Parameters
    ----------
    profile : RadialProfile
        From `measure_profile`.
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
    2001, MNRAS 328, 977), averaged over pixels, by Levenberg-Marquardt steps on the rings.
    """
    top = profile.value.max(initial=0.0)
    if len(profile.r) < 6 or not top > 0.0:
        return PSF("moffat", nan, n=0)
    err = np.hypot(profile.err, 0.002 * top)
    start = np.array([top, fwhm, 0.33, 0.0])
    limits = np.array([[0.1 * top, 10.0 * top], [0.2 * fwhm, 5.0 * fwhm], [0.004, 0.9], [-top, top]])
    best, variance, chi2 = fit_moffat(profile.r, profile.value, err, start, limits)
    spread = max(1.0, chi2 / (len(err) - 4))
    gaussian = best[2] <= GAUSSIAN
    return PSF(
        "gaussian" if gaussian else "moffat",
        float(best[1]),
        sqrt(max(variance, 0.0) * spread),
        nan if gaussian else float(1.0 / best[2]),
        profile.elongation,
        profile.n,
    )
