"""Sums over a box, or over the pixels of it that stand out: another way to measure, for comparison.

It is how one measures by hand. The box wastes signal-to-noise on empty pixels; a threshold
loses light, and more of it from fainter stars: use `measure_aperture` for results.
"""

from __future__ import annotations

from math import inf, nan

import numpy as np
from astropy.table import Table

from pogson.core.flags import Star
from pogson.core.frame import Frame
from pogson.core.transform import Transform
from pogson.core.units import Fwhms, Pixels, Sigma
from pogson.steps.measure.annulus import lay_out, measure_annulus
from pogson.steps.measure.aperture import FILLED


def measure_box(
    frame: Frame,
    field: Table,
    *,
    at: Transform | None = None,
    half_width: Pixels = 10.0,
    threshold: Sigma = -inf,
    annulus_inner: Fwhms = 4.0,
    annulus_outer: Fwhms = 7.0,
    fwhm: Pixels = nan,
) -> Table:
    """Sum the pixels of a box around each star, above the local sky.

    Parameters
    ----------
    frame : Frame
        Calibrated frame, sky not subtracted.
    field : Table
        Stars: id, x, y, and flux where it is known.
    at : Transform or None
        From the field's pixels to this frame's.
    half_width : float
        The box reaches this far from the star's pixel, to either side.
    threshold : float
        Lowest pixel that counts, in standard deviations of the sky around the star; minus infinity takes all.
    annulus_inner, annulus_outer : float
        Radii of the sky annulus.
    fwhm : float
        Full width at half maximum of the stars; NaN takes it from the field.

    Returns
    -------
    Table
        star, x, y, flux, flux_err, n_pixels, sky, flags. The error holds the variance of every pixel
        once, and the error of the sky level times the number of pixels. The light below a threshold, and
        the noise peaks above it, are a bias that depends on brightness and that no error holds.
    """
    layout = lay_out(frame, field, at=at, fwhm=fwhm, annulus_inner=annulus_inner)
    stars = layout.stars
    inner, outer = annulus_inner * stars.fwhm, annulus_outer * stars.fwhm
    sky = measure_annulus(frame, stars, layout.blocked, inner=inner, outer=outer)
    n = len(stars.x)
    flux, flux_err, pixels = np.full(n, nan), np.full(n, nan), np.zeros(n, int)
    flags = np.full(n, int(Star.INCOMPLETE))
    reach = int(half_width)
    ny, nx = frame.shape
    for s in range(n):
        if not np.isfinite(stars.x[s] + stars.y[s]):
            continue
        i, j = round(stars.x[s]), round(stars.y[s])
        if i < reach or j < reach or i + reach >= nx or j + reach >= ny:
            flags[s] |= int(Star.EDGE)
            continue
        box = np.s_[j - reach : j + reach + 1, i - reach : i + reach + 1]
        light = frame.data[box].astype(float) - sky.level[s]
        if np.any(frame.mask[box] & FILLED) or not np.isfinite(light).all():
            continue
        chosen = np.ones(light.shape, bool)
        if threshold > -inf:
            chosen = light > threshold * sky.sigma[s]
        pixels[s] = chosen.sum()
        flux[s] = light[chosen].sum()
        noise = frame.variance[box][chosen].sum(dtype=float)
        flux_err[s] = np.sqrt(noise + (pixels[s] * sky.level_err[s]) ** 2)
        flags[s] = 0
    values = {"flux": flux, "flux_err": flux_err, "n_pixels": pixels, "sky": sky.level, "flags": flags}
    return Table({"star": stars.id, "x": stars.x, "y": stars.y, **values})
