"""Add stars of known shape to an image, integrated over each pixel."""

import math

import numpy as np
from numba import njit

# Gauss-Legendre abscissae and weights on a pixel from -0.5 to 0.5
NODES_3 = np.array([-0.3872983346207417, 0.0, 0.3872983346207417])
WEIGHTS_3 = np.array([0.2777777777777778, 0.4444444444444444, 0.2777777777777778])
NODES_5 = np.array([-0.4530899229693320, -0.2692346550528415, 0.0, 0.2692346550528415, 0.4530899229693320])
WEIGHTS_5 = np.array(
    [0.1184634425280945, 0.2393143352496832, 0.2844444444444444, 0.2393143352496832, 0.1184634425280945]
)


@njit(cache=True, nogil=True)
def add_gaussians(image, x, y, flux, fwhm):
    """Add round Gaussian stars; the integral over each pixel is exact (error function).

    Parameters
    ----------
    image : float32 (ny, nx)
        Changed in place.
    x, y, flux, fwhm : float64 (n,)
        Centre (0-based, pixel centre), total flux, and full width at half maximum of the profile
        before it is integrated over pixels. Stars may lie outside the image.
    """
    ny, nx = image.shape
    for s in range(len(x)):
        sigma = fwhm[s] / 2.3548200450309493
        reach = 6.0 * sigma + 1.0
        x0, x1 = max(0, math.floor(x[s] - reach)), min(nx, math.ceil(x[s] + reach) + 1)
        y0, y1 = max(0, math.floor(y[s] - reach)), min(ny, math.ceil(y[s] + reach) + 1)
        if x0 >= x1 or y0 >= y1:
            continue
        row = _gaussian_pixels(x[s], sigma, x0, x1)
        column = _gaussian_pixels(y[s], sigma, y0, y1)
        for j in range(y0, y1):
            weight = flux[s] * column[j - y0]
            for i in range(x0, x1):
                image[j, i] += weight * row[i - x0]


@njit(cache=True, nogil=True)
def _gaussian_pixels(center, sigma, start, stop):
    """Share of a one-dimensional Gaussian that falls on each pixel from `start` to `stop`."""
    share = np.empty(stop - start)
    scale = 1.0 / (sigma * math.sqrt(2.0))
    left = math.erf((start - 0.5 - center) * scale)
    for i in range(start, stop):
        right = math.erf((i + 0.5 - center) * scale)
        share[i - start] = 0.5 * (right - left)
        left = right
    return share


@njit(cache=True, nogil=True)
def add_elliptic_gaussians(image, x, y, flux, fwhm, elongation, angle):
    """Add elliptical Gaussian stars: exact along rows (error function), by 5 nodes a pixel across them.

    Parameters
    ----------
    image : float32 (ny, nx)
        Changed in place.
    x, y, flux : float64 (n,)
        Centre (0-based, pixel centre) and total flux. Stars may lie outside the image.
    fwhm : float64 (n,)
        Geometric mean of the widths along both axes, before integration over pixels.
    elongation, angle : float64 (n,)
        Major over minor axis; direction of the major axis in degrees from +x towards +y.

    Notes
    -----
    At the height v the profile along x is a Gaussian about x + v xy / yy, of variance xx - xy^2 / yy,
    with xx, xy, yy the second moments.
    """
    ny, nx = image.shape
    for s in range(len(x)):
        variance = (fwhm[s] / 2.3548200450309493) ** 2
        c, t = math.cos(math.radians(angle[s])), math.sin(math.radians(angle[s]))
        major, minor = variance * elongation[s], variance / elongation[s]
        xx, yy = major * c * c + minor * t * t, major * t * t + minor * c * c
        xy = (major - minor) * c * t
        reach_x, reach_y = 6.0 * math.sqrt(xx) + 1.0, 6.0 * math.sqrt(yy) + 1.0
        x0, x1 = max(0, math.floor(x[s] - reach_x)), min(nx, math.ceil(x[s] + reach_x) + 1)
        y0, y1 = max(0, math.floor(y[s] - reach_y)), min(ny, math.ceil(y[s] + reach_y) + 1)
        if x0 >= x1 or y0 >= y1:
            continue
        narrow = math.sqrt(xx - xy * xy / yy)
        height = flux[s] / math.sqrt(2.0 * math.pi * yy)
        row = _gaussian_pixels(x[s], narrow, x0, x1)
        for j in range(y0, y1):
            for m in range(len(NODES_5)):
                v = j - y[s] + NODES_5[m]
                weight = WEIGHTS_5[m] * height * math.exp(-0.5 * v * v / yy)
                if xy != 0.0:
                    row = _gaussian_pixels(x[s] + v * xy / yy, narrow, x0, x1)
                for i in range(x0, x1):
                    image[j, i] += weight * row[i - x0]


