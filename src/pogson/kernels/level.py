"""Take the sky off a frame's rows, and bring them to the flux scale of another frame."""

import math

import numpy as np
from numba import njit

from pogson.kernels.decode import _calibrate_row, _native_row


@njit(cache=True, nogil=True)
def level_rows(data, variance, mask, exclude, y0, x0, mesh, step, scale, values, spread):
    """Take the sky off some rows and divide by the frame's scale; what is unusable becomes NaN.

    Parameters
    ----------
    data, variance : float32 (my, mx)
        Rows of the frame.
    mask : uint16 (my, mx)
        Their flags.
    exclude : uint16
        Bits of pixels that must not be used.
    y0 : int
        Row of the frame that is the first row of `data`.
    x0 : int
        Column of `data` that is the first column of `values`; columns outside `data` become NaN.
    mesh : float32 (ky, kx)
        Sky level at the knots (i step, j step); straight lines between them.
    step : float
        Pixels between two knots.
    scale : float
        The frame's flux over that of the reference frame.
    values, spread : float32 (my, nx)
        Written: (data - sky) / scale, and variance / scale^2.

    Returns
    -------
    uint16
        All flags that occur.
    """
    knots, level = np.empty(mesh.shape[1], np.float32), np.empty(data.shape[1], np.float32)
    found = np.uint16(0)
    for r in range(data.shape[0]):
        _sky_row(mesh, y0 + r, step, knots, level)
        found |= _level_row(data[r], variance[r], mask[r], exclude, level, x0, scale, values[r], spread[r])
    return found


@njit(cache=True, nogil=True)
def level_stored(
    stored, scale, zero, overscan, left, limits, gain, offset, factor, base, relative, bits, noise2, exclude,
    y0, x0, mesh, step, flux_scale, mask, values, spread,
):  # fmt: skip
    """Decode, calibrate and level rows in one go: `calibrate_stored`, then `level_rows`.

    Parameters
    ----------
    stored, scale, zero, overscan, left, limits, gain, offset, factor, base, relative, bits
        As in `calibrate_stored`: there `overscan` is `level`, `left` is `x0`.
    noise2 : float32
        Variance of all pixels where it is above 0: no gain tells it.
    exclude, y0, x0, mesh, step, flux_scale
        As in `level_rows`.
    mask : uint16 (my, mx)
        Written.
    values, spread : float32 (my, nx)
        Written.

    Returns
    -------
    uint16
        All flags that occur.
    """
    my, mx = mask.shape
    knots, level = np.empty(mesh.shape[1], np.float32), np.empty(mx, np.float32)
    adu, data, variance = np.empty(mx, np.float32), np.empty(mx, np.float32), np.empty(mx, np.float32)
    found = np.uint16(0)
    for r in range(my):
        k = min(r, offset.shape[0] - 1)
        _native_row(stored[r, left : left + mx], scale, zero, adu)
        _calibrate_row(
            adu, overscan[r], limits, gain, offset[k], factor[k], base[k], relative[k], bits[k],
            data, variance, mask[r],
        )  # fmt: skip
        if noise2 > np.float32(0.0):
            variance[:] = noise2
        _sky_row(mesh, y0 + r, step, knots, level)
        found |= _level_row(data, variance, mask[r], exclude, level, x0, flux_scale, values[r], spread[r])
    return found


@njit(cache=True, nogil=True)
def _level_row(data, variance, mask, exclude, level, x0, scale, values, spread):
    nx = values.shape[0]
    nan = np.float32(np.nan)
    first = min(max(0, -x0), nx)
    stop = max(min(nx, data.shape[0] - x0), first)
    values[:first] = nan
    values[stop:] = nan
    spread[:first] = np.float32(0.0)
    spread[stop:] = np.float32(0.0)
    if first == stop:
        return np.uint16(0)
    inverse, square = np.float32(1.0 / scale), np.float32(1.0 / (scale * scale))
    # loops over few arrays each: the compiler works on several pixels at once then
    d, v, b = data[first + x0 : stop + x0], variance[first + x0 : stop + x0], mask[first + x0 : stop + x0]
    here, target, noise = level[first + x0 : stop + x0], values[first:stop], spread[first:stop]
    for x in range(d.shape[0]):
        target[x] = (d[x] - here[x]) * inverse
    found = np.uint16(0)
    for x in range(d.shape[0]):
        found |= b[x]
    if found & exclude:
        for x in range(d.shape[0]):
            target[x] = target[x] if (b[x] & exclude) == 0 else nan
    for x in range(d.shape[0]):
        noise[x] = v[x] * square
    return found


@njit(cache=True, nogil=True)
def _sky_row(mesh, y, step, knots, level):
    """Sky level along row `y`."""
    ky, kx = mesh.shape
    at = y / step
    j = min(max(int(at), 0), max(ky - 2, 0))
    f = np.float32(at - j) if ky > 1 else np.float32(0.0)
    for i in range(kx):
        knots[i] = mesh[j, i] + f * (mesh[min(j + 1, ky - 1), i] - mesh[j, i])
    if kx == 1:
        level[:] = knots[0]
        return
    nx = level.shape[0]
    for i in range(kx - 1):
        first = min(math.ceil(i * step), nx)
        stop = nx if i == kx - 2 else min(math.ceil((i + 1) * step), nx)
        rise = np.float32((knots[i + 1] - knots[i]) / step)
        base = np.float32(knots[i] + rise * (first - i * step))
        here = level[first:stop]
        for x in range(here.shape[0]):
            here[x] = base + rise * np.float32(x)
