"""Exact area of a pixel inside a circle."""

import math

from numba import njit


@njit(cache=True, nogil=True)
def circle_pixel_overlap(dx, dy, radius):
    """Area of the unit pixel centred on (`dx`, `dy`) inside a circle about (0, 0).

    Parameters
    ----------
    dx, dy : float
        Centre of the pixel, from the centre of the circle, in pixels.
    radius : float
        Radius of the circle, in pixels.

    Returns
    -------
    float
        From 0 to 1.
    """
    # the circle is symmetric: look at the first quadrant, and fold what hangs over the axes
    x, y = abs(dx), abs(dy)
    x0, x1 = x - 0.5, x + 0.5
    y0, y1 = y - 0.5, y + 0.5
    if x1 * x1 + y1 * y1 <= radius * radius:
        return 1.0
    area = _quadrant_overlap(max(x0, 0.0), x1, max(y0, 0.0), y1, radius)
    if x0 < 0.0:
        area += _quadrant_overlap(0.0, -x0, max(y0, 0.0), y1, radius)
    if y0 < 0.0:
        area += _quadrant_overlap(max(x0, 0.0), x1, 0.0, -y0, radius)
        if x0 < 0.0:
            area += _quadrant_overlap(0.0, -x0, 0.0, -y0, radius)
    return area


@njit(cache=True, nogil=True)
def _quadrant_overlap(x0, x1, y0, y1, radius):
    """Area of a rectangle in the first quadrant inside the circle: the integral of the arc above y0."""
    rr = radius * radius
    if x0 * x0 + y0 * y0 >= rr:
        return 0.0
    if x1 * x1 + y1 * y1 <= rr:
        return (x1 - x0) * (y1 - y0)
    # the arc leaves the upper side at `left` and meets the lower side at `right`
    left = x0 if y1 >= radius else min(max(math.sqrt(rr - y1 * y1), x0), x1)
    right = min(math.sqrt(rr - y0 * y0), x1)
    if right <= left:
        return (left - x0) * (y1 - y0)
    height_left = math.sqrt(max(rr - left * left, 0.0))
    height_right = math.sqrt(max(rr - right * right, 0.0))
    # one arctangent for the difference of two angles keeps all digits
    angle = math.atan2(right * height_left - left * height_right, height_left * height_right + left * right)
    under_arc = 0.5 * (right * height_right - left * height_left + rr * angle)
    return (left - x0) * (y1 - y0) + under_arc - y0 * (right - left)


@njit(cache=True, nogil=True)
def column_arcs(dx, radius, n, arcs):
    """Areas of a quarter of a circle up to the sides of `n` pixels in a row.

    Parameters
    ----------
    dx : float
        Centre of the first pixel, from the centre of the circle, in pixels.
    radius : float
        Radius of the circle, in pixels.
    n : int
        Pixels.
    arcs : float64 (m,)
        Written: the first n + 1.
    """
    for i in range(n + 1):
        x = min(abs(dx + i - 0.5), radius)
        arcs[i] = 0.5 * (x * math.sqrt(radius * radius - x * x) + radius * radius * math.asin(x / radius))


@njit(cache=True, nogil=True)
def corner_areas(dx, dy, radius, n, arcs, areas):
    """Areas of a circle between its centre and the lower corners of a row of pixels, with a sign.

    The area of a pixel in the circle is the difference of two neighbours in `areas`, less that
    difference of the row above: no pixel needs a case of its own, only rows and columns need an arc.

    Parameters
    ----------
    dx, dy, radius, n
        As in `column_arcs`; `dy` is that of the row.
    arcs : float64 (m,)
        From `column_arcs`.
    areas : float64 (m,)
        Written: the first n + 1, each the area of the circle in the rectangle from its centre to
        the corner, times the signs of the corner's coordinates.
    """
    y = min(abs(dy - 0.5), radius)
    half = math.sqrt(radius * radius - y * y)
    beside = 0.5 * (half * y - radius * radius * math.acos(y / radius))
    sign = 1.0 if dy > 0.5 else -1.0
    for i in range(n + 1):
        off = dx + i - 0.5
        x = abs(off)
        area = x * y if x <= half else beside + arcs[i]
        areas[i] = sign * area if off > 0.0 else -sign * area


@njit(cache=True, nogil=True)
def row_span(dy, cx, radius, x0, x1):
    """First pixel that a circle about column `cx` touches in a row `dy` from its centre, and the one after
    the last; within `x0` and `x1`.
    """
    near = max(abs(dy) - 0.5, 0.0)
    half = math.sqrt(max(radius * radius - near * near, 0.0)) + 0.5
    start = max(x0, math.ceil(cx - half))
    return start, max(start, min(x1, math.floor(cx + half) + 1))
