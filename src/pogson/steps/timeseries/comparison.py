"""Which stars are fit for comparison: a score with all its parts in sight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pogson.core.errors import NightError
from pogson.core.flags import SPOILED, Star
from pogson.core.lightcurves import LightCurves
from pogson.core.medians import row_median
from pogson.steps.timeseries.leastsquares import POGSON, Solution, linear_magnitudes, solve_ensemble

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: numbers of comparison stars that are tried
LADDER = (3, 5, 10, 20, 40, 80, 150, 300)

#: blocks into which the frames are cut to choose that number: every other one is held out
BLOCKS = 8


def usable_points(curves: LightCurves, rows: Ints | slice = slice(None)) -> Mask:
    """Points that may enter an ensemble or a statistic: a flux well above its error, not spoiled."""
    flux, err = curves.flux[rows], curves.flux_err[rows]
    with np.errstate(invalid="ignore"):
        fine = np.isfinite(flux) & (err > 0.0) & (flux > 3.0 * err)
    return fine & ((curves.flags[rows] & SPOILED) == 0)


def magnitudes(curves: LightCurves, rows: Ints, good: Mask) -> tuple[Values, Values]:
    """Instrumental magnitudes of some stars and their variances; 0 and 1 where not usable."""
    flux = np.where(good, curves.flux[rows], 1.0)
    err = np.where(good, curves.flux_err[rows], 1.0)
    return -2.5 * np.log10(flux), (POGSON * err / flux) ** 2


def unspoiled_fluxes(curves: LightCurves, rows: Ints) -> tuple[Values, Values]:
    """Fluxes of some stars and their errors, down to negative ones; NaN where spoiled."""
    fine = (curves.flags[rows] & SPOILED) == 0
    return np.where(fine, curves.flux[rows], np.nan), curves.flux_err[rows]


def find_near(stars: Table, first: float, second: float, *, within: float, sky: bool = False) -> list[int]:
    """Numbers of the stars at a place, nearest first: a target is told by where it is, not by its name.

    Parameters
    ----------
    stars : Table
        id with x, y, or ra, dec.
    first, second : float
        x, y in pixels of the reference frame; or ra, dec in degrees where `sky` is true.
    within : float
        Pixels; degrees where `sky` is true.
    sky : bool
        Search by coordinates.
    """
    a, b = (np.asarray(stars[name], float) for name in (("ra", "dec") if sky else ("x", "y")))
    across = np.cos(np.radians(second)) if sky else 1.0
    apart = (a - first + 180.0) % 360.0 - 180.0 if sky else a - first
    distance = np.hypot(apart * across, b - second)
    near = np.flatnonzero(distance <= within)
    return [int(stars["id"][k]) for k in near[np.argsort(distance[near], kind="stable")]]


def score_comparisons(
    curves: LightCurves,
    *,
    target: int = 0,
    exclude: Sequence[int] = (),
    min_snr: float = 20.0,
    min_coverage: float = 0.5,
    most: int = 150,
    clip: float = 5.0,
) -> Table:
    """Every candidate with its score, best first.

    The score is the product of five parts from 0 to 1:

    * part_scatter: the share of its variance that its errors explain;
    * part_brightness: signal-to-noise relative to the target's, less again for stars over 16 times as
      bright; without a target snr / (snr + 100);
    * part_isolation: 1 / (1 + 10 n), n the light of neighbours that reaches it;
    * part_coverage: fraction of the frames with a usable point;
    * part_color: exp(-(difference from the target's colour)^2 / 2 mag^2); 1 where a colour is unknown.

    Parameters
    ----------
    curves : LightCurves
        Fluxes of all stars.
    target : int
        Number of the target; 0: none. It is never a candidate.
    exclude : sequence of int
        Numbers of other stars that must not be candidates.
    min_snr, min_coverage, most
        As in `compare_ensemble`.
    clip : float
        Limit for single points, in errors.

    Raises
    ------
    NightError
        If fewer than two stars are fit.
    """
    rows, good, snr = find_candidates(
        curves, [target, *exclude], min_snr=min_snr, min_coverage=min_coverage, most=2 * most
    )
    coverage = good.mean(1)
    mag, var = magnitudes(curves, rows, good[rows])
    first = solve_ensemble(mag, var, good[rows], clip=clip, turns=8, fluxes=unspoiled_fluxes(curves, rows))
    size = row_median(np.where(good[rows], first.away_var, np.nan))
    at = int(np.flatnonzero(np.asarray(curves.stars["id"]) == target)[0]) if target else -1
    neighbor = _neighbor_light(curves, good)[rows]
    color, apart = _colors(curves, rows, at)
    parts = {
        "part_scatter": size / (size + first.scatter**2),
        "part_brightness": _brightness(curves, good, snr, rows, at),
        "part_isolation": 1.0 / (1.0 + 10.0 * neighbor),
        "part_coverage": coverage[rows],
        "part_color": np.where(np.isfinite(apart), np.exp(-0.5 * np.nan_to_num(apart) ** 2), 1.0),
    }
    score = np.prod(list(parts.values()), axis=0)
    order = np.lexsort((rows, -score))
    facts = {"scatter": first.scatter, "snr": snr[rows], "neighbor": neighbor, "color": color}
    columns = {"star": np.asarray(curves.stars["id"], np.int64)[rows], "score": score, **parts, **facts}
    table = Table({name: values[order] for name, values in columns.items()})
    table["scatter"].unit = table["color"].unit = "mag"
    return table


def choose_number(curves: LightCurves, ranked: Sequence[int], *, most: int, clip: float = 5.0) -> int:
    """How many of the ranked stars make the best ensemble, told by frames it was not made from.

    Every other block of the night gives stars' magnitudes and weights, the blocks between them judge: the
    scatter of the first 30 stars against the ensemble, each left out of it, in units of their own errors.
    The best number is taken, or a larger one that is as good to a thousandth: an ensemble of many stars
    outlives the loss of some.

    Parameters
    ----------
    curves : LightCurves
        Fluxes of all stars.
    ranked : sequence of int
        Numbers of the candidates, best first.
    most : int
        Largest number.
    clip : float
        Limit for single points, in errors.
    """
    rows = np.array([curves.row(star) for star in ranked], np.int64)
    top = min(most, len(rows))
    tried = sorted({n for n in LADDER if n < top} | {top})
    n_frames = curves.flux.shape[1]
    if len(tried) < 2 or n_frames < 2 * BLOCKS:
        return top
    judges = rows[: min(30, len(rows))]
    block = np.arange(n_frames) * BLOCKS // n_frames
    known = block % 2 == 0
    good = usable_points(curves, rows)
    fluxes = unspoiled_fluxes(curves, rows)
    whole = solve_ensemble(*magnitudes(curves, rows, good), good, clip=clip, turns=5, fluxes=fluxes)
    mag, var, good = linear_magnitudes(*fluxes, whole.star, whole.frame)
    good &= whole.w > 0.0  # what no ensemble would use must not judge one
    worth = np.array([_held_out(mag, var, good, known, n, len(judges), clip) for n in tried])
    known_to_all = np.isfinite(worth).all(0)
    if not known_to_all.any():
        return top
    worth = np.log(worth[:, known_to_all])
    mean = worth.mean(1)
    return max(n for n, value in zip(tried, mean, strict=True) if value <= mean.min() + 0.001)


def best_of_brightest(mag: Values, good: Mask, *, brightest: int = 40, keep: int = 20) -> Ints:
    """Rows of the 20 of the 40 brightest complete stars that agree best: the rule of AsPyLib.

    All combinations of 20 of 40 are 1.4e11; the worst star is taken away until 20 are left.

    Parameters
    ----------
    mag : (s, n)
        Instrumental magnitudes.
    good : bool (s, n)
        Usable points.
    brightest, keep : int
        Numbers of stars.
    """
    complete = np.flatnonzero(good.all(1))
    rows = complete[np.argsort(mag[complete].mean(1), kind="stable")][:brightest]
    while len(rows) > keep:
        level = mag[rows] - mag[rows].mean(1, keepdims=True)
        others = (level.sum(0) - level) / (len(rows) - 1)
        rows = np.delete(rows, np.argmax((level - others).std(1)))
    return rows


def _held_out(mag: Values, var: Values, good: Mask, known: Mask, n: int, judges: int, clip: float) -> Values:
    """Scatter of each judge in the frames held out, in its own errors; NaN where it cannot be told."""
    made: Solution = solve_ensemble(
        mag[:n][:, known], var[:n][:, known], good[:n][:, known], clip=clip, turns=5
    )
    held = ~known
    w = np.zeros((len(mag), int(held.sum())))
    w[:n] = np.where(good[:n], 1.0 / (var[:n] + made.scatter[:, None] ** 2), 0.0)[:, held]
    left = np.zeros_like(w)
    left[:n] = mag[:n][:, held] - made.star[:, None]
    rest = w.sum(0) - w[:judges]
    fine = good[:judges][:, held] & (rest > 1e-9 * w.sum(0)) & (rest > 0.0)
    offset = ((w * left).sum(0) - w[:judges] * left[:judges]) / np.where(fine, rest, 1.0)
    r = np.where(fine, (mag[:judges][:, held] - offset), np.nan)
    enough = fine.sum(1) >= 5
    r[~enough] = 0.0
    r = (r - row_median(r)[:, None]) / np.sqrt(var[:judges][:, held])
    size = np.sqrt(np.nanmean(np.minimum(r**2, clip**2), 1))
    return np.where(enough & (size > 0.0), size, np.nan)


def _typical_snr(curves: LightCurves, good: Mask) -> Values:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(row_median(np.where(good, curves.flux / curves.flux_err, np.nan)))


def find_candidates(
    curves: LightCurves, exclude: Sequence[int], *, min_snr: float, min_coverage: float, most: int
) -> tuple[Ints, Mask, Values]:
    """Rows of the brightest stars that may be compared with, however they scatter.

    Parameters
    ----------
    curves : LightCurves
        Fluxes of all stars.
    exclude : sequence of int
        Numbers of stars that are none.
    min_snr, min_coverage
        As in `compare_ensemble`.
    most : int
        Largest number.

    Returns
    -------
    rows : (n,)
        Brightest first.
    good : bool (star, frame)
        Usable points of all stars.
    snr : (star,)
        Typical signal-to-noise ratio of all stars.

    Raises
    ------
    NightError
        If there are fewer than two.
    """
    good = usable_points(curves)
    snr = _typical_snr(curves, good)
    fit = (good.mean(1) >= min_coverage) & (snr >= min_snr)
    fit &= ~np.isin(np.asarray(curves.stars["id"]), list(exclude))
    fit &= ((curves.flags & int(Star.VARIABLE)) == 0).all(1)
    if "flags" in curves.stars.colnames:
        fit &= (np.asarray(curves.stars["flags"]) & int(Star.VARIABLE)) == 0
    chosen = np.flatnonzero(fit)
    if len(chosen) < 2:
        raise NightError(
            f"{len(chosen)} star(s) fit for comparison, 2 are needed: lower min_snr ({min_snr:g}) or "
            f"min_coverage ({min_coverage:g})"
        )
    return chosen[np.argsort(-snr[chosen], kind="stable")][:most], good, snr


def _brightness(curves: LightCurves, good: Mask, snr: Values, rows: Ints, at: int) -> Values:
    if at < 0 or snr[at] <= 0.0:
        return snr[rows] / (snr[rows] + 100.0)
    ratio = row_median(np.where(good[rows], curves.flux[rows], np.nan)) / float(
        np.median(curves.flux[at, good[at]])
    )
    return np.clip(np.minimum(snr[rows] / snr[at], 4.0 / np.sqrt(np.maximum(ratio, 1e-9))), 0.0, 1.0)


def _neighbor_light(curves: LightCurves, good: Mask) -> Values:
    """Light of the others that reaches each star, relative to its own; 0 where places are unknown."""
    stars = curves.stars
    light = np.zeros(len(stars))
    if not {"x", "y"} <= set(stars.colnames) or "fwhm" not in curves.frames.colnames:
        return light
    fwhm = np.asarray(curves.frames["fwhm"], float)
    if not np.isfinite(fwhm).any():
        return light
    place = np.column_stack([stars["x"], stars["y"]])
    flux = np.zeros(len(stars))
    seen = np.isfinite(curves.flux).any(1) & np.isfinite(place).all(1)
    flux[seen] = np.maximum(row_median(curves.flux[seen]), 0.0)
    at = np.flatnonzero(seen)
    size = float(np.nanmedian(fwhm))
    pairs = cKDTree(place[at]).query_pairs(6.0 * size, output_type="ndarray")
    one, other = at[pairs[:, 0]], at[pairs[:, 1]]
    fall = 1.0 / (1.0 + (np.hypot(*(place[one] - place[other]).T) / size) ** 4)
    np.add.at(light, one, fall * flux[other] / np.maximum(flux[one], 1e-30))
    np.add.at(light, other, fall * flux[one] / np.maximum(flux[other], 1e-30))
    return light


def _colors(curves: LightCurves, rows: Ints, at: int) -> tuple[Values, Values]:
    """Colours, and how far they are from the target's; NaN where unknown."""
    if "color" not in curves.stars.colnames:
        return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    color = np.asarray(curves.stars["color"], float)
    return color[rows], color[rows] - (color[at] if at >= 0 else np.nan)
