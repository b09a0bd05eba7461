"""Stored numbers to ADU, and to calibrated pixels with variance and flags, in one pass."""

import numpy as np
from numba import njit

# Bits of core.flags.Pixel: the kernels know no floor above them, a test keeps the two equal.
SATURATED = np.uint16(4)
NONLINEAR = np.uint16(32)
EMPTY = np.uint16(64)


@njit(cache=True, nogil=True)
def decode(stored, scale, zero, level, y0, x0, out):
    """Big-endian 16-bit integers to ADU above a level per row.

    Parameters
    ----------
    stored : uint16 (my, mx)
        Big-endian int16 seen through native uint16.
    scale, zero : float32
        ADU = zero + scale * stored number.
    level : float32 (my,)
        Overscan level of each stored row; zeros for none.
    y0, x0 : int
        Stored row and column of the first pixel wanted.
    out : float32 (ny, nx)
        Written.
    """
    for y in range(out.shape[0]):
        _native_row(stored[y0 + y, x0 : x0 + out.shape[1]], scale, zero - level[y0 + y], out[y])


@njit(cache=True, nogil=True)
def calibrate_stored(
    stored,
    scale,
    zero,
    level,
    y0,
    x0,
    limits,
    gain,
    offset,
    factor,
    base,
    relative,
    bits,
    data,
    variance,
    mask,
):
    """Decode and calibrate big-endian 16-bit integers.

    Parameters
    ----------
    stored, scale, zero, level, y0, x0
        As in `decode`.
    limits : float32 (2,)
        Saturation and linearity limit in ADU, overscan included; NaN for none.
    gain : float32
        electron / ADU.
    offset : float32 (ny, nx)
        Master bias and scaled master dark, ADU. Of this plane and the next four one row may stand for all.
    factor : float32 (ny, nx)
        Gain over flat field.
    base : float32 (ny, nx)
        All of the variance that does not depend on the pixel's own number, after the flat.
    relative : float32 (ny, nx)
        Squared relative error of the flat field.
    bits : uint16 (ny, nx)
        Flags known before.
    data, variance : float32 (ny, nx)
        Written.
    mask : uint16 (ny, nx)
        Written.

    Returns
    -------
    int
        Number of saturated pixels.
    """
    return calibrate_rows(
        stored, scale, zero, level, y0, x0, limits, gain, offset, factor, base, relative, bits,
        data, variance, mask, np.int64(0), data.shape[0],
    )  # fmt: skip


@njit(cache=True, nogil=True)
def calibrate_rows(
    stored, scale, zero, level, y0, x0, limits, gain, offset, factor, base, relative, bits,
    data, variance, mask, first, last,
):  # fmt: skip
    """`calibrate_stored`, rows `first` to `last` (stop excluded) only."""
    nx = data.shape[1]
    row = np.empty(nx, np.float32)
    n = 0
    for y in range(first, last):
        _native_row(stored[y0 + y, x0 : x0 + nx], scale, zero, row)
        k = min(y, offset.shape[0] - 1)
        n += _calibrate_row(
            row, level[y0 + y], limits, gain, offset[k], factor[k], base[k], relative[k], bits[k],
            data[y], variance[y], mask[y],
        )  # fmt: skip
    return n


@njit(cache=True, nogil=True)
def calibrate_adu(
    adu, level, y0, x0, limits, gain, offset, factor, base, relative, bits, data, variance, mask
):
    """Calibrate numbers that are in ADU already: as `calibrate_stored`, with `adu` float32 (my, mx)."""
    ny, nx = data.shape
    n = 0
    for y in range(ny):
        n += _calibrate_row(
            adu[y0 + y, x0 : x0 + nx], level[y0 + y], limits, gain, offset[y], factor[y], base[y],
            relative[y], bits[y], data[y], variance[y], mask[y],
        )  # fmt: skip
    return n


@njit(cache=True, nogil=True)
def _native_row(stored, scale, zero, out):
    for x in range(out.size):
        v = stored[x]
        native = np.int16(np.uint16((v >> np.uint16(8)) | (v << np.uint16(8))))
        out[x] = zero + scale * np.float32(native)


@njit(cache=True, nogil=True)
def _calibrate_row(adu, level, limits, gain, offset, factor, base, relative, bits, data, variance, mask):
    per_gain, quarter, infinite = np.float32(1.0) / gain, np.float32(0.25), np.float32(np.inf)
    saturation, linearity = limits
    # Loops without a branch over few arrays each: they run on several pixels at once.
    for x in range(data.size):
        f = factor[x]
        value = (adu[x] - level - offset[x]) * f
        data[x] = value
        # A faint pixel may scatter below the level of no light: never below a quarter of its read variance.
        variance[x] = max(value * (f * per_gain + value * relative[x]) + base[x], quarter * base[x])
    odd = np.int32(0)
    for x in range(data.size):
        odd += np.int32(adu[x] >= saturation) + np.int32(adu[x] >= linearity)
        odd += np.int32(not abs(data[x]) < infinite)
    for x in range(data.size):
        mask[x] = bits[x]
    if odd == 0:
        return 0
    n = 0
    for x in range(data.size):
        if adu[x] >= saturation:
            mask[x] |= SATURATED
            n += 1
        elif adu[x] >= linearity:
            mask[x] |= NONLINEAR
        if not abs(data[x]) < infinite:
            mask[x] |= EMPTY
            data[x], variance[x] = np.float32(0.0), base[x]
    return n


@njit(cache=True, nogil=True)
def grow_saturated(adu_excess, mask, saturated, bleed, floor):
    """Flag the ring around saturated pixels, and the charge spilt along their columns.

    A column's run of three or more saturated pixels is followed upwards and downwards as long as the
    pixel stands more than `floor` above the pixels three columns to its left and right.

    Parameters
    ----------
    adu_excess : float32 (ny, nx)
        Calibrated data.
    mask : uint16 (ny, nx)
        Changed in place.
    saturated, bleed : uint16
        The two bits.
    floor : float
        In the unit of the data.
    """
    ny, nx = mask.shape
    for y in range(ny):
        if not _any_bits(mask[y], saturated):
            continue
        for x in range(nx):
            if not mask[y, x] & saturated:
                continue
            for j in range(max(y - 1, 0), min(y + 2, ny)):
                for i in range(max(x - 1, 0), min(x + 2, nx)):
                    mask[j, i] |= bleed
            if y == 0 or not mask[y - 1, x] & saturated:
                end = y
                while end < ny and mask[end, x] & saturated:
                    end += 1
                if end - y >= 3:
                    for start, step in ((end, 1), (y - 1, -1)):
                        _follow(adu_excess, mask, start, x, step, bleed, floor)


@njit(cache=True, nogil=True)
def _any_bits(row, bits):
    count = np.int32(0)
    for i in range(len(row)):  # without a branch: it runs in lanes
        count += np.int32((row[i] & bits) != 0)
    return count > 0


@njit(cache=True, nogil=True)
def _follow(data, mask, y, x, step, bleed, floor):
    ny, nx = data.shape
    left = max(x - 3, 0)
    right = min(x + 3, nx - 1)
    while 0 <= y < ny and data[y, x] - max(data[y, left], data[y, right]) > floor:
        mask[y, x] |= bleed
        y += step
