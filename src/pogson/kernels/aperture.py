"""Sums of pixels in circular apertures, with their noise."""

import math

import numpy as np
from numba import njit, uintp

from pogson.kernels.overlap import chord, column_arcs, row_weights
from pogson.kernels.prefetch import ask_for

TINY = 1e-9  # square pixels: less is rounding


@njit(cache=True, nogil=True)
def sum_apertures(
    data,
    variance,
    mask,
    unusable,
    lost,
    x,
    y,
    order,
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
    order : int64 (n,)
        In which they are gone through: neighbours in the image are neighbours in memory.
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
    reach = 0.0
    for k in range(nr):
        reach = max(reach, radii[k])
    side = 2 * math.ceil(reach) + 5
    room, holes = np.empty((2, side)), np.empty((side * side, 3))
    for a in range(n):
        s = order[a]
        cx, cy = x[s], y[s]
        if a + 1 < n:
            next_x, next_y = x[order[a + 1]], y[order[a + 1]]
            ask_for(data, next_x, next_y, reach)
            ask_for(variance, next_x, next_y, reach)
            ask_for(mask, next_x, next_y, reach)
            ask_for(flat, next_x, next_y, reach)
            ask_for(flat_variance, next_x, next_y, reach)
            ask_for(dark, next_x, next_y, reach)
            ask_for(master_variance, next_x, next_y, reach)
        if not (-reach <= cx <= nx + reach and -reach <= cy <= ny + reach):
            continue
        for k in range(nr):
            r = radii[k]
            total, noise, area, seen, highest, n_bad = _sum_one(
                data, variance, mask, unusable, cx, cy, r, room, holes,
                flat, flat_variance, dark, master_variance, k == 0, terms[s],
            )  # fmt: skip
            missing, spoiled = 0.0, False
            if n_bad > 0:
                fill, spread, missing, spoiled, more = _fill_one(
                    data, variance, mask, unusable, lost, cx, cy, core, holes[:n_bad]
                )
                total, noise, seen = total + fill, noise + spread, seen | more
            if k == 0:
                bits[s] = seen
                if highest > -math.inf:
                    peak[s] = highest
            circle = math.pi * r * r
            crosses = cx - r < -0.5 or cy - r < -0.5 or cx + r > nx - 0.5 or cy + r > ny - 0.5
            coverage[s, k] = area / circle if crosses else 1.0 - missing / circle
            if not (crosses or spoiled or coverage[s, k] < 0.9):
                sums[s, k], variances[s, k] = total, noise
        terms[s, 3] = terms[s, 1] * quantisation_variance
        terms[s, 1] *= read_variance
    return sums, variances, coverage, bits, peak, terms


@njit(cache=True, nogil=True)
def _sum_one(
    data, variance, mask, unusable, cx, cy, radius, room, holes,
    flat, flat_variance, dark, master_variance, main, terms,
):  # fmt: skip
    """Sums over the usable pixels of one aperture, the bits in it, its peak, and how many are unusable.

    For the `main` aperture `terms` is filled; its second place with the sum of w^2 / flat^2. Row, column and
    area of each unusable pixel are written to `holes`.
    """
    ny, nx = data.shape
    has_flat, has_flat_variance = flat.size > 0, flat_variance.size > 0
    has_dark, has_master = dark.size > 0, master_variance.size > 0
    total, noise, area, seen, n_bad, highest = 0.0, 0.0, 0.0, np.uint16(0), 0, -math.inf
    subtracted, squares, by_flat, by_sky = 0.0, 0.0, 0.0, 0.0
    arcs, weights = room[0], room[1]
    y0, y1 = max(0, math.floor(cy - radius + 0.5)), min(ny, math.ceil(cy + radius + 0.5))
    x0, x1 = max(0, math.floor(cx - radius + 0.5)), min(nx, math.ceil(cx + radius + 0.5))
    if x0 < x1:
        column_arcs(x0 - cx, radius, x1 - x0, arcs)
    upper = chord(y0 - 0.5 - cy, radius)
    for row in range(y0, y1):
        lower, upper = upper, chord(row + 0.5 - cy, radius)
        start, stop = row_weights(x0 - cx, lower, upper, radius, x1 - x0, arcs, TINY, weights)
        # unsigned indices cannot count from the end: the compiler leaves out a test for each
        j = uintp(row)
        for k in range(uintp(start), uintp(stop)):
            i = k + uintp(x0)
            w = weights[k]
            value, spread = float(data[j, i]), float(variance[j, i])
            seen |= mask[j, i]
            if (mask[j, i] & unusable) != 0 or not math.isfinite(value + spread):
                holes[n_bad, 0], holes[n_bad, 1], holes[n_bad, 2] = row, i, w
                n_bad += 1
                continue
            weight = w * w
            area += w
            total += w * value
            noise += weight * spread
            if main:
                dx, dy = float(i) - cx, float(row) - cy
                if value > highest and dx * dx + dy * dy <= radius * radius:
                    highest = value
                inverse = 1.0
                if has_flat:
                    inverse = 1.0 / flat[j, i] if flat[j, i] > 0.0 else 0.0
                square = weight * inverse * inverse
                squares += square
                by_sky += weight * inverse
                taken = 0.0
                if has_dark:
                    taken += max(dark[j, i], np.float32(0.0))
                if has_master:
                    taken += master_variance[j, i]
                subtracted += square * taken
                if has_flat_variance:
                    by_flat += square * value * value * flat_variance[j, i]
    if main:
        terms[0], terms[1], terms[2], terms[4] = subtracted, squares, by_flat, by_sky
    return total, noise, area, np.int64(seen), highest, n_bad


@njit(cache=True, nogil=True)
def _fill_one(data, variance, mask, unusable, lost, cx, cy, core, holes):
    """What stands in for the unusable pixels of one aperture: sum, variance; their area, and whether
    one of them is past remedy; bit 1 where one is not finite.
    """
    total, noise, missing, spoiled, seen = 0.0, 0.0, 0.0, False, 0
    for h in range(len(holes)):
        j, i, w = int(holes[h, 0]), int(holes[h, 1]), holes[h, 2]
        distance = math.sqrt((i - cx) ** 2 + (j - cy) ** 2)
        fill, spread = _ring(data, variance, mask, unusable, cx, cy, distance)
        total += w * fill
        noise += w * w * spread
        missing += w
        spoiled = spoiled or distance < core or (mask[j, i] & lost) != 0
        if (mask[j, i] & unusable) == 0:
            seen = 1
    return total, noise, missing, spoiled, seen


@njit(cache=True, nogil=True)
def _usable(data, variance, mask, unusable, j, i):
    return (mask[j, i] & unusable) == 0 and math.isfinite(data[j, i]) and math.isfinite(variance[j, i])


@njit(cache=True, nogil=True)
def _ring(data, variance, mask, unusable, cx, cy, distance):
    """Mean of the usable pixels at a distance, and the variance of one more drawn like them."""
    ny, nx = data.shape
    reach, gap, middle = distance + 0.5, distance - 0.5, math.floor(cx)
    count, mean, spread = 0, 0.0, 0.0
    for j in range(max(0, math.floor(cy - reach)), min(ny, math.ceil(cy + reach) + 1)):
        dy2 = (j - cy) ** 2
        far = math.sqrt(max(reach * reach - dy2, 0.0))
        near = math.sqrt(max(gap * abs(gap) - dy2, 0.0))
        left = math.floor(cx - far), min(math.ceil(cx - near), middle)
        right = max(math.floor(cx + near), middle + 1), math.ceil(cx + far)
        for first, last in (left, right):
            for i in range(max(0, first), min(nx, last + 1)):
                off = math.sqrt((i - cx) ** 2 + dy2) - distance
                if abs(off) <= 0.5 and _usable(data, variance, mask, unusable, j, i):
                    count += 1
                    step = data[j, i] - mean
                    mean += step / count
                    spread += step * (data[j, i] - mean)
    if count < 3:
        return math.nan, math.nan
    return mean, spread / (count - 1) * (1.0 + 1.0 / count)
