"""A first look for pixels sharper than any star, while they are calibrated."""

import numpy as np
from numba import njit

from pogson.kernels.decode import calibrate_rows

_ROWS = 16  # calibrated, then looked at while the processor still has them
_BLOCK = 64  # pixels that are looked at together


@njit(cache=True, nogil=True)
def sharp_pixels(data, variance, poisson, threshold):
    """Find the pixels whose Laplacian (see `laplace_hits`) alone reaches the threshold.

    Parameters
    ----------
    data, variance : float32 (ny, nx)
        Image, sky not subtracted, and its variance.
    poisson : float
        Variance per unit of data.
    threshold : float
        Significance, sigma.

    Returns
    -------
    int32 (n,)
        Flat indices; all pixels of the edges are among them.
    """
    found = np.empty(data.size, np.int32)  # room for all: memory that nobody writes to costs nothing
    none = np.int64(0)  # a bare 0 would have all that is called with it compiled once more
    return found[: _sharp_rows(data, variance, none, data.shape[0], poisson, threshold, found, none)]


@njit(cache=True, nogil=True)
def calibrate_searched(
    stored, scale, zero, level, y0, x0, limits, gain, offset, factor, base, relative, bits,
    data, variance, mask, poisson, threshold,
):  # fmt: skip
    """Decode, calibrate and search a frame in one go: `calibrate_stored`, then `sharp_pixels`.

    Parameters
    ----------
    stored, scale, zero, level, y0, x0, limits, gain, offset, factor, base, relative, bits
        As in `calibrate_stored`, all planes with all rows.
    data, variance : float32 (ny, nx)
        Written.
    mask : uint16 (ny, nx)
        Written.
    poisson, threshold : float
        As in `sharp_pixels`.

    Returns
    -------
    saturated : int
        Number of saturated pixels.
    sharp : int32 (n,)
        Flat indices of sharp pixels, bad and saturated ones among them.
    """
    ny = data.shape[0]
    found, n, saturated = np.empty(data.size, np.int32), np.int64(0), 0
    for top in range(0, ny, _ROWS):
        end = min(top + _ROWS, ny)
        saturated += calibrate_rows(
            stored, scale, zero, level, y0, x0, limits, gain, offset, factor, base, relative, bits,
            data, variance, mask, top, end,
        )  # fmt: skip
        # the last row waits for the one below it
        last = end if end == ny else end - 1
        n = _sharp_rows(data, variance, max(top - 1, 0), last, poisson, threshold, found, n)
    return saturated, found[:n]


@njit(cache=True, nogil=True)
def _sharp_rows(data, variance, first, last, poisson, threshold, found, n):
    """Append the sharp pixels of some rows to those found; return their number."""
    ny, nx = data.shape
    threshold2, photons = np.float32(threshold * threshold), np.float32(2.0 * poisson)
    margin = np.empty(nx, np.float32)
    margin[0] = margin[nx - 1] = 1.0  # the edges are few: always judged
    for y in range(first, last):
        if 0 < y < ny - 1:
            _margins(data[y - 1], data[y], data[y + 1], variance[y], threshold2, photons, margin)
            n = _collect(margin, y * nx, found, n)
        else:
            for x in range(nx):
                found[n + x] = y * nx + x
            n += nx
    return n


@njit(cache=True, nogil=True)
def _margins(up, row, down, variance, threshold2, photons, margin):
    """Squared Laplacian above its squared threshold, for the inner pixels of one row."""
    eighth, tenth, zero = np.float32(0.125), np.float32(0.1), np.float32(0.0)
    for x in range(1, row.size - 1):  # without a branch: it runs on several pixels at once
        u = row[x] - up[x]
        d = row[x] - down[x]
        a = row[x] - row[x - 1]
        b = row[x] - row[x + 1]
        sharp = eighth * (max(u + a, zero) + max(u + b, zero) + max(d + a, zero) + max(d + b, zero))
        noise2 = max(variance[x] - photons * sharp, tenth * variance[x])
        margin[x] = sharp * sharp - threshold2 * noise2


@njit(cache=True, nogil=True)
def _collect(margin, start, found, n):
    """Append the flat indices of a row's pixels with a positive margin; return their new number."""
    for first in range(0, margin.size, _BLOCK):
        part = margin[first : first + _BLOCK]
        count = np.int32(0)
        for x in range(part.size):  # without a branch, several at once: most blocks hold none
            count += np.int32(part[x] > np.float32(0.0))
        if count > 0:
            for x in range(part.size):
                if part[x] > np.float32(0.0):
                    found[n] = start + first + x
                    n += 1
    return n


@njit(cache=True, nogil=True)
def doubled(values, least):
    """The values in an array of twice the size, or of the least size wanted."""
    out = np.empty(max(2 * values.size, least), values.dtype)
    for i in range(values.size):  # a slice assignment would take seconds to compile
        out[i] = values[i]
    return out
