"""Combine frames that lie on one grid, some rows at a time."""

import math

import numpy as np
from numba import njit

_CHUNK = 256  # pixels that are worked on together: few enough for the fastest memory


@njit(cache=True, nogil=True)
def order_statistics(values, spread, pairs, low, high, lower, upper, mean, noise, count):
    """The middle values of each pixel over the frames, and the mean without the extremes.

    The values of a pixel are sorted by a network of exchanges (Batcher), the same for all pixels, so that
    the loops along the pixels run on several at once.

    Parameters
    ----------
    values : float32 (n, m)
        NaN where a frame has no value.
    spread : float32 (n, m)
        Variance of each value.
    pairs : int64 (k, 2)
        Exchanges that sort n values: afterwards the first of the pair is the smaller one.
    low, high : int
        Extremes left out of `mean`; of few values fewer are left out, one always stays. Negative: no `mean`.
    lower, upper : float32 (m,)
        Written: the two middle values, equal where their number is odd; NaN without values.
    mean : float32 (m,)
        Written: mean without the extremes.
    noise : float32 (m,)
        Written: variance of the mean of all values; NaN without values.
    count : int16 (m,)
        Written: number of values.
    """
    n, m = values.shape
    work = np.empty((n, _CHUNK), np.float32)
    inf, zero, one = np.float32(np.inf), np.float32(0.0), np.float32(1.0)
    total = np.empty(_CHUNK, np.float32)
    number = np.empty(_CHUNK, np.float32)
    for start in range(0, m, _CHUNK):
        size = min(_CHUNK, m - start)
        total[:] = zero
        number[:] = zero
        for i in range(n):
            row, v, s = work[i], values[i, start : start + size], spread[i, start : start + size]
            for c in range(size):
                row[c] = v[c] if v[c] == v[c] else inf
            for c in range(size):
                number[c] += one if v[c] == v[c] else zero
            for c in range(size):
                total[c] += s[c] if v[c] == v[c] else zero
        for k in range(pairs.shape[0]):
            first, second = work[pairs[k, 0]], work[pairs[k, 1]]
            for c in range(size):
                a, b = first[c], second[c]
                first[c] = a if a < b else b
                second[c] = b if a < b else a
        for c in range(size):
            there = int(number[c])
            p = start + c
            count[p] = there
            lower[p] = work[(there - 1) // 2, c] if there > 0 else np.float32(np.nan)
            upper[p] = work[there // 2, c] if there > 0 else np.float32(np.nan)
            noise[p] = total[c] / (number[c] * number[c]) if there > 0 else np.float32(np.nan)
        if low >= 0:
            for c in range(size):
                there = int(number[c])
                a, b = trimmed(there, low, high)
                light = 0.0
                for i in range(a, there - b):
                    light += work[i, c]
                mean[start + c] = light / (there - a - b) if there > 0 else np.nan


@njit(cache=True, nogil=True)
def trimmed(there, low, high):
    """How many of the lowest and highest of so many values are left out: one always stays."""
    spare = max(low + high + 1 - there, 0)
    a = max(low - spare // 2, 0)
    b = max(min(high, there - 1 - a), 0)
    return a, b


@njit(cache=True, nogil=True)
def clipped_mean(
    values, spread, weights, photon, lower, upper, noise, edge, nx, kappa, slope, data, variance, used, rejected
):
    """Weighted mean of each pixel of what agrees with the middle values; the others are rejected.

    A value may differ from the middle by ``kappa`` times its noise, and by ``slope`` times the steepest step
    to one of the four neighbours: where light falls off quickly, seeing and sampling differ from frame to
    frame by more than noise (Fruchter & Hook 2002, PASP 114, 144, section 5). The noise is taken at the
    common level, not at the value's own, and weights do not depend on the pixel: the mean is linear
    in the light, and its variance unbiased.

    Parameters
    ----------
    values, spread : float32 (n, m + 2 edge)
        Values, NaN where a frame has none, and their variance. Rejected values become NaN.
    weights : float64 (n,)
    photon : float64 (n,)
        Variance per unit of light; 0 where the variance does not follow the value.
    lower, upper, noise : float32 (m + 2 edge,)
        As from `order_statistics`.
    edge : int
        Pixels before and after the m pixels that are wanted: one row each, or 0.
    nx : int
        Length of a row.
    kappa : float
        Limit, sigma; 1e9 and more rejects nothing, and needs no middle values.
    slope : float
    data, variance : float32 (m,)
        Written; NaN where no frame has a value.
    used, rejected : int16 (m,)
        Written: number of values kept, and number rejected.
    """
    n = values.shape[0]
    m = data.shape[0]
    w1, w2, q = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
    for i in range(n):
        w1[i] = weights[i]
        w2[i] = weights[i] * weights[i]
        q[i] = photon[i]
    clip = kappa < 1e9
    k2 = np.float32(kappa * kappa) if clip else np.float32(0.0)
    zero, one, nan = np.float32(0.0), np.float32(1.0), np.float32(np.nan)
    center, extra = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32)
    sums = np.empty((5, _CHUNK), np.float32)
    total, light, variances, kept, lost = sums[0], sums[1], sums[2], sums[3], sums[4]
    for start in range(0, m, _CHUNK):
        size = min(_CHUNK, m - start)
        at = edge + start
        if clip:
            _limits(lower, upper, noise, n, at, size, nx, k2, np.float32(slope), center, extra)
        sums[:] = zero
        for i in range(n):
            v, s = values[i, at : at + size], spread[i, at : at + size]
            a, b, g = w1[i], w2[i], q[i]
            # loops over few arrays each: the compiler works on several pixels at once then
            for c in range(size):
                lost[c] += one if v[c] == v[c] else zero
            if clip:
                for c in range(size):
                    d = v[c] - center[c]
                    own = s[c] - g * d
                    own = own if own > zero else zero
                    v[c] = v[c] if d * d <= extra[c] + k2 * own else nan
            for c in range(size):
                total[c] += a if v[c] == v[c] else zero
            for c in range(size):
                kept[c] += one if v[c] == v[c] else zero
            for c in range(size):
                light[c] += a * v[c] if v[c] == v[c] else zero
            for c in range(size):
                variances[c] += b * s[c] if v[c] == v[c] else zero
        for c in range(size):
            p = start + c
            there = total[c] > zero
            data[p] = light[c] / total[c] if there else nan
            variance[p] = variances[c] / (total[c] * total[c]) if there else nan
            used[p] = int(kept[c])
            rejected[p] = int(lost[c] - kept[c])


@njit(cache=True, nogil=True)
def _limits(lower, upper, noise, n, at, size, nx, k2, slope, center, extra):
    """Centre of each pixel, and the part of the squared limit that is common to all frames."""
    m = lower.shape[0]
    half_pi = np.float32(0.5 * math.pi)
    for c in range(size):
        p = at + c
        a, b = lower[p], upper[p]
        steep = np.float32(0.0)
        if slope > 0.0:
            for k in (p - nx, p - 1, p + 1, p + nx):
                if 0 <= k < m:
                    step = abs(lower[k] - a)
                    steep = max(steep, step) if step == step else steep
        soft = (slope * steep) ** 2
        # two camps: what spoils a frame adds light, so the lower one is believed
        apart = (b - a) ** 2 > np.float32(2.0 * n) * k2 * noise[p] + soft
        center[c] = a if apart else np.float32(0.5) * (a + b)
        extra[c] = k2 * half_pi * noise[p] + soft
