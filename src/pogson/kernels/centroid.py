"""Windowed centroids and second moments of stars."""

import math

import numpy as np
from numba import njit

from pogson.kernels.prefetch import ask_for

WIDEST = 60  # pixels: half width of the largest window
LANES = 8  # columns that are summed together: a stamp's rows are as many times as long as they must
LAST_STEP = 1e-4  # px^2: Newton's steps shrink so fast that the next one would be far below 1e-4 px


@njit(cache=True, nogil=True)
def _cut_out(data, mask, blank, level, x, y, half, stamp):
    """Copy the pixels within `half` of pixel (x, y), less the sky, to the corner of `stamp`.

    A masked pixel takes the value of its mirror image about (x, y), so that it does not pull; a pixel
    without one, and one beyond the edge, is zero.
    """
    ny, nx = data.shape
    lowered, bits, n_bad = np.float32(level), np.uint16(blank), np.int32(0)
    inside = half <= y < ny - half and half <= x < nx - half
    if inside:
        for k in range(2 * half + 1):
            some, marks, row = data[y - half + k, x - half :], mask[y - half + k, x - half :], stamp[k]
            for i in range(2 * half + 1):  # no branches: it runs in lanes
                row[i] = some[i] - lowered
                n_bad += np.int32(((marks[i] & bits) != 0) | (not abs(row[i]) < np.float32(1e30)))
    if inside and n_bad == 0:
        return
    for j in range(y - half, y + half + 1):
        for i in range(x - half, x + half + 1):
            value = np.float32(0.0)
            if 0 <= j < ny and 0 <= i < nx:
                value = data[j, i] - lowered
                if (mask[j, i] & bits) != 0 or not abs(value) < np.float32(1e30):
                    m, k = 2 * y - j, 2 * x - i
                    value = np.float32(0.0)
                    if 0 <= m < ny and 0 <= k < nx and (mask[m, k] & bits) == 0:
                        mirror = data[m, k] - lowered
                        value = mirror if abs(mirror) < np.float32(1e30) else value
            stamp[j - y + half, i - x + half] = value


@njit(cache=True, nogil=True)
def _room(size):
    """A stamp and its columns' sums, of a width that runs in lanes to the end."""
    wide = (size + LANES - 1) // LANES * LANES
    return np.zeros((size, wide), np.float32), np.zeros((3, wide))


@njit(cache=True, nogil=True)
def _window(center, sigma, size, weight):
    """Gaussian weights of `size` pixels along one axis.

    From the middle outwards each is the one before times a ratio that falls by the same factor.
    """
    s2 = sigma * sigma
    middle = min(max(round(center), 0), size - 1)
    off = middle - center
    first, half, lean = math.exp(-0.5 * off * off / s2), math.exp(-0.5 / s2), math.exp(off / s2)
    fall = half * half
    value, ratio = first, half / lean
    for i in range(middle, size):
        weight[i] = value
        value *= ratio
        ratio *= fall
    value, ratio = first, half * lean
    for i in range(middle, -1, -1):
        weight[i] = value
        value *= ratio
        ratio *= fall


