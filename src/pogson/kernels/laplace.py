"""Pixels sharper than any star: Laplacian edge detection of cosmic rays."""

import math

import numpy as np
from numba import njit

from pogson.kernels.sharp import doubled
from pogson.kernels.stats import median, quickselect

# Bits of core.flags.Pixel that make a pixel useless: BAD, HOT, SATURATED, BLEED, EMPTY, FLAT.
UNUSABLE = np.uint16(1 | 2 | 4 | 8 | 64 | 128)
# Bits that no flag has, set while it is worked.
_HIT, _SEEN = np.uint16(1 << 15), np.uint16(1 << 14)
# Share of the contrast demanded against the fourth highest pixel of 3 x 3 (see `_stands_on_a_star`).
_SURE = 0.5
LEAST_NOISE2 = 0.02  # share of its variance that a pixel has without the photons of the hit


@njit(cache=True, nogil=True)
def laplace_hits(data, variance, mask, sharp, poisson, threshold, neighbor, contrast, iterations):
    """Find pixels hit by cosmic rays, after van Dokkum 2001 (PASP 113, 1420).

    The Laplacian of an image in which each pixel is split into 2 x 2 is positive only at the four corners of
    a pixel; it is computed here from the pixel and its four neighbours, without making that
    image. The costly tests (medians of 5 x 5 and 7 x 7 pixels) are done only where the Laplacian itself
    is significant, and from the second iteration on only around the pixels found before.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image, sky not subtracted. Hits are filled in it while others are looked for, and put back.
    variance : float32 (ny, nx)
        Of `data`.
    mask : uint16 (ny, nx)
        Pixels known to be bad or saturated are never found, nor used. Written to as `data` is.
    sharp : int32 (n,)
        Flat indices of the pixels to be judged: those of `sharp_pixels`.
    poisson : float
        Variance per unit of data: 1 where the data are in electrons, 0 where the variance does not follow
        the data.
    threshold : float
        Significance of a hit, sigma.
    neighbor : float
        Significance of a hit next to another one, sigma.
    contrast : float
        Least ratio of the Laplacian to the fine structure; a star has little more than 1.
    iterations : int
        At most.

    Returns
    -------
    int32 (m,)
        Flat indices of the hits, each once.
    """
    nx = data.shape[1]
    hits, light, n = np.empty(0, np.int32), np.empty(0, np.float32), 0
    queue = sharp
    for iteration in range(iterations):
        new = _judge(data, variance, mask, poisson, threshold, neighbor, contrast, queue)
        if n + new.size > hits.size:
            hits, light = doubled(hits, n + new.size), doubled(light, n + new.size)
        for k in range(new.size):
            hits[n], light[n] = new[k], data[new[k] // nx, new[k] % nx]
            n += 1
        if new.size == 0 or iteration + 1 == iterations:
            break
        _fill(data, mask, new)
        queue = _around(new, mask)
    for k in range(n):
        y, x = hits[k] // nx, hits[k] % nx
        data[y, x] = light[k]
        mask[y, x] ^= _HIT
    return hits[:n]


@njit(cache=True, nogil=True)
def _judge(work, variance, mask, poisson, threshold, neighbor, contrast, queue):
    """Flag the hits among the queue, then those next to them; return all new flat indices."""
    ny, nx = work.shape
    new = np.empty(queue.size, np.int32)
    n = 0
    buffer = np.empty(49, np.float64)
    nine = np.empty(9, np.float64)
    for k in range(queue.size):
        y, x = queue[k] // nx, queue[k] % nx
        if mask[y, x] & (UNUSABLE | _HIT):
            continue
        own = _sharpness(work, mask, y, x)
        if not own * own > threshold * threshold * _least_noise2(variance[y, x], poisson, own):
            continue
        if _stands_on_a_star(work, mask, y, x, own, contrast, nine):
            continue
        excess, sigma = _excess(work, variance, mask, poisson, y, x, threshold, buffer)
        if excess < threshold:
            continue
        fine = max(_fine_structure(work, mask, y, x, buffer, nine) / sigma, 0.01)
        if excess > contrast * fine:
            new[n] = queue[k]
            n += 1
    for k in range(n):
        mask[new[k] // nx, new[k] % nx] |= _HIT
    limit = threshold
    first = 0
    for _ in range(2):  # neighbours as significant as a hit, then weaker ones
        last = n
        for k in range(first, last):
            y, x = new[k] // nx, new[k] % nx
            for j in range(max(y - 1, 0), min(y + 2, ny)):
                for i in range(max(x - 1, 0), min(x + 2, nx)):
                    if mask[j, i] & (UNUSABLE | _HIT):
                        continue
                    if _excess(work, variance, mask, poisson, j, i, limit, buffer)[0] >= limit:
                        if n == new.size:
                            new = doubled(new, n + 1)
                        mask[j, i] |= _HIT
                        new[n] = j * nx + i
                        n += 1
        limit = neighbor
    return new[:n]


@njit(cache=True, nogil=True)
def _sharpness(work, mask, y, x):
    """Laplacian of a pixel split into 2 x 2, mean of the four positive corners, in units of the data."""
    ny, nx = work.shape
    v = work[y, x]
    u = v - work[y - 1, x] if y > 0 and not mask[y - 1, x] & UNUSABLE else np.float32(0.0)
    d = v - work[y + 1, x] if y < ny - 1 and not mask[y + 1, x] & UNUSABLE else np.float32(0.0)
    a = v - work[y, x - 1] if x > 0 and not mask[y, x - 1] & UNUSABLE else np.float32(0.0)
    b = v - work[y, x + 1] if x < nx - 1 and not mask[y, x + 1] & UNUSABLE else np.float32(0.0)
    return 0.125 * (max(u + a, 0.0) + max(u + b, 0.0) + max(d + a, 0.0) + max(d + b, 0.0))


@njit(cache=True, nogil=True)
def _least_noise2(variance, poisson, sharp):
    """Least variance that the pixel can have without the hit, whose own photons do not count as noise."""
    return max(variance - 2.0 * poisson * sharp, 0.1 * variance)


@njit(cache=True, nogil=True)
def _stands_on_a_star(work, mask, y, x, sharp, contrast, nine):
    """Whether even a lower estimate of the fine structure leaves no hit, without medians of medians.

    A star narrower than two pixels that stands on a corner fills four pixels and leaves the median of
    3 x 3 empty; the fourth highest of them tells it from a hit. The estimate is the height of that one
    above the median of 7 x 7: where more than half of the pixels are below a limit, the median is.
    """
    ny, nx = work.shape
    m = _gather_nine(work, mask, y, x, nine)
    if m == 9:
        high = _fourth_of_nine(nine)
    else:
        high = max(quickselect(nine, 0, m, max(m - 4, 0)), median(nine, m))
    brightest = -np.inf
    for j in range(max(y - 3, 0), min(y + 4, ny), 3):
        for i in range(max(x - 3, 0), min(x + 4, nx), 3):
            if j != y or i != x:
                brightest = max(brightest, work[j, i])
    if sharp < _SURE * contrast * (high - brightest):
        return True  # for sure: its level need not be known
    limit = high - sharp / (_SURE * contrast)
    n = below = 0
    under, over = -np.inf, np.inf
    for j in range(max(y - 3, 0), min(y + 4, ny)):
        for i in range(max(x - 3, 0), min(x + 4, nx)):
            if mask[j, i] & UNUSABLE:
                continue
            v = np.float64(work[j, i])
            n += 1
            below += v < limit
            under = max(under, v if v < limit else -np.inf)
            over = min(over, v if v >= limit else np.inf)
    # of an even number, the median is the mean of the two in the middle
    return 2 * below > n or (2 * below == n and 0.5 * (under + over) < limit)


@njit(cache=True, nogil=True)
def _gather_nine(work, mask, y, x, nine):
    """Copy the mask pixels of the 3 x 3 around a pixel; return how many."""
    ny, nx = work.shape
    m = 0
    for j in range(max(y - 1, 0), min(y + 2, ny)):
        for i in range(max(x - 1, 0), min(x + 2, nx)):
            if not mask[j, i] & UNUSABLE:
                nine[m] = work[j, i]
                m += 1
    return m


@njit(cache=True, nogil=True)
def _fourth_of_nine(nine):
    """The fourth highest of nine values, without branches."""
    a = b = c = d = -math.inf
    for k in range(9):
        v = nine[k]
        a, v = max(a, v), min(a, v)
        b, v = max(b, v), min(b, v)
        c, v = max(c, v), min(c, v)
        d = max(d, v)
    return d


@njit(cache=True, nogil=True)
def _middle_of_nine(v):
    """The median of nine values: sorted in threes, then the middle of the highest of the lowest, and so on.

    Without branches: half of all guesses which way they go would be wrong.
    """
    for k in (0, 3, 6):
        low, high = min(v[k], v[k + 1]), max(v[k], v[k + 1])
        middle, highest = min(high, v[k + 2]), max(high, v[k + 2])
        v[k], v[k + 1], v[k + 2] = min(low, middle), max(low, middle), highest
    lowest = max(v[0], v[3], v[6])
    low, high = min(v[1], v[4]), max(v[1], v[4])
    middle = max(low, min(high, v[7]))
    highest = min(v[2], v[5], v[8])
    return max(min(lowest, middle), min(max(lowest, middle), highest))


@njit(cache=True, nogil=True)
def _excess(work, variance, mask, poisson, y, x, limit, buffer):
    """Significance of the Laplacian above its median in 5 x 5 pixels, and the pixel's noise.

    The noise is that of a pixel at the median level of the 5 x 5. No Laplacian is below zero, and no level
    below the lowest pixel: where even these two leave it below `limit`, the medians are not looked for.
    """
    ny, nx = work.shape
    own, light = _sharpness(work, mask, y, x), variance[y, x]
    if own * own < limit * limit * LEAST_NOISE2 * light:
        return 0.0, math.inf
    n, lowest = 0, work[y, x]
    for j in range(max(y - 2, 0), min(y + 3, ny)):
        for i in range(max(x - 2, 0), min(x + 3, nx)):
            if not mask[j, i] & UNUSABLE:
                buffer[n] = work[j, i]
                lowest = min(lowest, work[j, i])
                n += 1
    if own * own < limit * limit * (light - poisson * (work[y, x] - lowest)):
        return 0.0, math.inf
    level = median(buffer, n)
    sigma = math.sqrt(max(light - poisson * max(work[y, x] - level, 0.0), LEAST_NOISE2 * light))
    if own < limit * sigma:
        return own / sigma, sigma
    n = 0
    for j in range(max(y - 2, 0), min(y + 3, ny)):
        for i in range(max(x - 2, 0), min(x + 3, nx)):
            if not mask[j, i] & UNUSABLE:
                buffer[n] = _sharpness(work, mask, j, i)
                n += 1
    return (own - median(buffer, n)) / sigma, sigma


@njit(cache=True, nogil=True)
def _fine_structure(work, mask, y, x, buffer, nine):
    """Median of 3 x 3 less the median of 7 x 7 such medians: what a star has and a hit has not."""
    ny, nx = work.shape
    n = 0
    center = 0.0
    for j in range(max(y - 3, 0), min(y + 4, ny)):
        for i in range(max(x - 3, 0), min(x + 4, nx)):
            m = _gather_nine(work, mask, j, i, nine)
            if m > 0:
                buffer[n] = _middle_of_nine(nine) if m == 9 else median(nine, m)
                if j == y and i == x:
                    center = buffer[n]
                n += 1
    return center - median(buffer, n)


@njit(cache=True, nogil=True)
def _fill(data, mask, new):
    """Replace the new hits by the median of the clean pixels in 5 x 5."""
    ny, nx = data.shape
    buffer = np.empty(25, np.float64)
    for k in range(new.size):
        y, x = new[k] // nx, new[k] % nx
        n = 0
        for j in range(max(y - 2, 0), min(y + 3, ny)):
            for i in range(max(x - 2, 0), min(x + 3, nx)):
                if not mask[j, i] & (UNUSABLE | _HIT):
                    buffer[n] = data[j, i]
                    n += 1
        if n > 0:
            data[y, x] = median(buffer, n)


@njit(cache=True, nogil=True)
def _around(new, mask):
    """Flat indices of the pixels within two of the new hits, each once."""
    ny, nx = mask.shape
    out = np.empty(25 * new.size, np.int32)
    n = 0
    for k in range(new.size):
        y, x = new[k] // nx, new[k] % nx
        for j in range(max(y - 2, 0), min(y + 3, ny)):
            for i in range(max(x - 2, 0), min(x + 3, nx)):
                if not mask[j, i] & (_SEEN | _HIT):
                    mask[j, i] |= _SEEN
                    out[n] = j * nx + i
                    n += 1
    for k in range(n):
        mask[out[k] // nx, out[k] % nx] ^= _SEEN
    return out[:n]
