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
def resample_rows(
    values, spread, y0, x0, matrix, first_row, first_column, kind, taps,
    top, left, rows, columns, out, out_spread,
):  # fmt: skip
    """Interpolate rows of the output grid from rows of a frame.

    A place that needs an unusable pixel, or one outside the rows, has no value. Values are per pixel of the
    output, so that a star's flux is kept when the scale changes.

    Parameters
    ----------
    values, spread : float32 (my, mx)
        Rows of the frame and their variance; NaN where unusable.
    y0, x0 : int
        Row and column of the frame that are the first ones of `values`.
    matrix : float64 (2, 3)
        From x, y of the output to x, y of the frame.
    first_row, first_column : int
        Row and column of the output that are wanted first.
    kind : int
        NEAREST, BILINEAR, BICUBIC or LANCZOS.
    taps : float32 (n, 10)
        Of BICUBIC and LANCZOS: each pixel's weight as a polynomial in 2 f - 1, lowest power first.
    top, left, rows, columns : int
        Where they go, and how many are wanted.
    out, out_spread : float32 (ny, nx)
        Written: value (NaN where there is none) and the variance of this single value.
    """
    area = np.float32(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))
    n = taps.shape[0]
    work = np.empty((2 * n + 1, _CHUNK), np.float32)
    for r in range(rows):
        y = first_row + r
        u = matrix[0, 1] * y + matrix[0, 2] + matrix[0, 0] * first_column
        v = matrix[1, 1] * y + matrix[1, 2] + matrix[1, 0] * first_column
        light, noise = out[top + r, left : left + columns], out_spread[top + r, left : left + columns]
        light[:] = np.float32(np.nan)
        noise[:] = np.float32(0.0)
        if kind == NEAREST:
            _nearest_row(values, spread, y0, x0, u, v, matrix, area, light, noise)
        elif kind == BILINEAR:
            _bilinear_row(values, spread, y0, x0, u, v, matrix, area, light, noise)
        else:
            _kernel_row(values, spread, y0, x0, u, v, matrix, area, taps, work, light, noise)


@njit(cache=True, nogil=True, inline="always")
def _nearest_row(values, spread, y0, x0, u, v, matrix, area, out, out_spread):
    my, mx = values.shape
    for x in range(out.shape[0]):
        i = math.floor(matrix[0, 0] * x + u + 0.5) - x0
        j = math.floor(matrix[1, 0] * x + v + 0.5) - y0
        if 0 <= i < mx and 0 <= j < my:
            out[x] = area * values[j, i]
            out_spread[x] = area * area * spread[j, i]


@njit(cache=True, nogil=True, inline="always")
def _bilinear_row(values, spread, y0, x0, u, v, matrix, area, out, out_spread):
    """In runs of pixels whose neighbours lie in the same two rows, side by side.

    `y0` and `x0` go off whole numbers only: a place is then the same to the bit, whatever part is given.
    """
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
        i, j = i - x0, j - y0
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


@njit(cache=True, nogil=True, inline="always")
def _kernel_row(values, spread, y0, x0, u, v, matrix, area, taps, work, out, out_spread):
    """As `_bilinear_row`, with n by n weights, which are found for a run of pixels first."""
    my, mx = values.shape
    nx, n = out.shape[0], taps.shape[0]
    across, along, line = work[:n], work[n : 2 * n], work[2 * n]
    du, dv = matrix[0, 0] - 1.0, matrix[1, 0]
    before = n // 2 - 1
    x = 0
    while x < nx:
        p, q = u + du * x, v + dv * x
        i, j = math.floor(p), math.floor(q)
        f, g = p - i, q - j
        size = min(_run(f, du), _run(g, dv), nx - x, _CHUNK)
        i, j = i - before - x0, j - before - y0
        first, stop = max(x, -i), min(x + size, mx - n + 1 - i)
        if 0 <= j <= my - n and first < stop:
            skip, m = first - x, stop - first
            _weigh(taps, f + du * skip, du, m, across)
            _weigh(taps, g + dv * skip, dv, m, along)
            for power in range(1, 3):
                pixels, target = (values, out) if power == 1 else (spread, out_spread)
                _sum_kernel(pixels, j, first + i, across, along, power, area, line, target[first:stop])
        x += size


