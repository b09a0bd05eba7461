"""Figures of four neighbouring stars, all over the sky, and the numbers that tell their shapes."""

from __future__ import annotations

import numpy as np
from numba import njit

BIN = 0.012  # of the shape numbers
BINS = 180  # of each: they lie between -1 and 1


@njit(cache=True, nogil=True)
def brightest_of_cells(ra, dec, mag, side, most):
    """The brightest stars of each cell of a net of about square cells, cell by cell.

    Parameters
    ----------
    ra, dec, mag : float64 (n,)
        Degree, magnitudes; `ra` from 0 to 360.
    side : float
        Of the cells, degree.
    most : int
        Stars of each cell.

    Returns
    -------
    chosen : int64 (m,)
        Stars, in the order of their cells.
    start : int64 (cells + 1,)
        First of each cell in `chosen`.
    first : int64 (bands + 1,)
        First cell of each band of declination.
    """
    bands = int(180.0 / side) + 1
    first = np.zeros(bands + 1, np.int64)
    for b in range(bands):
        cos = np.cos(np.radians((b + 0.5) * side - 90.0))
        first[b + 1] = first[b] + max(1, int(360.0 * cos / side + 0.5))
    best = np.full((first[bands], most), -1, np.int32)
    for k in range(len(ra)):
        b = int((dec[k] + 90.0) / side)
        columns = first[b + 1] - first[b]
        cell = first[b] + min(int(ra[k] / 360.0 * columns), columns - 1)
        star = np.int32(k)
        for place in range(most):
            other = best[cell, place]
            if other < 0 or mag[star] < mag[other]:
                best[cell, place] = star
                star = other
                if star < 0:
                    break
    start = np.zeros(first[bands] + 1, np.int64)
    chosen = np.empty(best.size, np.int64)
    n = 0
    for cell in range(len(best)):
        for place in range(most):
            if best[cell, place] >= 0:
                chosen[n] = best[cell, place]
                n += 1
        start[cell + 1] = n
    return chosen[:n], start, first


@njit(cache=True, nogil=True)
def nearest_four(ra, dec, xyz, start, first, side):
    """The four nearest of each star in its cell and the cells around; -1 where there are fewer.

    Parameters
    ----------
    ra, dec : float64 (m,)
        Degree, in the order of `brightest_of_cells`.
    xyz : float64 (m, 3)
        Directions.
    start, first, side
        Of `brightest_of_cells`.

    Returns
    -------
    int32 (m, 4)
    """
    near = np.full((len(ra), 4), -1, np.int32)
    bands = len(first) - 1
    for k in range(len(ra)):
        apart = np.full(4, np.inf)
        b = int((dec[k] + 90.0) / side)
        pole = abs(dec[k]) + side
        reach = side / np.cos(np.radians(pole)) if pole < 89.0 else 360.0
        for band in range(max(b - 1, 0), min(b + 2, bands)):
            columns = first[band + 1] - first[band]
            low = int(np.floor((ra[k] - reach) / 360.0 * columns))
            high = min(int(np.floor((ra[k] + reach) / 360.0 * columns)), low + columns - 1)
            for column in range(low, high + 1):
                cell = first[band] + column % columns
                for other in range(start[cell], start[cell + 1]):
                    away = 0.0
                    for axis in range(3):
                        away += (xyz[other, axis] - xyz[k, axis]) ** 2
                    if other == k or away >= apart[3]:
                        continue
                    place = 3
                    while place > 0 and apart[place - 1] > away:
                        apart[place], near[k, place] = apart[place - 1], near[k, place - 1]
                        place -= 1
                    apart[place], near[k, place] = away, other
    return near


