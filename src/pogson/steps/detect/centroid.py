"""Centre stars: windowed centroids with errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, erf, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import UNUSABLE, Pixel
from pogson.core.frame import Frame
from pogson.core.psf import PSF
from pogson.core.units import Pixels
from pogson.kernels.centroid import windowed_centroids

Values = NDArray[np.float64]

FWHM_TO_SIGMA = 1.0 / 2.3548200450309493
NARROWEST = 1.3  # px: a narrower window sees too few pixels

SAMPLED = 4.0  # px: from this FWHM on the grid of the pixels moves no centre by 1e-6 px
FINE = 8  # parts of a pixel in which a profile is tabulated
SIMPSON = np.array([1, 4, 2, 4, 2, 4, 2, 4, 1]) / (3.0 * FINE)
WAVES = np.array([1.0, 2.0])  # of the bias, per pixel

#: Pixels without a value of their own. A saturated pixel has one: it still marks the star.
BLANK = UNUSABLE & ~int(Pixel.SATURATED | Pixel.BLEED)


@dataclass(frozen=True)
class Centroids:
    """Centres of n stars and their errors, pixels; an error is NaN where the first guess had to stand."""

    x: Values
    y: Values
    x_err: Values
    y_err: Values


def measure_centroids(frame: Frame, x: Values, y: Values, sky: Values, *, fwhm: Pixels) -> Centroids:
    """Centre stars in a Gaussian window that follows them.

    Parameters
    ----------
    frame : Frame
        Calibrated frame.
    x, y : float64 (n,)
        First guesses, good to half a FWHM.
    sky : float64 (n,)
        Sky level under each star.
    fwhm : float
        Full width at half maximum of the window: that of the stars.

    Returns
    -------
    Centroids
        The errors follow from the frame's variance.

    Notes
    -----
    This is SExtractor's XWIN_IMAGE, with an error that holds for profiles that are not Gaussian, too.
    A masked pixel takes the value of its mirror image about the peak, so that it does not pull.
    Stars narrower than 2.5 pixels are drawn to a part of their pixel: see `remove_pixel_bias`.
    """
    sigma = _window(fwhm)
    found = windowed_centroids(frame.data, frame.variance, frame.mask, BLANK, sky, x, y, sigma)
    return Centroids(*found)


def remove_pixel_bias(
    x: Values, err: Values, psf: PSF, *, fwhm: Pixels, stretch: float = 1.0
) -> tuple[Values, Values]:
    """Centres along one axis, and their errors, without what the pixels' grid did to them.

    Pixels sample a narrow star too coarsely: the centre in a window is off by a part that depends on
    where in its pixel the star lies, 0.004 px at a FWHM of 1.5 px and a quarter of that at 2 px. It
    follows from the profile of the frame's stars.

    Parameters
    ----------
    x, err : float64 (n,)
        Centres along this axis from `measure_centroids`, and their errors.
    psf : PSF
        Profile of the frame's stars before integration over pixels.
    fwhm : float
        As given to `measure_centroids`.
    stretch : float
        Width of the stars along this axis over the geometric mean of the widths along both.

    Returns
    -------
    x, err : float64 (n,)
        The error contains that of the FWHM of the profile.
    """
    unsure = psf.fwhm_err if psf.fwhm_err > 0.0 else 0.0
    wider = replace(psf, fwhm=psf.fwhm + unsure)
    off, off_wider = (pixel_bias(one, fwhm=fwhm, stretch=stretch) for one in (psf, wider))
    waves = np.sin(2.0 * pi * WAVES * np.asarray(x)[:, None])
    return x - waves @ off, np.hypot(err, waves @ (off_wider - off))


def pixel_bias(psf: PSF, *, fwhm: Pixels, stretch: float = 1.0) -> Values:
    """Amplitudes (pixels) of the bias of a windowed centre, as sin(2 pi x) and sin(4 pi x) of the measured x.

    Notes
    -----
    The window's sum over the pixels differs from an integral by the waves of one and more periods per pixel
    (Poisson's formula). Those across the other axis cancel by symmetry, and products of two waves are
    negligible, so that one line is enough: the profile seen through the window across, and
    integrated over pixels. For that line the centre is found at 8 places in a pixel, without noise.
    """
    sigma = _window(fwhm)
    half = ceil(4.0 * sigma) + 1
    # a quarter of the profile: the others mirror it
    u = np.arange(half * FINE + 1) / FINE
    width2 = (0.5 * psf.fwhm) ** 2 * np.array([stretch**2, 1.0 / stretch**2])
    q = u[:, None] ** 2 / width2[0] + u**2 / width2[1]
    moffat = psf.profile == "moffat"
    profile = (1.0 + (2.0 ** (1.0 / psf.beta) - 1.0) * q) ** -psf.beta if moffat else 0.5**q
    steps = range(-FINE // 2, len(u) + FINE // 2)
    edges = np.array([erf(step / (FINE * sqrt(2.0) * sigma)) for step in steps])
    across = edges[FINE:] - edges[:-FINE]
    across[0] *= 0.5
    line = profile @ across
    line = np.convolve(np.concatenate([line[:0:-1], line]), SIMPSON, "same")
    u = np.arange(-half * FINE, half * FINE) / FINE
    # pixels (rows) as stars at 8 places (columns) see them
    places, line = u.reshape(-1, FINE), line[:-1].reshape(-1, FINE)
    bias = np.zeros(FINE)
    for _ in range(4):
        t = places - bias
        weighted = np.exp((-0.5 / sigma**2) * t * t) * line
        first = weighted * t
        bias += first.sum(0) / (weighted.sum(0) - np.einsum("ij,ij->j", first, t) / sigma**2)
    # a pixel at u = k / 8 is one whose star lies at -k / 8
    phase = 2.0 * pi * (bias - np.arange(FINE) / FINE)
    return np.asarray(np.linalg.lstsq(np.sin(np.outer(phase, WAVES)), bias)[0], np.float64)


def _window(fwhm: float) -> float:
    """Standard deviation of the window for stars of this width."""
    return max(fwhm * FWHM_TO_SIGMA, NARROWEST)
