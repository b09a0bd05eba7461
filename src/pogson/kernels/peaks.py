"""Peaks of the filtered image, what lies about them, and their neighbours."""

import math

import numpy as np
from numba import njit

from pogson.kernels.background import least_of, mesh_columns, mesh_row, mesh_value
from pogson.kernels.convolve import fill_row, filter_row, filter_weights
from pogson.kernels.prefetch import ask_for

WORD = 8  # marks that are looked at together


@njit(cache=True, nogil=True)
def find_peaks(data, mask, blank, sky, profile, noise, factor, reach):
    """Places where the filtered image is above ``factor * noise`` and higher than all within `reach`.

    The image is filtered row by row, and only the rows that are looked at are kept.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    blank : int
        Bits of the pixels to replace by the sky.
    sky, noise : float32 (n_rows, n_columns)
        Meshes of the sky level, and of the noise of one pixel.
    profile : float32 (2 h + 1,)
        One-dimensional Gaussian of height 1; beyond the edges the image continues as sky.
    factor : float
        Threshold in units of `noise`.
    reach : float
        Radius of the neighbourhood, pixels, at least 1.

    Returns
    -------
    x, y : int64 (n,)
        In rising order of y, then x. Of equal pixels the first one counts; the outermost rows
        and columns are not searched.
    heights : float32 (n, 5)
        The filtered image there, and to the left, right, before and after.
    """
    ny, nx = data.shape
    size, whole = len(profile), int(reach)
    half = size // 2
    across, lower = filter_weights(profile)
    lines = np.zeros((size, nx + 2 * half), np.float32)
    weighted, summed = np.empty(nx + 2 * half, np.float32), np.empty(nx + 2 * half, np.float32)
    height = np.empty((2 * whole + 1, nx), np.float32)  # the last rows of the filtered image
    level, skies = np.empty(nx, np.float32), mesh_columns(sky, nx)
    floor, floors = np.empty(nx, np.float32), mesh_columns(noise, nx)
    least = least_of(noise)
    marks, columns = np.zeros((nx // WORD + 1) * WORD, np.uint8), np.empty(nx, np.int64)
    xs, ys, around = np.empty(256, np.int64), np.empty(256, np.int64), np.empty(5 * 256, np.float32)
    n = 0
    for last in range(ny + half + whole):
        if last < ny:
            mesh_row(skies, last, ny, level)
            fill_row(lines[last % size, half : half + nx], data[last], mask[last], np.uint16(blank), level)
        else:
            lines[last % size, :] = 0.0
        row = last - half
        if 0 <= row < ny:
            filter_row(lines, row, profile, across, lower, weighted, summed, height[row % len(height)])
        y = row - whole
        if not 1 <= y < ny - 1:
            continue
        here = height[y % len(height)]
        before, after = height[(y - 1) % len(height)], height[(y + 1) % len(height)]
        mesh_row(floors, y, ny, floor)
        _mark(
            here[1:-1], here[:-2], here[2:], before[1:-1], after[1:-1], floor[1:-1], least,
            np.float32(factor), marks[1:],
        )  # fmt: skip
        for k in range(_marked(marks, columns)):
            x = columns[k]
            if _is_highest(height, y, x, ny, reach):
                if n == len(xs):
                    xs, ys, around = longer(xs), longer(ys), longer(around)
                xs[n], ys[n] = x, y
                mine = around[5 * n :]
                mine[0], mine[1], mine[2], mine[3], mine[4] = (
                    here[x],
                    here[x - 1],
                    here[x + 1],
                    before[x],
                    after[x],
                )
                n += 1
    return xs[:n], ys[:n], around[: 5 * n].reshape(n, 5)


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
        limit = factor * (floor[x] if floor[x] > least else least)
        highest = (value > left[x]) & (value >= right[x]) & (value > before[x]) & (value >= after[x])
        marks[x] = np.uint8((value > limit) & highest)


@njit(cache=True, nogil=True)
def longer(values):
    """A copy with room for twice as many values."""
    longer = np.empty(2 * len(values), values.dtype)
    for i in range(len(values)):  # a slice assignment would take seconds to compile
        longer[i] = values[i]
    return longer


@njit(cache=True, nogil=True)
def _is_highest(height, y, x, ny, reach):
    """Whether no pixel within `reach` is higher; row `y` is at `y` modulo the length of `height`."""
    nx = height.shape[1]
    value = height[y % len(height), x]
    whole = int(reach)
    for j in range(max(0, y - whole), min(ny, y + whole + 1)):
        row = height[j % len(height)]
        for i in range(max(0, x - whole), min(nx, x + whole + 1)):
            if (i - x) ** 2 + (j - y) ** 2 > reach * reach:
                continue
            other = row[i]
            if other > value or (other == value and (j < y or (j == y and i < x))):
                return False
    return True


@njit(cache=True, nogil=True)
def peaks_over(noise, factor, ny, nx, x, y, heights):
    """Which peaks are higher than `factor` times the noise there: bool (n,).

    Parameters
    ----------
    noise : float32 (n_rows, n_columns)
        Mesh of the noise of one pixel.
    factor : float
        Threshold.
    ny, nx : int
        Rows and columns of the image.
    x, y, heights
        From `find_peaks`.
    """
    least, over = least_of(noise), np.empty(len(x), np.bool_)
    for s in range(len(x)):
        over[s] = heights[s, 0] > factor * max(mesh_value(noise, ny, nx, float(x[s]), float(y[s])), least)
    return over


@njit(cache=True, nogil=True)
def measure_peaks(data, mask, blank, sky, noise, x, y, heights, stamps, radius):
    """Sky and noise at each peak, its summit, weighted sums of the pixels about it, and the flags there.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    blank : int
        Bits of pixels that count as sky.
    sky, noise : float32 (n_rows, n_columns)
        Meshes of the sky level, and of the noise of one pixel.
    x, y : int64 (n,)
        Peaks.
    heights : float64 (n, 5)
        The filtered image there, and to the left, right, before and after.
    stamps : float64 (3, 2 h + 1, 2 h + 1)
        Weights of each sum.
    radius : float
        Flags are collected from the pixels within this distance.

    Returns
    -------
    float64 (9, n)
        Sky; noise; highest pixel of the 3 x 3 about the peak, above the sky; the way to the summit of the
        filtered image along x, and along y; how much higher it is; the three sums of weight times
        signal above the sky.
    bits : int64 (n,)
        All flag bits within `radius`.
    """
    ny, nx = data.shape
    half, whole, least = stamps.shape[1] // 2, int(radius), least_of(noise)
    found, bits = np.empty((9, len(x))), np.zeros(len(x), np.int64)
    for s in range(len(x)):
        if s + 1 < len(x):
            ask_for(data, float(x[s + 1]), float(y[s + 1]), float(half))
            ask_for(mask, float(x[s + 1]), float(y[s + 1]), radius)
        level = mesh_value(sky, ny, nx, float(x[s]), float(y[s]))
        found[0, s] = level
        found[1, s] = max(mesh_value(noise, ny, nx, float(x[s]), float(y[s])), least)
        found[3, s], right = _parabola(heights[s, 0], heights[s, 1], heights[s, 2])
        found[4, s], after = _parabola(heights[s, 0], heights[s, 3], heights[s, 4])
        found[5, s] = right + after
        top, one, two, three = -math.inf, 0.0, 0.0, 0.0
        for j in range(max(0, y[s] - half), min(ny, y[s] + half + 1)):
            for i in range(max(0, x[s] - half), min(nx, x[s] + half + 1)):
                value = data[j, i] - level
                if mask[j, i] & blank or not math.isfinite(value):
                    continue
                m, k = j - y[s] + half, i - x[s] + half
                one += stamps[0, m, k] * value
                two += stamps[1, m, k] * value
                three += stamps[2, m, k] * value
                if abs(j - y[s]) <= 1 and abs(i - x[s]) <= 1:
                    top = max(top, value)
        found[2, s], found[6, s], found[7, s], found[8, s] = top, one, two, three
        for j in range(max(0, y[s] - whole), min(ny, y[s] + whole + 1)):
            for i in range(max(0, x[s] - whole), min(nx, x[s] + whole + 1)):
                if (i - x[s]) ** 2 + (j - y[s]) ** 2 <= radius * radius:
                    bits[s] |= mask[j, i]
    return found, bits


@njit(cache=True, nogil=True)
def _parabola(middle, before, after):
    """Where the top of a parabola through a peak and its two neighbours lies, and how far above the peak."""
    bend, lean = 2.0 * middle - before - after, after - before
    if not (middle > 0.0 and middle >= max(before, after) and bend > 0.0):
        return 0.0, 0.0
    return 0.5 * lean / bend, 0.125 * lean * lean / bend


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
    distance, ratio = np.empty(len(x)), np.empty(len(x))
    for i in range(len(x)):  # np.full and np.zeros would take longer to compile
        distance[i], ratio[i] = math.inf, 0.0
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
    nearest, first = np.empty(len(x), np.int64), 0
    for i in range(len(x)):
        nearest[i] = -1
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
