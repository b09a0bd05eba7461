"""The least squares of an ensemble: magnitudes of stars and offsets of frames, with gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pogson.core.medians import row_median

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

POGSON = 2.5 / np.log(10.0)

#: variance that stands for "no other star was there"
NOTHING = 1e6


@dataclass(frozen=True)
class Solution:
    """What a set of stars says about itself and the frames.

    `star` (s,) magnitudes and `frame` (n,) offsets, whose mean is 0 (NaN where no star was seen);
    `frame_var` (n,) variance of the offsets, that of the stars' magnitudes included; `scatter` (s,) beyond
    the errors; `w` (s, n) weights; `away` (s, n) residuals of each star against the others, `away_var`
    their variance, and `others_var` (s, n) that of the frame's offset without the star (NaN: it is alone).
    """

    star: Values
    frame: Values
    frame_var: Values
    scatter: Values
    w: Values
    away: Values
    away_var: Values
    others_var: Values

    @property
    def weight(self) -> Values:
        """Share of each star."""
        share: Values = self.w.sum(1) / max(float(self.w.sum()), 1e-300)
        return share


def solve_ensemble(
    mag: Values,
    var: Values,
    good: Mask,
    *,
    clip: float,
    turns: int = 25,
    fluxes: tuple[Values, Values] | None = None,
) -> Solution:
    """Minimise ``sum w (m[s, e] - m[s] - f[e])^2`` with ``w = 1 / (var + scatter[s]^2)``.

    The scatter of a star comes from its residuals against the others, and gives the weights of the
    next turn, until nothing changes. Single points beyond `clip` of their errors are left out, and are let
    in again where a later turn agrees with them. Of a frame in which they are the most, the brighter
    part counts.

    Parameters
    ----------
    mag, var : (s, n)
        Magnitudes and their variances.
    good : bool (s, n)
        Points to use.
    clip : float
        Limit for single points, in errors.
    turns : int
        Most turns.
    fluxes : tuple of two (s, n), optional
        Fluxes and errors, NaN where not to be used. They take the place of the magnitudes after the first
        turn, linear about what the stars and frames predict: the logarithm of a faint flux, weighted by
        that flux, is too bright on average, and those below zero have none.
    """
    mag, var = np.where(good, mag, 0.0), np.where(good, var, 1.0)
    scatter = _first_scatter(mag, var, good)
    star, frame, _ = _solve(mag, np.where(good, 1.0 / (var + scatter[:, None] ** 2), 0.0))
    if fluxes is not None:
        mag, var, good = linear_magnitudes(*fluxes, star, frame)
    used = good
    for _ in range(turns):
        w = np.where(used, 1.0 / (var + scatter[:, None] ** 2), 0.0)
        star, frame = _alternate(mag, w, star, frame)  # the exact solution is only needed at the end
        if fluxes is not None:
            mag, var, good = linear_magnitudes(*fluxes, star, frame)
        away, away_var = _without_itself(mag - star[:, None] - np.nan_to_num(frame), w, var)
        used = good & (np.abs(away) <= clip * np.sqrt(away_var + scatter[:, None] ** 2))
        # light is lost, never gained: where many are too bright it is the others that are shaded
        torn = (2 * used.sum(0) < good.sum(0)) | ((good & ~used & (away < 0.0)).sum(0) > 0.3 * good.sum(0))
        if torn.any():
            left = mag[:, torn] - star[:, None]
            used[:, torn] = _bright_part(left, var[:, torn] + scatter[:, None] ** 2, good[:, torn], clip)
        before, scatter = scatter, extra_scatter(away, away_var, used, scatter)
        if np.allclose(scatter, before, atol=2e-5):
            break
    w = np.where(used, 1.0 / (var + scatter[:, None] ** 2), 0.0)
    star, frame, inverse = _solve(mag, w)
    frame_var = _frame_variance(w, inverse)
    away, away_var = _without_itself(mag - star[:, None] - np.nan_to_num(frame), w, var)
    alone = away_var >= NOTHING
    total = np.where(frame_var > 0.0, w.sum(0), 1.0)
    more = 1.0 / np.where(alone, 1.0, total - w) - 1.0 / total
    others_var = np.where(alone, np.nan, frame_var + more)
    return Solution(star, frame, frame_var, scatter, w, away, away_var, others_var)


def _bright_part(left: Values, var: Values, good: Mask, clip: float) -> Mask:
    """Points of frames that are torn in two: those that agree with the brighter stars.

    Behind a tree, the dome or the edge of a cloud the mean of all agrees with nobody, or with those that
    are shaded: what a quarter of the stars are brighter than is right.
    """
    ranked = np.sort(np.where(good, left, np.inf), axis=0)
    quarter = np.take_along_axis(ranked, (np.maximum(good.sum(0) - 1, 0) // 4)[None], 0)
    with np.errstate(invalid="ignore"):
        return good & (np.abs(left - quarter) <= clip * np.sqrt(var))


def linear_magnitudes(flux: Values, err: Values, star: Values, frame: Values) -> tuple[Values, Values, Mask]:
    """Magnitudes linear in the flux about the predicted one, their variances, and where there are any."""
    predicted = star[:, None] + frame
    light = (10.0 ** (-0.4 * star))[:, None] * 10.0 ** (-0.4 * np.nan_to_num(frame))
    good = np.isfinite(flux) & (err > 0.0) & np.isfinite(predicted)
    mag = np.where(good, predicted - POGSON * (np.nan_to_num(flux) / light - 1.0), 0.0)
    return mag, np.where(good, (POGSON * np.where(good, err, 1.0) / light) ** 2, 1.0), good


def extra_scatter(residual: Values, var: Values, good: Mask, guess: Values | None = None) -> Values:
    """For each row the scatter s with ``sum(r^2 / (var + s^2)) = n - 1``; 0 where the errors suffice."""
    n = good.sum(1)
    square = np.where(good, residual**2, 0.0)
    extra = np.zeros(len(n)) if guess is None else np.where(n < 3, 0.0, guess**2)
    for _ in range(12):
        # one over the sum is concave and rises, nearly a line: Newton's steps are few, and never too far
        w = 1.0 / (var + extra[:, None])
        total = np.vecdot(square, w)
        slope = np.vecdot(square, np.multiply(w, w, out=w))
        step = total * (total / np.maximum(n - 1, 1) - 1.0) / np.where(slope > 0.0, slope, 1.0)
        before, extra = extra, np.maximum(extra + np.where(n < 3, 0.0, step), 0.0)
        if (np.abs(extra - before) <= 1e-5 * extra + 1e-12).all():
            break
    return np.sqrt(extra)


def _first_scatter(mag: Values, var: Values, good: Mask) -> Values:
    """Scatter about medians: a bright variable star must not have the first word."""
    level = np.where(good, mag, np.nan)
    for _ in range(2):
        star = _median(level, 1)
        frame = _median(level - star[:, None], 0)
        level = np.where(good, mag - frame, np.nan)
    size = 1.4826 * _median(np.abs(level - _median(level, 1)[:, None]), 1)
    typical = _median(np.where(good, np.sqrt(var), np.nan), 1)
    return np.sqrt(np.maximum(np.nan_to_num(size) ** 2 - np.nan_to_num(typical) ** 2, 0.0))


def _median(values: Values, axis: int) -> Values:
    """Median of each row (1) or column (0) without NaN; 0 where there is nothing."""
    return np.nan_to_num(row_median(values if axis else values.T))


def _solve(mag: Values, w: Values) -> tuple[Values, Values, Values]:
    """Stars, frames, and the covariance of the stars; frames are eliminated from the normal equations."""
    total = w.sum(0)
    seen = total > 0.0
    share = w / np.where(seen, total, 1.0)
    normal = np.diag(w.sum(1)) - share @ w.T
    right = (w * (mag - (share * mag).sum(0))).sum(1)
    # a shift of all stars against all frames is free, and a star that is never seen has no equation
    never = np.flatnonzero(w.sum(1) <= 0.0)
    normal[never, never] = 1.0
    # the mean offset is set to 0 below: its own uncertainty belongs to no frame
    normal += w.sum() / len(mag) ** 2
    # groups of stars that share no frame are free against each other: a trifle holds them
    normal[np.diag_indices(len(mag))] *= 1.0 + 1e-10
    inverse = np.asarray(np.linalg.inv(normal), float)
    star = inverse @ right
    offset = (share * (mag - star[:, None])).sum(0)
    middle = float(offset[seen].mean()) if seen.any() else 0.0
    return star + middle, np.where(seen, offset - middle, np.nan), inverse


def _frame_variance(w: Values, inverse: Values) -> Values:
    """Variance of the frames' offsets from their mean, from the covariance of the stars."""
    total = w.sum(0)
    seen = total > 0.0
    share = w / np.where(seen, total, 1.0)
    apart = share - share[:, seen].mean(1, keepdims=True) if seen.any() else share
    extra = (apart * (inverse @ apart)).sum(0)
    return np.where(seen, 1.0 / np.where(seen, total, 1.0) + np.maximum(extra, 0.0), np.nan)


