"""How faint a star a frame shows."""

from __future__ import annotations

from math import log10, nan, sqrt

import numpy as np
from astropy.table import Table

from pogson.core.flags import SPOILED
from pogson.core.units import Sigma
from pogson.steps.standardize.gather import Shot


def limiting_magnitude(photometry: Table, *, zero_point: float, snr: Sigma = 5.0) -> float:
    """Magnitude of a star whose flux in the aperture is `snr` times its error.

    The noise is the median of the stars' errors without their own photons; those of the faint star
    itself are added. NaN without a zero point.

    Parameters
    ----------
    photometry : Table
        PHOTOMETRY of one frame.
    zero_point : float
        Of this frame.
    snr : float
        Signal-to-noise ratio at the limit.
    """
    shot = Shot.of(photometry)
    noise = shot.background_err
    noise = noise[np.isfinite(noise) & (noise > 0.0) & ((shot.flags & SPOILED) == 0)]
    if len(noise) == 0 or not np.isfinite(zero_point):
        return nan
    sigma = float(np.median(noise))
    own = snr**2 if shot.electrons else 0.0
    flux = 0.5 * (own + sqrt(own**2 + 4.0 * (snr * sigma) ** 2))
    return zero_point + shot.aperture_correction - 2.5 * log10(flux / shot.exptime)
