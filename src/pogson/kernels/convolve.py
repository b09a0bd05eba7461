"""The lowered Gaussian: the matched filter of DAOFIND, row by row, and at single places.

On a square of n pixels the height of the Gaussian that fits best, on a free constant, is
H = sum (G - mean G) d / (sum G^2 - (sum G)^2 / n), Stetson (1987, PASP 99, 191) eq. 2. G and the box of
ones are separable, so that two passes of one-dimensional sums do it.
"""

import numpy as np
from numba import njit

from pogson.kernels.prefetch import ask_for


@njit(cache=True, nogil=True)
def filter_weights(profile):
    """Weights of the filter: `across` times `profile` for a pixel, less `lower`.

    Parameters
    ----------
    profile : float32 (2 h + 1,)
        One-dimensional Gaussian of height 1.

    Returns
    -------
    across : float32 (2 h + 1,)
    lower : float32
    """
    size = len(profile)
    total, square = 0.0, 0.0
    for k in range(size):
        total += profile[k]
        square += profile[k] * profile[k]
    mean = total**2 / size**2
    norm = square**2 - mean * mean * size**2
    across = np.empty(size, np.float32)
    for k in range(size):
        across[k] = profile[k] / norm
    return across, np.float32(mean / norm)


@njit(cache=True, nogil=True)
def heights_at(data, mask, blank, level, profile, x, y):
    """The filtered image at some places.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    blank : int
        Bits of pixels that count as sky.
    level : float64 (n,)
        Sky under each place.
    profile : float32 (2 h + 1,)
        One-dimensional Gaussian of height 1.
    x, y : int64 (n,)
        Places; beyond the edges the image continues as sky.

    Returns
    -------
    float64 (n,)
    """
    ny, nx = data.shape
    across, lower = filter_weights(profile)
    half = len(profile) // 2
    height = np.zeros(len(x))
    for s in range(len(x)):
        if s + 1 < len(x):
            ask_for(data, float(x[s + 1]), float(y[s + 1]), float(half))
            ask_for(mask, float(x[s + 1]), float(y[s + 1]), float(half))
        for j in range(max(0, y[s] - half), min(ny, y[s] + half + 1)):
            weighted, summed = 0.0, 0.0
            for i in range(max(0, x[s] - half), min(nx, x[s] + half + 1)):
                value = data[j, i] - level[s]
                if (mask[j, i] & blank) == 0 and abs(value) < 1e30:
                    weighted += profile[i - x[s] + half] * value
                    summed += value
            height[s] += across[j - y[s] + half] * weighted - lower * summed
    return height


@njit(cache=True, nogil=True)
def filter_row(lines, row, profile, across, lower, weighted, summed, out):
    """One row of the filtered image.

    Parameters
    ----------
    lines : float32 (2 h + 1, nx + 2 h)
        The rows about `row`, each at its number modulo 2 h + 1, with sky (zero) on both sides.
    row : int
        Its number.
    profile : float32 (2 h + 1,)
        As there.
    across, lower : float32 (2 h + 1,), float32
        From `filter_weights`.
    weighted, summed : float32 (nx + 2 h,)
        Working space.
    out : float32 (nx,)
        Written.
    """
    size = len(profile)
    half = size // 2
    _begin_column(lines[row % size], profile[half], weighted, summed)
    for k in range(half):
        # rows that lie before the first one are still zero
        above, below = lines[(row - half + k) % size], lines[(row + half - k) % size]
        _add_to_column(above, below, profile[k], weighted, summed)
    _begin_row(weighted[half:], summed[half:], across[half], lower, out)
    for k in range(half):
        right = 2 * half - k
        _add_to_row(weighted[k:], weighted[right:], summed[k:], summed[right:], across[k], lower, out)


@njit(cache=True, nogil=True)
def fill_row(line, data, mask, blank, level):
    """The signal above the sky; zero where a pixel is masked or not finite. No branches: it runs in lanes."""
    zero, most = np.float32(0.0), np.float32(1e30)
    for x in range(len(line)):
        value = data[x] - level[x]
        value = value if (value < most) & (value > -most) else zero
        line[x] = value if (mask[x] & blank) == np.uint16(0) else zero


# The filter is symmetric: what lies equally far on both sides is added first, and weighted once.


@njit(cache=True, nogil=True)
def _begin_column(line, g, weighted, summed):
    for x in range(len(line)):
        weighted[x] = g * line[x]
        summed[x] = line[x]


@njit(cache=True, nogil=True)
def _add_to_column(above, below, g, weighted, summed):
    for x in range(len(above)):
        both = above[x] + below[x]
        weighted[x] += g * both
        summed[x] += both


@njit(cache=True, nogil=True)
def _begin_row(weighted, summed, g, lower, out):
    for x in range(len(out)):
        out[x] = g * weighted[x] - lower * summed[x]


@njit(cache=True, nogil=True)
def _add_to_row(left, right, sum_left, sum_right, g, lower, out):
    for x in range(len(out)):
        out[x] += g * (left[x] + right[x]) - lower * (sum_left[x] + sum_right[x])
