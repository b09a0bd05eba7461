"""Sums of pixels in circular apertures, with their noise."""

import math

import numpy as np
from numba import njit, uintp

from pogson.kernels.overlap import circle_pixel_overlap

HALF_DIAGONAL = 0.70710678118654757


@njit(cache=True, nogil=True)
def sum_apertures(
    data,
    variance,
    mask,
    unusable,
    lost,
    x,
    y,
    radii,
    core,
    flat,
    flat_variance,
    dark,
    master_variance,
    read_variance,
    quantisation_variance,
):
    """Weighted sums over apertures of several radii, around every star, in one pass.

    A pixel counts with its exact area inside the circle, w; its variance counts with w^2.
    Unusable pixels, and those that are not finite, are filled with the mean of the
    usable pixels at the same distance from the centre (within half a pixel), and get
    the scatter of those as variance. A sum is NaN where that is no remedy: an aperture that
    crosses the edge, a `lost` pixel, an unusable pixel within `core` of the centre,
    more than a tenth of the area unusable, or fewer than three pixels to fill from.

    Parameters
    ----------
    data, variance : float32 (ny, nx)
        Image, and its variance.
    mask : uint16 (ny, nx)
        Flag bits.
    unusable : int
        Bits of `mask` whose pixels must be filled.
    lost : int
        Those among them that no filling can remedy.
    x, y : float64 (n,)
        Centres; NaN gives NaN.
    radii : float64 (nr,)
        In pixels; the first is the main one, to which `bits`, `peak` and `terms` belong.
    core : float
        Distance from the centre within which no pixel may be filled.
    flat, flat_variance, dark, master_variance : float32 (ny, nx) or (0, 0)
        What was divided out, or subtracted; (0, 0) stands for none.
    read_variance, quantisation_variance : float
        Per pixel, before the division by the flat.

    Returns
    -------
    sums, variances : float64 (n, nr)
        Sum of w data, of w^2 variance.
    coverage : float64 (n, nr)
        Usable fraction of the area.
    bits : int64 (n,)
        Union of the mask's bits inside; a pixel that is not finite adds bit 1.
    peak : float64 (n,)
        Highest usable pixel whose centre is inside.
    terms : float64 (n, 5)
        Sum over the usable pixels of w^2 times: dark and master variance, read variance, variance by
        the flat, quantisation variance, 1 / flat (to be multiplied by the sky level).
    """
    ny, nx = data.shape
    n, nr = len(x), len(radii)
    sums = np.full((n, nr), math.nan)
    variances = np.full((n, nr), math.nan)
    coverage = np.zeros((n, nr))
    bits = np.zeros(n, np.int64)
    peak = np.full(n, math.nan)
    terms = np.zeros((n, 5))
    has_flat, has_flat_variance = flat.size > 0, flat_variance.size > 0
    has_dark, has_master = dark.size > 0, master_variance.size > 0
    reach = 0.0
    for k in range(nr):
        reach = max(reach, radii[k])
    outside = (reach + HALF_DIAGONAL) ** 2
    missing = np.empty(nr)
    spoiled = np.empty(nr, np.bool_)
    for s in range(n):
        cx, cy = x[s], y[s]
        if not (-reach <= cx <= nx + reach and -reach <= cy <= ny + reach):
            continue
        x0, x1 = max(0, math.floor(cx - reach)), min(nx, math.ceil(cx + reach) + 1)
        y0, y1 = max(0, math.floor(cy - reach)), min(ny, math.ceil(cy + reach) + 1)
        total, noise, area = sums[s], variances[s], coverage[s]
        total[:] = 0.0
        noise[:] = 0.0
        missing[:] = 0.0
        spoiled[:] = False
        n_bad = 0
        highest = -math.inf
        # unsigned indices cannot count from the end: the compiler leaves out a test for each
        for j in range(uintp(y0), uintp(y1)):
            for i in range(uintp(x0), uintp(x1)):
                dx, dy = float(i) - cx, float(j) - cy
                dd = dx * dx + dy * dy
                if dd >= outside:
                    continue
                value, spread = float(data[j, i]), float(variance[j, i])
                good = (mask[j, i] & unusable) == 0 and math.isfinite(value) and math.isfinite(spread)
                if not good:
                    n_bad += 1
                for k in range(nr):
                    w = _weight(dx, dy, dd, radii[k])
                    if w <= 0.0:
                        continue
                    if k == 0:
                        bits[s] |= mask[j, i]
                    if not good:
                        missing[k] += w
                        spoiled[k] = spoiled[k] or dd < core * core or (mask[j, i] & lost) != 0
                        if k == 0 and (mask[j, i] & unusable) == 0:
                            bits[s] |= 1
                        continue
                    area[k] += w
                    total[k] += w * value
                    noise[k] += w * w * spread
                    if k == 0:
                        if dd <= radii[0] * radii[0]:
                            highest = max(highest, value)
                        weight = w * w
                        inverse = 1.0
                        if has_flat:
                            inverse = 1.0 / flat[j, i] if flat[j, i] > 0.0 else 0.0
                        square = weight * inverse * inverse
                        if has_dark:
                            terms[s, 0] += square * max(dark[j, i], np.float32(0.0))
                        if has_master:
                            terms[s, 0] += square * master_variance[j, i]
                        terms[s, 1] += square * read_variance
                        if has_flat_variance:
                            terms[s, 2] += square * value * value * flat_variance[j, i]
                        terms[s, 3] += square * quantisation_variance
                        terms[s, 4] += weight * inverse
        if highest > -math.inf:
            peak[s] = highest
        if n_bad > 0:
            for j in range(y0, y1):
                for i in range(x0, x1):
                    dx, dy = i - cx, j - cy
                    dd = dx * dx + dy * dy
                    if dd >= outside or _usable(data, variance, mask, unusable, j, i):
                        continue
                    fill, spread = _ring(data, variance, mask, unusable, cx, cy, math.sqrt(dd))
                    for k in range(nr):
                        w = _weight(dx, dy, dd, radii[k])
                        if w > 0.0:
                            total[k] += w * fill
                            noise[k] += w * w * spread
        for k in range(nr):
            r = radii[k]
            circle = math.pi * r * r
            crosses = cx - r < -0.5 or cy - r < -0.5 or cx + r > nx - 0.5 or cy + r > ny - 0.5
            area[k] = area[k] / circle if crosses else 1.0 - missing[k] / circle
            if crosses or spoiled[k] or area[k] < 0.9:
                total[k] = math.nan
                noise[k] = math.nan
    return sums, variances, coverage, bits, peak, terms


