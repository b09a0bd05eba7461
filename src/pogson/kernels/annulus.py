"""The sky around each star, from the pixels of an annulus."""

import math

import numpy as np
from numba import njit, uintp

from pogson.kernels.stats import clipped_width, mean_std, quickselect

BINS = 256
ALL, CORES = np.uint8(7), np.uint8(3)  # bits of `blocked` to keep out of
HALF_RANGE = 8.0  # of the histogram, in standard deviations


@njit(cache=True, nogil=True)
def annulus_sky(data, blocked, x, y, inner, outer, kappa, min_pixels):
    """Clipped median, mean and scatter of the pixels whose centre lies in an annulus.

    Where fewer than `min_pixels` are free, the next of these is tried: leave out only the
    stars' cores; that in an annulus of 1.5 times the outer radius. The last one is used
    as it is.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    blocked : uint8 (ny, nx)
        As from `paint_stars`: bit 1 unusable, bit 2 core of a star, bit 4 reach of a star.
    x, y : float64 (n,)
        Centres; NaN gives NaN.
    inner, outer : float
        Radii in pixels.
    kappa : float
        Clipping limit in standard deviations, below 8.
    min_pixels : int
        Fewest pixels that are enough.

    Returns
    -------
    median, mean, sigma : float64 (n,)
        NaN with fewer than three pixels.
    count : int64 (n,)
        Pixels that survived the clipping.
    attempt : int64 (n,)
        0 the annulus as asked for; 1, 2 as above; 3 still too few pixels.
    """
    ny, nx = data.shape
    n = len(x)
    median, mean, sigma = np.full(n, math.nan), np.full(n, math.nan), np.full(n, math.nan)
    count, attempt = np.zeros(n, np.int64), np.zeros(n, np.int64)
    wide = 1.5 * outer
    values = np.empty((2 * math.ceil(wide) + 3) ** 2, np.float32)
    room = np.empty_like(values)
    counts = np.empty(BINS, np.int64)
    shrink = clipped_width(kappa)
    for s in range(n):
        if not (-wide <= x[s] <= nx + wide and -wide <= y[s] <= ny + wide):
            attempt[s] = 3
            continue
        found = _collect(data, blocked, ALL, x[s], y[s], inner, outer, values)
        if found < min_pixels:
            attempt[s] = 1
            found = _collect(data, blocked, CORES, x[s], y[s], inner, outer, values)
        if found < min_pixels:
            attempt[s] = 2
            found = _collect(data, blocked, CORES, x[s], y[s], inner, wide, values)
        if found < min_pixels:
            attempt[s] = 3
        if found >= 3:
            median[s], mean[s], sigma[s], count[s] = clipped_level(values, found, kappa, shrink, counts, room)
    return median, mean, sigma, count, attempt


