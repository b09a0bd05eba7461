"""Second-order extinction: air dims blue stars more than red ones, and more of it does so more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from pogson.core.lightcurves import LightCurves
from pogson.steps.timeseries.leastsquares import Solution

Values = NDArray[np.float64]

#: stars, range of colours (mag) and of airmass that a fit needs
STARS, COLORS, AIR = 10, 0.3, 0.2


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

    Stars' magnitudes and frames' offsets are free: only what changes with both colour and airmass is left.
    The error is that of the points, or what the stars differ by from each other, whichever is larger.

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
    Efron & Stein 1981, Annals of Statistics 9, 586 (the jackknife, here over stars);
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
    lever = _apart((color[known] - middle)[:, None] * (air[timed] - high), w)
    # a residual against the others is larger than that against all by total / rest
    total = solution.w.sum(0)
    share = 1.0 - solution.w / np.where(total > 0.0, total, 1.0)
    residual = (solution.away * share)[known][:, timed]
    square = float((w * lever**2).sum())
    if square <= 0.0:
        return ColorExtinction(n=n, reason="the stars were not seen together")
    found = float((w * lever * residual).sum()) / square
    # a star whose light leans with the air for its own reasons, such as a neighbour, does so all night
    parts, sizes = (w * lever * residual).sum(1), (w * lever**2).sum(1)
    without = (parts.sum() - parts) / np.maximum(square - sizes, 1e-9 * square)
    err = max(square**-0.5, sqrt((n - 1.0) / n * float(((without - found) ** 2).sum())))
    term = before + found
    if abs(term) < 3.0 * err:
        return ColorExtinction(0.0, err, middle, high, n, f"{term:+.4f} is not 3 of its errors ({err:.4f})")
    return ColorExtinction(term, err, middle, high, n, "")


def correct_color_extinction(curves: LightCurves, extinction: ColorExtinction) -> LightCurves:
    """Light curves without the term."""
    factor = 10.0 ** (0.4 * extinction.of(curves))
    return replace(curves, flux=curves.flux * factor, flux_err=curves.flux_err * factor)


def _apart(lever: Values, w: Values) -> Values:
    """What stars' magnitudes and frames' offsets cannot take up, found by turns."""
    out = lever
    for _ in range(20):
        out = out - (w * out).sum(1, keepdims=True) / np.maximum(w.sum(1, keepdims=True), 1e-300)
        out = out - (w * out).sum(0) / np.maximum(w.sum(0), 1e-300)
    return out