@njit(cache=True, nogil=True)
def _weight(dx, dy, dd, radius):
    """Area of a pixel in the aperture; the exact formula only where the circle may cut the pixel."""
    if dd >= (radius + HALF_DIAGONAL) ** 2:
        return 0.0
    if radius > HALF_DIAGONAL and dd <= (radius - HALF_DIAGONAL) ** 2:
        return 1.0
    return circle_pixel_overlap(dx, dy, radius)


@njit(cache=True, nogil=True)
def _usable(data, variance, mask, unusable, j, i):
    return (mask[j, i] & unusable) == 0 and math.isfinite(data[j, i]) and math.isfinite(variance[j, i])


@njit(cache=True, nogil=True)
def _ring(data, variance, mask, unusable, cx, cy, distance):
    """Mean of the usable pixels at a distance, and the variance of one more drawn like them."""
    ny, nx = data.shape
    reach = distance + 0.5
    count, mean, spread = 0, 0.0, 0.0
    for j in range(max(0, math.floor(cy - reach)), min(ny, math.ceil(cy + reach) + 1)):
        for i in range(max(0, math.floor(cx - reach)), min(nx, math.ceil(cx + reach) + 1)):
            off = math.sqrt((i - cx) ** 2 + (j - cy) ** 2) - distance
            if abs(off) <= 0.5 and _usable(data, variance, mask, unusable, j, i):
                count += 1
                step = data[j, i] - mean
                mean += step / count
                spread += step * (data[j, i] - mean)
    if count < 3:
        return math.nan, math.nan
    return mean, spread / (count - 1) * (1.0 + 1.0 / count)
