"""Compare every star with an ensemble of the others: inhomogeneous ensemble photometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.errors import NightError, SettingError
from pogson.core.lightcurves import LightCurves
from pogson.core.units import Fraction, Sigma
from pogson.steps.timeseries.collect import select_stars
from pogson.steps.timeseries.comparison import (
    best_of_brightest,
    choose_number,
    find_candidates,
    magnitudes,
    score_comparisons,
    unspoiled_fluxes,
    usable_points,
)
from pogson.steps.timeseries.extinction import (
    ColorExtinction,
    correct_color_extinction,
    fit_color_extinction,
)
from pogson.steps.timeseries.leastsquares import POGSON, Solution, plain_ensemble, solve_ensemble
from pogson.steps.timeseries.slope import (
    FieldSlope,
    correct_field_slope,
    fit_field_slope,
    leave_itself_out,
    residuals_after,
)

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]

METHODS = ("least squares", "best 20 of 40")

#: stars corrected at a time
BLOCK = 256


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
        Magnitude that each frame adds to all stars, and its error, which all stars of the frame share.
    weight : (star,)
        Share of each star in the ensemble; 0 for all others.
    scatter : (star,)
        Scatter of the ensemble's stars beyond their errors, magnitudes; NaN for all others.
    comparisons : Table
        The candidates with their scores, best first, and whether they were `used`.
    target, check : int
        Numbers of the target and the check star; 0: none. Neither is in the ensemble.
    color_extinction : ColorExtinction
        The term of colour times airmass, where colours are known.
    field_slope : FieldSlope
        What each frame adds at one side of the field more than at the other.
    unrest : (n,)
        Magnitudes that `add_unrest` added to the errors of each frame's points.
    """

    curves: LightCurves
    mag: Values
    mag_err: Values
    frame_mag: Values
    frame_mag_err: Values
    weight: Values
    scatter: Values
    comparisons: Table = field(default_factory=Table)
    target: int = 0
    check: int = 0
    color_extinction: ColorExtinction = field(default_factory=ColorExtinction)
    field_slope: FieldSlope = field(default_factory=FieldSlope)
    unrest: Values = field(default_factory=lambda: np.zeros(0))

    @property
    def members(self) -> Ints:
        """Numbers of the stars of the ensemble."""
        return np.asarray(self.curves.stars["id"], np.int64)[self.weight > 0.0]


