"""The error budget of a flux: where its noise comes from."""

from __future__ import annotations

from math import isfinite, isnan, nan, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pogson.core.frame import Exposure

Array = NDArray[np.float64]

#: 2.5 / ln 10: a relative error of 1 in flux is an error of 1.0857 mag
POGSON = 1.0857362047581296

#: variance of the sky level = SKY_FACTOR * sigma^2 / n: mean, median, and 3 median - 2 mean
SKY_FACTOR = {"mean": 1.0, "median": pi / 2.0, "mode": 9.0 * pi / 2.0 - 8.0}


def scintillation(exposure: Exposure) -> float:
    """Relative error of a flux by scintillation; NaN where diameter, airmass or exposure time is unknown.

    sigma^2 = 10e-6 C_Y^2 D^(-4/3) t^-1 X^3 exp(-2 h / 8000 m), with C_Y = 1.56, the median of eleven
    observatories. An unknown height counts as 0, which makes it too large.

    References
    ----------
    Young 1967, AJ 72, 747; Osborn et al. 2015, MNRAS 452, 1707, eq. 7 and table 1.
    """
    diameter, time, airmass = exposure.diameter, exposure.exptime, exposure.airmass
    if isnan(diameter) or isnan(airmass) or not time > 0.0:
        return nan
    known = exposure.site is not None and isfinite(exposure.site.height)
    height = exposure.site.height if exposure.site and known else 0.0
    variance = 10e-6 * 1.56**2 * diameter ** (-4 / 3) / time * airmass**3 * np.exp(-2.0 * height / 8000.0)
    return float(np.sqrt(variance))


def zero_errors(
    variance: float, rows: float, *, inner: float, outer: float, radius: float, height: float
) -> tuple[float, float]:
    """Errors by the zero level: of the mean of an annulus; and of an aperture's mean above that annulus.

    Parameters
    ----------
    variance, rows : float
        `Frame.zero_variance`, `Frame.zero_rows`: a level that was averaged over n rows has, between rows
        d apart, the covariance variance (1 - d / n), and none from n rows on.
    inner, outer, radius : float
        Of the annulus, and of the aperture in its middle, pixels.
    height : float
        Rows of the frame. A straight line through the last n rows is less certain towards the end, by
        1 + 12 (t / n)^2 at t rows from their middle: averaged over where annuli fit into the frame.

    Notes
    -----
    With f_j the share of row j in the annulus, and g_j that in the aperture, the variances are f C f and
    (g - f) C (g - f). What is the same in all rows cancels in the second.
    """
    if not isfinite(rows):
        return sqrt(variance), 0.0
    j = np.arange(-int(outer) - 1, int(outer) + 2)

    def chord(r: float) -> Array:
        return np.sqrt(np.maximum(r * r - j * j, 0.0))

    ring, disc = chord(outer) - chord(inner), chord(radius + 0.5)
    ring, disc = ring / ring.sum(), disc / disc.sum()
    shared = variance * np.maximum(1.0 - np.abs(j[:, None] - j) / rows, 0.0)
    apart = disc - ring
    late = max(0.5 * rows - outer, 0.0)
    ends = 1.0 + 8.0 * late**3 / (rows**2 * max(height - 2.0 * outer, rows))
    return float(np.sqrt(ends * (ring @ shared @ ring))), float(np.sqrt(max(apart @ shared @ apart, 0.0)))


def split_variance(total: Array, terms: Array, sky: Array) -> dict[str, Array]:
    """Split the variance of an aperture's sum into its causes; they add up to `total`.

    Parameters
    ----------
    total : (n,)
        Sum of w^2 variance over the aperture.
    terms : (n, 5)
        As from `sum_apertures`: dark, read, flat, quantisation, sum of w^2 / flat.
    sky : (n,)
        Sky level per pixel.

    Returns
    -------
    dict
        Variances: source, sky, dark, read, flat, quantisation. The source is what the others leave;
        where noise makes that negative the sky gives way, and where the terms known by
        themselves exceed the total, source and sky are 0 and the sum is larger than the total.
    """
    dark, read, flat, quantisation = (terms[:, k] for k in range(4))
    left = np.maximum(total - (dark + read + flat + quantisation), 0.0)
    light = np.minimum(np.maximum(sky * terms[:, 4], 0.0), left)
    return {
        "source": left - light,
        "sky": light,
        "dark": dark,
        "read": read,
        "flat": flat,
        "quantisation": quantisation,
    }


def expected_noise(
    flux: ArrayLike,
    *,
    radius: float,
    sky: float,
    n_sky: float,
    read_noise: float,
    gain: float = 0.0,
    dark: float = 0.0,
    flat_error: float = 0.0,
    scintillation: float = 0.0,
    sky_method: str = "median",
) -> Array:
    """Error of a flux by the CCD equation, in electrons.

    sigma^2 = F + n (1 + k n / n_sky) (S + D + R^2 + g^2 / 12) + (flat_error F)^2 + (scintillation F)^2

    Parameters
    ----------
    flux : float array
        Flux in the aperture, electrons.
    radius : float
        Radius of the aperture in pixels; n = pi radius^2.
    sky, dark : float
        Electrons per pixel.
    n_sky : float
        Pixels of the annulus.
    read_noise : float
        Electrons.
    gain : float
        Electrons per ADU, for the rounding of the converter; 0 leaves it out.
    flat_error, scintillation : float
        Relative errors of the flux.
    sky_method : str
        "median" (k = pi / 2), "mean" (k = 1) or "mode".

    References
    ----------
    Merline & Howell 1995, Exp. Astron. 6, 163; Howell 1989, PASP 101, 616.
    """
    f = np.maximum(np.asarray(flux, float), 0.0)
    n = pi * radius**2
    pixel = sky + dark + read_noise**2 + gain**2 / 12.0
    background = n * (1.0 + SKY_FACTOR[sky_method] * n / n_sky) * pixel
    return np.sqrt(f + background + (flat_error * f) ** 2 + (scintillation * f) ** 2)
