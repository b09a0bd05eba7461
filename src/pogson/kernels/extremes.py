"""Smallest and largest pixel of a frame."""

import numpy as np
from numba import njit

LOWEST = np.int32(-(2**31))
HIGHEST = np.int32(2**31 - 1)


@njit(cache=True, nogil=True)
def find_extremes(bits, mask, unusable, saturated):
    """Find the smallest and the largest usable value, and count the saturated pixels.

    Parameters
    ----------
    bits : int32 (ny, nx)
        The float32 values, as their bits: whole numbers are compared four times as fast. Those of a
        negative number are turned over, so that the order is that of the values.
    mask : uint16 (ny, nx)
        What is wrong with each pixel.
    unusable, saturated : uint16
        Bits of the mask.

    Returns
    -------
    low, high : int32
        Bits of the two values, turned over where negative; `low` is above `high` where no pixel was usable.
    n_saturated : int32
    """
    low, high, full = HIGHEST, LOWEST, np.int32(0)
    for j in range(bits.shape[0]):
        row, marks = bits[j], mask[j]
        for i in range(bits.shape[1]):
            value = row[i] ^ ((row[i] >> np.int32(31)) & HIGHEST)
            out = (marks[i] & unusable) != 0
            low = min(low, HIGHEST if out else value)
            high = max(high, LOWEST if out else value)
            full += np.int32((marks[i] & saturated) != 0)
    return low, high, full
