"""Combine frames of the same scene: weighted mean, outliers rejected with the noise that is known."""

import math

import numpy as np
from numba import njit

from pogson.kernels.stats import median


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
    chi2 = 0.0
    dof = 0
    for p in range(m):
        count = 0
        total = 0.0
        for i in range(n):
            v = np.float64(stack[i, p])
            if math.isfinite(v):
                values[count] = v
                frame[count] = i
                total += v
                count += 1
        rejected[p] = 0
        if count == 0:
            data[p] = np.nan
            variance[p] = np.nan
            continue
        center, weight, spread, worst = _weigh(values, frame, count, floor, poisson, total / count)
        # One outlier among n pulls the mean by 1/n of its own distance.
        share = 1.0 - 1.0 / count if count > 2 else math.sqrt(0.5)
        if count > 1 and worst > (kappa * share) ** 2:
            kept = _clip(values, frame, count, floor, poisson, kappa)
            rejected[p] = count - kept
            count = kept
            level = 0.0
            for i in range(count):
                level += values[i]
            center, weight, spread, worst = _weigh(values, frame, count, floor, poisson, level / count)
        data[p] = center
        variance[p] = 1.0 / weight
        chi2 += spread
        dof += count - 1
    return chi2, dof


@njit(cache=True, nogil=True)
def _weigh(values, frame, n, floor, poisson, level):
    """Weighted mean, sum of weights, chi2 and the largest squared deviation in units of the variance."""
    level = max(level, 0.0)
    total = 0.0
    weight = 0.0
    for i in range(n):
        w = 1.0 / (floor[frame[i]] + poisson[frame[i]] * level)
        total += w * values[i]
        weight += w
    center = total / weight
    spread = 0.0
    worst = 0.0
    for i in range(n):
        d = (values[i] - center) ** 2 / (floor[frame[i]] + poisson[frame[i]] * level)
        spread += d
        worst = max(worst, d)
    return center, weight, spread, worst


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