def _alternate(mag: Values, w: Values, star: Values, frame: Values) -> tuple[Values, Values]:
    """The solution again, from one nearby: stars from frames and frames from stars, three times."""
    by_star, by_frame = w.sum(1), w.sum(0)
    known, seen = by_star > 0.0, by_frame > 0.0
    stars, frames = (w * mag).sum(1), (w * mag).sum(0)
    by_star, by_frame = np.where(known, by_star, 1.0), np.where(seen, by_frame, 1.0)
    for _ in range(3):
        star = np.where(known, (stars - w @ np.nan_to_num(frame)) / by_star, star)
        frame = np.where(seen, (frames - star @ w) / by_frame, frame)
    middle = float(frame[seen].mean()) if seen.any() else 0.0
    return star + middle, frame - middle


def _without_itself(residual: Values, w: Values, var: Values) -> tuple[Values, Values]:
    """Residuals against the ensemble without the star, and their variance (without its scatter)."""
    total = w.sum(0)
    rest = total - w
    some = rest > 1e-9 * total
    safe = np.where(some, rest, 1.0)
    return np.where(some, residual * total / safe, 0.0), np.where(some, var + 1.0 / safe, NOTHING)


def plain_ensemble(mag: Values, var: Values, good: Mask) -> Solution:
    """The same with equal weights for all stars: their plain mean, with the error that it has."""
    w = good.astype(float)
    star, frame, _ = _solve(np.where(good, mag, 0.0), w)
    n = np.maximum(w.sum(0), 1.0)
    frame_var = (w * var).sum(0) / n**2
    away, _ = _without_itself(np.where(good, mag, 0.0) - star[:, None] - np.nan_to_num(frame), w, var)
    rest = w.sum(0) - w
    others_var = np.where(rest > 0, ((w * var).sum(0) - w * var) / np.maximum(rest, 1.0) ** 2, np.nan)
    away_var = np.where(rest > 0, var + others_var, NOTHING)
    scatter = extra_scatter(away, away_var, good)
    return Solution(star, frame, frame_var, scatter, w, away, away_var, others_var)
