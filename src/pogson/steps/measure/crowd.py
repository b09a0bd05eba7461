"""How bright each star of a field is, once the light of its neighbours is taken out."""

from __future__ import annotations

from dataclasses import replace
from math import nan, pi

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.flags import SPOILED
from pogson.core.frame import Frame
from pogson.core.transform import Transform
from pogson.core.units import Fwhms, Pixels
from pogson.steps.measure.annulus import lay_out, measure_annulus
from pogson.steps.measure.aperture import flag_pixels, sum_stars
from pogson.steps.measure.stars import Stars, receive_light

Array = NDArray[np.float64]

#: enough to share out the light of close pairs to 1 %
ROUNDS = 40
#: a flux this many times its error replaces the quick one
SURE = 5.0


def separate_fluxes(
    frame: Frame, field: Table, *, at: Transform | None = None, radius: Fwhms = 1.0, fwhm: Pixels = nan
) -> Array:
    """Total flux of each star, the light in small apertures shared out by the profile of the stars.

    They tell how much light neighbours send to each other: the quick fluxes of a search come out several
    times too small beside a brighter star, on whose slope they lie. For photometry they trust the
    profile too much.

    Parameters
    ----------
    frame : Frame
        Calibrated frame, sky not subtracted.
    field : Table
        Stars: id, x, y, flux (quick); `meta["psf"]` may hold their PSF.
    at : Transform or None
        From the field's pixels to this frame's.
    radius : float
        Radius of the apertures.
    fwhm : float
        Full width at half maximum of this frame's stars; NaN takes it from the field.

    Returns
    -------
    (star,)
        In the frame's unit. Stars that are off this frame, spoiled in it, or below five times their error
        keep the quick flux, on the scale of the others.

    Notes
    -----
    The light in aperture i is the sum of F_j g(d_ij) over all stars, where g is the part of a star's
    light in an aperture that is d away. Damped Jacobi steps, kept positive, find the F.
    """
    layout = lay_out(frame, field, at=at, fwhm=fwhm)
    stars, quick = layout.stars, layout.stars.flux
    light, sure = _measure(frame, stars, layout.blocked, radius * stars.fwhm)
    _, _, held = receive_light(stars, radius * stars.fwhm)
    if not (sure & (quick > 0.0)).any():
        return quick
    scale = np.median((light / held / quick)[sure & (quick > 0.0)])
    flux = np.where(sure, light / held, quick * scale)
    for _ in range(ROUNDS):
        others, _, _ = receive_light(replace(stars, flux=flux), radius * stars.fwhm)
        step = 0.5 * (flux + np.maximum((light - others) / held, 0.0))
        flux = np.where(sure, step, flux)
    return flux


def _measure(
    frame: Frame, stars: Stars, blocked: NDArray[np.uint8], radius: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Light in each star's aperture, and whether it is sure."""
    sky = measure_annulus(frame, stars, blocked, inner=4.0 * stars.fwhm, outer=7.0 * stars.fwhm)
    sums, variances, coverage, bits, _, _ = sum_stars(frame, stars, np.array([radius]))
    light = sums[:, 0] - sky.level * pi * radius**2
    flags = flag_pixels(bits, coverage[:, 0], sums[:, 0], stars, radius, frame.shape)
    with np.errstate(invalid="ignore"):
        return light, ((flags & SPOILED) == 0) & (light > SURE * np.sqrt(variances[:, 0]))
