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
    """Areas of half a circle between its centre and the sides of `n` pixels in a row, with a sign.

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
        x = min(max(dx + i - 0.5, -radius), radius)
        arcs[i] = 0.5 * (x * math.sqrt(radius * radius - x * x) + radius * radius * math.asin(x / radius))


@njit(cache=True, nogil=True)
def chord(dy, radius):
    """A line `dy` from the centre of a circle: this, half its length within, half the area beyond it."""
    y = min(max(dy, -radius), radius)
    half = math.sqrt(radius * radius - y * y)
    return y, half, 0.5 * (radius * radius * math.acos(abs(y) / radius) - half * abs(y))


@njit(cache=True, nogil=True)
def _corner_area(x, arc, line):
    """Area of a circle between its centre and a place on a chord, times the signs of the place."""
    y, half, cap = line
    return x * y if abs(x) <= half else math.copysign(1.0, y) * (arc - math.copysign(cap, x))


@njit(cache=True, nogil=True)
def row_weights(dx, lower, upper, radius, n, arcs, least, weights):
    """Areas of a row of pixels inside a circle.

    Only pixels that the circle cuts need geometry: with corners on both chords their areas are
    differences, to the left and the right, of differences up and down.

    Parameters
    ----------
    dx, radius, n
        As in `column_arcs`.
    lower, upper : (float, float, float)
        Both sides of the row, from `chord`.
    arcs : float64 (m,)
        From `column_arcs`.
    least : float
        Pixels at the ends with a smaller area are left out.
    weights : float64 (m,)
        Written, between `start` and `stop`.

    Returns
    -------
    start, stop : int
        First pixel inside, and the one after the last.
    """
    inner, outer = min(lower[1], upper[1]), max(lower[1], upper[1])
    if lower[0] < 0.0 < upper[0]:
        outer = radius
    start, stop = max(0, math.floor(-0.5 - dx - outer)), min(n, math.ceil(0.5 - dx + outer) + 1)
    left, right = max(start, math.ceil(0.5 - dx - inner)), min(stop, math.floor(inner - 0.5 - dx) + 1)
    if right <= left:
        left, right = stop, stop
    for first, last in ((start, left), (right, stop)):
        before = 0.0
        for i in range(first, last + 1):
            x = dx + i - 0.5
            area = _corner_area(x, arcs[i], upper) - _corner_area(x, arcs[i], lower)
            if i > first:
                weights[i - 1] = area - before
            before = area
    for i in range(left, right):
        weights[i] = 1.0
    while start < stop and weights[start] < least:
        start += 1
    while start < stop and weights[stop - 1] < least:
        stop -= 1
    return start, max(start, stop)
