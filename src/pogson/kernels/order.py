"""Sort the values of each pixel over the frames, and take the middle ones."""

import numpy as np
from numba import njit

CHUNK = 512  # pixels that are worked on together: few enough for the fastest memory


@njit(cache=True, nogil=True)
def order_statistics(values, spread, pairs, few, low, high, factors, lower, upper, middle, noise, count):
    """The middle values of each pixel over the frames, and their mean, or that without the extremes.

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
    few : int64 (k, 2)
        Those that suffice where no value is missing: to find the extremes, or the two middle values.
    low, high : int
        Extremes left out of `middle`; of few values fewer are left out, one always stays. Negative: all but
        the two middle values.
    factors : float32 (n + 1,)
        Of the variance, for 0 to n values.
    lower, upper : float32 (m,)
        Written where `low` is negative: the two middle values, equal where their number is odd; NaN
        without values.
    middle : float32 (m,)
        Written: mean of the two, or without the extremes.
    noise : float32 (m,)
        Written: variance of the mean of all values, times the factor; NaN without values.
    count : int16 (m,)
        Written: number of values.
    """
    n, m = values.shape
    work = np.empty((n, CHUNK), np.float32)
    number = np.empty(CHUNK, np.float32)
    half = np.float32(0.5)
    for start in range(0, m, CHUNK):
        stop = min(start + CHUNK, m)
        size = stop - start
        missing = _gather(values, spread, start, work, noise[start:stop])
        if missing > 0:
            _order_some(
                values, work, number, pairs, low, high, factors, start, lower[start:stop], upper[start:stop],
                middle[start:stop], noise[start:stop], count[start:stop],
            )  # fmt: skip
            continue
        _exchange(work, few, size)
        count[start:stop] = n
        factor, own = factors[n] * np.float32(1.0 / (n * n)), noise[start:stop]
        for c in range(size):
            own[c] *= factor
        target = middle[start:stop]
        if low < 0:
            a, b = work[(n - 1) // 2][:size], work[n // 2][:size]
            below, above = lower[start:stop], upper[start:stop]
            for c in range(size):
                below[c] = a[c]
            for c in range(size):
                above[c] = b[c]
            for c in range(size):
                target[c] = half * (a[c] + b[c])
        else:
            target[:] = np.float32(0.0)
            for i in range(low, n - high):
                row = work[i][:size]
                for c in range(size):
                    target[c] += row[c]
            share = np.float32(1.0 / (n - low - high))
            for c in range(size):
                target[c] *= share


@njit(cache=True, nogil=True, inline="always")
def _gather(values, spread, start, work, total):
    """Copy some pixels of all frames, and add up the variances of those with a value; how many have none."""
    size = total.shape[0]
    total[:] = np.float32(0.0)
    missing = 0
    for i in range(values.shape[0]):
        v, s = values[i, start : start + size], spread[i, start : start + size]
        gaps = count_missing(v)
        missing += gaps
        row = work[i]
        for c in range(size):
            row[c] = v[c]
        if gaps == 0:
            for c in range(size):
                total[c] += s[c]
        else:
            for c in range(size):
                total[c] += s[c] if v[c] == v[c] else np.float32(0.0)
    return missing


@njit(cache=True, nogil=True)
def count_missing(values):
    """Number of values that are NaN."""
    n = np.int32(0)
    for x in range(values.shape[0]):
        n += np.int32(values[x] != values[x])
    return n


@njit(cache=True, nogil=True)
def _exchange(work, pairs, size):
    for k in range(pairs.shape[0]):
        first, second = work[pairs[k, 0]][:size], work[pairs[k, 1]][:size]
        for c in range(size):
            a, b = first[c], second[c]
            first[c] = a if a < b else b
            second[c] = b if a < b else a


@njit(cache=True, nogil=True, inline="always")
def _order_some(values, work, number, pairs, low, high, factors, start, lower, upper, middle, noise, count):
    """Where values are missing: these are sorted to the end."""
    size, n = lower.shape[0], work.shape[0]
    inf, zero, one, nan = np.float32(np.inf), np.float32(0.0), np.float32(1.0), np.float32(np.nan)
    number[:] = zero
    for i in range(n):
        row, v = work[i], values[i, start : start + size]
        for c in range(size):
            row[c] = v[c] if v[c] == v[c] else inf
        for c in range(size):
            number[c] += one if v[c] == v[c] else zero
    _exchange(work, pairs, size)
    for c in range(size):
        there = int(number[c])
        count[c] = there
        noise[c] = factors[there] * noise[c] / (number[c] * number[c]) if there > 0 else nan
        lower[c] = work[(there - 1) // 2, c] if there > 0 else nan
        upper[c] = work[there // 2, c] if there > 0 else nan
        a, b = (there - 1) // 2, there - 1 - there // 2
        if low >= 0:
            a, b = trimmed(there, low, high)
        light = 0.0
        for i in range(a, there - b):
            light += work[i, c]
        middle[c] = light / (there - a - b) if there > 0 else nan


@njit(cache=True, nogil=True)
def trimmed(there, low, high):
    """How many of the lowest and highest of so many values are left out: one always stays."""
    spare = max(low + high + 1 - there, 0)
    a = min(max(low - spare // 2, 0), max(there - 1, 0))
    b = max(min(high, there - 1 - a), 0)
    return a, b
