"""The sky level under each star, from an annulus around it."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, nan, pi, sqrt

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import SettingError
from pogson.core.flags import UNUSABLE
from pogson.core.frame import Frame
from pogson.core.transform import Transform
from pogson.core.units import Fwhms, Pixels
from pogson.kernels.annulus import annulus_sky, typical_pixel
from pogson.kernels.neighbors import paint_stars
from pogson.steps.measure.budget import SKY_FACTOR
from pogson.steps.measure.profile import surface_radius
from pogson.steps.measure.stars import Stars, locate_stars

Array = NDArray[np.float64]

CLIP = 3.0  # sigma


@dataclass(frozen=True)
class Layout:
    """The stars of a field in one frame, and the pixels that they and flags take from the sky."""

    stars: Stars
    blocked: NDArray[np.uint8]  # (ny, nx), as from `block_stars`


def lay_out(
    frame: Frame,
    field: Table,
    *,
    at: Transform | None = None,
    fwhm: Pixels = nan,
    annulus_inner: Fwhms = 4.0,
    annulus_inner_pixels: Pixels = 0.0,
) -> Layout:
    """What `measure_aperture` and `fit_growth` both begin with; their arguments."""
    stars = locate_stars(field, at, fwhm)
    limit = annulus_inner_pixels or annulus_inner * stars.fwhm
    return Layout(
        stars,
        block_stars(frame, stars.x, stars.y, stars.flux, fwhm=stars.fwhm, beta=stars.beta, limit=limit),
    )


@dataclass(frozen=True)
class AnnulusSky:
    """Sky per pixel around each star: level, its error, scatter of the pixels, how many, too few."""

    level: Array
    level_err: Array
    sigma: Array
    n: NDArray[np.int64]
    few: NDArray[np.bool_]


def measure_annulus(
    frame: Frame,
    stars: Stars,
    blocked: NDArray[np.uint8],
    *,
    inner: float,
    outer: float,
    method: str = "median",
    min_pixels: int = 50,
) -> AnnulusSky:
    """Sky level from the free pixels of an annulus, clipped at 3 sigma until nothing changes.

    Parameters
    ----------
    frame : Frame
        Sky not subtracted.
    stars : Stars
        Where they are.
    blocked : uint8 (ny, nx)
        Pixels to leave out, as from `block_stars`.
    inner, outer : float
        Radii in pixels.
    method : str
        "median"; "mean"; or "mode", 3 median - 2 mean, where faint stars skew the sky.
    min_pixels : int
        Below this number first the faint reach of the stars is let in again, then the annulus grows
        to 1.5 times its outer radius; either way the star is marked `few`.

    Returns
    -------
    AnnulusSky
        The error of the level is sqrt(k / n) times the scatter of the pixels used, with k = 1 for the mean,
        pi / 2 for the median and 6.14 for the mode.

    Raises
    ------
    SettingError
        If the method does not exist.

    Notes
    -----
    Electrons come one by one, so the median of a dark sky lies below its mean by m = mu_3 / (6 sigma^2), up
    to 1/6 electron (first term of Cornish and Fisher), with mu_3 the electrons of sky and dark current.
    Clipping at c sigma takes more of the longer tail: another c^2 exp(-c^2 / 2) m from the median, and
    (2 / pi)^(1/2) (c^3 + c) exp(-c^2 / 2) m from the mean. In an aperture of 60 pixels that is 10 electrons
    for every star: it is added where the unit is the electron.

    References
    ----------
    Stetson 1987, PASP 99, 191; Da Costa 1992, ASP Conf. 23, 90; Merline & Howell 1995, Exp. Astron. 6, 163.
    """
    if method not in SKY_FACTOR:
        raise SettingError(f"sky_method must be one of {', '.join(SKY_FACTOR)}, got {method!r}")
    median, mean, sigma, n, attempt = annulus_sky(
        frame.data, blocked, stars.x, stars.y, stars.order, float(inner), float(outer), CLIP, int(min_pixels)
    )
    if frame.unit == "electron":
        dark = frame.calibration.dark
        skewed = _skewness_shift(median, sigma, typical_pixel(dark, 16) if dark.size else 0.0)
        tail = CLIP**2 * exp(-0.5 * CLIP**2)
        median = median + (1.0 + tail) * skewed
        mean = mean + sqrt(2.0 / pi) * (CLIP + 1.0 / CLIP) * tail * skewed
    level = {"median": median, "mean": mean, "mode": 3.0 * median - 2.0 * mean}[method]
    level_err = np.sqrt(SKY_FACTOR[method] / np.maximum(n, 1)) * sigma
    return AnnulusSky(level, level_err, sigma, n, attempt > 0)


def _skewness_shift(level: Array, sigma: Array, dark: float) -> Array:
    """Mean minus median of pixels that hold `level` photons, dark current, and Gaussian noise.

    Pixels whose scatter is below that of photons, as in a mean of frames or a noise-free model, get none.
    """
    variance = sigma**2
    counted = level + dark
    electrons = (counted > 0.0) & (variance > np.maximum(0.5 * counted, 0.5))
    return np.where(electrons, np.minimum(counted / np.maximum(6.0 * variance, 1e-12), 1.0 / 6.0), 0.0)


def block_stars(
    frame: Frame, x: Array, y: Array, flux: Array, *, fwhm: float, beta: float, limit: float
) -> NDArray[np.uint8]:
    """Paint out the stars: each to where its profile sinks below a fifth of the pixels' noise.

    Parameters
    ----------
    frame : Frame
        Its mask and its typical variance are used.
    x, y, flux : (n,)
        All known stars; NaN flux counts as faint.
    fwhm, beta : float
        Profile of the stars, pixels.
    limit : float
        Largest radius, pixels. The smallest is 1.5 fwhm; the core is 1 fwhm.

    Returns
    -------
    uint8 (ny, nx)
        Bit 1 unusable pixel, bit 2 core of a star, bit 4 reach of a star.
    """
    noise = sqrt(typical_pixel(frame.variance, 16))
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = surface_radius(0.2 * noise / np.where(flux > 0.0, flux, 0.0), fwhm, beta)
    reach = np.clip(np.nan_to_num(reach, nan=0.0), 1.5 * fwhm, max(limit, 1.5 * fwhm))
    return paint_stars(frame.mask, UNUSABLE, x, y, np.full(len(x), float(fwhm)), reach)
