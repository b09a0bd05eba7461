"""The lowered Gaussian: the matched filter of DAOFIND, in one pass over the image."""

import numpy as np
from numba import njit

from pogson.kernels.background import mesh_columns, mesh_row


@njit(cache=True, nogil=True)
def lowered_gaussian(data, mask, blank, sky, profile):
    """Height of the Gaussian on a free constant that fits each pixel's surroundings best.

    On a square of n pixels this is H = sum (G - mean G) d / (sum G^2 - (sum G)^2 / n), Stetson (1987,
    PASP 99, 191) eq. 2. G and the box of ones are separable, so that two passes of
    one-dimensional sums do it.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    blank : int
        Bits of the pixels to replace by the sky.
    sky : float32 (n_rows, n_columns)
        Mesh of the sky level.
    profile : float32 (2 h + 1,)
        One-dimensional Gaussian of height 1.

    Returns
    -------
    float32 (ny, nx)
        Height, in units of `data`; beyond the edges the image continues as sky.
    """
    ny, nx = data.shape
    size = len(profile)
    half = size // 2
    total, square = 0.0, 0.0
    for k in range(size):
        total += profile[k]
        square += profile[k] * profile[k]
    mean = total**2 / size**2
    norm = square**2 - mean * mean * size**2
    across = np.empty(size, np.float32)
    for k in range(size):
        across[k] = profile[k] / norm
    lower = np.float32(mean / norm)

    height = np.empty((ny, nx), np.float32)
    level, drawn = np.empty(nx, np.float32), mesh_columns(sky, nx)
    lines = np.zeros((size, nx + 2 * half), np.float32)  # the last rows, with sky on both sides
    weighted, summed = np.empty(nx + 2 * half, np.float32), np.empty(nx + 2 * half, np.float32)
    for y in range(ny + half):
        if y < ny:
            mesh_row(drawn, y, ny, level)
            _fill(lines[y % size, half : half + nx], data[y], mask[y], np.uint16(blank), level)
        else:
            lines[y % size, :] = 0.0
        row = y - half
        if row < 0:
            continue
        _begin_column(lines[row % size], profile[half], weighted, summed)
        for k in range(half):
            # rows that lie before the first one are still zero
            above, below = lines[(row - half + k) % size], lines[(row + half - k) % size]
            _add_to_column(above, below, profile[k], weighted, summed)
        _begin_row(weighted[half:], summed[half:], across[half], lower, height[row])
        for k in range(half):
            right = 2 * half - k
            _add_to_row(
                weighted[k:], weighted[right:], summed[k:], summed[right:], across[k], lower, height[row]
            )
    return height


@njit(cache=True, nogil=True)
def _fill(line, data, mask, blank, level):
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
