"""Pixels sharper than any star: Laplacian edge detection of cosmic rays."""

import math

import numpy as np
from numba import njit

from pogson.kernels.stats import median, quickselect

_HIT = np.uint8(1)
# Share of the contrast demanded against the fourth highest pixel of 3 x 3 (see `_plain_structure`).
_SURE = 0.5
LEAST_NOISE2 = 0.02  # share of its variance that a pixel has without the photons of the hit


@njit(cache=True, nogil=True)
def laplace_hits(data, variance, usable, poisson, threshold, neighbor, contrast, iterations):
    """Flag pixels hit by cosmic rays, after van Dokkum 2001 (PASP 113, 1420).

    The Laplacian of an image in which each pixel is split into 2 x 2 is positive only at the four corners of
    a pixel; it is computed here from the pixel and its four neighbours, without making that
    image. The costly tests (medians of 5 x 5 and 7 x 7 pixels) are done only where the Laplacian itself
    is significant, and from the second iteration on only around the pixels found before.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image, sky not subtracted.
    variance : float32 (ny, nx)
        Of `data`.
    usable : uint8 (ny, nx)
        0 where a pixel is known to be bad or saturated: it is never flagged, nor used.
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
    uint8 (ny, nx)
        1 where hit.
    """
    ny, nx = data.shape
    hits = np.zeros((ny, nx), np.uint8)
    queue = _significant(data, variance, usable, poisson, threshold)
    work = data
    for iteration in range(iterations):
        new = _judge(work, variance, usable, poisson, threshold, neighbor, contrast, hits, queue)
        if len(new) == 0 or iteration + 1 == iterations:
            break
        if iteration == 0:
            work = data.copy()
        _fill(data, usable, hits, new, work)
        queue = _around(new, hits, ny, nx)
    return hits


@njit(cache=True, nogil=True)
def _significant(data, variance, usable, poisson, threshold):
    """Flat indices of the pixels whose Laplacian alone reaches the threshold."""
    ny, nx = data.shape
    margin = np.empty(nx, np.float32)
    found = np.empty(4 * nx, np.int64)
    n = 0
    for y in range(1, ny - 1):
        _margins(
            data[y - 1, 1:-1], data[y, 1:-1], data[y + 1, 1:-1], data[y, :-2], data[y, 2:], variance[y, 1:-1],
            np.float32(threshold * threshold), np.float32(2.0 * poisson), margin[1:-1],
        )  # fmt: skip
        margin[0] = margin[nx - 1] = 1.0  # the edges are few: always judged
        if n + nx > found.size:
            found = _doubled(found)
        n = _collect(margin, usable[y], y * nx, found, n)
    margin[:] = 1.0
    for y in (0, ny - 1):
        if n + nx > found.size:
            found = _doubled(found)
        n = _collect(margin, usable[y], y * nx, found, n)
    return found[:n]


@njit(cache=True, nogil=True)
def _collect(margin, usable, start, found, n):
    """Append the flat indices of a row's usable pixels with a positive margin; return their new number."""
    # A loop of its own: where it could replace `found`, each turn would pay for counting its owners.
    for x in range(margin.size):
        if margin[x] > 0.0 and usable[x]:
            found[n] = start + x
            n += 1
    return n


@njit(cache=True, nogil=True)
def _margins(up, row, down, left, right, variance, threshold2, photons, margin):
    """Squared Laplacian above its squared threshold, for the inner pixels of one row."""
    # Shifted views and one plain index: the loop runs on several pixels at once.
    eighth, tenth, zero = np.float32(0.125), np.float32(0.1), np.float32(0.0)
    for x in range(row.size):
        u = row[x] - up[x]
        d = row[x] - down[x]
        a = row[x] - left[x]
        b = row[x] - right[x]
        sharp = eighth * (max(u + a, zero) + max(u + b, zero) + max(d + a, zero) + max(d + b, zero))
        noise2 = max(variance[x] - photons * sharp, tenth * variance[x])
        margin[x] = sharp * sharp - threshold2 * noise2


