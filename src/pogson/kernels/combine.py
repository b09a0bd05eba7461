"""Combine frames of the same scene: weighted mean, outliers rejected with the noise that is known."""

import math

import numpy as np
from numba import njit

from pogson.kernels.stats import median

_CHUNK = 256  # pixels that are worked on together: few enough for the fastest memory


@njit(cache=True, nogil=True)
def combine(stack, floor, poisson, kappa, data, variance, rejected):
    """Weighted mean of each pixel over the frames, without outliers.

    The variance of frame i at the level m is ``floor[i] + poisson[i] * max(m, 0)``; weights and limits
    come from the common level, never from the single number, so that the mean is not biased. Because the
    noise is known and not estimated from the n numbers, three frames are enough to find an outlier. Of two
    that disagree the lower is kept: what spoils one frame of two (a cosmic ray, a star) adds light.

    Parameters
    ----------
    stack : float32 (n, m)
        n frames of m pixels; NaN where a frame has no value.
    floor : float64 (n,)
        Variance of each frame without light.
    poisson : float64 (n,)
        Variance of each frame per unit of level.
    kappa : float
        Limit of the deviation, sigma.
    data, variance : float32 (m,)
        Written; NaN where no frame has a value.
    rejected : int64 (m,)
        Written: number of values rejected.

    Returns
    -------
    chi2 : float
        Sum of squared deviations of the kept values, in units of their variance.
    dof : int
        Number of values kept less number of pixels.
    """
    n, m = stack.shape
    values = np.empty(n, np.float64)
    frame = np.empty(n, np.int64)
    weights = np.empty((n, _CHUNK), np.float64)
    sums = np.empty((6, _CHUNK), np.float64)
    chi2 = 0.0
    dof = 0
    for start in range(0, m, _CHUNK):
        stop = min(start + _CHUNK, m)
        _chunk_means(stack[:, start:stop], floor, poisson, weights, sums)
        for c in range(stop - start):
            p = start + c
            count = np.int64(sums[0, c])
            center, weight, spread, worst = sums[2, c], sums[3, c], sums[4, c], sums[5, c]
            rejected[p] = 0
            # One outlier among n pulls the mean by 1/n of its own distance.
            share = 1.0 - 1.0 / count if count > 2 else math.sqrt(0.5)
            if count > 1 and worst > (kappa * share) ** 2:
                count = np.int64(0)  # a bare 0 would have all that is called with it compiled once more
                for i in range(n):
                    v = np.float64(stack[i, p])
                    if v == v:
                        values[count] = v
                        frame[count] = i
                        count += 1
                kept = _clip(values, frame, count, floor, poisson, kappa)
                rejected[p] = count - kept
                count = kept
                center, weight, spread = _weigh(values, frame, count, floor, poisson)
            data[p] = center if count > 0 else np.nan
            variance[p] = 1.0 / weight if count > 0 else np.nan
            chi2 += spread
            dof += max(count - 1, 0)
    return chi2, dof


@njit(cache=True, nogil=True)
def _chunk_means(stack, floor, poisson, weights, sums):
    """Weighted mean of each pixel, frame by frame: the loops along the pixels run on several at once.

    `sums` gets, for each pixel: number of values, their sum, weighted mean, sum of weights, chi2, and the
    largest squared deviation in units of its variance.
    """
    n, m = stack.shape
    count, total, center, weight, spread, worst = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    sums[:] = 0.0
    for i in range(n):
        row = stack[i]
        for c in range(m):
            known = row[c] == row[c]
            count[c] += 1.0 if known else 0.0
            total[c] += row[c] if known else 0.0
    for c in range(m):
        total[c] = max(total[c] / max(count[c], 1.0), 0.0)
    for i in range(n):
        row, w = stack[i], weights[i]
        f, q = floor[i], poisson[i]
        for c in range(m):
            known = row[c] == row[c]
            w[c] = 1.0 / (f + q * total[c]) if known else 0.0
            weight[c] += w[c]
            center[c] += w[c] * row[c] if known else 0.0
    for c in range(m):
        center[c] /= max(weight[c], 1e-300)
    for i in range(n):
        row, w = stack[i], weights[i]
        for c in range(m):
            d = (row[c] - center[c]) ** 2 * w[c] if row[c] == row[c] else 0.0
            spread[c] += d
            worst[c] = max(worst[c], d)


@njit(cache=True, nogil=True)
def _weigh(values, frame, n, floor, poisson):
    """Weighted mean, sum of weights, and chi2 of the first `n` values."""
    level = 0.0
    for i in range(n):
        level += values[i]
    level = max(level / n, 0.0)
    total = 0.0
    weight = 0.0
    for i in range(n):
        w = 1.0 / (floor[frame[i]] + poisson[frame[i]] * level)
        total += w * values[i]
        weight += w
    center = total / weight
    spread = 0.0
    for i in range(n):
        spread += (values[i] - center) ** 2 / (floor[frame[i]] + poisson[frame[i]] * level)
    return center, weight, spread


@njit(cache=True, nogil=True)
def _clip(values, frame, n, floor, poisson, kappa):
    """Move the values that agree to the front; return their number."""
    if n == 2:
        if values[1] < values[0]:
            values[0], frame[0] = values[1], frame[1]
        return 1
    work = values[:n].copy()
    center = median(work, n)
    kept = 0
    for _ in range(10):
        before = kept
        kept = 0
        level = max(center, 0.0)
        total = 0.0
        for i in range(n):
            sigma2 = floor[frame[i]] + poisson[frame[i]] * level
            if (values[i] - center) ** 2 <= kappa * kappa * sigma2:
                values[kept], values[i] = values[i], values[kept]
                frame[kept], frame[i] = frame[i], frame[kept]
                total += values[kept]
                kept += 1
        if kept == 0:  # an even number in two camps: the median between them fits nobody
            lowest = 0
            for i in range(1, n):
                if values[i] < values[lowest]:
                    lowest = i
            values[0], values[lowest] = values[lowest], values[0]
            frame[0], frame[lowest] = frame[lowest], frame[0]
            return 1
        center = total / kept
        if kept == before:
            break
    return kept