def compare_ensemble(
    curves: LightCurves,
    *,
    target: int = 0,
    check: int = 0,
    exclude: Sequence[int] = (),
    comparisons: Sequence[int] = (),
    method: str = "least squares",
    min_snr: Sigma = 20.0,
    min_coverage: Fraction = 0.5,
    most: int = 150,
    clip: Sigma = 5.0,
) -> Ensemble:
    """Differential magnitudes against the weighted mean of constant stars.

    Minimises ``sum w (m[s, e] - m[s] - f[e])^2`` over star magnitudes and frame offsets with
    ``w = 1 / (err^2 + scatter[s]^2)``, gaps allowed. The scatter of a star is found again in each turn from
    its residuals against the ensemble without itself, so that variable stars lose their weight; a star
    of the ensemble is compared with the others only. The number of stars is chosen on frames held out.
    Where `curves.stars` has a color and `curves.frames` an airmass, second-order extinction is fitted, and
    taken out of all stars where it is 3 of its errors. Where frames slope over the field by more than chance,
    a plane is taken out of each ("least squares" only), and what is unknown of it is in the errors.

    Parameters
    ----------
    curves : LightCurves
        Fluxes of all stars, in one band.
    target : int
        Number of the target, which is never in the ensemble; 0: none.
    check : int
        Number of the check star; 0 takes a good star that is like the target (or the ensemble) in brightness.
    exclude : sequence of int
        Numbers of stars that must not enter the ensemble: known variables.
    comparisons : sequence of int
        Numbers of the stars that make the ensemble; empty chooses them.
    method : str
        "least squares", or "best 20 of 40": the plain mean of the 20 of the 40 brightest complete stars
        that agree best, as AsPyLib does.
    min_snr : float
        Least median signal-to-noise ratio of a star of the ensemble.
    min_coverage : float
        Least fraction of the frames in which it was well measured.
    most : int
        Largest number of stars.
    clip : float
        Single points beyond this many of their errors are left out.

    Raises
    ------
    NightError
        If fewer than two stars are fit for the ensemble.
    SettingError
        If there is no such method.

    References
    ----------
    Honeycutt 1992, PASP, 104, 435; Broeg, Fernandez & Neuhaeuser 2005, AN, 326, 134.
    """
    if method not in METHODS:
        raise SettingError(f"no method '{method}' of comparison; use one of: {', '.join(METHODS)}")
    _check_numbers(curves, [n for n in (target, check, *exclude, *comparisons) if n])
    limits = {"min_snr": min_snr, "min_coverage": min_coverage}
    extinction = ColorExtinction()
    if "color" in curves.stars.colnames and "airmass" in curves.frames.colnames:
        # from all stars that may be chosen: those that scatter least have noise that hides the term
        rows, *_ = find_candidates(curves, [target, check, *exclude], **limits, most=2 * most)
        curves, extinction = _take_out_extinction(curves, rows, clip)
    scores = score_comparisons(
        curves, target=target, exclude=[*exclude, check], **limits, most=most, clip=clip
    )
    if not check and not comparisons:
        check = _choose_check(curves, scores, target)
        scores = scores[np.asarray(scores["star"]) != check]
    if comparisons:
        rows = _rows(curves, [n for n in comparisons if n not in (target, check)])
    elif method == METHODS[1]:
        rows = _brightest(curves, [target, check, *exclude])
    else:
        ranked = [int(n) for n in scores["star"]]
        rows = _rows(curves, ranked[: choose_number(curves, ranked, most=most, clip=clip)])
    if len(rows) < 2:
        raise NightError(f"{len(rows)} star(s) to compare with, 2 are needed: name more comparison stars")
    solution, slope = _solve(curves, rows, method, clip), FieldSlope()
    if method == METHODS[0]:
        solution, slope = _take_out_slope(curves, rows, clip, solution)
    scores["used"] = np.isin(np.asarray(scores["star"]), np.asarray(curves.stars["id"])[rows])
    made = apply_ensemble(curves, solution, rows, slope)
    return replace(made, comparisons=scores, target=target, check=check, color_extinction=extinction)


def apply_ensemble(curves: LightCurves, solution: Solution, rows: Ints, slope: FieldSlope) -> Ensemble:
    """Take offset and slope of each frame out of all stars; one of the ensemble is compared with the others.

    Parameters
    ----------
    curves : LightCurves
        Fluxes of all stars.
    solution : Solution
        Of the stars of the ensemble.
    rows : (s,)
        Their rows.
    slope : FieldSlope
        What was taken out of them before the solution.
    """
    own, own_var = leave_itself_out(curves.stars[rows], solution, slope)
    others = np.where(np.isnan(own_var), np.nan, solution.frame - own)
    member = np.full(len(curves.flux), -1)
    member[rows] = np.arange(len(rows))
    flux, flux_err, mag, mag_err = (np.empty(curves.flux.shape) for _ in range(4))
    plain = 10.0 ** (0.4 * solution.frame), solution.frame_var
    apart = 10.0 ** (0.4 * others), own_var
    for first in range(0, len(flux), BLOCK):
        some = slice(first, first + BLOCK)
        at = member[some]
        inside = (at >= 0)[:, None]
        factor, variance = (np.where(inside, a[at], p) for a, p in zip(apart, plain, strict=True))
        if slope.n:
            shift, unsure = slope.of(curves.stars[some])
            factor, variance = factor * 10.0 ** (0.4 * shift), variance + np.where(inside, 0.0, unsure)
        with np.errstate(invalid="ignore", divide="ignore"):
            flux[some] = curves.flux[some] * factor
            flux_err[some] = np.sqrt(
                (curves.flux_err[some] * factor) ** 2 + (flux[some] / POGSON) ** 2 * variance
            )
            positive = np.where(flux[some] > 0.0, flux[some], np.nan)
            mag[some], mag_err[some] = -2.5 * np.log10(positive), POGSON * flux_err[some] / positive
    weight, scatter = np.zeros(len(flux)), np.full(len(flux), np.nan)
    weight[rows], scatter[rows] = solution.weight, solution.scatter
    relative = replace(curves, flux=flux, flux_err=flux_err, unit=f"{curves.unit}, mean frame")
    frame_mag_err = np.sqrt(solution.frame_var)
    return Ensemble(relative, mag, mag_err, solution.frame, frame_mag_err, weight, scatter, field_slope=slope)