@njit(cache=True, nogil=True)
def describe(x, y, order, shape):
    """Write the shape of a figure, and the order of its corners that makes it so.

    With the widest pair at 0 and 1 of the complex plane, the two others are four numbers, which no shift,
    turn or scale changes. Of the two ways round the one counts that brings the others nearer to 0; of these,
    the one with the smaller real part is first.

    Parameters
    ----------
    x, y : float64 (4,)
        Corners on a plane.
    order : int64 (4,)
        Filled: the corners in order.
    shape : float64 (4,)
        Filled: real and imaginary part of one of the others, then of the other.
    """
    widest = -1.0
    for i in range(3):
        for j in range(i + 1, 4):
            length = (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2
            if length > widest:
                widest, order[0], order[1] = length, i, j
    n = 2
    for k in range(4):
        if k != order[0] and k != order[1]:
            order[n] = k
            n += 1
    a, b = order[0], order[1]
    dx, dy = x[b] - x[a], y[b] - y[a]
    widest = max(widest, 1e-300)
    for k in range(2):
        c = order[2 + k]
        shape[2 * k] = ((x[c] - x[a]) * dx + (y[c] - y[a]) * dy) / widest
        shape[2 * k + 1] = ((y[c] - y[a]) * dx - (x[c] - x[a]) * dy) / widest
    if shape[0] + shape[2] > 1.0:
        order[0], order[1] = b, a
        shape[0], shape[1], shape[2], shape[3] = 1.0 - shape[0], -shape[1], 1.0 - shape[2], -shape[3]
    if shape[0] > shape[2]:
        order[2], order[3] = order[3], order[2]
        shape[0], shape[1], shape[2], shape[3] = shape[2], shape[3], shape[0], shape[1]


@njit(cache=True, nogil=True)
def describe_all(x, y, fours):
    """The shapes of figures on a plane: `fours`, int64 (n, 4), with corners in order, and float32 (n, 4)."""
    rows = np.empty((len(fours), 4), np.int64)
    shapes = np.empty((len(fours), 4), np.float32)
    u, v, order, shape = np.empty(4), np.empty(4), np.empty(4, np.int64), np.empty(4)
    # number by number: whole rows would take a second to compile
    for k in range(len(fours)):
        for n in range(4):
            u[n], v[n] = x[fours[k, n]], y[fours[k, n]]
        describe(u, v, order, shape)
        for n in range(4):
            rows[k, n] = fours[k, order[n]]
            shapes[k, n] = shape[n]
    return rows, shapes


@njit(cache=True, nogil=True)
def make_figures(xyz, near):
    """Each star with three of its four nearest; a figure that several stars make is kept once.

    Parameters
    ----------
    xyz : float64 (m, 3)
        Directions.
    near : int32 (m, 4)
        Of `nearest_four`.

    Returns
    -------
    rows : int32 (n, 4)
        Corners, in the order of the shape.
    shapes : float32 (n, 4)
        On the plane that touches the sky in the middle of the figure, east to the left.
    keys : int32 (n,)
        Bins of the shape numbers, as one number.
    """
    rows = np.empty((4 * len(near), 4), np.int32)
    shapes = np.empty((4 * len(near), 4), np.float32)
    keys = np.empty(4 * len(near), np.int32)
    x, y = np.empty(4), np.empty(4)
    corners, order, shape = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4)
    n = 0
    for star in range(len(near)):
        for left_out in range(4):
            corners[0] = star
            m = 1
            for k in range(4):
                if k != left_out and near[star, k] >= 0:
                    corners[m] = near[star, k]
                    m += 1
            if m < 4 or _made_before(corners, near):
                continue
            _flatten(xyz, corners, x, y)
            describe(x, y, order, shape)
            key = 0
            for k in range(4):
                rows[n, k] = corners[order[k]]
                shapes[n, k] = shape[k]
                key = key * BINS + int((shapes[n, k] + np.float32(1.0)) / np.float32(BIN))
            keys[n] = key
            n += 1
    # the untouched rest takes no memory
    return rows[:n], shapes[:n], keys[:n]


@njit(cache=True, nogil=True)
def _made_before(corners, near):
    """Whether a corner of smaller number than the first has the three others among its nearest."""
    for k in range(1, 4):
        star = corners[k]
        if star > corners[0]:
            continue
        shared = 0
        for n in range(4):
            neighbor = near[star, n]
            for m in range(4):
                if neighbor == corners[m]:
                    shared += 1
        if shared == 3:
            return True
    return False


@njit(cache=True, nogil=True)
def _flatten(xyz, corners, x, y):
    """Corners on the plane that touches the sky in their middle, east to the left."""
    mx = my = mz = 0.0
    for k in corners:
        mx, my, mz = mx + xyz[k, 0], my + xyz[k, 1], mz + xyz[k, 2]
    size = np.sqrt(mx * mx + my * my + mz * mz)
    mx, my, mz = mx / size, my / size, mz / size
    flat = max(np.sqrt(mx * mx + my * my), 1e-12)
    ex, ey = -my / flat, mx / flat
    for n in range(4):
        cx, cy, cz = xyz[corners[n], 0], xyz[corners[n], 1], xyz[corners[n], 2]
        below = cx * mx + cy * my + cz * mz
        x[n] = -(cx * ex + cy * ey) / below
        y[n] = (-cx * mz * ey + cy * mz * ex + cz * flat) / below
