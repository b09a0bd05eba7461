"""A frame's pixels without sky, on the scale of the stack; NaN where they are no use."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from pogson.kernels.decode import _calibrate_row, _native_row


class Camera(NamedTuple):
    """What makes electrons of stored numbers, the same for all frames.

    Attributes
    ----------
    left : int
        Stored column of the first pixel.
    gain : float32
        electron / ADU.
    offset, factor, base, relative : float32 (ny, nx)
        As in `calibrate_stored`; one row of each may stand for all.
    bits : uint16 (ny, nx)
        The same.
    same : bool
        All pixels are alike, and none is flagged: the first number of each plane stands for all.
    """

    left: Any
    gain: Any
    offset: Any
    factor: Any
    base: Any
    relative: Any
    bits: Any
    same: Any


class Shot(NamedTuple):
    """What brings the pixels of one frame to the scale of the stack.

    Attributes
    ----------
    scale, zero : float32
        ADU = zero + scale * stored number.
    limits : float32 (2,)
        Saturation and linearity limit in ADU; NaN for none.
    noise2 : float32
        Variance of all pixels where it is above 0: no gain tells it.
    mesh : float32 (ky, kx)
        Sky level at the knots (i step, j step); straight lines between them.
    step : float
        Pixels between two knots.
    flux : float
        The frame's flux over that of the reference frame.
    """

    scale: Any
    zero: Any
    limits: Any
    noise2: Any
    mesh: Any
    step: Any
    flux: Any


@njit(cache=True, nogil=True)
def level_rows(data, variance, mask, exclude, y0, x0, mesh, step, flux, values, spread):
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
    mesh, step, flux
        As in `Shot`.
    values, spread : float32 (my, nx)
        Written: (data - sky) / flux, and variance / flux^2.

    Returns
    -------
    uint16
        All flags that occur.
    """
    nx = values.shape[1]
    first = min(max(0, -x0), nx)
    stop = max(min(nx, data.shape[1] - x0), first)
    left, right, square = first + x0, stop + x0, np.float32(1.0 / (flux * flux))
    found = np.uint16(0)
    for r in range(data.shape[0]):
        light, noise = values[r], spread[r]
        light[:first] = np.float32(np.nan)
        light[stop:] = np.float32(np.nan)
        noise[:first] = np.float32(0.0)
        noise[stop:] = np.float32(0.0)
        if first < stop:
            for x in range(first, stop):
                light[x] = data[r, x + x0]
            for x in range(first, stop):
                noise[x] = variance[r, x + x0] * square
            _take_sky(mesh, y0 + r, left, step, flux, light[first:stop])
            found |= _leave_out(mask[r, left:right], exclude, light[first:stop])
    return found


