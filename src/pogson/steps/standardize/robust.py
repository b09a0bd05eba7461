"""Weighted means and lines that outliers do not pull, with the scatter that errors do not explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pogson.core.medians import row_median

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Line:
    """A weighted fit of a few linear terms.

    `terms` (k,), their `covariance` (k, k), `scatter` beyond the errors, and the rows `used`.
    """

    terms: Values
    covariance: Values
    scatter: float
    used: Mask


def fit_line(design: Values, value: Values, err: Values, *, clip: float, turns: int = 12) -> Line:
    """Fit ``value = design @ terms`` with errors ``hypot(err, scatter)``; both come out of the data.

    The start is the median; rows beyond `clip` of their own error are left out and let in again until
    nothing changes. The scatter solves ``sum(r^2 / (err^2 + s^2)) = n - k``, corrected for the clipping.

    Parameters
    ----------
    design : (n, k)
        The first column is 1.
    value : (n,)
        Measured.
    err : (n,)
        Errors of `value`, 1 sigma.
    clip : float
        Limit, in errors.
    turns : int
        Most turns.

    References
    ----------
    Hogg, Bovy & Lang 2010, arXiv:1008.4686, sect. 3 and 8.
    """
    terms = np.zeros(design.shape[1])
    terms[0] = np.median(value)
    size = np.abs(value - terms[0])
    spread = 1.4826 * float(np.median(size))
    scatter = float(np.sqrt(max(spread**2 - float(np.median(err)) ** 2, 0.0)))
    # a steep colour term widens the start: nothing is lost by it that the turns do not let in again
    used = size <= np.maximum(clip * np.hypot(err, scatter), np.sort(size)[len(size) // 2])
    for turn in range(turns):
        w = used / (err**2 + scatter**2)
        normal = (design.T * w) @ design
        terms = np.linalg.solve(
            normal + 1e-12 * np.eye(len(terms)) * np.trace(normal), (design.T * w) @ value
        )
        residual = value - design @ terms
        scatter = float(extra_scatter(residual[None], err[None], used[None], len(terms), clip)[0])
        sigma = np.sqrt(err**2 + scatter**2)
        kept = np.abs(residual) <= clip * sigma
        if kept.sum() < len(terms) + 2:
            break
        if turn > 1 and np.array_equal(kept, used):
            break
        used = kept
    w = used / (err**2 + scatter**2)
    normal = (design.T * w) @ design
    terms = np.linalg.lstsq(normal, (design.T * w) @ value, rcond=None)[0]
    return Line(terms, np.linalg.pinv(normal), scatter, used)


def fit_levels(
    value: Values, err: Values, *, clip: float, turns: int = 12
) -> tuple[Values, Values, NDArray[np.int64]]:
    """What `fit_line` makes of a constant, in many rows at once.

    Parameters
    ----------
    value, err : (m, n)
        Measured, and errors; both NaN where nothing was. Each row holds something.
    clip, turns
        As in `fit_line`.

    Returns
    -------
    level, level_err : (m,)
    n_used : int (m,)
    """
    level = row_median(value)
    size = np.abs(value - level[:, None])
    extra = (1.4826 * row_median(size)) ** 2 - row_median(err) ** 2
    scatter = np.sqrt(np.maximum(extra, 0.0))
    half = (~np.isnan(size)).sum(1, keepdims=True) // 2
    least = np.take_along_axis(np.sort(size, axis=1), half, 1)
    used = size <= np.maximum(clip * np.hypot(err, scatter[:, None]), least)
    value, err = np.where(np.isnan(value), 0.0, value), np.where(np.isnan(value), np.inf, err)
    left = np.arange(len(value))
    for turn in range(turns):
        v, e, before = value[left], err[left], used[left]
        level[left], _ = _weighted(v, e, scatter[left], before)
        residual = v - level[left, None]
        scatter[left] = extra_scatter(residual, e, before, 1, clip)
        kept = np.abs(residual) <= clip * np.sqrt(e**2 + scatter[left, None] ** 2)
        kept &= np.isfinite(e)
        goes_on = (kept.sum(1) >= 3) & ((kept != before).any(1) | (turn < 2))
        left = left[goes_on]
        used[left] = kept[goes_on]
    level, total = _weighted(value, err, scatter, used)
    return level, 1.0 / np.sqrt(total), used.sum(1)


def _weighted(value: Values, err: Values, scatter: Values, used: Mask) -> tuple[Values, Values]:
    """Weighted mean of each row, and its sum of weights."""
    w = used / (err**2 + scatter[:, None] ** 2)
    total = w.sum(1)
    return (w * value).sum(1) / total, total


def extra_scatter(residual: Values, err: Values, used: Mask, terms: int, clip: float) -> Values:
    """For each row the s with ``sum(r^2 / (err^2 + s^2)) = n - terms``; 0 where the errors suffice."""
    free = np.maximum(used.sum(1) - terms, 0) * _kept_variance(clip)
    square, var = np.where(used, residual**2, 0.0), err**2
    extra = np.zeros(len(free))
    for _ in range(60):
        # one over the sum is concave and rises, nearly a line: Newton's steps from 0 are few, never too far
        part = square / (var + extra[:, None])
        total, slope = part.sum(1), (part / (var + extra[:, None])).sum(1)
        known = (free > 0.0) & (slope > 0.0)
        step = total * (total / np.where(known, free, 1.0) - 1.0) / np.where(known, slope, 1.0)
        extra = np.maximum(extra + np.where(known, step, 0.0), 0.0)
        if (~known | (np.abs(step) <= 1e-7 * extra) | (extra == 0.0)).all():
            break
    return np.sqrt(extra)


def _kept_variance(clip: float) -> float:
    """Variance of a normal variable that was cut at +-clip sigma."""
    from math import erf, exp, pi, sqrt

    inside = erf(clip / sqrt(2.0))
    return 1.0 - 2.0 * clip * exp(-0.5 * clip**2) / sqrt(2.0 * pi) / inside