@njit(cache=True, nogil=True)
def _doubled(found):
    out = np.empty(2 * found.size, np.int64)
    for i in range(found.size):  # a slice assignment would take seconds to compile
        out[i] = found[i]
    return out


@njit(cache=True, nogil=True)
def _judge(work, variance, usable, poisson, threshold, neighbor, contrast, hits, queue):
    """Flag the hits among the queue, then those next to them; return all new flat indices."""
    ny, nx = work.shape
    new = np.empty(queue.size, np.int64)
    n = 0
    buffer = np.empty(49, np.float64)
    nine = np.empty(9, np.float64)
    for k in range(queue.size):
        y, x = queue[k] // nx, queue[k] % nx
        if hits[y, x] or not usable[y, x]:
            continue
        own = _sharpness(work, usable, y, x)
        if not own * own > threshold * threshold * _least_noise2(variance[y, x], poisson, own):
            continue
        if own < contrast * _plain_structure(work, usable, y, x, own, contrast, buffer, nine):
            continue
        excess, sigma = _excess(work, variance, usable, poisson, y, x, threshold, buffer)
        if excess < threshold:
            continue
        fine = max(_fine_structure(work, usable, y, x, buffer, nine) / sigma, 0.01)
        if excess > contrast * fine:
            new[n] = queue[k]
            n += 1
    for k in range(n):
        hits[new[k] // nx, new[k] % nx] = _HIT
    limit = threshold
    first = 0
    for _ in range(2):  # neighbours as significant as a hit, then weaker ones
        last = n
        for k in range(first, last):
            y, x = new[k] // nx, new[k] % nx
            for j in range(max(y - 1, 0), min(y + 2, ny)):
                for i in range(max(x - 1, 0), min(x + 2, nx)):
                    if hits[j, i] or not usable[j, i]:
                        continue
                    if _excess(work, variance, usable, poisson, j, i, limit, buffer)[0] >= limit:
                        if n == new.size:
                            new = _doubled(new)
                        hits[j, i] = _HIT
                        new[n] = j * nx + i
                        n += 1
        limit = neighbor
    return new[:n]


@njit(cache=True, nogil=True)
def _sharpness(work, usable, y, x):
    """Laplacian of a pixel split into 2 x 2, mean of the four positive corners, in units of the data."""
    ny, nx = work.shape
    v = work[y, x]
    u = v - work[y - 1, x] if y > 0 and usable[y - 1, x] else np.float32(0.0)
    d = v - work[y + 1, x] if y < ny - 1 and usable[y + 1, x] else np.float32(0.0)
    a = v - work[y, x - 1] if x > 0 and usable[y, x - 1] else np.float32(0.0)
    b = v - work[y, x + 1] if x < nx - 1 and usable[y, x + 1] else np.float32(0.0)
    return 0.125 * (max(u + a, 0.0) + max(u + b, 0.0) + max(d + a, 0.0) + max(d + b, 0.0))


@njit(cache=True, nogil=True)
def _least_noise2(variance, poisson, sharp):
    """Least variance that the pixel can have without the hit, whose own photons do not count as noise."""
    return max(variance - 2.0 * poisson * sharp, 0.1 * variance)


@njit(cache=True, nogil=True)
def _plain_structure(work, usable, y, x, sharp, contrast, buffer, nine):
    """A lower estimate of the fine structure, without medians of medians.

    A star narrower than two pixels that stands on a corner fills four pixels and leaves the median of
    3 x 3 empty; the fourth highest of them tells it from a hit.
    """
    ny, nx = work.shape
    m = _gather_nine(work, usable, y, x, nine)
    if m == 9:
        high = _fourth_of_nine(nine)
    else:
        high = max(quickselect(nine, 0, m, max(m - 4, 0)), median(nine, m))
    n = 0
    brightest = -np.inf
    for j in range(max(y - 3, 0), min(y + 4, ny), 3):
        for i in range(max(x - 3, 0), min(x + 4, nx), 3):
            if j != y or i != x:
                brightest = max(brightest, work[j, i])
    if sharp < _SURE * contrast * (high - brightest):
        return math.inf  # a star for sure: its level need not be known
    for j in range(max(y - 3, 0), min(y + 4, ny)):
        for i in range(max(x - 3, 0), min(x + 4, nx)):
            if usable[j, i]:
                buffer[n] = work[j, i]
                n += 1
    return _SURE * (high - median(buffer, n))


@njit(cache=True, nogil=True)
def _gather_nine(work, usable, y, x, nine):
    """Copy the usable pixels of the 3 x 3 around a pixel; return how many."""
    ny, nx = work.shape
    m = 0
    for j in range(max(y - 1, 0), min(y + 2, ny)):
        for i in range(max(x - 1, 0), min(x + 2, nx)):
            if usable[j, i]:
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
def _excess(work, variance, usable, poisson, y, x, limit, buffer):
    """Significance of the Laplacian above its median in 5 x 5 pixels, and the pixel's noise.

    The noise is that of a pixel at the median level of the 5 x 5. No Laplacian is below zero, and no level
    below the lowest pixel: where even these two leave it below `limit`, the medians are not looked for.
    """
    ny, nx = work.shape
    own, light = _sharpness(work, usable, y, x), variance[y, x]
    if own * own < limit * limit * LEAST_NOISE2 * light:
        return 0.0, math.inf
    n, lowest = 0, work[y, x]
    for j in range(max(y - 2, 0), min(y + 3, ny)):
        for i in range(max(x - 2, 0), min(x + 3, nx)):
            if usable[j, i]:
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
            if usable[j, i]:
                buffer[n] = _sharpness(work, usable, j, i)
                n += 1
    return (own - median(buffer, n)) / sigma, sigma


@njit(cache=True, nogil=True)
def _fine_structure(work, usable, y, x, buffer, nine):
    """Median of 3 x 3 less the median of 7 x 7 such medians: what a star has and a hit has not."""
    ny, nx = work.shape
    n = 0
    center = 0.0
    for j in range(max(y - 3, 0), min(y + 4, ny)):
        for i in range(max(x - 3, 0), min(x + 4, nx)):
            m = _gather_nine(work, usable, j, i, nine)
            if m > 0:
                buffer[n] = _middle_of_nine(nine) if m == 9 else median(nine, m)
                if j == y and i == x:
                    center = buffer[n]
                n += 1
    return center - median(buffer, n)


@njit(cache=True, nogil=True)
def _fill(data, usable, hits, new, work):
    """Replace the new hits by the median of the clean pixels in 5 x 5."""
    ny, nx = data.shape
    buffer = np.empty(25, np.float64)
    for k in range(new.size):
        y, x = new[k] // nx, new[k] % nx
        n = 0
        for j in range(max(y - 2, 0), min(y + 3, ny)):
            for i in range(max(x - 2, 0), min(x + 3, nx)):
                if usable[j, i] and not hits[j, i]:
                    buffer[n] = data[j, i]
                    n += 1
        if n > 0:
            work[y, x] = median(buffer, n)


@njit(cache=True, nogil=True)
def _around(new, hits, ny, nx):
    """Flat indices of the pixels within two of the new hits, each once."""
    seen = np.zeros((ny, nx), np.uint8)
    out = np.empty(25 * new.size, np.int64)
    n = 0
    for k in range(new.size):
        y, x = new[k] // nx, new[k] % nx
        for j in range(max(y - 2, 0), min(y + 3, ny)):
            for i in range(max(x - 2, 0), min(x + 3, nx)):
                if not seen[j, i] and not hits[j, i]:
                    seen[j, i] = _HIT
                    out[n] = j * nx + i
                    n += 1
    return out[:n]