@njit(cache=True, nogil=True, inline="always")
def level_stored(
    stored, first, overscan, camera, shot, exclude, y0, x0, ny, nx, row, flags,
    top, left, values, spread, mask, before,
):  # fmt: skip
    """Decode, calibrate and level a part of a frame in one go: `calibrate_stored`, then `level_rows`.

    Parameters
    ----------
    stored : uint16 (my, mx)
        Rows of the frame: big-endian int16 seen through native uint16.
    first : int
        Row of the frame that is the first one of `stored`.
    overscan : float32 (rows of the frame,)
        Overscan level of each; zeros for none.
    camera : Camera
        Of all frames.
    shot : Shot
        Of this frame.
    exclude : uint16
        Bits of pixels that must not be used.
    y0, x0 : int
        Row and column of the frame that are the first ones of the part.
    ny, nx : int
        Size of the part.
    row : float32 (nx or more,)
        For what lies between.
    flags : uint16 (nx or more,)
        The same.
    top, left : int
        Where the part goes in `values` and `spread`.
    values, spread : float32 (rows, columns)
        Written: (data - sky) / flux, and variance / flux^2.
    mask : uint16 (my, columns of the frame)
        Written in rows with a flag; all of it is set to 0 before the first.
    before : uint16
        Flags that occurred before.

    Returns
    -------
    uint16
        All flags that occur.
    """
    begin, end, adu, bits = camera.left + x0, x0 + nx, row[:nx], flags[:nx]
    square, found = np.float32(1.0 / (shot.flux * shot.flux)), before
    offset, factor, base = camera.offset[0, 0], camera.factor[0, 0], camera.base[0, 0]
    per_gain, relative = factor / camera.gain, camera.relative[0, 0]
    lowest = np.float32(np.inf)
    for limit in shot.limits:
        lowest = limit if limit < lowest else lowest
    for r in range(ny):
        y = y0 + r
        k = min(y, camera.offset.shape[0] - 1)
        light, noise = values[top + r, left : left + nx], spread[top + r, left : left + nx]
        _native_row(stored[y - first, begin : begin + nx], shot.scale, shot.zero, adu)
        plain = camera.same and not _reach(adu, lowest)
        if plain:
            _plain_row(adu, overscan[y] + offset, factor, per_gain, relative, base, square, light, noise)
        else:
            _calibrate_row(
                adu, overscan[y], shot.limits, camera.gain, camera.offset[k, x0:end],
                camera.factor[k, x0:end], camera.base[k, x0:end], camera.relative[k, x0:end],
                camera.bits[k, x0:end], light, noise, bits,
            )  # fmt: skip
            for x in range(nx):
                noise[x] *= square
        if shot.noise2 > np.float32(0.0):
            noise[:] = shot.noise2 * square
        _take_sky(shot.mesh, y, x0, shot.step, shot.flux, light)
        if plain:
            continue
        here = _leave_out(bits, exclude, light)
        if here:
            if not found:
                mask[:] = np.uint16(0)
            for x in range(nx):
                mask[y - first, x0 + x] = bits[x]
            found |= here
    return found


@njit(cache=True, nogil=True, inline="always")
def _reach(adu, lowest):
    """Whether a pixel is at or above a limit."""
    n = np.int32(0)
    for x in range(adu.shape[0]):
        n += np.int32(adu[x] >= lowest)
    return n > 0


@njit(cache=True, nogil=True, inline="always")
def _plain_row(adu, offset, factor, per_gain, relative, base, square, light, noise):
    """As `_calibrate_row`, where all pixels are alike and none is flagged."""
    least = np.float32(0.25) * base
    for x in range(adu.shape[0]):
        light[x] = (adu[x] - offset) * factor
    for x in range(adu.shape[0]):
        spread = light[x] * (per_gain + light[x] * relative) + base
        noise[x] = (spread if spread > least else least) * square


@njit(cache=True, nogil=True)
def _leave_out(bits, exclude, values):
    """Replace unusable values by NaN; all flags that occur."""
    found = np.uint16(0)
    for x in range(bits.shape[0]):
        found |= bits[x]
    if found & exclude:
        for x in range(bits.shape[0]):
            values[x] = values[x] if (bits[x] & exclude) == 0 else np.float32(np.nan)
    return found


@njit(cache=True, nogil=True)
def _take_sky(mesh, y, x0, step, flux, values):
    """Take the sky off part of row `y`, from column `x0` on, and divide by `flux`."""
    ky, kx = mesh.shape
    at = y / step
    j = min(max(int(at), 0), max(ky - 2, 0))
    f = np.float32(at - j) if ky > 1 else np.float32(0.0)
    inverse, end = np.float32(1.0 / flux), x0 + values.shape[0]
    for i in range(max(kx - 1, 1)):
        first = min(max(math.ceil(i * step), x0), end)
        stop = min(max(math.ceil((i + 1) * step), x0), end) if i < kx - 2 else end
        a = mesh[j, i] + f * (mesh[min(j + 1, ky - 1), i] - mesh[j, i])
        k = min(i + 1, kx - 1)
        b = mesh[j, k] + f * (mesh[min(j + 1, ky - 1), k] - mesh[j, k])
        rise = np.float32((b - a) / step)
        base = np.float32(a - rise * (i * step))  # where x is 0: the same whatever part of the row this is
        here = values[first - x0 : stop - x0]
        for x in range(here.shape[0]):
            here[x] = (here[x] - (base + rise * np.float32(first + x))) * inverse