@njit(cache=True, nogil=True)
def add_moffats(image, x, y, flux, fwhm, beta, elongation, angle, cut=1e-3):
    """Add elliptical Moffat stars, integrated over each pixel to 2e-4 of the peak (fwhm >= 1.5).

    Parameters
    ----------
    image : float32 (ny, nx)
        Changed in place.
    x, y, flux : float64 (n,)
        Centre (0-based, pixel centre) and total flux of the profile to infinity.
    fwhm : float64 (n,)
        Geometric mean of the widths along both axes, before integration over pixels.
    beta : float64 (n,)
        Exponent, above 1.
    elongation, angle : float64 (n,)
        Major over minor axis; direction of the major axis in degrees from +x towards +y.
    cut : float
        The wings end where the profile falls below this value per pixel, in units of `image`.

    Notes
    -----
    I(q) = flux (beta - 1) / (pi alpha^2) (1 + q)^-beta, fwhm = 2 alpha sqrt(2^(1/beta) - 1)
    (Trujillo et al. 2001, MNRAS 328, 977, eq. 2). The core is integrated by Gauss-Legendre nodes,
    the wings by the pixel's centre plus 1/24 of the Laplacian.
    """
    ny, nx = image.shape
    for s in range(len(x)):
        b = beta[s]
        alpha = 0.5 * fwhm[s] / math.sqrt(2.0 ** (1.0 / b) - 1.0)
        peak = flux[s] * (b - 1.0) / (math.pi * alpha * alpha)
        if not abs(peak) > cut:
            continue
        q_max = (abs(peak) / cut) ** (1.0 / b) - 1.0
        major, minor = alpha * math.sqrt(elongation[s]), alpha / math.sqrt(elongation[s])
        turn = math.radians(angle[s])
        c, t = math.cos(turn), math.sin(turn)
        # q = xx dx^2 + 2 xy dx dy + yy dy^2
        xx = (c / major) ** 2 + (t / minor) ** 2
        yy = (t / major) ** 2 + (c / minor) ** 2
        xy = c * t * (1.0 / major**2 - 1.0 / minor**2)
        half_x = math.sqrt(q_max * ((major * c) ** 2 + (minor * t) ** 2))
        half_y = math.sqrt(q_max * ((major * t) ** 2 + (minor * c) ** 2))
        x0, x1 = max(0, math.ceil(x[s] - half_x)), min(nx, math.floor(x[s] + half_x) + 1)
        y0, y1 = max(0, math.ceil(y[s] - half_y)), min(ny, math.floor(y[s] + half_y) + 1)
        nodes, weights, q_core = NODES_3, WEIGHTS_3, 1.5
        if minor < 2.2:
            nodes, weights, q_core = NODES_5, WEIGHTS_5, 9.0
        elif minor > 8.0:
            q_core = -1.0
        for j in range(y0, y1):
            dy = j - y[s]
            for i in range(x0, x1):
                dx = i - x[s]
                q = xx * dx * dx + 2.0 * xy * dx * dy + yy * dy * dy
                if q > q_max:
                    continue
                if q < q_core:
                    total = 0.0
                    for m in range(len(nodes)):
                        v = dy + nodes[m]
                        for k in range(len(nodes)):
                            u = dx + nodes[k]
                            r = xx * u * u + 2.0 * xy * u * v + yy * v * v
                            total += weights[m] * weights[k] * math.exp(-b * math.log(1.0 + r))
                    image[j, i] += peak * total
                else:
                    value = math.exp(-b * math.log(1.0 + q))
                    slope2 = 4.0 * ((xx * dx + xy * dy) ** 2 + (xy * dx + yy * dy) ** 2)
                    bend = b * ((b + 1.0) * slope2 / (1.0 + q) - 2.0 * (xx + yy)) / (1.0 + q)
                    image[j, i] += peak * value * (1.0 + bend / 24.0)