def _solve(curves: LightCurves, rows: Ints, method: str, clip: float) -> Solution:
    good = usable_points(curves, rows)
    mag, var = magnitudes(curves, rows, good)
    if method == METHODS[1]:
        return plain_ensemble(mag, var, good)
    return solve_ensemble(mag, var, good, clip=clip, fluxes=unspoiled_fluxes(curves, rows))


def _take_out_extinction(curves: LightCurves, rows: Ints, clip: float) -> tuple[LightCurves, ColorExtinction]:
    """Light curves without the term of colour and airmass, and what it is."""
    flat, found = curves, ColorExtinction()
    for _ in range(3):
        # what the term left in the residuals is no scatter of the stars any more: fit what remains
        solution = _solve(flat, rows, METHODS[0], clip)
        found = fit_color_extinction(flat, solution, rows, before=found.term)
        if not found.term:
            return curves, found
        flat = correct_color_extinction(curves, found)
    return flat, found


def _take_out_slope(
    curves: LightCurves, rows: Ints, clip: float, solution: Solution
) -> tuple[Solution, FieldSlope]:
    """The ensemble's solution without the slopes of the frames, and what they are."""
    mine = select_stars(curves, np.isin(np.arange(len(curves.flux)), rows))
    plain, slope = solution, FieldSlope()
    for turn in range(8):
        before, slope = slope, fit_field_slope(mine.stars, solution, before=slope)
        if not slope.n:
            return plain, slope
        if turn == 7 or slope.size < 1.1 * before.size:
            break
        # what slopes left in the residuals is no scatter of the stars any more: more of them is seen then
        solution = _solve(correct_field_slope(mine, slope), np.arange(len(rows)), METHODS[0], clip)
    return residuals_after(mine.stars, solution, slope, before=before), slope


def _check_numbers(curves: LightCurves, numbers: Sequence[int]) -> None:
    known = set(np.asarray(curves.stars["id"]).tolist())
    strange = [str(n) for n in numbers if n not in known]
    if strange:
        raise NightError(f"no star number {', '.join(strange)} in the field; numbers are in stars.ecsv")


def _rows(curves: LightCurves, stars: Sequence[int]) -> Ints:
    ids = np.asarray(curves.stars["id"], np.int64)
    return np.flatnonzero(np.isin(ids, list(stars)))


def _brightest(curves: LightCurves, exclude: Sequence[int]) -> Ints:
    others = np.flatnonzero(~np.isin(np.asarray(curves.stars["id"]), list(exclude)))
    good = usable_points(curves, others)
    mag, _ = magnitudes(curves, others, good)
    return np.sort(others[best_of_brightest(mag, good)])


def _choose_check(curves: LightCurves, scores: Table, target: int) -> int:
    """A good star like the target; none where the ensemble could not spare one."""
    if len(scores) < 4:
        return 0
    fine = np.asarray(scores["part_scatter"] * scores["part_isolation"] * scores["part_coverage"])
    snr = np.asarray(scores["snr"], float)
    like = float(np.median(snr))
    if target:
        row = curves.row(target)
        with np.errstate(invalid="ignore", divide="ignore"):
            known = curves.flux[row] / curves.flux_err[row]
        if np.isfinite(known).any():
            like = float(np.nanmedian(known))
    apart = np.abs(np.log(snr / max(like, 1e-3)))
    return int(scores["star"][int(np.argmax(fine * np.exp(-apart)))])
