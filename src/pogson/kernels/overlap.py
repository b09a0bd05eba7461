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
