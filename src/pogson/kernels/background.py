"""Sky level and noise of the boxes of a mesh, and their map."""

import math

import numpy as np
from numba import njit, uintp

from pogson.kernels.prefetch import ask_for, ask_row
from pogson.kernels.stats import bin_of, clipped_median, median, running_sums, two_ranks

BINS = 128  # of a box's histogram
HALF_WINDOW = 5.0  # half width of the histogram in first-guess sigma
DENSE = 2048  # of boxes with at least twice as many pixels two of four rows are read
FIRST_GUESS = 100  # pixels that place the histogram
BEYOND, OUT = np.uint8(BINS), np.uint8(BINS + 1)  # places of the pixels beyond it, and of those not usable


@njit(cache=True, nogil=True)
def box_statistics(data, mask, bad, n_rows, n_columns, kappa, least):
    """Mode-like sky level and clipped noise of each box of a mesh.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    bad : int
        Bits that leave a pixel out.
    n_rows, n_columns : int
        Boxes along y and x.
    kappa : float
        Clipping limit, sigma.
    least : float
        Least share of usable pixels; a box with fewer is NaN.

    Returns
    -------
    level, noise : float32 (n_rows, n_columns)
        Sky level and standard deviation of one pixel.
    scale : float64 (n_rows * n_columns, 3)
        Start and bin width of each box's histogram, 0 where there is none; bins per unit.
    counts : int64 (n_rows * n_columns, 130)
        The histograms; the last two places hold the pixels beyond it, and those not usable.
    places : uint8 (ny, nx)
        Where in its box's histogram each pixel is counted; 0 where there is none.
    """
    ny, nx = data.shape
    scale = np.zeros((n_rows * n_columns, 3))
    counts = np.zeros((n_rows * n_columns, BINS + 2), np.int64)
    places = np.zeros((ny, nx), np.uint8)
    some = np.empty((ny // n_rows + 1) * (nx // n_columns + 1), np.float32)
    sparse = _is_sparse(ny, nx, n_rows, n_columns)
    for r in range(n_rows):
        for c in range(n_columns):
            y0, y1, x0, x1 = _sides(ny, nx, n_rows, n_columns, r, c)
            size = (y1 - y0) * (x1 - x0)
            stride = 1 if size < 2 * FIRST_GUESS else int(math.sqrt(size / FIRST_GUESS))
            if stride == 1:
                continue
            n = _gather(data, mask, places, bad, y0, y1, x0, x1, stride, some)
            if n < FIRST_GUESS // 3:
                continue
            center, sigma = two_ranks(some, n, n // 2, int(0.1587 * n))
            sigma = center - sigma
            if sigma > 0.0:
                width = 2.0 * HALF_WINDOW * sigma / BINS
                low = center - HALF_WINDOW * sigma
                box = r * n_columns + c
                scale[box, 0], scale[box, 1], scale[box, 2] = low, width, 1.0 / width
                _count(data, mask, places, bad, y0, y1, x0, x1, sparse, scale[box], counts[box])
    level, noise = _clip_boxes(data, mask, places, bad, n_rows, n_columns, kappa, least, scale, counts)
    return level, noise, scale, counts, places


@njit(cache=True, nogil=True)
def hide_discs(data, mask, bad, n_rows, n_columns, kappa, least, x, y, radius, scale, counts, places):
    """The same without the pixels within `radius` of some places: they are taken out of the histograms.

    Parameters
    ----------
    data, mask, bad, n_rows, n_columns, kappa, least
        As for `box_statistics`.
    x, y, radius : float64 (n,)
        Places, and radii in pixels.
    scale, counts, places
        From there; the last two are changed.

    Returns
    -------
    level, noise : float32 (n_rows, n_columns)
    """
    ny, nx = data.shape
    box_row, box_column = _boxes_of(ny, n_rows), _boxes_of(nx, n_columns)
    sparse = _is_sparse(ny, nx, n_rows, n_columns)
    for s in range(len(x)):
        if s + 1 < len(x):
            ask_for(places, x[s + 1], y[s + 1], radius[s + 1])
        for j in range(max(0, math.ceil(y[s] - radius[s])), min(ny, math.floor(y[s] + radius[s]) + 1)):
            if sparse and j & 2:
                continue
            half = math.sqrt(max(radius[s] ** 2 - (j - y[s]) ** 2, 0.0))
            first, last = max(0, math.ceil(x[s] - half)), min(nx, math.floor(x[s] + half) + 1)
            row = uintp(j)
            while first < last:
                c = box_column[first]
                end, box = min(last, (c + 1) * nx // n_columns), uintp(box_row[j] * n_columns + c)
                for i in range(uintp(first), uintp(end)):
                    counts[box, uintp(places[row, i])] -= 1
                    places[row, i] = OUT
                counts[box, uintp(OUT)] += end - first
                first = end
    return _clip_boxes(data, mask, places, bad, n_rows, n_columns, kappa, least, scale, counts)


@njit(cache=True, nogil=True)
def _sides(ny, nx, n_rows, n_columns, r, c):
    return r * ny // n_rows, (r + 1) * ny // n_rows, c * nx // n_columns, (c + 1) * nx // n_columns


@njit(cache=True, nogil=True)
def _is_sparse(ny, nx, n_rows, n_columns):
    """Whether two rows of four are read: of both kinds where odd and even rows differ."""
    return (ny // n_rows) * (nx // n_columns) >= 2 * DENSE


@njit(cache=True, nogil=True)
def _boxes_of(size, n):
    """The box in which each of `size` rows or columns lies."""
    box = np.empty(size, np.int64)
    for k in range(n):
        for i in range(k * size // n, (k + 1) * size // n):
            box[i] = k
    return box


@njit(cache=True, nogil=True)
def _clip_boxes(data, mask, places, bad, n_rows, n_columns, kappa, least, scale, counts):
    """Level and noise of each box: of its histogram where it has one."""
    ny, nx = data.shape
    level = np.empty((n_rows, n_columns), np.float32)
    noise = np.empty((n_rows, n_columns), np.float32)
    values = np.empty((ny // n_rows + 1) * (nx // n_columns + 1), np.float32)
    sums = np.empty((3, BINS + 1), np.int64)
    for r in range(n_rows):
        for c in range(n_columns):
            y0, y1, x0, x1 = _sides(ny, nx, n_rows, n_columns, r, c)
            box = r * n_columns + c
            low, width = scale[box, 0], scale[box, 1]
            level[r, c] = noise[r, c] = np.float32(math.nan)
            if width > 0.0:
                running_sums(counts[box, :BINS], sums)
                seen = sums[0, BINS] + counts[box, BINS]
                if seen < least * (seen + counts[box, BINS + 1]):
                    continue
                mean, middle, sigma = _clip_histogram(sums, kappa)
                mean, middle, sigma = low + width * mean, low + width * middle, width * sigma
            else:
                # a small box, one with few usable pixels, or one of equal values: no histogram
                n = _gather(data, mask, places, bad, y0, y1, x0, x1, np.int64(1), values)
                if n == 0 or n < least * (y1 - y0) * (x1 - x0):
                    continue
                middle, sigma, n = clipped_median(values, n, kappa)
                mean = 0.0
                for i in range(n):
                    mean += values[i] / n
            if abs(mean - middle) < 0.3 * sigma:
                middle = 2.5 * middle - 1.5 * mean
            level[r, c] = middle
            noise[r, c] = sigma
    return level, noise


@njit(cache=True, nogil=True)
def _gather(data, mask, places, bad, y0, y1, x0, x1, stride, values):
    """Copy the usable pixels of a box, every `stride`-th along both axes; return their number."""
    n = 0
    for y in range(y0, y1, stride):
        for x in range(x0, x1, stride):
            value = data[y, x]
            if (mask[y, x] & bad) == 0 and math.isfinite(value) and places[y, x] != OUT:
                values[n] = value
                n += 1
    return n


@njit(cache=True, nogil=True)
def _count(data, mask, places, bad, y0, y1, x0, x1, sparse, scale, counts):
    """Histogram of a box's pixels: in its range, beyond it, not usable."""
    start, per_bin, bits = np.float32(scale[0]), np.float32(scale[2]), np.uint16(bad)
    beyond = np.float32(BEYOND)
    for y in range(y0, y1):
        if sparse and y & 2:
            continue
        j = uintp(y)  # unsigned indices cannot count from the end: it runs in lanes
        if 2 * x1 - x0 <= data.shape[1]:  # the next box
            ask_row(data, y, x1, 2 * x1 - x0 - 1)
            ask_row(mask, y, x1, 2 * x1 - x0 - 1)
        for x in range(uintp(x0), uintp(x1)):
            place = (data[j, x] - start) * per_bin
            place = place if (place >= np.float32(0.0)) & (place < beyond) else beyond
            places[j, x] = np.uint8(np.int32(place)) if (mask[j, x] & bits) == np.uint16(0) else OUT
    for y in range(y0, y1):
        if sparse and y & 2:
            continue
        j = uintp(y)
        for x in range(uintp(x0), uintp(x1)):
            counts[uintp(places[j, x])] += 1


@njit(cache=True, nogil=True)
def _clip_histogram(sums, kappa):
    """Mean, median and standard deviation, in bins, after iterated clipping about the median."""
    number, first, second = sums[0], sums[1], sums[2]
    low, high = np.int64(0), np.int64(BINS)  # bare numbers would be compiled once more
    mean, middle, sigma = math.nan, math.nan, 0.0
    for _ in range(20):
        n = number[high] - number[low]
        if n < 2:
            break
        total, square = first[high] - first[low], second[high] - second[low]
        i = bin_of(number, low, high, 0.5 * n)
        middle = i + (0.5 * n - (number[i] - number[low])) / (number[i + 1] - number[i])
        mean = total / n + 0.5
        # 1/12: a bin is as wide as the unit; the cut takes the tails of clean noise, too
        variance = max(square / n - (total / n) ** 2 - 1.0 / 12.0, 0.0)
        reach = min(middle - low, high - middle)
        sigma = _uncut(math.sqrt(variance), reach)
        new_low = max(low, math.floor(middle - kappa * sigma))
        new_high = min(high, math.ceil(middle + kappa * sigma))
        if new_low == low and new_high == high:
            break
        low, high = new_low, new_high
    return mean, middle, sigma


@njit(cache=True, nogil=True)
def _uncut(sigma, reach):
    """Width of the normal distribution that has the width `sigma` after a cut at +- `reach`."""
    full = sigma
    for _ in range(4):
        cut = reach / full if full > 0.0 else 10.0
        if cut > 4.5:
            break
        cut = max(cut, 2.0)
        tail = 2.0 * cut * math.exp(-0.5 * cut * cut) / math.sqrt(2.0 * math.pi)
        full = sigma / math.sqrt(1.0 - tail / math.erf(cut / math.sqrt(2.0)))
    return full


@njit(cache=True, nogil=True)
def smooth_mesh(mesh):
    """Median of the 3 x 3 boxes about each box of a mesh, float32 (n_rows, n_columns).

    Beyond its rim the mesh goes on as steeply as before it.
    """
    n_rows, n_columns = mesh.shape
    wide = np.empty((n_rows + 2, n_columns + 2), np.float32)
    smooth, near = np.empty((n_rows, n_columns), np.float32), np.empty(9, np.float32)
    last, end = min(1, n_rows - 1), min(1, n_columns - 1)
    for c in range(n_columns):
        for r in range(n_rows):
            wide[r + 1, c + 1] = mesh[r, c]
        wide[0, c + 1] = np.float32(2.0) * mesh[0, c] - mesh[last, c]
        wide[n_rows + 1, c + 1] = np.float32(2.0) * mesh[n_rows - 1, c] - mesh[n_rows - 1 - last, c]
    for r in range(n_rows + 2):
        wide[r, 0] = np.float32(2.0) * wide[r, 1] - wide[r, 1 + end]
        wide[r, n_columns + 1] = np.float32(2.0) * wide[r, n_columns] - wide[r, n_columns - end]
    for r in range(n_rows):
        for c in range(n_columns):
            for k in range(9):
                near[k] = wide[r + k // 3, c + k % 3]
            smooth[r, c] = median(near, np.int64(9))
    return smooth


@njit(cache=True, nogil=True)
def mesh_columns(mesh, nx):
    """The rows of a mesh, drawn out to `nx` columns: float32 (n_rows, nx).

    Straight lines between the centres of the boxes, carried on beyond the outermost ones.
    """
    n_rows, n_columns = mesh.shape
    drawn = np.empty((n_rows, nx), np.float32)
    for x in range(nx):
        u = (x + 0.5) * n_columns / nx - 0.5
        c = max(0, min(math.floor(u), n_columns - 2))
        s = u - c if n_columns > 1 else 0.0
        right = min(c + 1, n_columns - 1)
        for r in range(n_rows):
            drawn[r, x] = (1.0 - s) * mesh[r, c] + s * mesh[r, right]
    return drawn


@njit(cache=True, nogil=True)
def mesh_row(drawn, y, ny, row):
    """Fill `row`, float32 (nx,), with row `y` of a map of `ny` rows; `drawn` is from `mesh_columns`."""
    n_rows = len(drawn)
    v = (y + 0.5) * n_rows / ny - 0.5
    r = max(0, min(math.floor(v), n_rows - 2))
    t = np.float32(v - r if n_rows > 1 else 0.0)
    above, below = drawn[r], drawn[min(r + 1, n_rows - 1)]
    for x in range(len(row)):
        row[x] = above[x] + t * (below[x] - above[x])


@njit(cache=True, nogil=True)
def expand_mesh(mesh, ny, nx):
    """The full map, float32 (ny, nx), of a mesh, float32 (n_rows, n_columns)."""
    full, drawn = np.empty((ny, nx), np.float32), mesh_columns(mesh, nx)
    for y in range(ny):
        mesh_row(drawn, y, ny, full[y])
    return full


@njit(cache=True, nogil=True)
def least_of(mesh):
    """Half the lowest value of a mesh: a line carried on beyond the last box must not end below zero."""
    least = np.float32(math.inf)
    for r in range(mesh.shape[0]):
        for c in range(mesh.shape[1]):
            least = min(least, np.float32(0.5) * mesh[r, c])
    return least


@njit(cache=True, nogil=True)
def mesh_value(mesh, ny, nx, x, y):
    """The map of `mesh` at a place."""
    n_rows, n_columns = mesh.shape
    u = (x + 0.5) * n_columns / nx - 0.5
    v = (y + 0.5) * n_rows / ny - 0.5
    c = max(0, min(math.floor(u), n_columns - 2))
    r = max(0, min(math.floor(v), n_rows - 2))
    s = u - c if n_columns > 1 else 0.0
    t = v - r if n_rows > 1 else 0.0
    right, below = min(c + 1, n_columns - 1), min(r + 1, n_rows - 1)
    upper = (1.0 - s) * mesh[r, c] + s * mesh[r, right]
    lower = (1.0 - s) * mesh[below, c] + s * mesh[below, right]
    return (1.0 - t) * upper + t * lower


@njit(cache=True, nogil=True)
def mesh_values(mesh, ny, nx, x, y):
    """The map of `mesh` at the places `x`, `y`, float64 (n,)."""
    values = np.empty(len(x))
    for i in range(len(x)):
        values[i] = mesh_value(mesh, ny, nx, x[i], y[i])
    return values
