"""Second-order extinction: air dims blue stars more than red ones, and more of it does so more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from pogson.core.lightcurves import LightCurves
from pogson.steps.timeseries.leastsquares import Solution, extra_scatter

Values = NDArray[np.float64]

#: stars, range of colours (mag) and of airmass that a fit needs
STARS, COLORS, AIR = 10, 0.3, 0.2

#: stars that lean further from the others of their colour are left out, in errors
CLIP = 4.0


@dataclass(frozen=True)
class ColorExtinction:
    """Term of colour times airmass, magnitudes per magnitude and airmass.

    `term` is what was applied: 0 where it is not 3 errors or could not be told, and `reason` says why.
    `color` and `airmass` are those at which nothing is taken away.
    """

    term: float = 0.0
    term_err: float = nan
    color: float = nan
    airmass: float = nan
    n: int = 0
    reason: str = "no colours"

    @property
    def words(self) -> str:
        """What was done, for a person."""
        if self.term:
            return (
                f"extinction by colour: {self.term:+.4f} +- {self.term_err:.4f} "
                f"mag per mag and airmass taken out ({self.n} comparison stars with a colour)"
            )
        return f"extinction by colour: none taken out: {self.reason}"

    def of(self, curves: LightCurves) -> Values:
        """Magnitudes to take from each star in each frame; 0 where colour or airmass is unknown."""
        if self.term == 0.0:
            return np.zeros(curves.flux.shape)
        color = np.asarray(curves.stars["color"], float) - self.color
        air = np.asarray(curves.frames["airmass"], float) - self.airmass
        return np.asarray(self.term * np.nan_to_num(color)[:, None] * np.nan_to_num(air), float)


def fit_color_extinction(
    curves: LightCurves, solution: Solution, rows: NDArray[np.int64], *, before: float = 0.0
) -> ColorExtinction:
    """The term from the residuals of an ensemble.

    Each star has a slope with airmass, and the term is the slope of these with colour. Stars lean with the
    air for reasons of their own, such as a neighbour or a place in the flat: by how much more than their
    errors is found from them all alike, so that no star counts for more because it happens to lean less.

    Parameters
    ----------
    curves : LightCurves
        With `color` in stars and `airmass` in frames where they are known.
    solution : Solution
        Of the ensemble, without the term.
    rows : (s,)
        Rows of its stars.
    before : float
        What was taken out of the curves already: the term returned is the whole.

    References
    ----------
    DerSimonian & Laird 1986, Controlled Clinical Trials 7, 177 (more scatter than errors tell);
    Young et al. 1991, PASP 103, 221; Henden & Kaitchuck 1982, Astronomical Photometry, sect. 4.4.
    """
    if "color" not in curves.stars.colnames or "airmass" not in curves.frames.colnames:
        return ColorExtinction()
    color = np.asarray(curves.stars["color"], float)[rows]
    air = np.asarray(curves.frames["airmass"], float)
    known, timed = np.isfinite(color) & (solution.w.sum(1) > 0.0), np.isfinite(air)
    n = int(known.sum())
    if n < STARS or np.ptp(color[known]) < COLORS:
        return ColorExtinction(n=n, reason=f"{n} comparison stars with a colour, or all of one")
    if not timed.any() or np.ptp(air[timed]) < AIR:
        return ColorExtinction(n=n, reason="the airmass hardly changed")
    w = solution.w[known][:, timed]
    middle = float(np.average(color[known], weights=w.sum(1)))
    high = float(np.average(air[timed], weights=w.sum(0)))
    # a residual against the others is larger than that against all by total / rest
    total = solution.w.sum(0)
    share = 1.0 - solution.w / np.where(total > 0.0, total, 1.0)
    # by the errors of the points alone: a star's own scatter is a part of what it leans by
    used = w > 0.0
    var = 1.0 / np.where(used, w, 1.0) - solution.scatter[known, None] ** 2
    plain = np.where(used, 1.0 / np.maximum(var, 1e-12), 0.0)
    slope, slope_err = _slopes((solution.away * share)[known][:, timed], plain, air[timed])
    steep = np.isfinite(slope_err)
    if steep.sum() < STARS:
        return ColorExtinction(n=n, reason="the stars were not seen together")
    found, err = _fit_line(color[known][steep], slope[steep], slope_err[steep])
    term = before + found
    if abs(term) < 3.0 * err:
        return ColorExtinction(0.0, err, middle, high, n, f"{term:+.4f} is not 3 of its errors ({err:.4f})")
    return ColorExtinction(term, err, middle, high, n, "")


def correct_color_extinction(curves: LightCurves, extinction: ColorExtinction) -> LightCurves:
    """Light curves without the term."""
    factor = 10.0 ** (0.4 * extinction.of(curves))
    return replace(curves, flux=curves.flux * factor, flux_err=curves.flux_err * factor)


def _slopes(residual: Values, w: Values, air: Values) -> tuple[Values, Values]:
    """Slope of each star with airmass, and its error; an infinite one where there is none."""
    lever = air - (w @ air / np.maximum(w.sum(1), 1e-300))[:, None]
    size = (w * lever**2).sum(1)
    known = size > 0.0
    slope = np.where(known, (w * lever * residual).sum(1) / np.where(known, size, 1.0), 0.0)
    return slope, np.where(known, 1.0 / np.sqrt(np.where(known, size, 1.0)), np.inf)


def _fit_line(x: Values, y: Values, err: Values) -> tuple[float, float]:
    """Slope of a line and its error, where values differ by more than their errors; outliers have no say."""
    scatter, used = 1.4826 * float(np.median(np.abs(y - np.median(y)))), np.ones(len(x), bool)
    for _ in range(10):
        w = used / (err**2 + scatter**2)
        apart = x - np.average(x, weights=w)
        size = float((w * apart**2).sum())
        slope = float((w * apart * y).sum()) / size
        off = y - np.average(y, weights=w) - slope * apart
        # two numbers are taken from the values, `extra_scatter` reckons with one
        more = sqrt((used.sum() - 1.0) / (used.sum() - 2.0))
        scatter = float(extra_scatter((more * off)[None], (err**2)[None], used[None])[0])
        used = np.abs(off) <= CLIP * np.sqrt(err**2 + scatter**2)
    return slope, size**-0.5
