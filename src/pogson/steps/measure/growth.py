"""Curve of growth: how much light the main aperture misses, from bright isolated stars."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from math import inf, nan, pi

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.optimize import least_squares

from pogson.core.flags import UNUSABLE, Pixel
from pogson.core.frame import Frame
from pogson.core.transform import Transform
from pogson.core.units import Fwhms, Pixels
from pogson.steps.measure.annulus import block_stars, measure_annulus
from pogson.steps.measure.aperture import sum_stars
from pogson.steps.measure.budget import POGSON
from pogson.steps.measure.profile import enclosed_light
from pogson.steps.measure.stars import Stars, contamination, locate_stars

Array = NDArray[np.float64]

STEPS = np.array([0.5, 0.75, 1.0, 1.25, 1.75, 2.0, 2.5, 3.0, 3.5])  # radii of the curve, fwhm
BEST = 5  # stars that set what precise means in this frame
PROFILE_SCATTER = 0.002  # no star's profile is known better: one star must not decide
SLOW_WINGS = "the wings fall off more slowly than a star's: unseen stars or scattered light"
MODEL_ERROR = 0.25  # relative error of the light that is extrapolated


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
        Fraction of the light that the reference aperture does not hold, from the Moffat profile
        fitted to the curve: extrapolated, not measured.
    fwhm, beta : float
        That profile.
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

    Returns
    -------
    GrowthCurve

    Notes
    -----
    A star counts if no flagged pixel lies in its reference aperture, if its neighbours send less than
    0.5 % of its light there, and if its signal-to-noise ratio there is above 50. Ratios of the most
    precise stars are clipped about their mode and weighted towards bright stars; the error is the
    larger of formal error and scatter, and the share of stray light that the scatter betrays. Light
    beyond the reference, and starlight taken for sky in the annulus, follow from a Moffat profile
    fitted to the ratios; a quarter of what is extrapolated so is added to the error.

    References
    ----------
    Howell 1989, PASP 101, 616; Stetson 1990, PASP 102, 932.
    """
    stars = locate_stars(field, at, fwhm)
    main = radius_pixels or radius * stars.fwhm
    annulus = (annulus_inner * stars.fwhm, annulus_outer * stars.fwhm)
    blocked = block_stars(
        frame, stars.x, stars.y, stars.flux, fwhm=stars.fwhm, beta=stars.beta, limit=annulus[0]
    )
    if not np.any(stars.flux > 0.0):
        sky = measure_annulus(frame, stars.x, stars.y, blocked, inner=annulus[0], outer=annulus[1])
        sums = sum_stars(frame, stars, np.array([main]))[0][:, 0]
        stars = dataclasses.replace(stars, flux=sums - sky.level * pi * main**2)
    best = 0
    for size in sorted({s for s in (reference, 3.0, 2.5) if s <= reference}, reverse=True):
        outer = size * stars.fwhm
        if outer <= main:
            continue
        radii = np.unique([main, outer, *(s * stars.fwhm for s in STEPS if s < size)])
        ratio, ratio_err, n = _mean_ratios(frame, _isolated(stars, outer), blocked, radii, main, annulus)
        best = max(best, n)
        if n >= max(min_stars, 1):
            return _curve(radii, ratio, ratio_err, n, main, annulus, stars.fwhm)
    return GrowthCurve(
        main, reason=f"{best} isolated bright stars, {min_stars} needed: no aperture correction"
    )


def _isolated(stars: Stars, radius: float, most: int = 200) -> Stars:
    """The brightest stars whose neighbours leave them alone."""
    share, _ = contamination(stars, radius)
    chosen = np.flatnonzero(share < 0.005)
    chosen = chosen[np.argsort(-stars.flux[chosen], kind="stable")][:most]
    return Stars(
        stars.id[chosen], stars.x[chosen], stars.y[chosen], stars.flux[chosen], stars.fwhm, stars.beta
    )


def _mean_ratios(
    frame: Frame,
    stars: Stars,
    blocked: NDArray[np.uint8],
    radii: Array,
    main: float,
    annulus: tuple[float, float],
) -> tuple[Array, Array, int]:
    """Mean over the stars of flux(r) / flux(largest r), its error, and the number of stars."""
    sky = measure_annulus(frame, stars.x, stars.y, blocked, inner=annulus[0], outer=annulus[1])
    # the largest radius first: bits and peak belong to it
    falling = np.ascontiguousarray(radii[::-1])
    sums, variances, coverage, bits, _, _ = sum_stars(frame, stars, falling)
    sums, variances = sums[:, ::-1], variances[:, ::-1]
    area = pi * radii**2
    flux = sums - sky.level[:, None] * area
    total = flux[:, -1:]
    ratio = flux / total
    # flux(r) is a part of the total: only the ring between them is independent of it
    ring = np.maximum(variances[:, -1:] - variances, 0.0)
    sky_part = sky.level_err[:, None] * (area - ratio * area[-1])
    error = np.sqrt((1.0 - ratio) ** 2 * variances + ratio**2 * ring + sky_part**2) / np.abs(total)
    noise = np.sqrt(variances[:, -1] + (sky.level_err * area[-1]) ** 2)
    good = (coverage[:, 0] == 1.0) & (bits & (UNUSABLE | int(Pixel.NONLINEAR)) == 0) & ~sky.few
    good &= total[:, 0] > 50.0 * noise
    ratio, error, total = ratio[good], error[good], total[good, 0]
    if len(ratio) == 0:
        return np.full(len(radii), nan), np.full(len(radii), nan), 0
    k = int(np.searchsorted(radii, main))
    weight, stray = _weights(ratio[:, k], np.hypot(error[:, k], PROFILE_SCATTER), total)
    n = int(np.count_nonzero(weight))
    weight = weight[:, None] / weight.sum()
    mean = np.sum(weight * ratio, axis=0)
    scatter = np.sum(weight**2 * (ratio - mean) ** 2, axis=0) * n / max(n - 1, 1)
    formal = np.sum(weight**2 * (error**2 + PROFILE_SCATTER**2), axis=0)
    # stray light only adds to the larger aperture: what it scatters by, it shifts by, too
    shift = stray * (1.0 - (radii / radii[-1]) ** 2) / (1.0 - (main / radii[-1]) ** 2)
    return mean, np.sqrt(np.maximum(scatter, formal) + shift**2), n


