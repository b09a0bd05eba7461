"""Find the stars that vary more than stars of their brightness do."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.columns import VARIABILITY
from pogson.core.flags import SPOILED, Star
from pogson.core.lightcurves import LightCurves
from pogson.core.medians import row_median
from pogson.core.units import Fraction
from pogson.steps.timeseries.doubt import find_doubts, without_seeing
from pogson.steps.timeseries.ensemble import Ensemble
from pogson.steps.timeseries.indices import (
    interquartile_range,
    inverse_von_neumann,
    reduced_chi_square,
    stetson_j,
)
from pogson.steps.timeseries.noise import (
    isolated_outliers,
    local_noise,
    quadratic_mean,
    red_noise_factor,
    standard_deviation,
    weighted_mean,
)

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: stars of like brightness that say what is normal
NEIGHBORS = 60

#: stars measured at a time
BLOCK = 128

#: points that tell of a variation, however many were lost to a bad column
ENOUGH = 30

#: a star this far off the others of its brightness varies, in sigma
VARIES = 5.0


def measure_variability(ensemble: Ensemble, *, max_unusable: Fraction = 0.2, local_window: int = 11) -> Table:
    """Mean magnitude, noise and indices of variability of every star, and its rank.

    A star's rank comes from `excess`: how far the logarithm of rms / expected rms is above that of the
    stars of its brightness, in units of their spread, red noise of the night included. It is taken from the
    fluxes: magnitudes of faint stars are not normally distributed. First come the stars that
    vary by more than 5 of these, and among them, last, those in doubt (`flags`, see `find_doubts`; SEEING
    where the widths of the stars explain it); then the others, in doubt last. Those of quality -1 with fewer
    than 30 usable points have no rank (0). Points whose error is over 3 times the star's median
    one, in frames through thick cloud, count in the global noise only; so do those at the detector's edge,
    where the annulus is not whole and rows are often dark, unless over half of a star's points are there.

    `quality` is -1 where more than `max_unusable` of the frames have no usable point. Else it is the
    number of faults of these four: over 5 % of the points unusable; local noise over 1.3 times the
    expected one; over 1 % of the points isolated outliers; doubtful by neighbours, edge or saturation
    in over 5 % of the points. A variation slower than the boxcar is no fault.

    Parameters
    ----------
    ensemble : Ensemble
        Differential magnitudes.
    max_unusable : float
        Above this fraction of unusable points a star has quality -1.
    local_window : int
        Points of the boxcar for the local noise.

    Returns
    -------
    Table
        VARIABILITY, one row per star in the ensemble's order; period and fap are NaN.

    References
    ----------
    Sokolovsky et al. 2017, MNRAS 464, 274.
    """
    curves = ensemble.curves
    parts = [
        _measure(ensemble, slice(k, k + BLOCK), max_unusable, local_window)
        for k in range(0, max(len(curves.stars), 1), BLOCK)
    ]
    found: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    fit = found["quality"] >= 0
    rms, left, expected = (found.pop(name) for name in ("flux_rms", "flux_rms_left", "flux_expected"))
    excess = stand_off(found["mag"], rms, expected, found["n"], fit)
    seeing = (excess > VARIES) & ~(stand_off(found["mag"], left, expected, found["n"], fit) > VARIES)
    found["flags"] |= np.where(seeing, int(Star.SEEING), 0)
    nothing = np.full(len(excess), np.nan)
    return VARIABILITY.table(
        star=np.array(curves.stars["id"], np.int64),  # its own: the table may be sorted
        role=_roles(ensemble),
        rank=_rank(excess, found["flags"], fit | (found["n"] >= ENOUGH)),
        period=nothing,
        fap=nothing,
        excess=excess,
        **found,
    )


def _measure(ensemble: Ensemble, some: slice, max_unusable: float, window: int) -> dict[str, Any]:
    """Columns of VARIABILITY for some stars, and the fluxes' scatter and what it is expected to be."""
    curves = ensemble.curves
    flags = curves.flags[some]
    fine = (flags & SPOILED) == 0
    usable = fine & np.isfinite(ensemble.mag[some])
    mag, err = _where(usable, ensemble.mag[some], ensemble.mag_err[some])
    flux, flux_err = _where(fine, curves.flux[some], curves.flux_err[some])
    # told by the fluxes: a star behind a branch for one frame has no magnitude
    wild = isolated_outliers(flux, flux_err)
    # a few frames through thick cloud would make the whole of a standard deviation
    aside = wild | _at_edge(curves, some)
    calm = np.where(aside | (err > 3.0 * row_median(err)[:, None]), np.nan, mag)
    steady = np.isfinite(calm)
    # of the fluxes: a mean of magnitudes, weighted, prefers the points that came out bright
    level = weighted_mean(np.where(steady, flux, np.nan), flux_err)
    mean = -2.5 * np.log10(np.where(level > 0.0, level, np.nan))
    expected = quadratic_mean(np.where(steady, err, np.nan))
    local = local_noise(calm, window=window)
    known = (steady | (~np.isfinite(ensemble.mag[some]) & ~aside)) & np.isfinite(flux)
    known &= ~(flux_err > 3.0 * row_median(flux_err)[:, None])
    flux, flux_err = _where(known, flux, flux_err)
    n, frames = usable.sum(1), max(mag.shape[1], 1)
    rms = standard_deviation(calm)
    doubt, light = find_doubts(curves, some, calm, rms, expected)
    unusable = 1.0 - n / frames
    faults = (unusable > 0.05).astype(int) + (wild.sum(1) > 0.01 * frames) + (doubt != 0)
    with np.errstate(invalid="ignore"):
        faults = faults + (local > 1.3 * expected)
    return {
        "mag": mean,
        "rms": rms,
        "expected_rms": expected,
        "global_noise": standard_deviation(mag),
        "local_noise": local,
        "quality": np.where(unusable > max_unusable, -1, faults),
        "beta": red_noise_factor(calm),
        "inverse_eta": inverse_von_neumann(calm),
        "iqr": interquartile_range(mag),
        "stetson_j": stetson_j(calm, err, mean, curves.time),
        "chi2": reduced_chi_square(calm, err, mean),
        "n": n,
        "contamination": light,
        "flags": doubt,
        "flux_rms": standard_deviation(flux),
        "flux_rms_left": without_seeing(flux, curves),
        "flux_expected": quadratic_mean(flux_err),
    }


