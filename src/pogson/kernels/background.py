"""Sky level and noise of the boxes of a mesh, and their map."""

import math

import numpy as np
from numba import njit, uintp

from pogson.kernels.stats import bin_of, clipped_median, running_sums, two_ranks

BINS = 128  # of a box's histogram
HALF_WINDOW = 5.0  # half width of the histogram in first-guess sigma
DENSE = 2048  # of boxes with at least twice as many pixels two of four rows are read
FIRST_GUESS = 100  # pixels that place the histogram


@njit(cache=True, nogil=True)
def box_statistics(data, mask, hidden, bad, n_rows, n_columns, kappa, least):
    """Mode-like sky level and clipped noise of each box of a mesh.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    hidden : bool (ny, nx) or (0, 0)
        Pixels to leave out besides, such as those of stars.
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
    """
    ny, nx = data.shape
    level = np.empty((n_rows, n_columns), np.float32)
    noise = np.empty((n_rows, n_columns), np.float32)
    scratch = np.empty((ny // n_rows + 1) * (nx // n_columns + 1), np.float32)
    places, counts = np.empty(len(scratch), np.int32), np.empty(BINS + 2, np.int64)
    sums = np.empty((3, BINS + 1), np.int64)
    for r in range(n_rows):
        y0, y1 = r * ny // n_rows, (r + 1) * ny // n_rows
        for c in range(n_columns):
            x0, x1 = c * nx // n_columns, (c + 1) * nx // n_columns
            size = (y1 - y0) * (x1 - x0)
            level[r, c] = noise[r, c] = np.float32(math.nan)
            stride = 1 if size < 2 * FIRST_GUESS else int(math.sqrt(size / FIRST_GUESS))
            n = _gather(data, mask, hidden, bad, y0, y1, x0, x1, stride, scratch)
            center, sigma = 0.0, 0.0
            if stride > 1 and n >= FIRST_GUESS // 3:
                center, sigma = two_ranks(scratch, n, n // 2, int(0.1587 * n))
                sigma = center - sigma
            if sigma > 0.0:
                sparse = size >= 2 * DENSE
                low, width = center - HALF_WINDOW * sigma, 2.0 * HALF_WINDOW * sigma / BINS
                seen, read = _count(
                    data, mask, hidden, bad, y0, y1, x0, x1, sparse, low, width, places, counts
                )
                if seen < least * read:
                    continue
                running_sums(counts[:BINS], sums)
                mean, middle, sigma = _clip_histogram(sums, kappa)
                mean, middle, sigma = low + width * mean, low + width * middle, width * sigma
            else:
                # a small box, one with few usable pixels, or one of equal values: no histogram
                n = _gather(data, mask, hidden, bad, y0, y1, x0, x1, 1, scratch)
                if n == 0 or n < least * size:
                    continue
                middle, sigma, n = clipped_median(scratch, n, kappa)
                mean = 0.0
                for i in range(n):
                    mean += scratch[i] / n
            if abs(mean - middle) < 0.3 * sigma:
                middle = 2.5 * middle - 1.5 * mean
            level[r, c] = middle
            noise[r, c] = sigma
    return level, noise


@njit(cache=True, nogil=True)
def _gather(data, mask, hidden, bad, y0, y1, x0, x1, stride, values):
    """Copy the usable pixels of a box, every `stride`-th along both axes; return their number."""
    n = 0
    hide = hidden.shape[0] > 0
    for y in range(y0, y1, stride):
        for x in range(x0, x1, stride):
            value = data[y, x]
            if (mask[y, x] & bad) == 0 and math.isfinite(value) and not (hide and hidden[y, x]):
                values[n] = value
                n += 1
    return n


@njit(cache=True, nogil=True)
def _count(data, mask, hidden, bad, y0, y1, x0, x1, sparse, low, width, places, counts):
    """Histogram of a box's usable pixels; return how many there were, in its range or not, and how many read.

    Of `sparse` boxes two rows of four are read: of both kinds where odd and even rows differ.
    Two places more than the histogram has bins hold the pixels beyond it, and those not usable.
    """
    scale, start, bits = np.float32(1.0 / width), np.float32(low), np.uint16(bad)
    beyond, out = np.float32(BINS), np.int32(BINS + 1)
    first, columns = uintp(x0), uintp(x1 - x0)  # unsigned indices cannot count from the end: it runs in lanes
    read = uintp(0)
    for y in range(y0, y1):
        if sparse and y & 2:
            continue
        j = uintp(y)
        for x in range(columns):
            place = (data[j, first + x] - start) * scale
            place = place if (place >= np.float32(0.0)) & (place < beyond) else beyond
            places[read + x] = np.int32(place) if (mask[j, first + x] & bits) == np.uint16(0) else out
        if hidden.shape[0] > 0:
            for x in range(columns):
                places[read + x] = out if hidden[j, first + x] else places[read + x]
        read += columns
    counts[:] = 0
    for k in range(read):
        counts[uintp(places[k])] += 1
    return np.int64(read) - counts[BINS + 1], np.int64(read)


@njit(cache=True, nogil=True)
def _clip_histogram(sums, kappa):
    """Mean, median and standard deviation, in bins, after iterated clipping about the median."""
    number, first, second = sums[0], sums[1], sums[2]
    low, high = 0, BINS
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
def mesh_values(mesh, ny, nx, x, y):
    """The map of `mesh` at the places `x`, `y`, float64 (n,)."""
    n_rows, n_columns = mesh.shape
    values = np.empty(len(x))
    for i in range(len(x)):
        u = (x[i] + 0.5) * n_columns / nx - 0.5
        v = (y[i] + 0.5) * n_rows / ny - 0.5
        c = max(0, min(math.floor(u), n_columns - 2))
        r = max(0, min(math.floor(v), n_rows - 2))
        s = u - c if n_columns > 1 else 0.0
        t = v - r if n_rows > 1 else 0.0
        right, below = min(c + 1, n_columns - 1), min(r + 1, n_rows - 1)
        upper = (1.0 - s) * mesh[r, c] + s * mesh[r, right]
        lower = (1.0 - s) * mesh[below, c] + s * mesh[below, right]
        values[i] = (1.0 - t) * upper + t * lower
    return values


@njit(cache=True, nogil=True)
def paint_discs(hidden, x, y, radius):
    """Set the pixels of `hidden`, bool (ny, nx), within `radius` of each place, float64 (n,)."""
    ny, nx = hidden.shape
    for s in range(len(x)):
        for j in range(max(0, math.ceil(y[s] - radius[s])), min(ny, math.floor(y[s] + radius[s]) + 1)):
            half = math.sqrt(max(radius[s] ** 2 - (j - y[s]) ** 2, 0.0))
            for i in range(max(0, math.ceil(x[s] - half)), min(nx, math.floor(x[s] + half) + 1)):
                hidden[j, i] = True
