"""Fit the zero points of a band's frames together with its colour term."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np

from pogson.steps.standardize.gather import Values
from pogson.steps.standardize.pairs import Pairs
from pogson.steps.standardize.robust import Line, fit_line
from pogson.steps.standardize.transparency import measure_transparency

_COLOR_STARS = 15
_COLOR_RANGE = 0.3  # mag
_COLOR_SIGMA = 3.0


@dataclass(frozen=True)
class ColorTerm:
    """``m = m_inst + zero_point + value * color`` in one band.

    Attributes
    ----------
    color : str
        "g-r"; empty where none could be formed.
    value, err : float
        0 where none was applied.
    mean, spread : float
        Mean and standard deviation of the colour of the stars used: where a star has no colour of its
        own, the mean is what it gets, and the spread what it adds to the error.
    n : int
        Stars.
    reason : str
        Why it is 0, or how it was found.
    """

    color: str = ""
    value: float = 0.0
    err: float = 0.0
    mean: float = nan
    spread: float = nan
    n: int = 0
    reason: str = ""


def fit_band(
    mine: list[Pairs], color: str, setting: str, fixed: float | None, clip: float, min_stars: int
) -> ColorTerm:
    """Zero points and the colour term of one band, in turn until they agree."""
    term = ColorTerm(color, fixed or 0.0, reason="set by hand" if fixed else "not asked for")
    for one in mine:
        _fit_frame(one, term, clip, min_stars)
    if fixed is not None:
        return _describe_colors(mine, term)
    if not color:
        return ColorTerm(reason="the catalogue has no two neighbouring bands")
    for _ in range(6):
        before = term.value
        term = _fit_color(mine, color, setting, clip)
        for one in mine:
            _fit_frame(one, term, clip, min_stars)
        if abs(term.value - before) < 1e-5:
            break
    return term


def _fit_frame(one: Pairs, term: ColorTerm, clip: float, min_stars: int) -> None:
    ready = one.why == ""
    if term.value != 0.0:
        ready &= np.isfinite(one.color)
    one.used = np.zeros(len(ready), bool)
    one.zero = one.zero_err = one.scatter = nan
    if ready.sum() < max(min_stars, 1):
        return
    value = one.offset - (term.value * one.color if term.value != 0.0 else 0.0)
    line = fit_line(np.ones((int(ready.sum()), 1)), value[ready], one.err[ready], clip=clip)
    if line.used.sum() < max(min_stars, 1):
        return
    one.used[np.flatnonzero(ready)[line.used]] = True
    one.zero, one.scatter = float(line.terms[0]), line.scatter
    one.zero_err = float(np.sqrt(line.covariance[0, 0]))


def _fit_color(mine: list[Pairs], color: str, setting: str, clip: float) -> ColorTerm:
    """Slope of the stars' mean offsets against their colour: each star counts once."""
    points = np.concatenate([np.empty((0, 7)), *(_points(one) for one in mine if np.isfinite(one.zero))])
    _, first, star = np.unique(points[:, 0], return_index=True, return_inverse=True)
    n = len(first)
    w = points[:, 1]
    rows = np.column_stack(
        [np.bincount(star, w, n), np.bincount(star, w * points[:, 2], n), points[first, 3:]]
    )
    if n < (3 if setting == "fit" else _COLOR_STARS):
        return _describe_colors(
            mine, ColorTerm(color, reason=f"{n} stars with a colour, {_COLOR_STARS} are needed")
        )
    bend = rows[:, 2]
    width = float(np.subtract(*np.percentile(bend, [97.5, 2.5])))
    if width < _COLOR_RANGE and setting != "fit":
        reason = f"the stars span {width:.2f} mag in {color}, {_COLOR_RANGE} are needed"
        return _describe_colors(mine, ColorTerm(color, reason=reason))
    err = np.sqrt(1.0 / rows[:, 0] + rows[:, 3] ** 2)
    middle = float(np.median(bend))
    line = fit_line(np.column_stack([np.ones(n), bend - middle]), rows[:, 1] / rows[:, 0], err, clip=clip)
    value, value_err = _without_shared_errors(line, bend, rows[:, 1] / rows[:, 0], err, *rows[:, 4:].T)
    used = int(line.used.sum())
    if setting != "fit" and abs(value) < _COLOR_SIGMA * value_err:
        reason = f"{value:+.3f} +- {value_err:.3f} is not significant"
        return _describe_colors(mine, ColorTerm(color, reason=reason))
    return _describe_colors(
        mine, ColorTerm(color, value, value_err, n=used, reason=f"fitted to {used} stars")
    )


def _points(one: Pairs) -> Values:
    """Star, weight, offset from the zero point; of the catalogue color, cat_err, color_var, shared_var."""
    ready = (one.why == "") & np.isfinite(one.color)
    found = (
        one.star,
        one.inst_err**-2.0,
        one.offset - one.zero,
        one.color,
        one.cat_err,
        one.color_var,
        one.shared_var,
    )
    return np.column_stack([values[ready] for values in found])


def _without_shared_errors(
    line: Line, color: Values, value: Values, err: Values, color_var: Values, shared_var: Values
) -> tuple[float, float]:
    """The slope and its error, freed of what errors of the colour do to a fit by least squares.

    The catalogue's error of a magnitude is in its colour as well: it tilts the line, and the colours'
    own errors flatten it. Both are known, and taken out of the sums (Akritas & Bershady 1996, ApJ, 470, 706).
    """
    w = line.used / (err**2 + line.scatter**2)
    x = color - np.average(color, weights=w)
    y = value - np.average(value, weights=w)
    plain = float(np.sum(w * x**2))
    true = plain - float(np.sum(w * color_var))
    if true < 0.5 * plain:  # the colours are mostly noise: no better slope than the plain one
        return float(line.terms[1]), float(np.sqrt(line.covariance[1, 1]))
    slope = float(np.sum(w * (x * y - shared_var))) / true
    return slope, float(np.sqrt(line.covariance[1, 1])) * plain / true


def _describe_colors(mine: list[Pairs], term: ColorTerm) -> ColorTerm:
    used = [one.color[one.used & np.isfinite(one.color)] for one in mine]
    values = np.concatenate(used) if used else np.empty(0)
    if len(values) < 2:
        return term
    return ColorTerm(
        term.color, term.value, term.err, float(values.mean()), float(values.std(ddof=1)), term.n, term.reason
    )


def doubt_lonely(mine: list[Pairs]) -> None:
    """Take back a zero point that the frames' own relative fluxes contradict.

    Zero points of a band differ as the fluxes of the same stars do, whatever the catalogue says.
    """
    relative = measure_transparency([one.shot.table for one in mine])
    offset, offset_err = np.asarray(relative["offset"], float), np.asarray(relative["offset_err"], float)
    common = np.array([one.zero for one in mine]) - offset
    err = np.hypot([one.zero_err for one in mine], offset_err)
    known = np.isfinite(common) & np.isfinite(err)
    if known.sum() < 3:
        return
    typical = float(np.median(common[known]))
    typical_err = float(np.median(err[known]))
    for k in np.flatnonzero(known):
        off = common[k] - typical
        if abs(off) > max(0.1, 5.0 * float(np.hypot(err[k], typical_err))):
            one = mine[k]
            one.doubt = f"zero point {one.zero:.2f} is {off:+.2f} mag off what relative fluxes tell"
            one.zero = one.zero_err = one.scatter = nan
            one.used[:] = False
