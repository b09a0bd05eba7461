"""Numbers that tell variables from constant stars. Gaps are NaN; all stars at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.core.medians import row_quantile

Values = NDArray[np.float64]


def reduced_chi_square(mag: Values, err: Values, mean: Values) -> Values:
    """Chi-square of a constant, per degree of freedom."""
    pull = (mag - mean[:, None]) / err
    good = np.isfinite(pull)
    n = good.sum(1)
    return np.where(n > 1, np.where(good, pull**2, 0.0).sum(1) / np.maximum(n - 1, 1), np.nan)


def inverse_von_neumann(mag: Values) -> Values:
    """Variance over the mean square of successive differences, 1 / eta; 0.5 for white noise.

    Differences over a gap count: they only make slow changes look faster.

    References
    ----------
    von Neumann 1941, Ann. Math. Stat. 12, 367; Sokolovsky et al. 2017, MNRAS 464, 274.
    """
    packed, n = _packed(mag)
    step = np.diff(packed, axis=1)
    pairs = np.isfinite(step)
    square = np.where(pairs, step**2, 0.0).sum(1) / np.maximum(pairs.sum(1), 1)
    good = np.isfinite(packed)
    filled = np.where(good, packed, 0.0)
    mean = filled.sum(1) / np.maximum(n, 1)
    variance = np.where(good, (filled - mean[:, None]) ** 2, 0.0).sum(1) / np.maximum(n - 1, 1)
    return np.where((n > 2) & (square > 0.0), variance / np.where(square > 0.0, square, 1.0), np.nan)


def stetson_j(mag: Values, err: Values, mean: Values, time: Values, *, longest: float = 0.0) -> Values:
    """Stetson's J from pairs of consecutive points; 0 for white noise.

    ``J = mean(sign(P) sqrt(|P|))`` with P the product of the two pulls, in one band.

    Parameters
    ----------
    mag, err : (star, n)
        Magnitudes and errors.
    mean : (star,)
        Mean magnitudes.
    time : (n,)
        Days.
    longest : float
        Days between two points of a pair; 0 takes three times the median step.

    References
    ----------
    Stetson 1996, PASP 108, 851.
    """
    good = np.isfinite(mag) & (err > 0.0)
    n = np.maximum(good.sum(1), 2)
    pull = np.sqrt(n / (n - 1.0))[:, None] * (mag - mean[:, None]) / err
    step = np.diff(time)
    known = step[np.isfinite(step)]
    near = step <= (longest or 3.0 * float(np.median(known)) if len(known) else 0.0)
    product = np.where(near, pull[:, 1:] * pull[:, :-1], np.nan)
    pairs = np.isfinite(product)
    value = np.where(pairs, np.sign(product) * np.sqrt(np.abs(np.where(pairs, product, 0.0))), 0.0)
    return np.where(pairs.any(1), value.sum(1) / np.maximum(pairs.sum(1), 1), np.nan)


def interquartile_range(mag: Values) -> Values:
    """Difference of the quartiles: 1.349 sigma for a normal distribution; outliers do not count."""
    return row_quantile(mag, 0.75) - row_quantile(mag, 0.25)


def _packed(mag: Values) -> tuple[Values, NDArray[np.int64]]:
    """Rows with their gaps moved to the end."""
    good = np.isfinite(mag)
    order = np.argsort(~good, axis=1, kind="stable")
    return np.take_along_axis(mag, order, 1), good.sum(1)
