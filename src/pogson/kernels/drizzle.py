"""Lay a frame's pixels, shrunk to drops, on a grid by the area that they share."""

import math

import numpy as np
from numba import njit

_LEAST = 1e-6  # share of a pixel under drops: less is rounding


@njit(cache=True, nogil=True)
def drizzle_rows(values, spread, y0, matrix, first_row, pixfrac, out, out_spread, share):
    """Mean of the drops that fall on each pixel of the output, by exact areas.

    Values are per pixel of the output: a frame whose drops are whole pixels keeps its light to rounding.

    Parameters
    ----------
    values, spread : float32 (my, mx)
        Rows of the frame and their variance; NaN where unusable: such a drop is left out.
    y0 : int
        Row of the frame that is the first row of `values`.
    matrix : float64 (2, 3)
        From x, y of the output to x, y of the frame.
    first_row : int
        Row of the output that is the first row of `out`.
    pixfrac : float
        Side of a drop over that of its pixel.
    out, out_spread : float32 (ny, nx)
        Written: value (NaN without drops) and the variance of this single value.
    share : float32 (ny, nx)
        Written: area under drops, over what it is on the average.

    References
    ----------
    Fruchter & Hook 2002, PASP 114, 144, eq. 3 to 5.
    """
    my, mx = values.shape
    area = abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])
    # corners of an output pixel around its centre, in drops' sides
    ax, ay = 0.5 * matrix[0, 0] / pixfrac, 0.5 * matrix[1, 0] / pixfrac
    bx, by = 0.5 * matrix[0, 1] / pixfrac, 0.5 * matrix[1, 1] / pixfrac
    cx, cy = np.array([-ax - bx, ax - bx, ax + bx, bx - ax]), np.array([-ay - by, ay - by, ay + by, by - ay])
    wide, high = (abs(ax) + abs(bx) + 0.5) * pixfrac, (abs(ay) + abs(by) + 0.5) * pixfrac
    for r in range(out.shape[0]):
        for x in range(out.shape[1]):
            u = matrix[0, 0] * x + matrix[0, 1] * (first_row + r) + matrix[0, 2]
            v = matrix[1, 0] * x + matrix[1, 1] * (first_row + r) + matrix[1, 2] - y0
            light, noise, total = 0.0, 0.0, 0.0
            for j in range(max(math.ceil(v - high), 0), min(math.floor(v + high) + 1, my)):
                t = (v - j) / pixfrac + 0.5
                for i in range(max(math.ceil(u - wide), 0), min(math.floor(u + wide) + 1, mx)):
                    value = values[j, i]
                    if value != value:
                        continue
                    s = (u - i) / pixfrac + 0.5
                    w = 0.0
                    for k in range(4):
                        e = (k + 1) % 4
                        w += _area_under(s + cx[k], t + cy[k], s + cx[e], t + cy[e])
                    w = abs(w)
                    light += w * value
                    noise += w * w * spread[j, i]
                    total += w
            share[r, x] = total / area
            if share[r, x] > _LEAST:
                out[r, x] = area * light / total
                out_spread[r, x] = area * area * noise / (total * total)
            else:
                share[r, x] = 0.0
                out[r, x] = np.nan
                out_spread[r, x] = 0.0


@njit(cache=True, nogil=True)
def _area_under(x1, y1, x2, y2):
    """Area between a line and the x axis, inside the unit square; negative from right to left."""
    left, right = min(x1, x2), max(x1, x2)
    if left >= 1.0 or right <= 0.0 or left == right:
        return 0.0
    slope = (y2 - y1) / (x2 - x1)
    left, right = max(left, 0.0), min(right, 1.0)
    a, b = y1 + slope * (left - x1), y1 + slope * (right - x1)
    if max(a, b) <= 0.0:
        return 0.0
    if min(a, b) >= 1.0:
        found = right - left
    elif min(a, b) >= 0.0 and max(a, b) <= 1.0:
        found = 0.5 * (a + b) * (right - left)
    else:
        # the line leaves the square at its floor, at its ceiling, or both
        low, high = min(a, b), max(a, b)
        per = (right - left) / (high - low)
        top = min(high, 1.0)
        bottom = max(low, 0.0)
        found = 0.5 * (top + bottom) * (top - bottom) * per + (high - top) * per
    return found if x2 > x1 else -found
