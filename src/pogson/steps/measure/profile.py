"""How much of a star's light a circle holds: the Moffat profile, and the Gaussian."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# distances and angles by which pixels displace a circle: see `pixel_circles`
_DISTANCE, _ANGLE = np.array([0.40802881, 0.89414702]), np.pi * (np.arange(4) + 0.5) / 4.0
_ALONG, _ACROSS = np.outer(np.cos(_ANGLE), _DISTANCE).ravel(), np.outer(np.sin(_ANGLE), _DISTANCE).ravel()
PIXEL_SHARES = np.tile([0.73642523, 0.26357477], 4) / 4.0


def moffat_alpha(fwhm: Array | float, beta: Array | float) -> Any:
    """Core radius of a Moffat profile, from its full width at half maximum."""
    return fwhm / (2.0 * (2.0 ** (1.0 / beta) - 1.0) ** 0.5)


def enclosed_light(radius: Array | float, fwhm: Array | float, beta: Array | float) -> Array:
    """Fraction of the light within `radius` of the centre.

    Parameters
    ----------
    radius : float array
        In pixels.
    fwhm : float
        Full width at half maximum, pixels.
    beta : float
        Exponent of the Moffat profile, above 1; NaN for a Gaussian.

    Notes
    -----
    Moffat: 1 - (1 + (r / alpha)^2)^(1 - beta) (Trujillo et al. 2001, MNRAS 328, 977, eq. 4).
    """
    r2 = np.square(np.asarray(radius, float))
    if np.any(np.isnan(beta)):
        return 1.0 - np.exp(-4.0 * log(2.0) * r2 / fwhm**2)
    return 1.0 - (1.0 + r2 / moffat_alpha(fwhm, beta) ** 2) ** (1.0 - beta)


def surface_brightness(radius: Array, fwhm: float, beta: float) -> Array:
    """Light per square pixel at a distance from the centre of a star of unit flux."""
    if np.isnan(beta):
        width2 = fwhm**2 / (4.0 * log(2.0))
        return np.exp(-np.square(radius) / width2) / (np.pi * width2)
    alpha = moffat_alpha(fwhm, beta)
    return (beta - 1.0) / (np.pi * alpha**2) * (1.0 + np.square(radius / alpha)) ** -beta


def pixel_circles(radius: Array) -> Array:
    """Circles that stand for an aperture which sums pixels, each with its area inside.

    The light in such an aperture, on the average over where in its pixel a star lies, is that
    in these circles about the star (`enclosed_light`), weighted with `PIXEL_SHARES`.

    Parameters
    ----------
    radius : (k,)
        In pixels, above 0.9.

    Returns
    -------
    (k, 8)
        Radii in pixels.

    Notes
    -----
    The pixel blurs twice: each holds the mean of the profile over its area, and stands in the sum with
    the mean of the circle over its area. That is the mean of the light over circles displaced in x and in
    y by sums of two numbers spread evenly over a pixel. To a circle the direction does not matter: two
    distances with the same second, fourth and sixth moment stand for all (Gauss quadrature), and four
    angles for all directions. Right to 1e-4 of the light from 1 FWHM on, for a FWHM of 1.5 px and more.
    """
    r = np.asarray(radius, float)[:, None]
    return _ALONG + np.sqrt(np.maximum(r**2 - _ACROSS**2, 0.0))


def surface_radius(level: Array, fwhm: float, beta: float) -> Array:
    """Radius at which the profile of a star of unit flux falls to `level` per square pixel."""
    level = np.maximum(np.asarray(level, float), 1e-300)
    if np.isnan(beta):
        width2 = fwhm**2 / (4.0 * log(2.0))
        return np.sqrt(width2 * np.maximum(-np.log(level * np.pi * width2), 0.0))
    alpha = moffat_alpha(fwhm, beta)
    peak = (beta - 1.0) / (np.pi * alpha**2)
    return alpha * np.sqrt(np.maximum((peak / level) ** (1.0 / beta) - 1.0, 0.0))


def displaced_light(distance: Array, radius: float, fwhm: float, beta: float) -> Array:
    """Fraction of a star's light in a circle whose centre is `distance` pixels away.

    Rings about the star, each weighted with the part of it that lies in the circle.
    """
    d = np.asarray(distance, float)[:, None]
    edge = np.linspace(0.0, 1.0, 201) * (d + radius)
    light = np.diff(enclosed_light(edge, fwhm, beta), axis=1)
    rho = 0.5 * (edge[:, 1:] + edge[:, :-1])
    cosine = (rho**2 + d**2 - radius**2) / np.maximum(2.0 * rho * d, 1e-12)
    return np.sum(light * np.arccos(np.clip(cosine, -1.0, 1.0)), axis=1) / np.pi
