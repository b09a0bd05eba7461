"""The lowered Gaussian: the matched filter of DAOFIND, in one pass over the image."""

import numpy as np
from numba import njit

from pogson.kernels.background import mesh_row


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
    column = np.empty(size, np.float32)
    for k in range(size):
        column[k] = profile[k] / norm
    lower = np.float32(mean / norm)

    height = np.empty((ny, nx), np.float32)
    line = np.zeros(nx + 2 * half, np.float32)
    level = np.empty(nx, np.float32)
    weighted = np.zeros((size, nx), np.float32)  # the last rows, after the pass along x
    summed = np.zeros((size, nx), np.float32)
    for y in range(ny + half):
        here = y % size
        weighted[here, :] = 0.0
        summed[here, :] = 0.0
        if y < ny:
            mesh_row(sky, y, ny, level)
            _fill(line[half : half + nx], data[y], mask[y], np.uint16(blank), level)
            _along_x(line, profile, weighted[here], summed[here])
        if y >= half:
            out = height[y - half]
            out[:] = 0.0
            for k in range(size):
                # rows that lie before the first one are still zero
                _add_row(
                    out,
                    column[k],
                    weighted[(y - 2 * half + k) % size],
                    lower,
                    summed[(y - 2 * half + k) % size],
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


@njit(cache=True, nogil=True)
def _along_x(line, profile, weighted, summed):
    for k in range(len(profile)):
        g = profile[k]
        for x in range(len(weighted)):
            value = line[x + k]
            weighted[x] += g * value
            summed[x] += value


@njit(cache=True, nogil=True)
def _add_row(out, g, weighted, lower, summed):
    for x in range(len(out)):
        out[x] += g * weighted[x] - lower * summed[x]
