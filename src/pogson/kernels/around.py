"""Medians of the nine pixels around each pixel."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def median_around(image, out):
    """Median of the 3 x 3 pixels around each pixel; those beyond the edge are as the nearest one.

    Parameters
    ----------
    image : float32 (ny, nx)
        Finite numbers.
    out : float32 (ny, nx)
        Written.
    """
    ny, nx = image.shape
    threes = np.empty((3, nx + 2), np.float32)
    low, middle, high = threes[0], threes[1], threes[2]
    for y in range(ny):
        up, here, down = image[max(y - 1, 0)], image[y], image[min(y + 1, ny - 1)]
        # Sorted in threes, then the middle one of the highest of the lowest, and so on: no branch,
        # so that both loops run on several pixels at once.
        for x in range(nx):
            a, b = min(up[x], here[x]), max(up[x], here[x])
            c, d = min(b, down[x]), max(b, down[x])
            low[x + 1], middle[x + 1], high[x + 1] = min(a, c), max(a, c), d
        for k in range(3):
            threes[k, 0], threes[k, nx + 1] = threes[k, 1], threes[k, nx]
        target = out[y]
        for x in range(nx):
            lowest = max(max(low[x], low[x + 1]), low[x + 2])
            a, b = min(middle[x], middle[x + 1]), max(middle[x], middle[x + 1])
            center = max(a, min(b, middle[x + 2]))
            highest = min(min(high[x], high[x + 1]), high[x + 2])
            a, b = min(lowest, center), max(lowest, center)
            target[x] = max(a, min(b, highest))