def _weights(ratio: Array, error: Array, flux: Array) -> tuple[Array, float]:
    """Weights of the stars: 0 for those off the crowd of the ratios, less for faint ones that scatter.

    Light of unseen neighbours only lowers a ratio, the more the fainter the star. So only stars about as
    precise as the best five are compared; their ratios are clipped about their mode; and a stray light that
    is the same for all is added to the errors until they explain the scatter. Returns also that light's
    share of a star.
    """
    fine = error <= 2.0 * np.sort(error)[:BEST][-1]
    mode = _half_sample_mode(ratio[fine])
    off = np.abs(ratio - mode)
    spread = np.quantile(off[fine], 0.25) / 0.3186  # of the closest quarter, as if normally distributed
    keep = fine & (off <= 3.0 * np.hypot(spread, np.minimum(error, 0.01)))
    for stray in np.median(flux[keep]) * np.append(0.0, np.geomspace(1e-3, 0.3, 12)):
        weight = np.where(keep, 1.0 / (error**2 + (stray / flux) ** 2), 0.0)
        mean = np.average(ratio, weights=weight)
        if np.sum(weight * (ratio - mean) ** 2) <= np.count_nonzero(keep):
            break
    return weight, float(np.average(stray / flux, weights=weight))


def _half_sample_mode(values: Array) -> float:
    """Where the values lie closest together: the shortest half of the shortest half, and so on."""
    v = np.sort(values)
    while len(v) > 3:
        half = (len(v) + 1) // 2
        start = int(np.argmin(v[half - 1 :] - v[: len(v) - half + 1]))
        v = v[start : start + half]
    return float(np.median(v))


def _curve(
    radii: Array,
    ratio: Array,
    ratio_err: Array,
    n: int,
    main: float,
    annulus: tuple[float, float],
    fwhm: float,
) -> GrowthCurve:
    """Fit the profile, and carry the ratios on to the total light."""
    # near the core pixels blur the profile; it is the wings that are carried on
    inside = (radii < radii[-1]) & (radii > 1.2 * fwhm)

    def model(p: Array) -> Array:
        return _seen(radii, float(p[0]), float(p[1]), annulus)

    def residuals(p: Array) -> Array:
        seen = model(p)
        return ((seen / seen[-1] - ratio) / np.hypot(ratio_err, 1e-3))[inside]

    fit = least_squares(residuals, [fwhm, 3.0], bounds=([0.3 * fwhm, 2.0], [3.0 * fwhm, 12.0]))
    held = model(fit.x)[-1]
    steps = 1e-3 * np.diag(fit.x)
    slope = np.array([(model(fit.x + step)[-1] - held) / step.sum() for step in steps])
    degrees = max(int(inside.sum()) - 2, 1)
    spread = np.linalg.pinv(fit.jac.T @ fit.jac) * max(2.0 * fit.cost / degrees, 1.0)
    held_err = np.sqrt(max(float(slope @ spread @ slope), 0.0) + (MODEL_ERROR * (1.0 - held)) ** 2)
    fraction = ratio * held
    fraction_err = np.hypot(ratio_err * held, ratio * held_err)
    k = int(np.searchsorted(radii, main))
    return GrowthCurve(
        radius=main,
        reference_radius=float(radii[-1]),
        correction=2.5 * float(np.log10(fraction[k])) if fraction[k] > 0.0 else nan,
        correction_err=POGSON * float(fraction_err[k] / fraction[k]) if fraction[k] > 0.0 else inf,
        radii=radii,
        fraction=fraction,
        fraction_err=fraction_err,
        n=n,
        beyond=1.0 - float(held),
        fwhm=float(fit.x[0]),
        beta=float(fit.x[1]),
        reason=SLOW_WINGS if fit.x[1] < 2.001 else "",
    )


def _seen(radii: Array, fwhm: float, beta: float, annulus: tuple[float, float]) -> Array:
    """Fraction of the light that an aperture shows, after the wings in the annulus passed for sky."""
    # the wings are fainter than the noise, so they move a median as they move a mean
    inner, outer = enclosed_light(np.array(annulus), fwhm, beta)
    wings = (outer - inner) / (pi * (annulus[1] ** 2 - annulus[0] ** 2))
    return enclosed_light(radii, fwhm, beta) - wings * pi * radii**2
