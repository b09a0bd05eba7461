"""Compare every star with an ensemble of the others: inhomogeneous ensemble photometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pogson.core.errors import NightError
from pogson.core.flags import SPOILED, Star
from pogson.core.lightcurves import LightCurves
from pogson.core.units import Fraction, Sigma

Values = NDArray[np.float64]

POGSON = 2.5 / np.log(10.0)


@dataclass(frozen=True)
class Ensemble:
    """Differential light curves.

    Attributes
    ----------
    curves : LightCurves
        Fluxes relative to the ensemble: each frame's transparency is taken out, and the scale is that
        of the mean frame. `flux_err` holds the error of the ensemble as well.
    mag, mag_err : (star, n)
        ``-2.5 log10`` of these; NaN where not positive.
    frame_mag, frame_mag_err : (n,)
        Magnitude that each frame adds to all stars, and its error.
    weight : (star,)
        Share of each star in the ensemble; 0 for all others.
    scatter : (star,)
        Scatter of the ensemble's stars beyond their errors, magnitudes; NaN for all others.
    """

    curves: LightCurves
    mag: Values
    mag_err: Values
    frame_mag: Values
    frame_mag_err: Values
    weight: Values
    scatter: Values


def compare_ensemble(
    curves: LightCurves,
    *,
    exclude: Sequence[int] = (),
    min_snr: Sigma = 20.0,
    min_coverage: Fraction = 0.5,
    most: int = 150,
    clip: Sigma = 5.0,
) -> Ensemble:
    """Differential magnitudes against the weighted mean of all constant stars.

    Minimises ``sum w (m[s, e] - m[s] - f[e])^2`` over star magnitudes and frame offsets with
    ``w = 1 / (err^2 + scatter[s]^2)``, gaps allowed. The scatter of a star is found again in each turn from
    its residuals against the ensemble without itself, so that variable stars lose their weight; a star
    of the ensemble is compared with the others only.

    Parameters
    ----------
    curves : LightCurves
        Fluxes of all stars, in one band.
    exclude : sequence of int
        Numbers of stars that must not enter the ensemble: the target, known variables.
    min_snr : float
        Least median signal-to-noise ratio of a star of the ensemble.
    min_coverage : float
        Least fraction of the frames in which it was well measured.
    most : int
        Largest number of stars; the brightest are taken.
    clip : float
        Single points beyond this many of their errors are left out.

    Raises
    ------
    NightError
        If fewer than two stars are fit for the ensemble.

    References
    ----------
    Honeycutt 1992, PASP, 104, 435; Broeg, Fernandez & Neuhaeuser 2005, AN, 326, 134.
    """
    members = _choose(curves, exclude, min_snr, min_coverage, most)
    flux, err = curves.flux[members], curves.flux_err[members]
    good = _good(curves)[members]
    with np.errstate(invalid="ignore", divide="ignore"):
        mag = np.where(good, -2.5 * np.log10(flux), 0.0)
        var = np.where(good, (POGSON * err / flux) ** 2, 1.0)
    scatter = np.zeros(len(members))
    for _ in range(12):
        w = np.where(good, 1.0 / (var + scatter[:, None] ** 2), 0.0)
        star, frame = _solve(mag, w)
        away, away_var = _without_itself(mag - star[:, None] - frame, w, var)
        before = scatter
        scatter = np.array([_extra(a[g], v[g]) for a, v, g in zip(away, away_var, good, strict=True)])
        size = np.sqrt(away_var + scatter[:, None] ** 2)
        good = good & (np.abs(away) < clip * size)
        if np.allclose(scatter, before, atol=1e-5):
            break
    w = np.where(good, 1.0 / (var + scatter[:, None] ** 2), 0.0)
    star, frame = _solve(mag, w)
    total = w.sum(0)
    offset = np.broadcast_to(frame, curves.flux.shape).copy()
    weight = np.broadcast_to(total, curves.flux.shape).copy()
    weight[members] = total - w
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.where(weight[members] > 0.0, w * (mag - star[:, None] - frame) / weight[members], np.nan)
    offset[members] = frame - own
    return _result(curves, offset, weight, frame, total, members, w, scatter)


def _good(curves: LightCurves) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        fine = np.isfinite(curves.flux) & (curves.flux > 0.0) & (curves.flux_err > 0.0)
        # a magnitude needs a flux well above its error
        return fine & (curves.flux > 3.0 * curves.flux_err) & ((curves.flags & SPOILED) == 0)


def _choose(
    curves: LightCurves, exclude: Sequence[int], min_snr: float, min_coverage: float, most: int
) -> NDArray[np.int64]:
    good = _good(curves)
    rows = good.mean(1) >= min_coverage
    rows &= ~np.isin(np.asarray(curves.stars["id"]), list(exclude))
    rows &= ((curves.flags & int(Star.VARIABLE)) == 0).all(1)
    snr = np.zeros(len(good))
    for k in np.flatnonzero(rows):
        snr[k] = np.median(curves.flux[k, good[k]] / curves.flux_err[k, good[k]])
    rows &= snr >= min_snr
    chosen = np.flatnonzero(rows)
    chosen = chosen[np.argsort(-snr[chosen], kind="stable")][:most]
    if len(chosen) < 2:
        raise NightError(
            f"{len(chosen)} star(s) fit for comparison, 2 are needed: lower min_snr ({min_snr:g}) or "
            f"min_coverage ({min_coverage:g})"
        )
    return np.sort(chosen)


def _solve(mag: Values, w: Values) -> tuple[Values, Values]:
    """Star magnitudes and frame offsets (their mean is 0), by least squares; frames are eliminated."""
    total = np.maximum(w.sum(0), 1e-300)
    share = w / total
    normal = np.diag(w.sum(1)) - share @ w.T
    right = (w * (mag - (share * mag).sum(0))).sum(1)
    # a shift of all stars against all frames is free
    n = len(mag)
    normal += w.sum() / n**2
    star = np.linalg.lstsq(normal, right, rcond=None)[0]
    frame = np.where(w.sum(0) > 0.0, (share * (mag - star[:, None])).sum(0), np.nan)
    middle = float(np.nanmean(frame))
    return star + middle, frame - middle


def _without_itself(residual: Values, w: Values, var: Values) -> tuple[Values, Values]:
    """Residuals against the ensemble without the star, and their variance (without its scatter)."""
    rest = w.sum(0) - w
    with np.errstate(invalid="ignore", divide="ignore"):
        away = residual * w.sum(0) / rest
        return np.nan_to_num(away), np.where(rest > 0.0, var + 1.0 / rest, 1e6)


def _extra(residual: Values, var: Values) -> float:
    """Scatter s with ``sum(r^2 / (var + s^2)) = n - 1``."""
    n = len(residual)
    if n < 3 or np.sum(residual**2 / var) <= n - 1:
        return 0.0
    low, high = 0.0, float(np.sqrt(np.sum(residual**2) / (n - 1)))
    for _ in range(30):
        middle = 0.5 * (low + high)
        more = np.sum(residual**2 / (var + middle**2)) > n - 1
        low, high = (middle, high) if more else (low, middle)
    return 0.5 * (low + high)


def _result(
    curves: LightCurves,
    offset: Values,
    weight: Values,
    frame: Values,
    total: Values,
    members: NDArray[np.int64],
    w: Values,
    scatter: Values,
) -> Ensemble:
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = 10.0 ** (0.4 * offset)
        offset_err = np.where(weight > 0.0, 1.0 / np.sqrt(weight), np.nan)
        flux = curves.flux * factor
        flux_err = np.hypot(curves.flux_err * factor, flux * offset_err / POGSON)
        positive = np.where(flux > 0.0, flux, np.nan)
        mag, mag_err = -2.5 * np.log10(positive), POGSON * flux_err / positive
        frame_err = np.where(total > 0.0, 1.0 / np.sqrt(total), np.nan)
    share, extra = np.zeros(len(flux)), np.full(len(flux), np.nan)
    share[members] = w.sum(1) / w.sum()
    extra[members] = scatter
    relative = LightCurves(
        curves.time,
        flux,
        flux_err,
        curves.flags,
        curves.stars,
        curves.frames,
        unit="electron / s, mean frame",
    )
    return Ensemble(relative, mag, mag_err, frame, frame_err, share, extra)
