"""Frames in which stars differ by more than their errors know, as behind clouds with holes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pogson.core.flags import SPOILED
from pogson.core.medians import row_median
from pogson.steps.timeseries.ensemble import Ensemble
from pogson.steps.timeseries.leastsquares import POGSON

Values = NDArray[np.float64]

#: stars of the ensemble that a frame needs to be judged
FEWEST = 10

#: a frame is restless whose pulls are wider than 1 by so many times what chance makes
SURE = 4.0

#: error of a width from the median of absolute pulls, times the root of their number
WIDTH_ERR = 1.17


def add_unrest(ensemble: Ensemble) -> Ensemble:
    """The same light curves, with the unrest of each frame in the errors of all its points.

    Where the steady stars of the ensemble scatter about their own medians by more than their errors tell,
    and that by four times what chance makes of it, one variance for the frame is added to all: that with
    which the median absolute pull is that of a normal distribution. Frames at rest stay as they are.

    Parameters
    ----------
    ensemble : Ensemble
        Differential magnitudes.

    Returns
    -------
    Ensemble
        `unrest` holds what was added, magnitudes.
    """
    curves = ensemble.curves
    members = np.flatnonzero(ensemble.weight > 0.0)
    fine = (curves.flags[members] & SPOILED) == 0
    mag = np.where(fine, ensemble.mag[members], np.nan)
    away, err = np.abs(mag - row_median(mag)[:, None]), ensemble.mag_err[members]
    # what a star scatters by in most frames is its own; where that is much it does not tell of one frame
    usual, typical = 1.4826 * row_median(away), row_median(err)
    steady = usual < 1.4 * typical
    own = np.sqrt(np.maximum(usual**2 - typical**2, 0.0))[steady, None]
    unrest = np.sqrt(_extra_variance(away[steady].T, (err[steady] ** 2 + own**2).T))
    if not unrest.any():
        return replace(ensemble, unrest=unrest)
    flux_err = np.hypot(curves.flux_err, np.abs(curves.flux) * unrest / POGSON)
    return replace(
        ensemble,
        curves=replace(curves, flux_err=flux_err),
        mag_err=np.hypot(ensemble.mag_err, unrest),
        unrest=unrest,
    )


def _extra_variance(away: Values, var: Values) -> Values:
    """For each frame (n, star) the variance that makes the pulls 1 wide; 0 in frames at rest."""
    n = np.isfinite(away).sum(1)
    limit = 1.0 + SURE * WIDTH_ERR / np.sqrt(np.maximum(n, 1))
    restless = np.flatnonzero((n >= FEWEST) & (_width(away, var) > limit))
    extra = np.zeros(len(n))
    if not len(restless):
        return extra
    away, var = away[restless], var[restless]
    low, high = np.zeros(len(away)), np.square(1.4826 * row_median(away)) * 4.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        wide = _width(away, var + middle[:, None]) > 1.0
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    extra[restless] = 0.5 * (low + high)
    return extra


def _width(away: Values, var: Values) -> Values:
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(1.4826 * row_median(away / np.sqrt(var)))