@njit(cache=True, nogil=True)
def clipped_level(values, n, kappa, shrink, counts, room):
    """Median, mean and standard deviation of a sample clipped at `kappa` sigma about its median.

    The clipping is iterated on a histogram (16 bins per sigma), the results then come from
    the surviving values themselves: much faster than selecting medians over and over. Where
    values repeat, as whole numbers of ADU do, the median is that of a grouped sample: the repeated
    value stands for the interval around it.

    Parameters
    ----------
    values : float32 (m,)
        Finite values, of which the first `n` (at least 3) are used.
    n : int
        Number of values.
    kappa, shrink : float
        Clipping limit, and `clipped_width` of it.
    counts : int64 (BINS,)
        Working space.
    room : float32 (m,)
        Working space.

    Returns
    -------
    median, mean, sigma : float
        `sigma` is corrected for the tails of clean noise that the clipping takes.
    used : int
        Values that survived.
    """
    start, width = _first_guess(values, n, room)
    if width == 0.0:
        return start, start, 0.0, n
    base, inverse = start - HALF_RANGE * width, BINS / (2.0 * HALF_RANGE * width)
    counts[:] = 0
    for i in range(uintp(n)):
        place = (values[i] - base) * inverse
        if 0.0 <= place < BINS:
            counts[uintp(place)] += 1
    low, high = _clip_histogram(counts, kappa, shrink)

    used, before = 0, 0
    for k in range(low, high):
        used += counts[k]
    middle = low
    while before + counts[middle] <= used // 2:
        before += counts[middle]
        middle += 1
    total, square, near = 0.0, 0.0, uintp(0)
    for i in range(uintp(n)):
        value = float(values[i])
        place = (value - base) * inverse
        if low <= place < high:
            off = value - start
            total += off
            square += off * off
            # without a branch: half of all guesses which way it goes would be wrong
            room[near] = values[i]
            near += uintp(int(place) == middle)
    median = float(quickselect(room, 0, np.int64(near), used // 2 - before))
    mean = total / used
    sigma = math.sqrt(max(square - used * mean * mean, 0.0) / max(used - 1, 1)) / shrink
    same, smaller = 0, before
    for i in range(near):
        same += room[i] == median
        smaller += room[i] < median
    if same > 0.2 * used:  # rounded to steps as coarse as the noise
        median = mean + start
    elif same > 2:
        step = math.inf
        for i in range(n):
            if values[i] != median:
                step = min(step, abs(values[i] - median))
        median += step * ((0.5 * used - smaller) / same - 0.5)
    return median, mean + start, sigma, used


@njit(cache=True, nogil=True)
def _first_guess(values, n, room):
    """Median and lower standard deviation of some 30 values; 0 only where all `n` are equal."""
    stride = max(1, n // 31)
    m = 0
    for i in range(0, n, stride):
        value = values[i]
        k = m
        while k > 0 and room[k - 1] > value:
            room[k] = room[k - 1]
            k -= 1
        room[k] = value
        m += 1
    center, width = float(room[m // 2]), float(room[m // 2]) - float(room[int(0.1587 * m)])
    if width <= 0.0:
        width = mean_std(values, n)[1]
    return center, width


@njit(cache=True, nogil=True)
def _clip_histogram(counts, kappa, shrink):
    """Range of bins that survives iterated clipping about the median."""
    low, high = 0, len(counts)
    for step in range(20):
        total, first, second = 0, 0.0, 0.0
        for k in range(low, high):
            total += counts[k]
            first += counts[k] * k
            second += counts[k] * k * k
        center = _quantile(counts, low, high, 0.5 * total)
        if step == 0:  # light only adds: the lower side is the clean one
            sigma = center - _quantile(counts, low, high, 0.1587 * total)
        if step > 0 or sigma < 2.0:
            sigma = math.sqrt(max(second / total - (first / total) ** 2, 0.0)) / shrink
        reach = kappa * sigma + 0.5
        left, right = max(low, math.floor(center - reach)), min(high, math.ceil(center + reach))
        if left == low and right == high:
            break
        low, high = left, right
    return low, high


@njit(cache=True, nogil=True)
def _quantile(counts, low, high, target):
    below = 0
    for k in range(low, high):
        if below + counts[k] >= target and counts[k] > 0:
            return k + (target - below) / counts[k]
        below += counts[k]
    return float(high)


@njit(cache=True, nogil=True)
def _collect(data, blocked, bits, cx, cy, inner, outer, values):
    """Copy the free, finite pixels of an annulus into `values`; return how many."""
    ny, nx = data.shape
    found = uintp(0)  # unsigned indices cannot count from the end: twice as fast
    for row in range(max(0, math.ceil(cy - outer)), min(ny, math.floor(cy + outer) + 1)):
        j = uintp(row)
        dy2 = (row - cy) ** 2
        half = math.sqrt(max(outer * outer - dy2, 0.0))
        start = max(0, math.ceil(cx - half))
        stop = max(start, min(nx, math.floor(cx + half) + 1))
        left, right = stop, stop
        if dy2 < inner * inner:
            gap = math.sqrt(inner * inner - dy2)
            left = min(stop, max(start, math.floor(cx - gap) + 1))
            right = min(stop, max(left, math.ceil(cx + gap)))
        for i in range(uintp(start), uintp(left)):
            value = data[j, i]
            values[found] = value
            found += uintp((blocked[j, i] & bits) == 0) & uintp(value - value == np.float32(0.0))
        for i in range(uintp(right), uintp(stop)):
            value = data[j, i]
            values[found] = value
            found += uintp((blocked[j, i] & bits) == 0) & uintp(value - value == np.float32(0.0))
    return np.int64(found)