def _at_edge(curves: LightCurves, some: slice) -> Mask:
    """Points whose annulus reaches over the detector's edge; none of a star that is mostly there."""
    flags, frames = curves.flags[some], curves.frames
    if not {"x", "y"} <= set(curves.details) or "annulus" not in frames.colnames:
        return np.zeros(flags.shape, bool)
    x, y = curves.details["x"][some], curves.details["y"][some]
    reach, rows, columns = (np.asarray(frames[name], float) for name in ("annulus", "rows", "columns"))
    with np.errstate(invalid="ignore"):
        beyond = (x < reach) | (y < reach) | (x > columns - 1.0 - reach) | (y > rows - 1.0 - reach)
    return beyond & (2 * beyond.sum(1, keepdims=True) <= flags.shape[1])


def _where(known: Mask, *values: Values) -> tuple[Values, ...]:
    return tuple(np.where(known, one, np.nan) for one in values)


def stand_off(mag: Values, rms: Values, expected: Values, n: NDArray[np.int64], use: Mask) -> Values:
    """How far each star's rms is above that of the stars of its brightness, in units of their spread.

    The spread is that of ln(rms / expected) among the 60 stars nearest in brightness, from the median
    absolute deviation, at least the 1 / sqrt(2 n) of white noise.

    Parameters
    ----------
    mag, rms, expected : (star,)
        Mean magnitude, standard deviation, and that which the errors lead to expect.
    n : int (star,)
        Usable points.
    use : bool (star,)
        Stars that say what is normal.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(rms / expected)
    known = np.isfinite(ratio) & np.isfinite(mag) & (n > 2)
    rows = np.flatnonzero(known & use)
    excess = np.full(len(mag), np.nan)
    if len(rows) < 5:
        # too few to say what is normal: white noise is
        excess[known] = ratio[known] * np.sqrt(2.0 * n[known])
        return excess
    rows = rows[np.argsort(mag[rows], kind="stable")]
    width = min(NEIGHBORS, len(rows))
    windows = np.lib.stride_tricks.sliding_window_view(ratio[rows], width)
    middle = np.median(windows, 1)
    spread = 1.4826 * np.median(np.abs(windows - middle[:, None]), 1)
    place = np.searchsorted(mag[rows], mag[known])
    at = np.clip(place - width // 2, 0, len(windows) - 1)
    white = 1.0 / np.sqrt(2.0 * n[known])
    excess[known] = (ratio[known] - middle[at]) / np.maximum(spread[at], white)
    return excess


def _rank(excess: Values, doubt: NDArray[np.int64], known: Mask) -> NDArray[np.int64]:
    ranked = np.flatnonzero(known & np.isfinite(excess))
    steady = excess[ranked] <= VARIES
    # what the seeing explains comes after what it does not
    surely = 1 * (doubt[ranked] != 0) + 1 * ((doubt[ranked] & int(Star.SEEING)) != 0)
    order = ranked[np.lexsort((ranked, -excess[ranked], surely, steady))]
    rank = np.zeros(len(excess), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank


def _roles(ensemble: Ensemble) -> NDArray[np.str_]:
    ids = np.asarray(ensemble.curves.stars["id"], np.int64)
    roles = np.where(ensemble.weight > 0.0, "comparison", "field")
    roles = np.where((ids == ensemble.check) & (ensemble.check != 0), "check", roles)
    return np.where((ids == ensemble.target) & (ensemble.target != 0), "target", roles)
