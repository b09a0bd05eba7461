"""What the other stars do to a measurement: pixels they cover, light they add."""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def paint_stars(mask, unusable, x, y, core, reach):
    """Mark the pixels that a measurement of the sky must leave out.

    Parameters
    ----------
    mask : uint16 (ny, nx)
        Flag bits.
    unusable : int
        Bits of `mask` that make a pixel unusable.
    x, y : float64 (n,)
        Stars; NaN is skipped.
    core, reach : float64 (n,)
        Radius in pixels of the bright part, and of all that rises from the noise; not above 1000.

    Returns
    -------
    uint8 (ny, nx)
        Bit 1 unusable, bit 2 in the core of a star, bit 4 in the reach of a star.
    """
    ny, nx = mask.shape
    blocked = np.empty((ny, nx), np.uint8)
    for j in range(ny):
        for i in range(nx):
            blocked[j, i] = (mask[j, i] & unusable) != 0
    for s in range(len(x)):
        for bit, radius in ((4, reach[s]), (2, core[s])):
            if not (-radius <= x[s] <= nx + radius and -radius <= y[s] <= ny + radius):
                continue
            for j in range(max(0, math.ceil(y[s] - radius)), min(ny, math.floor(y[s] + radius) + 1)):
                half = math.sqrt(max(radius * radius - (j - y[s]) ** 2, 0.0))
                for i in range(max(0, math.ceil(x[s] - half)), min(nx, math.floor(x[s] + half) + 1)):
                    blocked[j, i] |= bit
    return blocked


@njit(cache=True, nogil=True)
def neighbor_light(x, y, flux, order, fraction, step):
    """Light that the other stars send into each star's aperture.

    Parameters
    ----------
    x, y, flux : float64 (n,)
        Stars without a positive flux or a position add nothing.
    order : int64 (n,)
        Indices that sort `y`, NaN last.
    fraction : float64 (m,)
        Fraction of a star's light in an aperture whose centre is 0, 1, 2 ... `step` pixels away.
    step : float
        In pixels.

    Returns
    -------
    light : float64 (n,)
        Flux of the others in the aperture.
    nearest : float64 (n,)
        Distance of the star that adds most; inf where there is none.
    """
    n = len(x)
    light, most, nearest = np.zeros(n), np.zeros(n), np.full(n, math.inf)
    reach = step * (len(fraction) - 1)
    for a in range(n):
        s = order[a]
        for b in range(a + 1, n):
            t = order[b]
            if not y[t] - y[s] < reach:
                break
            if not abs(x[t] - x[s]) < reach:
                continue
            distance = math.sqrt((x[t] - x[s]) ** 2 + (y[t] - y[s]) ** 2)
            if distance >= reach:
                continue
            k = int(distance / step)
            share = fraction[k] + (distance / step - k) * (fraction[k + 1] - fraction[k])
            for to, by in ((s, t), (t, s)):
                added = share * flux[by]
                if added > 0.0:
                    light[to] += added
                    if added > most[to]:
                        most[to], nearest[to] = added, distance
    return light, nearest
