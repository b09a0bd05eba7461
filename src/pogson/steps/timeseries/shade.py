"""Points in the shade of a branch, the dome or the edge of a cloud, with all their neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.core.flags import SPOILED
from pogson.core.lightcurves import LightCurves
from pogson.core.medians import row_median
from pogson.core.units import Fraction, Sigma
from pogson.steps.timeseries.ensemble import Ensemble

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: stars whose single points are known to this fraction tell of a shade
TELLING = 0.05

#: stars looked at at a time
BLOCK = 256

#: a frame in which fewer stars fade is not looked at: they may be eclipsed
FEWEST = 3


def find_shaded(
    ensemble: Ensemble, *, neighbors: int = 7, limit: Sigma = 5.0, least: Fraction = 0.02
) -> Mask:
    """Points at which a star's neighbours in the field fade together.

    One star that fades is eclipsed; neighbours that fade in one frame stand behind something. In each frame
    the bright stars nearest to a star are asked which part of their usual light they lost: where the median
    is above `least` and above `limit` of its errors, and the star itself is not brighter than usual, its
    point is shaded: it says nothing of the star.

    Parameters
    ----------
    ensemble : Ensemble
        Differential magnitudes; its stars have x and y.
    neighbors : int
        Bright stars that are asked about each star.
    limit : float
        Least significance of their median loss.
    least : float
        Least median loss.

    Returns
    -------
    bool (star, n)
    """
    curves = ensemble.curves
    x, y = (np.asarray(curves.stars[name], float) for name in ("x", "y"))
    usual, spread, typical = (np.empty(len(x)) for _ in range(3))
    for some in (slice(k, k + BLOCK) for k in range(0, len(x), BLOCK)):
        usual[some], spread[some], typical[some] = _usual_of(curves, some)
    telling = np.flatnonzero((typical < TELLING) & np.isfinite(x) & np.isfinite(y))
    shaded = np.zeros(curves.flux.shape, bool)
    if len(telling) <= neighbors:
        return shaded
    near = _neighbors(x, y, telling, neighbors)
    for frame in range(len(curves.frames)):
        loss, error = _losses(curves, (slice(None), frame), usual, spread)
        with np.errstate(invalid="ignore"):
            fading = (loss[telling] > limit * error[telling]) & (loss[telling] > least)
        if fading.sum() < FEWEST:
            continue
        lost, doubt = loss[near], error[near]
        seen = np.isfinite(lost).sum(1)
        middle = row_median(lost)
        middle_err = 1.2533 * np.sqrt(row_median(doubt**2) / np.maximum(seen, 1))
        with np.errstate(invalid="ignore"):
            together = (seen > neighbors // 2) & (middle > least) & (middle > limit * middle_err)
            bright = loss < -3.0 * error
        shaded[:, frame] = together & ~bright & np.isfinite(loss)
    return shaded


def _usual_of(curves: LightCurves, some: slice) -> tuple[Values, Values, Values]:
    """Usual flux of some stars, by what part of it they scatter, and their usual error in parts of it."""
    flux = np.where((curves.flags[some] & SPOILED) == 0, curves.flux[some], np.nan)
    usual = row_median(flux)
    usual = np.where(usual > 0.0, usual, np.nan)
    # what a star scatters by in all frames is no shade
    spread = 1.4826 * row_median(np.abs(1.0 - flux / usual[:, None]))
    _, error = _losses(curves, some, usual[:, None], spread[:, None])
    return usual, spread, row_median(error)


def _losses(curves: LightCurves, at: Any, usual: Values, spread: Values) -> tuple[Values, Values]:
    """The part of their usual light that stars lost, NaN where spoiled; and its error."""
    fine = (curves.flags[at] & SPOILED) == 0
    flux, flux_err = (np.where(fine, v[at], np.nan) for v in (curves.flux, curves.flux_err))
    return 1.0 - flux / usual, np.fmax(flux_err / usual, spread)


def _neighbors(x: Values, y: Values, telling: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Rows of the `n` telling stars nearest to each star, itself not among them."""
    places = np.column_stack([x[telling], y[telling]])
    asked = np.column_stack([np.nan_to_num(x), np.nan_to_num(y)])
    _, found = cKDTree(places).query(asked, k=n + 1)
    rows = telling[found]
    itself = rows == np.arange(len(x))[:, None]
    # a star that tells is its own nearest; from the others the farthest is left out
    itself[~itself.any(1), -1] = True
    return rows[~itself].reshape(len(x), n)
