"""What the place of a star in its pixel does to the light in an aperture."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import isfinite

import numpy as np

from pogson.kernels.overlap import circle_pixel_overlap
from pogson.steps.measure.profile import surface_brightness

#: wider stars do not feel it: less than 0.3 mmag in an aperture of 1.5 widths
SAMPLED = 3.0

#: places in a quarter of a pixel, along each axis; the other quarters are its mirror images
PLACES = (np.arange(5) + 0.5) / 10.0

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)


def phase_scatter(radius: float, fwhm: float, beta: float) -> float:
    """Relative scatter of the light in an aperture with the place of the star in its pixel.

    The part of a pixel that an aperture cuts off is taken to be as bright as the whole pixel. Where stars
    are narrow it is not, and by where in its pixel a star lies its aperture holds some thousandths more
    or less of its light: 3 mmag for a FWHM of 1.5 px and a radius of 1.5 widths. A star that drifts over the
    pixels has it as noise; one that stays has it as an error.

    Parameters
    ----------
    radius, fwhm : float
        In pixels.
    beta : float
        Exponent of the Moffat profile; NaN for a Gaussian.

    Returns
    -------
    float
        Standard deviation over all places in a pixel, as a fraction; 0 for stars wider than 3 px.
    """
    if not (isfinite(fwhm) and 0.0 < fwhm < SAMPLED):
        return 0.0
    # to a hundredth of a pixel: frames of a night share the answer
    return _phase_scatter(round(radius, 2), round(fwhm, 2), round(beta, 1))


@lru_cache(maxsize=512)
def _phase_scatter(radius: float, fwhm: float, beta: float) -> float:
    held = [_light(radius, fwhm, beta, x, y) for x, y in product(PLACES, PLACES)]
    return float(np.std(held) / np.mean(held))


def _light(radius: float, fwhm: float, beta: float, x: float, y: float) -> float:
    """Light in an aperture about (x, y), as pixels show it: their shares in the circle times their means."""
    reach = int(np.ceil(radius + 1.0))
    pixels = np.arange(-reach, reach + 1)
    inside = (pixels[:, None] + 0.5 * _NODES).ravel()
    bright = surface_brightness(np.hypot(inside[None, :] - x, inside[:, None] - y), fwhm, beta)
    shape = (len(pixels), len(_NODES))
    means = np.einsum("jmik,m,k->ji", bright.reshape(*shape, *shape), _WEIGHTS / 2.0, _WEIGHTS / 2.0)
    shares = [[circle_pixel_overlap(i - x, j - y, radius) for i in pixels] for j in pixels]
    return float(np.sum(means * np.array(shares)))
