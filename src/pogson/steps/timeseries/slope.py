"""Slopes over the field: a veil is thicker at one side, and so is the air."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from pogson.core.lightcurves import LightCurves
from pogson.steps.timeseries.leastsquares import Solution, extra_scatter

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: comparison stars with a place that are needed; stars in a frame that tell its slope
STARS, FEWEST = 20, 6

#: frames whose slopes are steeper do not tell how steep those of the night are, in errors
CLIP = 4.0

#: the slopes must be more than their errors make of nothing, by so many times what chance does
SURE = 4.0


@dataclass(frozen=True)
class FieldSlope:
    """A plane over the field for each frame, magnitudes; places are in units of the comparison stars' spread.

    Attributes
    ----------
    n, stars : int
        Frames it was taken out of, 0: none; comparison stars with a place.
    size : float
        The night's usual slope: standard deviation over the comparison stars, magnitudes.
    reason : str
        Why there is none.
    middle, scale : (2,)
        Middle and spread of the comparison stars in x and y, pixels.
    center : (2, n)
        Weighted middle of each frame's stars, where offset and tilt are independent.
    level : (n,)
        Magnitude there, which the offset lacks.
    tilt : (2, n)
        Magnitudes per spread.
    cov : (3, n)
        Its variances and covariance: xx, xy, yy.
    excess : (n,)
        By how much the stars of the frame scatter about the plane, in variances expected; infinite where
        there are too few.
    """

    n: int = 0
    stars: int = 0
    size: float = 0.0
    reason: str = "not looked for"
    middle: Values = field(default_factory=lambda: np.zeros(2))
    scale: Values = field(default_factory=lambda: np.ones(2))
    center: Values = field(default_factory=lambda: np.zeros((2, 0)))
    level: Values = field(default_factory=lambda: np.zeros(0))
    tilt: Values = field(default_factory=lambda: np.zeros((2, 0)))
    cov: Values = field(default_factory=lambda: np.zeros((3, 0)))
    excess: Values = field(default_factory=lambda: np.zeros(0))

    @property
    def words(self) -> str:
        """What was done, for a person."""
        if self.n:
            return (
                f"slope over the field: {1e3 * self.size:.1f} mmag rms "
                f"taken out of {self.n} frames ({self.stars} comparison stars)"
            )
        return f"slope over the field: none taken out: {self.reason}"

    def of(self, stars: Table) -> tuple[Values, Values]:
        """Magnitudes to take from each star in each frame, and their variance (star, n).

        A star without a place is taken for one in the middle.
        """
        u, v = (np.nan_to_num(_places(stars) - self.middle) / self.scale).T
        across, up = u[:, None] - self.center[0], v[:, None] - self.center[1]
        xx, xy, yy = self.cov
        shift = self.level + across * self.tilt[0] + up * self.tilt[1]
        return shift, across * (across * xx + up * (2.0 * xy)) + up * up * yy


def fit_field_slope(stars: Table, solution: Solution, *, before: FieldSlope) -> FieldSlope:
    r"""The slope of each frame from the residuals of an ensemble.

    The least squares of a frame give a slope with covariance C. How steep the slopes of the night are, S
    (for x and y), follows from all frames; the slope taken out is ``S (S + C)^-1`` times that found, with
    covariance ``(S^-1 + C^-1)^-1``: a frame with few stars has hardly any. Where stars scatter about
    the plane more than their errors tell, as behind a tree or a patchy cloud, C is as much larger.

    Parameters
    ----------
    stars : Table
        Of the ensemble; x and y where they are known.
    solution : Solution
        Of the ensemble.
    before : FieldSlope
        What was taken out before the solution: the slope returned is the whole.

    References
    ----------
    Efron & Morris 1973, JASA 68, 117 (shrinkage); Paule & Mandel 1982, J. Res. NBS 87, 377 (S).
    """
    place = _places(stars)
    known = np.isfinite(place).all(1) & (solution.w.sum(1) > 0.0)
    n = int(known.sum())
    if n < STARS:
        return FieldSlope(stars=n, reason=f"{n} comparison stars with a place, {STARS} are needed")
    middle, scale = place[known].mean(0), place[known].std(0)
    if not scale.all():
        return FieldSlope(stars=n, reason="all comparison stars in a line")
    residual = _residuals(stars, solution, before)[known]
    at, w = (place[known] - middle) / scale, solution.w[known]
    normal, right, center, level, excess = _planes(at, residual, w)
    told = np.isfinite(excess)
    inverse = np.linalg.inv(np.where(told[:, None, None], normal, np.eye(2)))
    found = (inverse @ right[..., None])[..., 0]
    spread, used = _spread(found.T, np.stack([inverse[:, 0, 0], inverse[:, 1, 1]]), told)
    m = int(used.sum())
    # without slopes the mean of chi-square is 2 +- 2 / sqrt(m)
    if m < 3 or float((found * right).sum(1)[used].mean()) <= 2.0 + SURE * 2.0 / sqrt(m):
        return FieldSlope(stars=n, reason="none beyond its errors")
    prior = np.diag(spread**2)
    cov = np.linalg.solve(np.eye(2) + prior @ normal, np.broadcast_to(prior, normal.shape))
    tilt = (cov @ right[..., None])[..., 0].T
    terms = np.stack([cov[:, 0, 0], cov[:, 0, 1], cov[:, 1, 1]])
    size = float(np.hypot(*spread))
    return FieldSlope(int(told.sum()), n, size, "", middle, scale, center, level, tilt, terms, excess)


def correct_field_slope(curves: LightCurves, slope: FieldSlope) -> LightCurves:
    """Light curves without the slope; what its error adds is not in `flux_err`."""
    factor = 10.0 ** (0.4 * slope.of(curves.stars)[0])
    return replace(curves, flux=curves.flux * factor, flux_err=curves.flux_err * factor)


def residuals_after(stars: Table, solution: Solution, slope: FieldSlope, *, before: FieldSlope) -> Solution:
    """The solution with the residuals that a slope leaves which was found from it.

    Parameters
    ----------
    stars : Table
        Of the ensemble.
    solution : Solution
        Of the ensemble.
    slope, before : FieldSlope
        What is taken out, and what was taken out before the solution.
    """
    share = _share(solution.w)
    left = _residuals(stars, solution, before) - slope.of(stars)[0]
    return replace(solution, away=left / np.where(share < 1.0, 1.0 - share, 1.0))


def leave_itself_out(stars: Table, solution: Solution, slope: FieldSlope) -> tuple[Values, Values]:
    """What each star of an ensemble has in its own prediction, and the variance of that by the others (s, n).

    A star of the ensemble draws offset and slope towards itself by its leverage h; without it the residual is
    larger by ``1 / (1 - h)``, and so is the variance of what is predicted.

    Parameters
    ----------
    stars : Table
        Of the ensemble.
    solution : Solution
        Without the slope.
    slope : FieldSlope
        What was taken out of it.
    """
    share = _share(solution.w)
    own = np.where(solution.w > 0.0, solution.away * share, 0.0)
    if not slope.n:
        return own, solution.others_var
    var = slope.of(stars)[1]
    placed = np.isfinite(_places(stars).sum(1))[:, None]
    pull = share + np.where(placed, solution.w * var, 0.0) / slope.excess
    rest = np.maximum(1.0 - pull, 1e-3)
    away = solution.away * (1.0 - share) / rest
    total = solution.w.sum(0)
    plain = 1.0 / np.where(total > 0.0, total, 1.0)
    alone = np.where(share < 1.0, 1.0 - share, 1.0)
    return away * pull, solution.others_var + (plain + var) / rest - plain / alone


def _planes(place: Values, residual: Values, w: Values) -> tuple[Values, Values, Values, Values, Values]:
    """Normal equations of each frame's slope about its middle, over its excess; middle, level, excess."""
    total = w.sum(0)
    total = np.where(total > 0.0, total, 1.0)
    center, level = place.T @ w / total, np.vecdot(w.T, residual.T) / total
    off = w * (residual - level)
    right = (place.T @ off).T
    x, y = place.T
    squares = np.stack([x * x, x * y, y * y]) @ w
    squares -= total * np.stack([center[0] ** 2, center[0] * center[1], center[1] ** 2])
    normal = np.moveaxis(squares[[[0, 1], [1, 2]]], -1, 0)
    seen = (w > 0.0).sum(0)
    told = (seen >= FEWEST) & (np.linalg.det(normal) > 1e-4 * total**2)
    safe = np.where(told[:, None, None], normal, np.eye(2))
    fitted = (right * np.linalg.solve(safe, right[..., None])[..., 0]).sum(1)
    chi = (off * (residual - level)).sum(0) - fitted
    excess = np.where(told, np.maximum(chi / np.maximum(seen - 3, 1), 1.0), np.inf)
    return normal / excess[:, None, None], right / excess[:, None], center, level, excess


def _spread(found: Values, var: Values, told: Mask) -> tuple[Values, Mask]:
    """How steep the night's slopes are in x and y beyond their errors; and the frames that tell it."""
    spread, used = np.zeros(2), told
    for _ in range(10):
        spread = extra_scatter(found, var, np.stack([used, used]), spread)
        steep = (found**2 / (var + spread[:, None] ** 2)).max(0)
        last, used = used, told & (steep <= CLIP**2)
        if np.array_equal(used, last):
            break
    return spread, used


def _share(w: Values) -> Values:
    """Share of each star in the weight of a frame."""
    total = w.sum(0)
    return np.asarray(w / np.where(total > 0.0, total, 1.0), float)


def _residuals(stars: Table, solution: Solution, before: FieldSlope) -> Values:
    """Residuals of each star against all with itself, what was taken out before among them."""
    residual = np.asarray(solution.away * (1.0 - _share(solution.w)), float)
    return residual + before.of(stars)[0] if before.n else residual


def _places(stars: Table) -> Values:
    """x, y of each star; NaN where unknown."""
    if not {"x", "y"} <= set(stars.colnames):
        return np.full((len(stars), 2), np.nan)
    return np.column_stack([np.asarray(stars[name], float) for name in ("x", "y")])
