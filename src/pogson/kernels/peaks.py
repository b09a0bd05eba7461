"""Peaks of a filtered image, groups of saturated pixels, and neighbours."""

import math

import numpy as np
from numba import njit

from pogson.kernels.background import mesh_columns, mesh_row

WORD = 8  # marks that are looked at together


@njit(cache=True, nogil=True)
def find_peaks(height, noise, factor, reach):
    """Pixels above ``factor * noise`` that no pixel within `reach` exceeds.

    Parameters
    ----------
    height : float32 (ny, nx)
        Filtered image.
    noise : float32 (n_rows, n_columns)
        Mesh of the noise of one pixel of the unfiltered image.
    factor : float
        Threshold in units of `noise`.
    reach : float
        Radius of the neighbourhood, pixels.

    Returns
    -------
    x, y : int64 (n,)
        In rising order of y, then x. Of equal pixels the first one counts; the outermost rows
        and columns are not searched.
    """
    ny, nx = height.shape
    xs, ys = np.empty(256, np.int64), np.empty(256, np.int64)
    n = 0
    floor, drawn = np.empty(nx, np.float32), mesh_columns(noise, nx)
    least = np.float32(math.inf)
    for r in range(noise.shape[0]):
        for c in range(noise.shape[1]):
            least = min(least, np.float32(0.5) * noise[r, c])
    marks, columns = np.zeros((nx // WORD + 1) * WORD, np.uint8), np.empty(nx, np.int64)
    for y in range(1, ny - 1):
        mesh_row(drawn, y, ny, floor)
        row = height[y]
        _mark(
            row[1:-1], row[:-2], row[2:], height[y - 1, 1:-1], height[y + 1, 1:-1], floor[1:-1], least,
            np.float32(factor), marks[1:],
        )  # fmt: skip
        for k in range(_marked(marks, columns)):
            if _is_highest(height, y, columns[k], reach):
                if n == len(xs):
                    xs, ys = _longer(xs), _longer(ys)
                xs[n], ys[n] = columns[k], y
                n += 1
    return xs[:n], ys[:n]


@njit(cache=True, nogil=True)
def _marked(marks, columns):
    """Write down where the marks are; return how many there are."""
    n = 0
    words = marks.view(np.uint64)
    for word in range(len(words)):
        if words[word] != 0:
            for x in range(word * WORD, (word + 1) * WORD):
                if marks[x]:
                    columns[n] = x
                    n += 1
    return n


@njit(cache=True, nogil=True)
def _mark(row, left, right, before, after, floor, least, factor, marks):
    """Mark the pixels that rise above the floor and above their nearest neighbours."""
    # Shifted views and no branch: the loop runs on many pixels at once.
    for x in range(len(row)):
        value = row[x]
        # a line carried on beyond the last box must not end below zero
        limit = factor * (floor[x] if floor[x] > least else least)
        highest = (value > left[x]) & (value >= right[x]) & (value > before[x]) & (value >= after[x])
        marks[x] = np.uint8((value > limit) & highest)


@njit(cache=True, nogil=True)
def _longer(values):
    longer = np.empty(2 * len(values), values.dtype)
    for i in range(len(values)):  # a slice assignment would take seconds to compile
        longer[i] = values[i]
    return longer


@njit(cache=True, nogil=True)
def _is_highest(image, y, x, reach):
    ny, nx = image.shape
    value = image[y, x]
    whole = int(reach)
    for j in range(max(0, y - whole), min(ny, y + whole + 1)):
        for i in range(max(0, x - whole), min(nx, x + whole + 1)):
            if (i - x) ** 2 + (j - y) ** 2 > reach * reach:
                continue
            other = image[j, i]
            if other > value or (other == value and (j < y or (j == y and i < x))):
                return False
    return True


@njit(cache=True, nogil=True)
def measure_peaks(data, mask, blank, level, x, y, stamps, radius):
    """Weighted sums of the pixels about each peak, and the flags there.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    blank : int
        Bits of pixels that count as sky.
    level : float64 (n,)
        Sky under each peak.
    x, y : int64 (n,)
        Peaks.
    stamps : float64 (k, 2 h + 1, 2 h + 1)
        Weights of each sum.
    radius : float
        Flags are collected from the pixels within this distance.

    Returns
    -------
    top : float64 (n,)
        Highest pixel of the 3 x 3 about the peak, above the sky.
    sums : float64 (k, n)
        Sums of weight times signal above the sky.
    bits : int64 (n,)
        All flag bits within `radius`.
    """
    ny, nx = data.shape
    half = stamps.shape[1] // 2
    top, sums, bits = np.empty(len(x)), np.zeros((len(stamps), len(x))), np.zeros(len(x), np.int64)
    whole = int(radius)
    for s in range(len(x)):
        top[s] = -math.inf
        for j in range(max(0, y[s] - half), min(ny, y[s] + half + 1)):
            for i in range(max(0, x[s] - half), min(nx, x[s] + half + 1)):
                value = data[j, i] - level[s]
                if mask[j, i] & blank or not math.isfinite(value):
                    continue
                for k in range(len(stamps)):
                    sums[k, s] += stamps[k, j - y[s] + half, i - x[s] + half] * value
                if abs(j - y[s]) <= 1 and abs(i - x[s]) <= 1:
                    top[s] = max(top[s], value)
        for j in range(max(0, y[s] - whole), min(ny, y[s] + whole + 1)):
            for i in range(max(0, x[s] - whole), min(nx, x[s] + whole + 1)):
                if (i - x[s]) ** 2 + (j - y[s]) ** 2 <= radius * radius:
                    bits[s] |= mask[j, i]
    return top, sums, bits


@njit(cache=True, nogil=True)
def neighbours(x, y, flux, reach):
    """Nearest neighbour, and the brightest one within `reach`.

    Parameters
    ----------
    x, y, flux : float64 (n,)
        Stars in rising order of y.
    reach : float
        Distance beyond which nobody is looked for.

    Returns
    -------
    distance : float64 (n,)
        To the nearest neighbour; inf where none is within `reach`.
    ratio : float64 (n,)
        Flux of the brightest neighbour within `reach` over the star's own; 0 without one.
    """
    distance, ratio = np.full(len(x), np.inf), np.zeros(len(x))
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            if not y[j] - y[i] <= reach:
                break
            # most of those in the same rows are far away: no square root for them
            if not abs(x[j] - x[i]) <= reach:
                continue
            apart = math.sqrt((x[j] - x[i]) ** 2 + (y[j] - y[i]) ** 2)
            if apart <= reach:
                distance[i], distance[j] = min(distance[i], apart), min(distance[j], apart)
                if flux[i] > 0.0:
                    ratio[i] = max(ratio[i], flux[j] / flux[i])
                if flux[j] > 0.0:
                    ratio[j] = max(ratio[j], flux[i] / flux[j])
    return distance, ratio


@njit(cache=True, nogil=True)
def nearest_of(x, y, other_x, other_y, reach):
    """The nearest of other places, to each place.

    Parameters
    ----------
    x, y : int64 (n,)
        Places in rising order of y.
    other_x, other_y : int64 (m,)
        The others, in rising order of y.
    reach : float
        Distance from which on nobody is looked for.

    Returns
    -------
    int64 (n,)
        Index among the others; -1 where none is within `reach`.
    """
    nearest, first = np.full(len(x), -1), 0
    for i in range(len(x)):
        while first < len(other_y) and y[i] - other_y[first] >= reach:
            first += 1
        least = reach * reach
        for j in range(first, len(other_y)):
            if other_y[j] - y[i] >= reach:
                break
            apart2 = float((other_x[j] - x[i]) ** 2 + (other_y[j] - y[i]) ** 2)
            if apart2 < least:
                least, nearest[i] = apart2, j
    return nearest


GAP = 2  # saturated pixels this far apart are one group
LONGEST = 64  # a run of saturated pixels is not followed further


@njit(cache=True, nogil=True)
def saturated_groups(data, mask, bits):
    """Groups of saturated pixels, each with the place where it is widest.

    A star that bleeds is widest at the star: its place is the mean of the pixels where the shorter of the
    runs of saturated pixels, along x and along y, is at least half as long as the longest of these.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    bits : int
        Bits that mark a saturated pixel.

    Returns
    -------
    float64 (n, 7)
        x, y, number of pixels, largest of the shorter runs, highest pixel,
        sum of the pixels, mean of the pixels that touch the group.
    """
    ny, nx = mask.shape
    groups = np.empty((16, 7))
    n = 0
    done = np.zeros((0, 0), np.bool_)
    xs, ys = np.empty(64, np.int64), np.empty(64, np.int64)
    for y in range(ny):
        if not _any_bits(mask[y], bits):
            continue
        if done.shape[0] == 0:
            done = np.zeros((ny, nx), np.bool_)
        for x in range(nx):
            if (mask[y, x] & bits) == 0 or done[y, x]:
                continue
            done[y, x] = True
            xs[0], ys[0], size, head = x, y, 1, 0
            while head < size:
                for j in range(max(0, ys[head] - GAP), min(ny, ys[head] + GAP + 1)):
                    for i in range(max(0, xs[head] - GAP), min(nx, xs[head] + GAP + 1)):
                        if mask[j, i] & bits and not done[j, i]:
                            done[j, i] = True
                            if size == len(xs):
                                xs, ys = _longer(xs), _longer(ys)
                            xs[size], ys[size] = i, j
                            size += 1
                head += 1
            if n == len(groups):
                groups = _longer(groups.reshape(-1)).reshape(-1, 7)
            _describe_group(data, mask, bits, xs[:size], ys[:size], groups[n])
            n += 1
    return groups[:n]


@njit(cache=True, nogil=True)
def _any_bits(row, bits):
    count = np.int32(0)
    for i in range(len(row)):
        count += np.int32((row[i] & bits) != 0)
    return count > 0


@njit(cache=True, nogil=True)
def _describe_group(data, mask, bits, xs, ys, row):
    ny, nx = mask.shape
    top, total, border, touching = -math.inf, 0.0, 0.0, 0
    runs = np.empty(len(xs), np.int64)
    for k in range(len(xs)):
        x, y = xs[k], ys[k]
        left, right, down, up = x, x, y, y
        while left > 0 and mask[y, left - 1] & bits and x - left < LONGEST:
            left -= 1
        while right < nx - 1 and mask[y, right + 1] & bits and right - x < LONGEST:
            right += 1
        while down > 0 and mask[down - 1, x] & bits and y - down < LONGEST:
            down -= 1
        while up < ny - 1 and mask[up + 1, x] & bits and up - y < LONGEST:
            up += 1
        runs[k] = min(right - left, up - down) + 1
        if math.isfinite(data[y, x]):
            top = max(top, data[y, x])
            total += data[y, x]
        for j, i in ((y, x - 1), (y, x + 1), (y - 1, x), (y + 1, x)):
            if 0 <= j < ny and 0 <= i < nx and (mask[j, i] & bits) == 0 and math.isfinite(data[j, i]):
                border += data[j, i]
                touching += 1
    core, wide, wx, wy = 0, 0, 0, 0
    for k in range(len(xs)):
        core = max(core, runs[k])
    for k in range(len(xs)):
        if 2 * runs[k] >= core:
            wide += 1
            wx += xs[k]
            wy += ys[k]
    row[0], row[1], row[2], row[3] = wx / wide, wy / wide, len(xs), core
    row[4], row[5] = top, total
    row[6] = border / touching if touching > 0 else math.nan
