"""The sky around each star, from the pixels of an annulus."""

import math

import numpy as np
from numba import njit, uintp

from pogson.kernels.prefetch import ask_for
from pogson.kernels.stats import bin_of, clipped_width, mean_std, median, quickselect, running_sums, two_ranks

BINS = 256
FINE = 12  # binary places of a bin: values are counted and summed as whole numbers of 1 / 65536 sigma
ALL, CORES = np.uint8(7), np.uint8(3)  # bits of `blocked` to keep out of
HALF_RANGE = 8.0  # of the histogram, in standard deviations
MIDDLE = BINS << (FINE - 1)


@njit(cache=True, nogil=True)
def annulus_sky(data, blocked, x, y, order, inner, outer, kappa, min_pixels):
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
    order : int64 (n,)
        In which they are gone through: neighbours in the image are neighbours in memory.
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
    fixed, counts = np.empty(len(values), np.int32), np.empty(BINS + 2, np.int64)
    ends = np.empty((4, 2 * math.ceil(wide) + 3), np.int32)
    sums = np.empty((3, BINS + 1), np.int64)
    shrink = clipped_width(kappa)
    for a in range(n):
        s = order[a]
        if a + 1 < n:
            ask_for(data, x[order[a + 1]], y[order[a + 1]], outer)
            ask_for(blocked, x[order[a + 1]], y[order[a + 1]], outer)
        if not (-wide <= x[s] <= nx + wide and -wide <= y[s] <= ny + wide):
            attempt[s] = 3
            continue
        found = _collect(data, blocked, ALL, x[s], y[s], inner, outer, ends, values)
        if found < min_pixels:
            attempt[s] = 1
            found = _collect(data, blocked, CORES, x[s], y[s], inner, outer, ends, values)
        if found < min_pixels:
            attempt[s] = 2
            found = _collect(data, blocked, CORES, x[s], y[s], inner, wide, ends, values)
        if found < min_pixels:
            attempt[s] = 3
        if found >= 3:
            median[s], mean[s], sigma[s], count[s] = clipped_level(
                values, found, kappa, shrink, room, fixed, counts, sums
            )
    return median, mean, sigma, count, attempt


