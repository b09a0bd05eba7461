"""What else than the star may have made a variation: neighbours, the seeing, the edge, full pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import Star
from pogson.core.lightcurves import LightCurves
from pogson.steps.timeseries.noise import quadratic_mean, standard_deviation, weighted_mean

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: flags of points that put a variation in doubt
DOUBTFUL = int(Star.NEIGHBOR | Star.BLENDED | Star.EDGE | Star.SATURATED)


def find_doubts(
    curves: LightCurves, some: slice, mag: Values, rms: Values, expected: Values
) -> tuple[NDArray[np.int64], Values]:
    """What puts the variation of some stars in doubt, as bits of Star; and the light of their neighbours.

    BLENDED, EDGE, SATURATED where over 5 % of the points have the flag. NEIGHBOR where over 5 % have it,
    unless the star varies by more than ten times the light of its neighbours: the profile and the places of
    blends are no better than that.

    Parameters
    ----------
    curves : LightCurves
        All stars; `details` may hold their `contamination`.
    some : slice
        Which of them.
    mag : (star, n)
        Their magnitudes; NaN where not usable.
    rms, expected : (star,)
        Standard deviation of these, and that which their errors lead to expect.

    Returns
    -------
    flags : int64 (star,)
    light : float64 (star,)
        Magnitudes by which they would be fainter alone, the quadratic mean over the points: no less than
        what may come and go. NaN where it is not known.
    """
    share = _shares(curves, some, np.isfinite(mag))
    light = 2.5 * np.log10(1.0 + quadratic_mean(share))
    with np.errstate(invalid="ignore"):
        own = np.sqrt(np.maximum(rms**2 - expected**2, 0.0))
        flags = _often(curves.flags[some])
        theirs = ((flags & int(Star.NEIGHBOR)) != 0) & ~(10.0 * light < own)
    return (flags & ~int(Star.NEIGHBOR)) | np.where(theirs, int(Star.NEIGHBOR), 0), light


def without_seeing(flux: Values, curves: LightCurves) -> Values:
    """Standard deviation of each star's flux once a parabola over the FWHM is taken out."""
    if "fwhm" not in curves.frames.colnames:
        return standard_deviation(flux)
    fwhm = np.asarray(curves.frames["fwhm"], float)
    known = np.isfinite(flux) & np.isfinite(fwhm)
    left = _centered(np.where(known, flux, np.nan))
    # one term after the other, each made orthogonal to those before
    first = _centered(np.where(known, fwhm, np.nan))
    second = _centered(first**2)
    second = second - _slope(second, first) * first
    for term in (first, second):
        left = left - _slope(left, term) * term
    return standard_deviation(np.where(np.isfinite(fwhm).any(), left, flux))


def _shares(curves: LightCurves, some: slice, use: Mask) -> Values:
    """Neighbours' light over the star's own at each point in use; NaN where that is not known."""
    share = curves.details.get("contamination")
    return np.full(use.shape, np.nan) if share is None else np.where(use, share[some], np.nan)


def _often(flags: NDArray[np.int64]) -> NDArray[np.int64]:
    """The doubtful bits that are set in over 5 % of the points."""
    found = np.zeros(len(flags), np.int64)
    n = np.maximum(flags.shape[1], 1)
    for bit in Star:
        if bit & DOUBTFUL:
            often = ((flags & int(bit)) != 0).sum(1) > 0.05 * n
            found |= np.where(often, int(bit), 0)
    return found


def _centered(values: Values) -> Values:
    return values - weighted_mean(values, np.ones_like(values))[:, None]


def _slope(values: Values, term: Values) -> Values:
    """Of each row over a term whose mean is 0; 0 where the term is."""
    square = np.nansum(term**2, 1)
    return (np.nansum(values * term, 1) / np.where(square > 0.0, square, np.inf))[:, None]
