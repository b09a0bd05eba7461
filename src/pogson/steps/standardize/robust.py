"""Weighted means and lines that outliers do not pull, with the scatter that errors do not explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        scatter = extra_scatter(residual[used], err[used], len(terms), clip)
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


def extra_scatter(residual: Values, err: Values, terms: int, clip: float) -> float:
    """The scatter s with ``sum(r^2 / (err^2 + s^2)) = n - terms``; 0 where the errors explain all."""
    free = (len(residual) - terms) * _kept_variance(clip)
    if free <= 0.0:
        return 0.0

    def excess(s: float) -> float:
        return float(np.sum(residual**2 / (err**2 + s**2))) - free

    if excess(0.0) <= 0.0:
        return 0.0
    low, high = 0.0, float(np.sqrt(np.sum(residual**2) / free)) + 1e-12
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)


def _kept_variance(clip: float) -> float:
    """Variance of a normal variable that was cut at +-clip sigma."""
    from math import erf, exp, pi, sqrt

    inside = erf(clip / sqrt(2.0))
    return 1.0 - 2.0 * clip * exp(-0.5 * clip**2) / sqrt(2.0 * pi) / inside
