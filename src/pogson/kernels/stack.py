"""Combine frames that lie on one grid to their weighted mean."""

import numpy as np
from numba import njit

from pogson.kernels.order import CHUNK, count_missing


@njit(cache=True, nogil=True)
def weighted_mean(values, spread, share, weights, data, variance, used):
    """Weighted mean of each pixel, and its variance.

    Weights do not depend on the pixel: the mean is linear in the light, and its variance unbiased.

    Parameters
    ----------
    values, spread : float32 (n, m)
        NaN where a frame has no value; variance of each value.
    share : float32 (n, m), or (1, 1)
        What each value weighs beside the weight of its frame; one number: all weigh the same.
    weights : float64 (n,)
        Of the frames.
    data, variance : float32 (m,)
        Written; NaN where no frame has a value.
    used : int16 (m,)
        Written: number of values.
    """
    n, m = values.shape
    sums = np.empty((3, CHUNK), np.float32)
    zero, one = np.float32(0.0), np.float32(1.0)
    for start in range(0, m, CHUNK):
        stop = min(start + CHUNK, m)
        size = stop - start
        light, noise = data[start:stop], variance[start:stop]
        total, count, own = sums[0][:size], sums[1][:size], sums[2][:size]
        light[:] = zero
        noise[:] = zero
        total[:] = zero
        count[:] = zero
        weight, number = zero, zero  # of frames with all values
        for i in range(n):
            v, s = values[i, start:stop], spread[i, start:stop]
            a = np.float32(weights[i])
            # loops over few arrays each: the compiler works on several pixels at once then
            if share.shape[1] == 1 and count_missing(v) == 0:
                weight += a
                number += one
                for c in range(size):
                    light[c] += a * v[c]
                for c in range(size):
                    noise[c] += a * a * s[c]
                continue
            for c in range(size):
                own[c] = a if v[c] == v[c] else zero
            for c in range(size):
                count[c] += one if v[c] == v[c] else zero
            if share.shape[1] > 1:
                h = share[i, start:stop]
                for c in range(size):
                    own[c] *= h[c]
            for c in range(size):
                total[c] += own[c]
            for c in range(size):
                light[c] += own[c] * v[c] if v[c] == v[c] else zero
            for c in range(size):
                noise[c] += own[c] * own[c] * s[c]
        for c in range(size):
            own[c] = one / (weight + total[c]) if weight + total[c] > zero else np.float32(np.nan)
        for c in range(size):
            light[c] *= own[c]
        for c in range(size):
            noise[c] *= own[c] * own[c]
        there = used[start:stop]
        for c in range(size):
            there[c] = np.int16(number + count[c])
