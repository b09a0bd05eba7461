"""Stored numbers of many frames to rows of the stack, one frame after the other."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from pogson.kernels.level import Shot, level_stored
from pogson.kernels.resample import resample_rows

_WIDE = 1024  # columns that are worked on together
_SLANT = 8.0  # rows that a frame may rise or fall within them
_HIGH = 16  # rows


class Stored(NamedTuple):
    """Rows of many frames as they lie in their files, and what they mean.

    Attributes
    ----------
    numbers : uint16 (n, rows, mx)
        Big-endian int16 seen through native uint16.
    flags : uint16 (n, rows, nx)
        Memory for the flags of the pixels.
    first, stop : int64 (n,)
        Rows of the frames that are there.
    overscan : float32 (n, ny)
        Level of each row of the frames.
    camera : Camera
    scale, zero, noise2 : float32 (n,)
        As in `Shot`.
    limits : float32 (n, 2)
    mesh : float32 (n, ky, kx)
    step : float64 (n,)
    flux : float64 (n,)
    matrices : float64 (n, 2, 3)
        From x, y of the stack to x, y of the frames.
    whole : bool (n,)
        Pixels fall on pixels.
    """

    numbers: Any
    flags: Any
    first: Any
    stop: Any
    overscan: Any
    camera: Any
    scale: Any
    zero: Any
    noise2: Any
    limits: Any
    mesh: Any
    step: Any
    flux: Any
    matrices: Any
    whole: Any


@njit(cache=True, nogil=True)
def bring_stored(stored, kind, taps, exclude, y, x, nx, found, values, spread):
    """Bring some rows of many frames to the grid and the scale of the stack.

    Parameters
    ----------
    stored : Stored
        All rows of the frames that they are made of. Written: the flags of frames that have some.
    kind, taps
        As in `resample_rows`.
    exclude : uint16
        Bits of pixels that must not be used.
    y, x : int
        Row and column of the stack that are the first ones.
    nx : int
        Columns.
    found : uint16 (n,)
        Written: all flags that occur in each frame; of others `flags` holds nothing.
    values, spread : float32 (n, rows nx)
        Written: rows of the stack, one after the other: values, NaN where there is none, and their variance.
    """
    rows = values.shape[1] // nx
    half, end, camera = taps.shape[0] // 2, stored.camera.offset.shape[1], stored.camera
    wide = min(_WIDE, nx)
    for i in range(stored.matrices.shape[0]):
        wide = min(wide, max(int(_SLANT / max(abs(stored.matrices[i, 1, 0]), 1e-3)), 64))
    light, noise, row, bits = _memory(stored.matrices, half, min(_HIGH, rows), wide)
    found[:] = np.uint16(0)
    for i in range(stored.numbers.shape[0]):
        m, whole, first, stop = stored.matrices[i], stored.whole[i], stored.first[i], stored.stop[i]
        numbers, overscan, flags = stored.numbers[i], stored.overscan[i], stored.flags[i]
        shot = Shot(
            stored.scale[i], stored.zero[i], stored.limits[i], stored.noise2[i],
            stored.mesh[i], stored.step[i], stored.flux[i],
        )  # fmt: skip
        out, out_spread = values[i].reshape(rows, nx), spread[i].reshape(rows, nx)
        for top in range(0, rows, _HIGH):
            high = min(_HIGH, rows - top)
            for left in range(0, nx, wide):
                tile = y + top, x + left, high, min(wide, nx - left)
                y0, x0, my, mx = _part(m, whole, half, tile, first, stop, end)
                if my * mx == 0 or (whole and my * mx < tile[2] * tile[3]):
                    for r in range(top, top + high):
                        out[r, left : left + tile[3]] = np.float32(np.nan)
                        out_spread[r, left : left + tile[3]] = np.float32(0.0)
                if my * mx == 0:
                    continue
                at_y, at_x, v, s = 0, 0, light[: my * mx].reshape(my, mx), noise[: my * mx].reshape(my, mx)
                if whole:
                    at_y, at_x, v, s = y0 - y - int(m[1, 2]), x0 - x - int(m[0, 2]), out, out_spread
                found[i] |= level_stored(
                    numbers, first, overscan, camera, shot, exclude, y0, x0, my, mx, row, bits,
                    at_y, at_x, v, s, flags, found[i],
                )  # fmt: skip
                if not whole:
                    resample_rows(
                        v, s, y0, x0, m, y + top, x + left, kind, taps,
                        top, left, high, tile[3], out, out_spread,
                    )  # fmt: skip


@njit(cache=True, nogil=True, inline="always")
def _memory(matrices, half, tall, wide):
    """For the part of a frame that is worked on: light and noise, and of one row numbers and flags."""
    size, row = 0, wide
    for i in range(matrices.shape[0]):
        m = matrices[i]
        mx = int(abs(m[0, 0]) * wide + abs(m[0, 1]) * tall) + 2 * half + 3
        my = int(abs(m[1, 0]) * wide + abs(m[1, 1]) * tall) + 2 * half + 3
        size, row = max(size, mx * my), max(row, mx)
    light, noise = np.empty(size, np.float32), np.empty(size, np.float32)
    return light, noise, np.empty(row, np.float32), np.empty(row, np.uint16)


@njit(cache=True, nogil=True)
def _part(m, whole, half, tile, first, stop, end):
    """First row and column, and size, of the part of a frame that a tile is made of."""
    y, x, rows, columns = tile
    if whole:
        x0, y0 = x + int(m[0, 2]), y + int(m[1, 2])
        x1, y1 = x0 + columns, y0 + rows
    else:
        far, down = x + columns - 1, y + rows - 1
        u = m[0, 2] + min(m[0, 0] * x, m[0, 0] * far) + min(m[0, 1] * y, m[0, 1] * down)
        v = m[1, 2] + min(m[1, 0] * x, m[1, 0] * far) + min(m[1, 1] * y, m[1, 1] * down)
        wide = abs(m[0, 0]) * (columns - 1) + abs(m[0, 1]) * (rows - 1)
        high = abs(m[1, 0]) * (columns - 1) + abs(m[1, 1]) * (rows - 1)
        little = 1e-6  # of a pixel, for rounding
        x0, y0 = math.floor(u - little) - half + 1, math.floor(v - little) - half + 1
        x1, y1 = math.floor(u + wide + little) + half + 1, math.floor(v + high + little) + half + 1
    x0, y0 = max(x0, 0), max(y0, first)
    return y0, x0, max(min(y1, stop) - y0, 0), max(min(x1, end) - x0, 0)