@njit(cache=True, nogil=True)
def _weigh(taps, f, step, size, weights):
    """Weights at places that move on by `step` from pixel to pixel.

    What a pixel weighs at z its opposite one weighs at -z: even powers are common to both, odd ones differ
    by their sign.
    """
    start, rise = np.float32(2.0 * f - 1.0), np.float32(2.0 * step)
    n = taps.shape[0]
    for m in range(n // 2):
        c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 = taps[m]
        one, other = weights[m][:size], weights[n - 1 - m][:size]
        for t in range(size):
            z = start + rise * np.float32(t)
            q = z * z
            even = (((c8 * q + c6) * q + c4) * q + c2) * q + c0
            odd = ((((c9 * q + c7) * q + c5) * q + c3) * q + c1) * z
            one[t] = even + odd
            other[t] = even - odd


@njit(cache=True, nogil=True)
def _sum_kernel(pixels, row, column, across, along, power, area, line, out):
    """Weighted sums of the pixels around, by the first or second power of the weights."""
    n, size = across.shape[0], out.shape[0]
    out[:] = np.float32(0.0)
    for k in range(n):
        line[:size] = np.float32(0.0)
        here, w = line[:size], along[k]
        for m in range(0, n, 2):
            u, v, a = across[m], across[m + 1], pixels[row + k, column + m : column + m + size + 1]
            if power == 2:
                for t in range(size):
                    here[t] += u[t] * u[t] * a[t] + v[t] * v[t] * a[t + 1]
            else:
                for t in range(size):
                    here[t] += u[t] * a[t] + v[t] * a[t + 1]
        if power == 2:
            for t in range(size):
                out[t] += w[t] * w[t] * here[t]
        else:
            for t in range(size):
                out[t] += w[t] * here[t]
    factor = area if power == 1 else area * area
    for t in range(size):
        out[t] *= factor


@njit(cache=True, nogil=True)
def carry_bits(mask, wanted, y0, matrix, first_row, first_column, rim, reach, values, bits):
    """Mark places of the output where a value that is used came from a pixel with one of some bits.

    Parameters
    ----------
    mask : uint16 (my, mx)
        Rows of the frame.
    wanted : uint16
        Bits that are carried over.
    y0 : int
        Row of the frame that is the first row of `mask`.
    matrix : float64 (2, 3)
        From x, y of the output to x, y of the frame.
    first_row, first_column : int
        Row and column of the output that are the first ones of `values`.
    rim : int
        Rows and columns at the edges of `values` that are no part of the output.
    reach : float
        Pixels of the frame that are nearer in x and in y count.
    values : float32 (ny, nx)
        The frame's values on a part of the output; NaN where none is used.
    bits : uint16 (rows, columns)
        Of the whole output; the bits found are added.
    """
    my, mx = mask.shape
    ny, nx = values.shape
    a, b, c, d = matrix[0, 0], matrix[0, 1], matrix[1, 0], matrix[1, 1]
    e, f = matrix[0, 2], matrix[1, 2]
    area = a * d - b * c
    top = first_row + rim
    far_x, far_y = reach * (abs(d) + abs(b)) / abs(area), reach * (abs(c) + abs(a)) / abs(area)
    for q in range(my):
        some = np.uint16(0)
        for p in range(mx):
            some |= mask[q, p]
        if not some & wanted:
            continue
        for p in range(mx):
            flag = mask[q, p] & wanted
            if not flag:
                continue
            u, v = p - e, y0 + q - f
            x, y = (d * u - b * v) / area, (a * v - c * u) / area
            low, left = max(math.ceil(y - far_y), top), max(math.ceil(x - far_x), first_column + rim)
            right = min(math.floor(x + far_x) + 1, first_column + nx - rim)
            for j in range(low, min(math.floor(y + far_y) + 1, first_row + ny - rim)):
                for i in range(left, right):
                    value = values[j - first_row, i - first_column]
                    near = abs(a * i + b * j - u) < reach and abs(c * i + d * j - v) < reach
                    if near and value == value:
                        bits[j, i] |= flag
