"""Curve of growth: how much light the main aperture misses, from bright isolated stars."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import inf, nan, pi, sqrt

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.frame import Frame
from pogson.core.transform import Transform
from pogson.core.units import Fwhms, Pixels
from pogson.steps.measure.annulus import Layout, lay_out, measure_annulus
from pogson.steps.measure.aperture import sum_stars
from pogson.steps.measure.budget import POGSON
from pogson.steps.measure.ratios import Ratios, extra_error, isolated, measure_ratios
from pogson.steps.measure.wings import extrapolate

Array = NDArray[np.float64]

STEPS = np.array([0.5, 0.75, 1.0, 1.25, 1.75, 2.0, 2.5, 3.0, 3.5])  # radii of the curve, fwhm
SLOW_WINGS = "the wings fall off more slowly than a star's: unseen stars or scattered light"


@dataclass(frozen=True)
class GrowthCurve:
    """The light inside each radius, and the correction from the main aperture to all of it.

    Attributes
    ----------
    radius, reference_radius : float
        Main aperture, and the largest one that was measured; pixels.
    correction, correction_err : float
        Magnitude to add to one of the main aperture (it is negative), and its error; NaN
        where too few stars were fit for it.
    radii, fraction, fraction_err : (k,)
        Pixels; measured light over total light.
    n : int
        Stars used.
    beyond : float
        Fraction of the light that the reference aperture does not hold, from profiles
        fitted to the curve: extrapolated, not measured.
    fwhm, beta : float
        The Moffat profile among them, before it falls on pixels.
    scatter : float
        Magnitudes by which single stars differ beyond their noise: where in its pixel a star lies, where in
        the frame. The error of the correction holds it for the mean, no star's own error does.
    reason : str
        Why there is no correction, or what to know about it.
    """

    radius: float
    reference_radius: float = nan
    correction: float = nan
    correction_err: float = nan
    radii: Array = dataclasses.field(default_factory=lambda: np.empty(0))
    fraction: Array = dataclasses.field(default_factory=lambda: np.empty(0))
    fraction_err: Array = dataclasses.field(default_factory=lambda: np.empty(0))
    n: int = 0
    beyond: float = nan
    fwhm: float = nan
    beta: float = nan
    scatter: float = nan
    reason: str = ""


def fit_growth(
    frame: Frame,
    field: Table,
    *,
    at: Transform | None = None,
    radius: Fwhms = 1.5,
    radius_pixels: Pixels = 0.0,
    reference: Fwhms = 4.0,
    annulus_inner: Fwhms = 4.0,
    annulus_outer: Fwhms = 7.0,
    min_stars: int = 3,
    fwhm: Pixels = nan,
    layout: Layout | None = None,
) -> GrowthCurve:
    """Aperture correction of a frame, from the ratio of small to large apertures of good stars.

    Parameters
    ----------
    frame : Frame
        Calibrated frame, sky not subtracted.
    field : Table
        Stars: id, x, y, flux.
    at : Transform or None
        From the field's pixels to this frame's.
    radius : float
        Radius of the main aperture.
    radius_pixels : float
        The same in pixels; 0 takes `radius`.
    reference : float
        Radius of the largest aperture; in a crowded field 3 and 2.5 FWHM are tried as well.
    annulus_inner, annulus_outer : float
        Radii of the sky annulus, as for the measurement.
    min_stars : int
        Fewer isolated, unsaturated stars than this give no correction.
    fwhm : float
        Full width at half maximum of this frame's stars; NaN takes it from the field.
    layout : Layout or None
        From `lay_out`, where it is known already.

    Returns
    -------
    GrowthCurve

    Notes
    -----
    A star counts if no flagged pixel lies in its reference aperture, if its neighbours send less than
    0.5 % of its light there, and if its signal-to-noise ratio there is above 50 (`measure_ratios`). Light
    beyond the reference, and starlight taken for sky in the annulus, follow from profiles
    fitted to the mean ratios (`extrapolate`). The correction is a linear function of the ratios, near enough:
    its error is that of the ratios through this function, with all that they share, and what the profiles
    that fit differ by.

    References
    ----------
    Howell 1989, PASP 101, 616; Stetson 1990, PASP 102, 932.
    """
    layout = layout or lay_out(frame, field, at=at, fwhm=fwhm, annulus_inner=annulus_inner)
    stars, blocked = layout.stars, layout.blocked
    main = radius_pixels or radius * stars.fwhm
    inner = annulus_inner * stars.fwhm
    annulus = (inner, max(annulus_outer * stars.fwhm, sqrt(inner**2 + 300.0 / pi)))
    if not np.any(stars.flux > 0.0):
        sky = measure_annulus(frame, stars, blocked, inner=annulus[0], outer=annulus[1])
        sums = sum_stars(frame, stars, np.array([main]))[0][:, 0]
        stars = dataclasses.replace(stars, flux=sums - sky.level * pi * main**2)
    best = 0
    for size in sorted({s for s in (reference, 3.0, 2.5) if s <= reference}, reverse=True):
        outer = size * stars.fwhm
        if outer <= main:
            continue
        radii = np.array(sorted({main, outer, *(s * stars.fwhm for s in STEPS if s < size)}))
        ratios = measure_ratios(frame, isolated(frame, stars, outer), blocked, radii, main, annulus)
        n = len(ratios.each)
        best = max(best, n)
        if n >= max(min_stars, 1):
            return _curve(ratios, annulus, stars.fwhm)
    return GrowthCurve(
        main, reason=f"{best} isolated bright stars, {min_stars} needed: no aperture correction"
    )


def _curve(ratios: Ratios, annulus: tuple[float, float], fwhm: float) -> GrowthCurve:
    """Carry the ratios on to the total light."""
    mean, square = ratios.mean, ratios.weight**2
    radii, k = ratios.radii, ratios.main
    # the profile varies in width, mostly: all ratios go together, and none at the end
    varies = (1.0 - mean) / (1.0 - mean[k])
    # stray light only adds, in proportion to the area: what it scatters by, it shifts by, too
    area = (radii / radii[-1]) ** 2
    strays = (mean - area) / (mean[k] - area[k])
    shift = ratios.weight @ ratios.stray * strays
    covariance = np.einsum("n,nij->ij", square, ratios.covariance)
    covariance += square.sum() * ratios.scatter**2 * np.outer(varies, varies)
    covariance += square @ ratios.stray**2 * np.outer(strays, strays) + np.outer(shift, shift)
    wings = extrapolate(radii, mean, covariance, annulus, fwhm)
    # how ln(fraction) at each radius responds to each ratio
    response = np.diag(1.0 / mean) + wings.response
    # the shape may vary, too, as where in a large pixel a star lies: what the stars' own corrections show
    mine = response[k]
    noise = np.einsum("i,nij,j->n", mine, ratios.covariance, mine) + (mine @ strays * ratios.stray) ** 2
    extra, _ = extra_error((ratios.each - mean) @ mine, noise, np.ones(len(square)))
    more = square.sum() * max(extra**2 - (mine @ varies * ratios.scatter) ** 2, 0.0)
    relative = np.sqrt(np.sum(response @ covariance * response, axis=1) + wings.model_err**2 + more)
    fraction = mean * wings.held
    return GrowthCurve(
        radius=float(radii[k]),
        reference_radius=float(radii[-1]),
        correction=2.5 * float(np.log10(fraction[k])) if fraction[k] > 0.0 else nan,
        correction_err=POGSON * float(relative[k]) if fraction[k] > 0.0 else inf,
        radii=radii,
        fraction=fraction,
        fraction_err=relative * fraction,
        n=len(square),
        beyond=1.0 - wings.held,
        fwhm=wings.fwhm,
        beta=wings.beta,
        scatter=POGSON * ratios.scatter / float(mean[k]),
        reason=SLOW_WINGS if wings.beta < 2.001 else "",
    )
