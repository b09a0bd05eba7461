"""Groups of saturated pixels."""

import math

import numpy as np
from numba import njit

from pogson.kernels.peaks import longer

GAP = 2  # saturated pixels this far apart are one group
LONGEST = 64  # a run of saturated pixels is not followed further


@njit(cache=True, nogil=True)
def saturated_groups(data, mask, bits):
    """Groups of saturated pixels, each with the place where it is widest.

    A star that bleeds is widest at the star: its place is the mean of the pixels where the shorter of the
    runs of saturated pixels, along x and along y, is at least half as long as the longest of these.

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    bits : int
        Bits that mark a saturated pixel.

    Returns
    -------
    float64 (n, 7)
        x, y, number of pixels, largest of the shorter runs, highest pixel,
        sum of the pixels, mean of the pixels that touch the group.
    """
    ny, nx = mask.shape
    groups = np.empty((16, 7))
    n = 0
    done = np.zeros((0, 0), np.uint8)
    xs, ys = np.empty(64, np.int64), np.empty(64, np.int64)
    for y in range(ny):
        if not _any_bits(mask[y], bits):
            continue
        if done.shape[0] == 0:
            done = np.zeros((ny, nx), np.uint8)
        for x in range(nx):
            if (mask[y, x] & bits) == 0 or done[y, x] != 0:
                continue
            done[y, x] = 1
            xs[0], ys[0], size, head = x, y, 1, 0
            while head < size:
                for j in range(max(0, ys[head] - GAP), min(ny, ys[head] + GAP + 1)):
                    for i in range(max(0, xs[head] - GAP), min(nx, xs[head] + GAP + 1)):
                        if mask[j, i] & bits and done[j, i] == 0:
                            done[j, i] = 1
                            if size == len(xs):
                                xs, ys = longer(xs), longer(ys)
                            xs[size], ys[size] = i, j
                            size += 1
                head += 1
            if n == len(groups):
                groups = longer(groups.reshape(-1)).reshape(-1, 7)
            _describe_group(data, mask, bits, xs[:size], ys[:size], groups[n])
            n += 1
    return groups[:n]


@njit(cache=True, nogil=True)
def _any_bits(row, bits):
    count = np.int32(0)
    for i in range(len(row)):
        count += np.int32((row[i] & bits) != 0)
    return count > 0


@njit(cache=True, nogil=True)
def _describe_group(data, mask, bits, xs, ys, row):
    ny, nx = mask.shape
    top, total, border, touching = -math.inf, 0.0, 0.0, 0
    runs = np.empty(len(xs), np.int64)
    for k in range(len(xs)):
        x, y = xs[k], ys[k]
        left, right, down, up = x, x, y, y
        while left > 0 and mask[y, left - 1] & bits and x - left < LONGEST:
            left -= 1
        while right < nx - 1 and mask[y, right + 1] & bits and right - x < LONGEST:
            right += 1
        while down > 0 and mask[down - 1, x] & bits and y - down < LONGEST:
            down -= 1
        while up < ny - 1 and mask[up + 1, x] & bits and up - y < LONGEST:
            up += 1
        runs[k] = min(right - left, up - down) + 1
        if math.isfinite(data[y, x]):
            top = max(top, data[y, x])
            total += data[y, x]
        for j, i in ((y, x - 1), (y, x + 1), (y - 1, x), (y + 1, x)):
            if 0 <= j < ny and 0 <= i < nx and (mask[j, i] & bits) == 0 and math.isfinite(data[j, i]):
                border += data[j, i]
                touching += 1
    core, wide, wx, wy = 0, 0, 0, 0
    for k in range(len(xs)):
        core = max(core, runs[k])
    for k in range(len(xs)):
        if 2 * runs[k] >= core:
            wide += 1
            wx += xs[k]
            wy += ys[k]
    row[0], row[1], row[2], row[3] = wx / wide, wy / wide, len(xs), core
    row[4], row[5] = top, total
    row[6] = border / touching if touching > 0 else math.nan
