"""Robust statistics of one-dimensional samples, in place."""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def quickselect(values, low, high, k):
    """The value that would stand at index `k` if ``values[low:high]`` were sorted.

    Parameters
    ----------
    values : float32 or float64 (m,)
        Reordered in place: no value before `k` is larger, none after it is smaller.
    low, high, k : int
        Range (stop excluded) and index, ``low <= k < high``.

    Returns
    -------
    float
    """
    high -= 1
    while low < high:
        # the middle value of three as pivot: sorted input costs nothing extra
        a, b, c = values[low], values[(low + high) // 2], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return values[k]


@njit(cache=True, nogil=True)
def two_ranks(values, n, first, second):
    """The values that would stand at two indices if the first `n` values were sorted.

    All are compared with all, in lanes: for up to some hundred values that is faster than sorting.
    """
    some = values[:n]
    one = other = -np.inf
    for i in range(n):
        value = some[i]
        smaller = np.int32(0)
        for k in range(n):
            smaller += np.int32(some[k] < value)
        # the value of an index is the highest of those that no more others than that are below
        if smaller <= first:
            one = max(one, value)
        if smaller <= second:
            other = max(other, value)
    return one, other


@njit(cache=True, nogil=True)
def running_sums(counts, sums):
    """Sums over the bins of a histogram below each bin, so that a range of bins costs one difference.

    Parameters
    ----------
    counts : int64 (m,)
        Values in each bin.
    sums : int64 (3, m + 1)
        Written: number of values, sum of their bins' indices, and of the squares of these.
    """
    number, first, second = sums[0], sums[1], sums[2]
    number[0] = first[0] = second[0] = 0
    for k in range(len(counts)):
        number[k + 1] = number[k] + counts[k]
        first[k + 1] = first[k] + counts[k] * k
        second[k + 1] = second[k] + counts[k] * k * k


@njit(cache=True, nogil=True)
def bin_of(number, low, high, target):
    """The first bin in which the count from `low` on reaches `target`; `number` from `running_sums`."""
    left, right = low, high - 1
    while left < right:
        half = (left + right) // 2
        if number[half + 1] - number[low] >= target:
            right = half
        else:
            left = half + 1
    return left


@njit(cache=True, nogil=True)
def median(values, n):
    """Median of the first `n` values, which are reordered; NaN where there are none."""
    if n == 0:
        return math.nan
    half = n // 2
    upper = float(quickselect(values, 0, n, half))
    if n % 2 == 1:
        return upper
    lower = values[0]
    for i in range(1, half):
        lower = max(lower, values[i])
    return 0.5 * (float(lower) + upper)


@njit(cache=True, nogil=True)
def mean_std(values, n):
    """Mean and sample standard deviation of the first `n` values; NaN where there are too few."""
    total = 0.0
    for i in range(n):
        total += values[i]
    mean = total / n if n > 0 else math.nan
    spread = 0.0
    for i in range(n):
        spread += (values[i] - mean) ** 2
    return mean, math.sqrt(spread / (n - 1)) if n > 1 else math.nan


@njit(cache=True, nogil=True)
def clipped_width(kappa):
    """Standard deviation that is left of a unit normal distribution cut at +- `kappa`."""
    density = math.exp(-0.5 * kappa * kappa) / math.sqrt(2.0 * math.pi)
    return math.sqrt(1.0 - 2.0 * kappa * density / math.erf(kappa / math.sqrt(2.0)))


@njit(cache=True, nogil=True)
def clipped_median(values, n, kappa):
    """Median and standard deviation after iterated clipping at `kappa` sigma about the median.

    The first sigma is the distance from the median down to the 16th percentile: light only
    adds, so that side is the clean one. The standard deviation is that of the
    surviving values, divided by `clipped_width` because clipping takes the tails of clean noise, too.

    Parameters
    ----------
    values : float32 or float64 (m,)
        Finite values; the first `n` are reordered in place.
    n : int
        Number of values to use.
    kappa : float
        Clipping limit, sigma.

    Returns
    -------
    median, std : float
        NaN without values.
    n_used : int
        Number of values that survived; they stand first in `values`.
    """
    center = median(values, n)
    if n < 3:
        return center, mean_std(values, n)[1], n
    sigma = center - float(quickselect(values, 0, n // 2 + 1, int(0.1587 * n)))
    if sigma <= 0.0:
        sigma = mean_std(values, n)[1]
    shrink = clipped_width(kappa)
    for _ in range(20):
        kept = np.int64(0)  # a bare 0 would have all that is called with it compiled once more
        for i in range(n):
            if abs(values[i] - center) <= kappa * sigma:
                values[kept], values[i] = values[i], values[kept]
                kept += 1
        if kept < 3:
            break
        changed = kept < n
        n = kept
        center = median(values, n)
        sigma = mean_std(values, n)[1] / shrink
        if not changed:
            break
    return center, sigma, n
