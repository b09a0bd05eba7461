"""Leave out values that disagree with the middle ones of their pixel."""

import math

import numpy as np
from numba import njit

from pogson.kernels.order import CHUNK


@njit(cache=True, nogil=True)
def reject(values, spread, photon, peaked, lower, upper, noise, rim, nx, kappa, slope, grow, rings):
    """Replace values by NaN that disagree with the middle ones.

    A value may differ from the middle by ``kappa`` times its noise, and by ``slope`` times the steepest step
    to one of the four neighbours: where light falls off quickly, seeing and sampling differ from frame to
    frame by more than noise (Fruchter & Hook 2002, PASP 114, 144, section 5). The noise is taken at the
    common level, not at the value's own. Where a frame is known to be sharper or less sharp than most, its
    share ``peaked`` of the light in the middle is tolerated as well. Around a rejected value the limits are
    lower: what hit one pixel reached its neighbours. And interpolation spreads a hit by its weights: values
    that must hold more than their noise of it are left out, whatever they are.

    Parameters
    ----------
    values, spread : float32 (n, m)
        Rows of the output, one after the other: values, NaN where a frame has none, and their variance.
    photon : float64 (n,)
        Variance per unit of light; 0 where the variance does not follow the value.
    peaked : float64 (n,)
        Share by which the middle of a star may differ from that of most frames, for its seeing.
    lower, upper, noise : float32 (m,)
        As from `order_statistics`.
    rim : int
        Rows at both ends that are there for their neighbours' sake only, and are not judged.
    nx : int
        Length of a row.
    kappa : float
        Limit, sigma.
    slope : float
        Tolerated share of the step to a neighbour.
    grow : float
        Share of the limits that holds beside a rejected value; 1 and more for no difference.
    rings : float64 (k + 1,)
        Largest share of a hit that interpolation gives to the pixel 0 to k columns, or rows, beside.
    """
    n, m = values.shape
    k2 = np.float32(kappa * kappa)
    zero, nan = np.float32(0.0), np.float32(np.nan)
    center, extra = np.empty(m, np.float32), np.empty(m, np.float32)
    reach = rings.shape[0] - 1
    size = n * m if grow < 1.0 or reach > 1 else 0
    hits, heights = np.empty(size, np.int64), np.empty(size, np.float32)
    found = 0
    widest = np.float32(0.0)
    for i in range(n):
        widest = max(widest, np.float32(2.0 * peaked[i]))
    begin, end = rim * nx, m - rim * nx
    for start in range(begin, end, CHUNK):
        stop = min(start + CHUNK, end)
        c, e = center[start:stop], extra[start:stop]
        _limits(lower, upper, noise, n, start, nx, k2, np.float32(slope), widest, c, e)
        for i in range(n):
            v, s, g = values[i, start:stop], spread[i, start:stop], np.float32(photon[i])
            t2 = np.float32(peaked[i] * peaked[i])
            out = np.int32(0)
            for x in range(v.shape[0]):
                d = v[x] - c[x]
                own = s[x] - g * d
                own = own if own > zero else zero
                out += np.int32(d * d > e[x] + t2 * c[x] * c[x] + k2 * own)
            if out == 0:
                continue
            for x in range(v.shape[0]):
                d = v[x] - c[x]
                own = s[x] - g * d
                own = own if own > zero else zero
                if d * d > e[x] + t2 * c[x] * c[x] + k2 * own:
                    v[x] = nan
                    if found < hits.shape[0]:
                        hits[found] = i * m + start + x
                        heights[found] = abs(d)
                        found += 1
    share = np.float32(grow * grow)
    for h in range(found):
        i, p = hits[h] // m, hits[h] % m
        column = p % nx
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                q = p + dy * nx + dx
                if not (0 <= column + dx < nx and begin <= q < end):
                    continue
                d = values[i, q] - center[q]
                own = max(spread[i, q] - np.float32(photon[i]) * d, zero)
                soft = extra[q] + np.float32(peaked[i] * peaked[i]) * center[q] * center[q]
                beside = max(abs(dx), abs(dy)) <= 1 and d * d > share * (soft + k2 * own)
                ring = heights[h] * rings[abs(dx)] * rings[abs(dy)]
                if beside or ring * ring > own:
                    values[i, q] = nan


@njit(cache=True, nogil=True, inline="always")
def _limits(lower, upper, noise, n, at, nx, k2, slope, widest, center, extra):
    """Centre of each pixel, and the part of the squared limit that is common to all frames."""
    m, size = lower.shape[0], center.shape[0]
    half, common = np.float32(0.5), k2 * np.float32(0.5 * math.pi)
    a, b, spread = lower[at : at + size], upper[at : at + size], noise[at : at + size]
    extra[:] = np.float32(0.0)
    if slope > 0.0:
        for k in (-nx, -1, 1, nx):
            first, stop = max(-k - at, 0), min(m - k - at, size)
            steep, own = extra[first:stop], a[first:stop]
            other = lower[at + first + k : at + stop + k]
            for c in range(steep.shape[0]):
                step = abs(other[c] - own[c])
                steep[c] = step if step > steep[c] else steep[c]  # the steepest; NaN is none
        for c in range(size):
            extra[c] = (slope * extra[c]) ** 2
    # two camps: what spoils a frame adds light, so the lower one is believed
    camps, wide2 = np.float32(2.0 * n) * k2, widest * widest
    for c in range(size):
        gap = b[c] - a[c]
        apart = gap * gap > camps * spread[c] + extra[c] + wide2 * a[c] * a[c]
        center[c] = a[c] if apart else half * (a[c] + b[c])
    for c in range(size):
        extra[c] += common * spread[c]
