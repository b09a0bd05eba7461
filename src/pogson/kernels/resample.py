"""Bring a frame's pixels onto another grid, by interpolation."""

import math

import numpy as np
from numba import njit

NEAREST, BILINEAR, BICUBIC, LANCZOS, DRIZZLE = 0, 1, 2, 3, 4  # the last one is `drizzle_rows`

_CHUNK = 256  # pixels that are worked on together: few enough for the fastest memory


@njit(cache=True, nogil=True)
def kernel_weights(kind, f, weights):
    """Weights of the pixels around a place; they add up to 1.

    Parameters
    ----------
    kind : int
        BILINEAR (2 pixels), BICUBIC (4; Keys 1981, a = -1/2) or LANCZOS (6; Lanczos-3).
    f : float
        Place, from the pixel before it: 0 <= f < 1.
    weights : float64 (6,)
        The first 2, 4 or 6 are written; that of the pixel before is number 0, 1 or 2.

    Returns
    -------
    n : int
        Number of weights.
    """
    if kind == BILINEAR:
        weights[0] = 1.0 - f
        weights[1] = f
        return 2
    if kind == BICUBIC:
        g = 1.0 - f
        weights[0] = -0.5 * f * g * g
        weights[1] = 1.0 + f * f * (1.5 * f - 2.5)
        weights[2] = 1.0 + g * g * (1.5 * g - 2.5)
        weights[3] = -0.5 * g * f * f
        return 4
    total = 0.0
    for i in range(6):
        d = math.pi * (f + 2.0 - i)
        w = 1.0 if abs(d) < 1e-9 else 3.0 * math.sin(d) * math.sin(d / 3.0) / (d * d)
        weights[i] = w
        total += w
    for i in range(6):
        weights[i] /= total
    return 6


@njit(cache=True, nogil=True)
def resample_rows(values, spread, y0, matrix, first_row, kind, taps, out, out_spread):
    """Interpolate rows of the output grid from rows of a frame.

    A place that needs an unusable pixel, or one outside the rows, has no value. Values are per pixel of the
    output, so that a star's flux is kept when the scale changes.

    Parameters
    ----------
    values, spread : float32 (my, mx)
        Rows of the frame and their variance; NaN where unusable.
    y0 : int
        Row of the frame that is the first row of `values`.
    matrix : float64 (2, 3)
        From x, y of the output to x, y of the frame.
    first_row : int
        Row of the output that is the first row of `out`.
    kind : int
        NEAREST, BILINEAR, BICUBIC or LANCZOS.
    taps : float32 (n, k)
        Of BICUBIC and LANCZOS: each pixel's weight as a polynomial in 2 f - 1, lowest power first.
    out, out_spread : float32 (ny, nx)
        Written: value (NaN where there is none) and the variance of this single value.
    """
    area = np.float32(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))
    n = taps.shape[0]
    work = np.empty((4 * n + 2, _CHUNK), np.float32)
    out[:] = np.nan
    out_spread[:] = 0.0
    for r in range(out.shape[0]):
        y = first_row + r
        u = matrix[0, 1] * y + matrix[0, 2]
        v = matrix[1, 1] * y + matrix[1, 2] - y0
        if kind == NEAREST:
            _nearest_row(values, spread, u, v, matrix, area, out[r], out_spread[r])
        elif kind == BILINEAR:
            _bilinear_row(values, spread, u, v, matrix, area, out[r], out_spread[r])
        else:
            _kernel_row(values, spread, u, v, matrix, area, taps, work, out[r], out_spread[r])


@njit(cache=True, nogil=True)
def _nearest_row(values, spread, u, v, matrix, area, out, out_spread):
    my, mx = values.shape
    for x in range(out.shape[0]):
        i = math.floor(matrix[0, 0] * x + u + 0.5)
        j = math.floor(matrix[1, 0] * x + v + 0.5)
        if 0 <= i < mx and 0 <= j < my:
            out[x] = area * values[j, i]
            out_spread[x] = area * area * spread[j, i]


@njit(cache=True, nogil=True)
def _bilinear_row(values, spread, u, v, matrix, area, out, out_spread):
    """In runs of pixels whose neighbours lie in the same two rows, side by side."""
    my, mx = values.shape
    nx = out.shape[0]
    du, dv = matrix[0, 0] - 1.0, matrix[1, 0]
    one, square = np.float32(1.0), area * area
    x = 0
    while x < nx:
        p, q = u + du * x, v + dv * x
        i, j = math.floor(p), math.floor(q)
        f, g = p - i, q - j
        size = min(_run(f, du), _run(g, dv), nx - x)
        first = max(x, -i)
        stop = min(x + size, mx - 1 - i)
        if 0 <= j < my - 1 and first < stop:
            skip = first - x
            m = stop - first
            fx, gy = np.float32(f + du * skip), np.float32(g + dv * skip)
            ux, uy = np.float32(du), np.float32(dv)
            k = first + i
            a, b = values[j, k : k + m + 1], values[j + 1, k : k + m + 1]
            target = out[first:stop]
            for t in range(m):
                h, w = fx + ux * np.float32(t), gy + uy * np.float32(t)
                top = a[t] + h * (a[t + 1] - a[t])
                low = b[t] + h * (b[t + 1] - b[t])
                target[t] = area * (top + w * (low - top))
            a, b = spread[j, k : k + m + 1], spread[j + 1, k : k + m + 1]
            target = out_spread[first:stop]
            for t in range(m):
                h, w = fx + ux * np.float32(t), gy + uy * np.float32(t)
                e, z = one - h, one - w
                top = e * e * a[t] + h * h * a[t + 1]
                low = e * e * b[t] + h * h * b[t + 1]
                target[t] = square * (z * z * top + w * w * low)
        x += size