@njit(cache=True, nogil=True)
def clipped_level(values, n, kappa, shrink, room, fixed, counts, sums):
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
    room, fixed : float32 (m,), int32 (m,)
        Working space.
    counts, sums : int64 (BINS + 2,), (3, BINS + 1)
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
    base = np.float32(start - HALF_RANGE * width)
    scale = np.float32((BINS << FINE) / (2.0 * HALF_RANGE * width))
    _to_fixed(values[:n], base, scale, fixed)
    _count(fixed[:n], counts)
    running_sums(counts[1:-1], sums)
    low, high = _clip_histogram(sums, kappa, shrink)

    number = sums[0]
    used = number[high] - number[low]
    middle = bin_of(number, low, high, used // 2 + 1)
    before = number[middle] - number[low]
    total, square = _sum_between(fixed[:n], low << FINE, high << FINE)
    near = uintp(0)
    for i in range(uintp(n)):
        # without a branch: half of all guesses which way it goes would be wrong
        room[near] = values[i]
        near += uintp((fixed[i] >> FINE) == middle)
    median = float(_value_of_rank(room, np.int64(near), used // 2 - before))
    mean = total / used
    sigma = math.sqrt(max(square - used * mean * mean, 0.0) / max(used - 1, 1)) / scale / shrink
    mean = base + (mean + 0.5 + MIDDLE) / scale
    same, smaller = 0, before
    for i in range(near):
        same += room[i] == median
        smaller += room[i] < median
    if same > 0.2 * used:  # rounded to steps as coarse as the noise
        median = mean
    elif same > 2:
        step = math.inf
        for i in range(n):
            if values[i] != median:
                step = min(step, abs(values[i] - median))
        median += step * ((0.5 * used - smaller) / same - 0.5)
    return median, mean, sigma, used


@njit(cache=True, nogil=True)
def _value_of_rank(values, n, k):
    """The value that would stand at index `k` if the first `n` values were sorted."""
    return two_ranks(values, n, k, k)[0] if n <= 128 else quickselect(values, 0, n, k)


@njit(cache=True, nogil=True)
def _first_guess(values, n, room):
    """Median and lower standard deviation of some 30 values; 0 only where all `n` are equal."""
    stride = max(1, n // 31)
    m = (n - 1) // stride + 1
    for i in range(m):
        room[i] = values[i * stride]
    center, lower = two_ranks(room, m, m // 2, int(0.1587 * m))
    width = center - lower
    if width <= 0.0:
        width = mean_std(values, n)[1]
    return center, width


@njit(cache=True, nogil=True)
def _to_fixed(values, base, scale, fixed):
    """Whole numbers of steps above `base`; -1 and BINS << FINE stand for all beyond. It runs in lanes."""
    least, most = np.float32(-1.0), np.float32(BINS << FINE)
    for i in range(len(values)):
        place = (values[i] - base) * scale
        place = place if place >= np.float32(0.0) else least
        fixed[i] = np.int32(place if place < most else most)


@njit(cache=True, nogil=True)
def _count(fixed, counts):
    """Histogram of the values; its first and last place hold those beyond the bins."""
    counts[:] = 0
    for i in range(len(fixed)):
        counts[uintp((fixed[i] >> FINE) + 1)] += 1


@njit(cache=True, nogil=True)
def _sum_between(fixed, low, high):
    """Sums of the values from `low` up to `high`, and of their squares, as seen from the middle."""
    total, square = 0, 0
    for i in range(len(fixed)):
        inside = np.int64((fixed[i] >= low) & (fixed[i] < high))
        off = (np.int64(fixed[i]) - MIDDLE) * inside
        total += off
        square += off * off
    return total, float(square)


@njit(cache=True, nogil=True)
def _clip_histogram(sums, kappa, shrink):
    """Range of bins that survives iterated clipping about the median."""
    number, first, second = sums[0], sums[1], sums[2]
    low, high = np.int64(0), np.int64(BINS)  # bare numbers would be compiled once more
    for step in range(20):
        total = number[high] - number[low]
        center = _quantile(number, low, high, 0.5 * total)
        if step == 0:  # light only adds: the lower side is the clean one
            sigma = center - _quantile(number, low, high, 0.1587 * total)
        if step > 0 or sigma < 2.0:
            mean = (first[high] - first[low]) / total
            sigma = math.sqrt(max((second[high] - second[low]) / total - mean * mean, 0.0)) / shrink
        reach = kappa * sigma + 0.5
        left, right = max(low, math.floor(center - reach)), min(high, math.ceil(center + reach))
        if left == low and right == high:
            break
        low, high = left, right
    return low, high


@njit(cache=True, nogil=True)
def _quantile(number, low, high, target):
    k = bin_of(number, low, high, target)
    return k + (target - (number[k] - number[low])) / max(number[k + 1] - number[k], 1)


@njit(cache=True, nogil=True)
def _collect(data, blocked, bits, cx, cy, inner, outer, ends, values):
    """Copy the free, finite pixels of an annulus into `values`; return how many."""
    ny, nx = data.shape
    y0, y1 = max(0, math.ceil(cy - outer)), min(ny, math.floor(cy + outer) + 1)
    _row_ends(cx, cy, inner, outer, np.float64(nx), y0, ends[:, : max(0, y1 - y0)])
    found = uintp(0)  # unsigned indices cannot count from the end: twice as fast
    for k in range(uintp(max(0, y1 - y0))):
        j = uintp(y0) + k
        for first, last in ((ends[0, k], ends[1, k]), (ends[2, k], ends[3, k])):
            for i in range(uintp(first), uintp(last)):
                values[found] = data[j, i]
                found += uintp((blocked[j, i] & bits) == 0)
    return _drop_infinite(values, np.int64(found))


@njit(cache=True, nogil=True)
def _row_ends(cx, cy, inner, outer, nx, y0, ends):
    """Where an annulus begins and ends, left and right of its hole, in rows from `y0` on; it runs in lanes.

    Rows of `ends`: first column on the left, the one after the last, and the same on the right.
    """
    for k in range(ends.shape[1]):
        dy2 = (y0 + k - cy) ** 2
        half = math.sqrt(max(outer * outer - dy2, 0.0))
        gap = math.sqrt(max(inner * inner - dy2, 0.0))
        stop = min(max(np.floor(cx + half) + 1.0, 0.0), nx)
        left = min(max(np.floor(cx - gap) + 1.0, 0.0), nx) if dy2 < inner * inner else stop
        ends[0, k] = np.int32(min(max(np.ceil(cx - half), 0.0), nx))
        ends[1, k] = np.int32(left)
        ends[2, k] = np.int32(min(max(np.ceil(cx + gap), left), stop))
        ends[3, k] = np.int32(stop)


@njit(cache=True, nogil=True)
def _drop_infinite(values, n):
    """Move the finite ones of the first `n` values to the front; return how many."""
    finite = np.int32(0)
    for i in range(n):  # in lanes; nearly always it is all of them
        finite += np.int32(values[i] - values[i] == np.float32(0.0))
    if finite == n:
        return n
    kept = 0
    for i in range(n):
        if math.isfinite(values[i]):
            values[kept] = values[i]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def typical_pixel(image, step):
    """Median of every `step`-th pixel of every `step`-th row, of those that are finite.

    Parameters
    ----------
    image : float32 (ny, nx)
        Any plane of a frame.
    step : int
        In pixels.

    Returns
    -------
    float
        NaN where there is none.
    """
    values = np.empty(image.size // step + image.shape[0] + 1, np.float32)
    n = np.int64(0)  # a bare 0 would have all that is called with it compiled once more
    for j in range(0, image.shape[0], step):
        for i in range(0, image.shape[1], step):
            values[n] = image[j, i]
            n += 1
    return median(values, _drop_infinite(values, n))
