"""The radial profile of many stars stacked: what lies in rings about their centres."""

import math

import numpy as np
from numba import njit

from pogson.kernels.prefetch import ask_for
from pogson.kernels.stats import clipped_median


@njit(cache=True, nogil=True)
def stack_rings(data, mask, blank, x, y, sky, sigma, half, per_pixel, n_rings, kappa):
    """Clipped medians of the stars' pixels in rings, each star scaled to a Gaussian of height 1.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    blank : int
        Bits of pixels to leave out.
    x, y, sky : float64 (n,)
        Centres, and the sky under them.
    sigma : float
        Width of the Gaussian by which a star's height is measured, pixels.
    half : int
        Half width of the square about a star that is looked at; it holds all rings.
    per_pixel : float
        Rings per pixel of radius.
    n_rings : int
        Number of rings.
    kappa : float
        Clipping limit, sigma.

    Returns
    -------
    radius, middle, err : float64 (n_rings,)
        Mean radius of the ring's pixels, clipped median and its error; NaN with fewer than three pixels.
    """
    ny, nx = data.shape
    size = 2 * half + 1
    most = len(x) * size * size
    ring, r, value = np.empty(most, np.int64), np.empty(most), np.empty(most)
    start, across = np.zeros(n_rings + 1, np.int64), np.empty(size)
    n = 0
    for s in range(len(x)):
        if s + 1 < len(x):
            ask_for(data, x[s + 1], y[s + 1], float(half))
            ask_for(mask, x[s + 1], y[s + 1], float(half))
        column, row = round(x[s]), round(y[s])
        total, square, before = 0.0, 0.0, n
        for k in range(size):
            across[k] = math.exp(-0.5 * ((column - half + k - x[s]) / sigma) ** 2)
        for j in range(max(0, row - half), min(ny, row + half + 1)):
            weight = math.exp(-0.5 * ((j - y[s]) / sigma) ** 2)
            for i in range(max(0, column - half), min(nx, column + half + 1)):
                if mask[j, i] & blank:
                    continue
                w = weight * across[i - column + half]
                r[n] = math.sqrt((i - x[s]) ** 2 + (j - y[s]) ** 2)
                value[n] = data[j, i] - sky[s]
                total += w * value[n]
                square += w * w
                ring[n] = int(r[n] * per_pixel)
                n += ring[n] < n_rings
        if not total > 0.0:
            n = before
        for k in range(before, n):
            value[k] *= square / total
            start[ring[k] + 1] += 1
    for k in range(n_rings):
        start[k + 1] += start[k]
    radius, sorted_value, filled = np.zeros(n_rings), np.empty(n), start[:-1].copy()
    for k in range(n):
        sorted_value[filled[ring[k]]] = value[k]
        filled[ring[k]] += 1
        radius[ring[k]] += r[k]
    middle, err = np.full(n_rings, math.nan), np.full(n_rings, math.nan)
    for k in range(n_rings):
        count = start[k + 1] - start[k]
        radius[k] = radius[k] / count if count >= 3 else math.nan
        if count >= 3:
            middle[k], spread, used = clipped_median(sorted_value[start[k] : start[k + 1]], count, kappa)
            # 1.25: a median of normal noise scatters more than a mean
            err[k] = 1.25 * spread / math.sqrt(used)
    return radius, middle, err