@njit(cache=True, nogil=True)
def _run(f, step):
    """Number of steps that a fraction stays between 0 and 1, the first one included."""
    if step > 0.0:
        return int(min((1.0 - f) / step, 1e9)) + 1
    if step < 0.0:
        return int(min(f / -step, 1e9)) + 1
    return 1000000000


@njit(cache=True, nogil=True)
def _kernel_row(values, spread, u, v, matrix, area, taps, work, out, out_spread):
    """As `_bilinear_row`, with n by n weights, which are found for a run of pixels first."""
    my, mx = values.shape
    nx, n = out.shape[0], taps.shape[0]
    across, across2 = work[:n], work[n : 2 * n]
    along, along2, sums = work[2 * n : 3 * n], work[3 * n : 4 * n], work[4 * n :]
    du, dv = matrix[0, 0] - 1.0, matrix[1, 0]
    before = n // 2 - 1
    x = 0
    while x < nx:
        p, q = u + du * x, v + dv * x
        i, j = math.floor(p), math.floor(q)
        f, g = p - i, q - j
        size = min(_run(f, du), _run(g, dv), nx - x, _CHUNK)
        i, j = i - before, j - before
        first, stop = max(x, -i), min(x + size, mx - n + 1 - i)
        if 0 <= j <= my - n and first < stop:
            skip, m = first - x, stop - first
            _weigh(taps, f + du * skip, du, m, across, across2)
            _weigh(taps, g + dv * skip, dv, m, along, along2)
            light, noise = out[first:stop], out_spread[first:stop]
            _sum_kernel(values, j, first + i, n, across, along, area, sums, light)
            _sum_kernel(spread, j, first + i, n, across2, along2, area * area, sums, noise)
        x += size


@njit(cache=True, nogil=True)
def _weigh(taps, f, step, size, weights, squares):
    """Weights, and their squares, at places that move on by `step` from pixel to pixel."""
    start, rise = np.float32(2.0 * f - 1.0), np.float32(2.0 * step)
    top = taps.shape[1] - 1
    for m in range(taps.shape[0]):
        w, w2 = weights[m][:size], squares[m][:size]
        w[:] = taps[m, top]
        for k in range(top - 1, -1, -1):
            c = taps[m, k]
            for t in range(size):
                w[t] = w[t] * (start + rise * np.float32(t)) + c
        for t in range(size):
            w2[t] = w[t] * w[t]


@njit(cache=True, nogil=True)
def _sum_kernel(pixels, row, column, n, across, along, factor, work, out):
    size = out.shape[0]
    total, line = work[0][:size], work[1][:size]
    total[:] = np.float32(0.0)
    for k in range(n):
        line[:] = np.float32(0.0)
        for m in range(n):
            w, a = across[m], pixels[row + k, column + m : column + m + size]
            for t in range(size):
                line[t] += w[t] * a[t]
        w = along[k]
        for t in range(size):
            total[t] += w[t] * line[t]
    for t in range(size):
        out[t] = factor * total[t]


@njit(cache=True, nogil=True)
def carry_bits(mask, wanted, y0, matrix, first_row, reach, values, bits):
    """Mark places of the output where a value that is used came from a pixel with one of some bits.

    Parameters
    ----------
    mask : uint16 (my, mx)
        Rows of the frame.
    wanted : uint16
        Bits that are carried over.
    y0, matrix, first_row
        As in `resample_rows`.
    reach : float
        Pixels of the frame that are nearer in x and in y count.
    values : float32 (ny, nx)
        The frame's values on the output; NaN where none is used.
    bits : uint16 (ny, nx)
        The bits found are added.
    """
    my, mx = mask.shape
    ny, nx = values.shape
    for r in range(ny):
        y = float(first_row + r)
        for x in range(nx):
            if values[r, x] != values[r, x]:
                continue
            u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
            v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] - y0
            for q in range(max(math.floor(v - reach) + 1, 0), min(math.ceil(v + reach), my)):
                for p in range(max(math.floor(u - reach) + 1, 0), min(math.ceil(u + reach), mx)):
                    bits[r, x] |= mask[q, p] & wanted
