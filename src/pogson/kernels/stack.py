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
    a = min(max(low - spare // 2, 0), max(there - 1, 0))
    b = max(min(high, there - 1 - a), 0)
    return a, b


@njit(cache=True, nogil=True)
def reject(values, spread, photon, peaked, lower, upper, noise, rim, nx, kappa, slope, grow, rings):
    """Replace values by NaN that disagree with the middle ones.

    A value may differ from the middle by ``kappa`` times its noise, and by ``slope`` times the steepest step
    to one of the four neighbours: where light falls off quickly, seeing and sampling differ from frame to
    frame by more than noise (Fruchter & Hook 2002, PASP 114, 144, section 5). The noise is taken at the
    common level, not at the value's own. Where a frame is known to be sharper or less sharp than most, its
    share ``peaked`` of the light in the middle is tolerated as well. Around a rejected value the limits are
    lower: what hit one pixel reached its neighbours. And interpolation spreads a hit by its weights: values
    that must hold more than their noise of it are left out, whatever they are.

    Parameters
    ----------
    values, spread : float32 (n, m)
        Rows of the output, one after the other: values, NaN where a frame has none, and their variance.
    photon : float64 (n,)
        Variance per unit of light; 0 where the variance does not follow the value.
    peaked : float64 (n,)
        Share by which the middle of a star may differ from that of most frames, for its seeing.
    lower, upper, noise : float32 (m,)
        As from `order_statistics`.
    rim : int
        Rows at both ends that are there for their neighbours' sake only, and are not judged.
    nx : int
        Length of a row.
    kappa : float
        Limit, sigma.
    slope : float
        Tolerated share of the step to a neighbour.
    grow : float
        Share of the limits that holds beside a rejected value; 1 and more for no difference.
    rings : float64 (k + 1,)
        Largest share of a hit that interpolation gives to the pixel 0 to k columns, or rows, beside.
    """
    n, m = values.shape
    k2 = np.float32(kappa * kappa)
    zero, nan = np.float32(0.0), np.float32(np.nan)
    center, extra = np.empty(m, np.float32), np.empty(m, np.float32)
    reach = rings.shape[0] - 1
    size = n * m if grow < 1.0 or reach > 1 else 0
    hits, heights = np.empty(size, np.int64), np.empty(size, np.float32)
    found = 0
    widest = np.float32(2.0 * peaked.max())
    begin, end = rim * nx, m - rim * nx
    for start in range(begin, end, _CHUNK):
        stop = min(start + _CHUNK, end)
        c, e = center[start:stop], extra[start:stop]
        _limits(lower, upper, noise, n, start, nx, k2, np.float32(slope), widest, c, e)
        for i in range(n):
            v, s, g = values[i, start:stop], spread[i, start:stop], np.float32(photon[i])
            t2 = np.float32(peaked[i] * peaked[i])
            out = 0
            for x in range(v.shape[0]):
                d = v[x] - c[x]
                own = s[x] - g * d
                own = own if own > zero else zero
                out += 1 if d * d > e[x] + t2 * c[x] * c[x] + k2 * own else 0
            if out == 0:
                continue
            for x in range(v.shape[0]):
                d = v[x] - c[x]
                own = s[x] - g * d
                own = own if own > zero else zero
                if d * d > e[x] + t2 * c[x] * c[x] + k2 * own:
                    v[x] = nan
                    if found < hits.shape[0]:
                        hits[found] = i * m + start + x
                        heights[found] = abs(d)
                        found += 1
    share = np.float32(grow * grow)
    for h in range(found):
        i, p = hits[h] // m, hits[h] % m
        column = p % nx
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                q = p + dy * nx + dx
                if not (0 <= column + dx < nx and begin <= q < end):
                    continue
                d = values[i, q] - center[q]
                own = max(spread[i, q] - np.float32(photon[i]) * d, zero)
                soft = extra[q] + np.float32(peaked[i] * peaked[i]) * center[q] * center[q]
                beside = max(abs(dx), abs(dy)) <= 1 and d * d > share * (soft + k2 * own)
                ring = heights[h] * rings[abs(dx)] * rings[abs(dy)]
                if beside or ring * ring > own:
                    values[i, q] = nan


@njit(cache=True, nogil=True)
def weighted_mean(values, spread, share, weights, edge, data, variance, used):
    """Weighted mean of each pixel, and its variance.

    Weights do not depend on the pixel: the mean is linear in the light, and its variance unbiased.

    Parameters
    ----------
    values, spread : float32 (n, m + 2 edge)
        NaN where a frame has no value; variance of each value.
    share : float32 (n, m + 2 edge), or (1, 1)
        What each value weighs beside the weight of its frame; one number: all weigh the same.
    weights : float64 (n,)
        Of the frames.
    edge : int
        Pixels before and after the m pixels that are wanted.
    data, variance : float32 (m,)
        Written; NaN where no frame has a value.
    used : int16 (m,)
        Written: number of values.
    """
    n = values.shape[0]
    m = data.shape[0]
    sums = np.empty((5, _CHUNK), np.float32)
    total, light, noise, count, own = sums[0], sums[1], sums[2], sums[3], sums[4]
    zero, one, nan = np.float32(0.0), np.float32(1.0), np.float32(np.nan)
    for start in range(0, m, _CHUNK):
        stop = min(start + _CHUNK, m)
        size = stop - start
        sums[:4] = zero
        for i in range(n):
            v, s = values[i, edge + start : edge + stop], spread[i, edge + start : edge + stop]
            a = np.float32(weights[i])
            if share.shape[1] > 1:
                h = share[i, edge + start : edge + stop]
                for c in range(size):
                    own[c] = a * h[c] if v[c] == v[c] else zero
            else:
                for c in range(size):
                    own[c] = a if v[c] == v[c] else zero
            # loops over few arrays each: the compiler works on several pixels at once then
            for c in range(size):
                total[c] += own[c]
            for c in range(size):
                count[c] += one if v[c] == v[c] else zero
            for c in range(size):
                light[c] += own[c] * v[c] if v[c] == v[c] else zero
            for c in range(size):
                noise[c] += own[c] * own[c] * s[c]
        for c in range(size):
            p = start + c
            there = total[c] > zero
            data[p] = light[c] / total[c] if there else nan
            variance[p] = noise[c] / (total[c] * total[c]) if there else nan
            used[p] = int(count[c])


@njit(cache=True, nogil=True)
def _limits(lower, upper, noise, n, at, nx, k2, slope, widest, center, extra):
    """Centre of each pixel, and the part of the squared limit that is common to all frames."""
    m = lower.shape[0]
    half_pi = np.float32(0.5 * math.pi)
    for c in range(center.shape[0]):
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
        apart = (b - a) ** 2 > np.float32(2.0 * n) * k2 * noise[p] + soft + (widest * a) ** 2
        center[c] = a if apart else np.float32(0.5) * (a + b)
        extra[c] = k2 * half_pi * noise[p] + soft