@njit(cache=True, nogil=True)
def _sum_columns(stamp, weight, center, size, columns):
    """Sums over the rows with weights w, w dy and w dy^2: `columns`, float64 (3, size)."""
    columns[:] = 0.0
    c0, c1, c2 = columns[0], columns[1], columns[2]
    for j in range(size):
        row = stamp[j]
        dy = j - center
        w0 = weight[j]
        w1, w2 = w0 * dy, w0 * dy * dy
        for i in range((size + LANES - 1) // LANES * LANES):
            c0[i] += w0 * row[i]
            c1[i] += w1 * row[i]
            c2[i] += w2 * row[i]


@njit(cache=True, nogil=True)
def windowed_centroids(data, variance, mask, blank, level, x, y, sigma):
    """Centroids in a Gaussian window that follows them.

    The centre is where the weighted offsets cancel, found by Newton's method to better than 1e-3 px. For a
    Gaussian star as wide as the window the slope is half the weighted flux, which gives SExtractor's
    XWIN_IMAGE and ERRX2WIN_IMAGE; other profiles have another slope, and another error.

    Parameters
    ----------
    data, variance : float32 (ny, nx)
        Image and its variance.
    mask : uint16 (ny, nx)
        Flag bits.
    blank : int
        Bits of pixels to replace by their mirror image.
    level, x, y : float64 (n,)
        Sky and first guess.
    sigma : float
        Width of the window; a window that strays further than that and half a pixel goes back to
        the first guess.

    Returns
    -------
    float64 (4, n)
        x, y and their errors (NaN where the star was lost).
    """
    found = np.empty((4, len(x)))
    half = min(math.ceil(4.0 * sigma), WIDEST)
    size = 2 * half + 1
    stamp, columns = _room(size)
    wx, wy = np.empty(size), np.empty(size)
    for s in range(len(x)):
        if s + 1 < len(x):
            ask_for(data, x[s + 1], y[s + 1], float(half))
            ask_for(variance, x[s + 1], y[s + 1], float(half))
            ask_for(mask, x[s + 1], y[s + 1], float(half))
        left, low = round(x[s]) - half, round(y[s]) - half
        _cut_out(data, mask, blank, level[s], left + half, low + half, half, stamp)
        cx, cy, slope_x, slope_y, lost = x[s], y[s], 0.0, 0.0, False
        for _ in range(30):
            _window(cx - left, sigma, size, wx)
            _window(cy - low, sigma, size, wy)
            _sum_columns(stamp, wy, cy - low, size, columns)
            total, sx, sy, sxx, syy, sxy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(size):
                dx = i + left - cx
                part = wx[i] * columns[0, i]
                total += part
                sx += part * dx
                sxx += part * dx * dx
                part = wx[i] * columns[1, i]
                sy += part
                sxy += part * dx
                syy += wx[i] * columns[2, i]
            slope_x, slope_y, cross = total - sxx / sigma**2, total - syy / sigma**2, sxy / sigma**2
            lost = not min(slope_x, slope_y) - abs(cross) > 0.1 * abs(total)
            if lost:
                break
            det = slope_x * slope_y - cross * cross
            step_x, step_y = (slope_y * sx + cross * sy) / det, (slope_x * sy + cross * sx) / det
            lost = not math.hypot(cx + step_x - x[s], cy + step_y - y[s]) < sigma + 0.5
            if lost:
                break
            cx += step_x
            cy += step_y
            if step_x * step_x + step_y * step_y < LAST_STEP:
                break
            if abs(cx - left - half) > 1.0 or abs(cy - low - half) > 1.0:
                left, low = round(cx) - half, round(cy) - half
                _cut_out(data, mask, blank, level[s], left + half, low + half, half, stamp)
        if lost:
            found[0, s], found[1, s], found[2, s], found[3, s] = x[s], y[s], math.nan, math.nan
            continue
        vx, vy = _spread(variance, cx, cy, left, low, wx, wy, columns)
        found[0, s], found[1, s] = cx, cy
        found[2, s], found[3, s] = math.sqrt(vx) / slope_x, math.sqrt(vy) / slope_y
    return found


@njit(cache=True, nogil=True)
def _spread(variance, cx, cy, left, low, wx, wy, columns):
    """Sums of squared weight times variance times squared offset, along x and along y."""
    ny, nx = variance.shape
    first, last = max(0, left), min(nx, left + len(wx))
    columns[:2] = 0.0
    alone, along = columns[0], columns[1]
    for j in range(max(0, low), min(ny, low + len(wy))):
        row = variance[j, first:last]
        w2 = wy[j - low] * wy[j - low]
        w2_dy2 = w2 * (j - cy) * (j - cy)
        for i in range(len(row)):
            alone[i] += w2 * row[i]
            along[i] += w2_dy2 * row[i]
    vx, vy = 0.0, 0.0
    for i in range(max(0, last - first)):
        w2, dx = wx[first + i - left] * wx[first + i - left], first + i - cx
        vx += w2 * dx * dx * alone[i]
        vy += w2 * along[i]
    return vx, vy


@njit(cache=True, nogil=True)
def adaptive_ellipses(data, mask, blank, level, x, y, sigma, narrowest, widest):
    """Ellipses of the Gaussians that, times a round window of their own width, have the moments measured.

    A star with covariance M seen through a window of width s has 1/M + 1/s^2 as the inverse of its
    moments; s follows det(M)^(1/4) (Bernstein & Jarvis 2002, AJ 123, 583, sect. 3, with a round window).

    Parameters
    ----------
    data : float32 (ny, nx)
        Image.
    mask : uint16 (ny, nx)
        Flag bits.
    blank : int
        Bits of pixels to replace by their mirror image.
    level, x, y : float64 (n,)
        Sky and centre.
    sigma, narrowest, widest : float
        First width of the window, and its limits.

    Returns
    -------
    float64 (3, n)
        Geometric mean of the standard deviations along both axes, before integration over pixels (1/12
        is subtracted from the variances), major over minor axis, and direction of the major one
        from +x (degree); NaN where the noise left no positive moments.
    """
    ellipses = np.empty((3, len(x)))
    most = 2 * min(math.ceil(4.0 * widest), WIDEST) + 1
    stamp, columns = _room(most)
    wx, wy = np.empty(most), np.empty(most)
    for s in range(len(x)):
        if s + 1 < len(x):
            ask_for(data, x[s + 1], y[s + 1], 4.0 * sigma)
            ask_for(mask, x[s + 1], y[s + 1], 4.0 * sigma)
        width, half, found_xx, found_yy, found_xy = sigma, 0, math.nan, math.nan, math.nan
        column, line = round(x[s]), round(y[s])
        for _ in range(12):
            if 3.5 * width > half and 2 * half + 1 < most:
                half = min(math.ceil(4.0 * width), most // 2)
                _cut_out(data, mask, blank, level[s], column, line, half, stamp)
            size = 2 * half + 1
            cx, cy = x[s] - column + half, y[s] - line + half
            _window(cx, width, size, wx)
            _window(cy, width, size, wy)
            _sum_columns(stamp, wy, cy, size, columns)
            total, xx, yy, xy = 0.0, 0.0, 0.0, 0.0
            for i in range(size):
                dx = i - cx
                total += wx[i] * columns[0, i]
                xx += wx[i] * columns[0, i] * dx * dx
                xy += wx[i] * columns[1, i] * dx
                yy += wx[i] * columns[2, i]
            if not total > 0.0:
                break
            xx, yy, xy = xx / total, yy / total, xy / total
            det = xx * yy - xy * xy
            if not (det > 0.0 and xx > 0.0):
                break
            # inverse of the moments, less that of the window, and back
            ixx, iyy, ixy = yy / det - 1.0 / width**2, xx / det - 1.0 / width**2, -xy / det
            det = ixx * iyy - ixy * ixy
            if not (det > 0.0 and ixx > 0.0):
                if width >= widest:
                    break
                width = min(1.5 * width, widest)
                continue
            xx, yy, xy = iyy / det, ixx / det, -ixy / det
            target = min(max((xx * yy - xy * xy) ** 0.25, narrowest), widest)
            found_xx, found_yy, found_xy = xx - 1.0 / 12.0, yy - 1.0 / 12.0, xy
            if abs(target - width) < 0.02 * width:
                break
            width = target
        mean = 0.5 * (found_xx + found_yy)
        spread = math.hypot(0.5 * (found_xx - found_yy), found_xy)
        major, minor = mean + spread, mean - spread
        ellipses[0, s] = (major * minor) ** 0.25 if minor > 0.0 else math.nan
        ellipses[1, s] = math.sqrt(major / minor) if minor > 0.0 else math.nan
        ellipses[2, s] = math.degrees(0.5 * math.atan2(2.0 * found_xy, found_xx - found_yy))
    return ellipses
