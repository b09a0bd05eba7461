"""How a light curve scatters: global, local and red noise. Gaps are NaN; all stars at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pogson.core.medians import row_median

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


def weighted_mean(mag: Values, err: Values) -> Values:
    """Mean of each row with weights 1 / err^2; NaN where there is nothing."""
    good = np.isfinite(mag) & (err > 0.0)
    w = np.where(good, 1.0 / np.where(good, err, 1.0) ** 2, 0.0)
    total = w.sum(1)
    mean = (w * np.where(good, mag, 0.0)).sum(1) / np.where(total > 0.0, total, 1.0)
    return np.where(total > 0.0, mean, np.nan)


def quadratic_mean(values: Values) -> Values:
    """Square root of the mean square of each row; NaN where there is nothing."""
    good = np.isfinite(values)
    n = good.sum(1)
    return np.where(n > 0, np.sqrt(np.where(good, values**2, 0.0).sum(1) / np.maximum(n, 1)), np.nan)


def standard_deviation(values: Values) -> Values:
    """Standard deviation of each row, n - 1; NaN where fewer than two points are."""
    good = np.isfinite(values)
    n = good.sum(1)
    filled = np.where(good, values, 0.0)
    mean = filled.sum(1) / np.maximum(n, 1)
    square = np.where(good, (values - mean[:, None]) ** 2, 0.0).sum(1)
    return np.where(n > 1, np.sqrt(square / np.maximum(n - 1, 1)), np.nan)


def local_noise(mag: Values, *, window: int = 11) -> Values:
    """Standard deviation of each row after a boxcar mean is taken out.

    White noise of 1 gives 1: the point's own part in the mean of its k neighbours takes away 1 / k of
    the variance, which is put back. What changes over many windows does not count.

    Parameters
    ----------
    mag : (star, n)
        Magnitudes in order of time.
    window : int
        Points in the boxcar, odd.
    """
    good = np.isfinite(mag)
    filled = np.where(good, mag - np.where(good, mag, 0.0).sum(1, keepdims=True)
                      / np.maximum(good.sum(1, keepdims=True), 1), 0.0)  # fmt: skip
    n = _boxcar(good.astype(float), window)
    mean = _boxcar(filled, window) / np.maximum(n, 1.0)
    use = good & (n >= 3.0)
    part = np.where(use, (filled - mean) ** 2 / (1.0 - 1.0 / np.maximum(n, 2.0)), 0.0)
    count = use.sum(1)
    return np.where(count > 2, np.sqrt(part.sum(1) / np.maximum(count, 1)), np.nan)


def red_noise_factor(mag: Values, *, shortest: int = 4, longest: int = 0) -> Values:
    """How much wider means of consecutive points scatter than white noise would let them.

    ``beta = sigma_k / (sigma_1 / sqrt(k) sqrt(M / (M - 1)))`` for M bins of k points, the median over bins of
    several lengths. 1 is white noise; an error of a quantity that comes from many points grows by beta.

    Parameters
    ----------
    mag : (star, n)
        Residuals, or magnitudes of constant stars, in order of time.
    shortest, longest : int
        Points in a bin; 0 takes a tenth of the frames, at least `shortest`.

    References
    ----------
    Pont, Zucker & Queloz 2006, MNRAS 373, 231; Winn et al. 2008, ApJ 683, 1076.
    """
    n_frames = mag.shape[1]
    last = max(longest or n_frames // 10, shortest)
    lengths = np.unique(np.linspace(shortest, last, 6).astype(int))
    white = standard_deviation(mag)
    good = np.isfinite(mag)
    level = np.where(good, mag, 0.0).sum(1) / np.maximum(good.sum(1), 1)
    total, count = np.zeros((2, len(mag), n_frames + 1))
    np.cumsum(np.where(good, mag - level[:, None], 0.0), axis=1, out=total[:, 1:])
    np.cumsum(good, axis=1, out=count[:, 1:])
    found = np.array([_of_bins(total, count, white, int(k)) for k in lengths if n_frames // k >= 3])
    if not len(found):
        return np.full(len(mag), np.nan)
    return row_median(found.T)


def isolated_outliers(mag: Values, err: Values, *, limit: float = 5.0) -> Mask:
    """Points that stand off both neighbours and the median by many errors: satellites, cosmic rays.

    A change that lasts for two points is no outlier.
    """
    good = np.isfinite(mag)
    center = row_median(mag)
    size = np.fmax(err, 1.4826 * row_median(np.abs(mag - center[:, None]))[:, None])
    with np.errstate(invalid="ignore"):
        off = (mag - center[:, None]) / size
        before, after = np.empty_like(off), np.empty_like(off)
        before[:, 1:], before[:, 0] = off[:, :-1], np.nan
        after[:, :-1], after[:, -1] = off[:, 1:], np.nan
        same = (np.sign(off) * before > 0.5 * limit) | (np.sign(off) * after > 0.5 * limit)
        return good & (np.abs(off) > limit) & ~same


def _boxcar(values: Values, window: int) -> Values:
    """Sum over the neighbours within half a window, fewer at the ends."""
    half, n = window // 2, values.shape[1]
    total = np.zeros((len(values), n + 2 * half + 1))
    np.cumsum(values, axis=1, out=total[:, half + 1 : half + 1 + n])
    total[:, half + 1 + n :] = total[:, half + n, None]
    return total[:, 2 * half + 1 :] - total[:, :n]


def _of_bins(total: Values, count: Values, white: Values, k: int) -> Values:
    """Of bins of `k` points, from the sums and numbers of all points up to each frame."""
    sums, n = (np.diff(v[:, ::k][:, : (v.shape[1] - 1) // k + 1], axis=1) for v in (total, count))
    use = n >= max(2, k // 2)
    mean = sums / np.maximum(n, 1)
    bins = use.sum(1)
    weight = np.where(use, n, 0)
    center = (weight * mean).sum(1) / np.maximum(weight.sum(1), 1)
    # a mean of n points has the variance sigma_1^2 / n: bins with gaps count by what they hold
    ratio = (weight * (mean - center[:, None]) ** 2).sum(1) / np.maximum(bins - 1, 1)
    known = (bins >= 3) & (white > 0.0)
    return np.where(known, np.sqrt(ratio) / np.where(known, white, 1.0), np.nan)
