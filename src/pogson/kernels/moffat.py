"""The Moffat profile, averaged over pixels, and its fit to rings about stars."""

import math

import numpy as np
from numba import njit

from pogson.kernels.profiles import NODES_3, WEIGHTS_3

# directions from the centre to a pixel, whose mean cancels the pixel's fourfold symmetry
COSINES, SINES = np.cos(np.radians([11.25, 33.75])), np.sin(np.radians([11.25, 33.75]))
STEP = 1e-4  # of the first FWHM, and of 1 / beta: for the slopes


@njit(cache=True, nogil=True)
def moffat_in_pixels(r, fwhm, inverse_beta, values):
    """Fill `values`, float64 (n,), with the profile of height 1 averaged over the pixels at distance `r`.

    I(r) = (1 + r^2 / alpha^2)^-beta, FWHM = 2 alpha sqrt(2^(1/beta) - 1), at 3 x 3 Gauss-Legendre nodes.
    """
    alpha2 = (0.5 * fwhm) ** 2 / (2.0**inverse_beta - 1.0)
    for k in range(len(r)):
        values[k] = 0.0
        for d in range(len(COSINES)):
            for j in range(len(NODES_3)):
                y = r[k] * SINES[d] + NODES_3[j]
                for i in range(len(NODES_3)):
                    x = r[k] * COSINES[d] + NODES_3[i]
                    light = math.exp(-math.log(1.0 + (x * x + y * y) / alpha2) / inverse_beta)
                    values[k] += WEIGHTS_3[j] * WEIGHTS_3[i] * light / len(COSINES)


@njit(cache=True, nogil=True)
def fit_moffat(r, value, err, p, limits):
    """Fit height, FWHM, 1 / beta and a constant, by Levenberg-Marquardt steps.

    Parameters
    ----------
    r, value, err : float64 (n,)
        Distance from the centre; value there, and its error.
    p : float64 (4,)
        First guess; overwritten.
    limits : float64 (4, 2)
        Lowest and highest value of each parameter.

    Returns
    -------
    best : float64 (4,)
    variance : float
        Of the FWHM; 0 where that leans on a limit.
    chi2 : float
    """
    n_parameters, n = len(p), len(r)
    trial, step, pull = np.empty(n_parameters), np.empty(n_parameters), np.empty(n_parameters)
    normal, slope = np.empty((n_parameters, n_parameters)), np.empty((n_parameters, n))
    profile, other, reach = np.empty(n), np.empty(n), STEP * p[1]
    damping, variance, then = 1e-3, 0.0, 0.0
    now = _chi2(r, value, err, p, profile)
    for _ in range(40):
        _linearize(r, value, err, reach, p, limits, profile, slope, normal, pull)
        variance = _solve(normal, pull, 0.0, step)
        while damping < 1e6:
            _solve(normal, pull, damping, step)
            for k in range(n_parameters):
                trial[k] = min(max(p[k] + step[k], limits[k, 0]), limits[k, 1])
            then = _chi2(r, value, err, trial, other)
            if then <= now:
                break
            damping *= 10.0
        if not then <= now:
            break
        gain, now, damping = now - then, then, 0.1 * damping
        p, trial, profile, other = trial, p, other, profile
        if gain < 1e-3:
            break
    return p, variance, now


@njit(cache=True, nogil=True)
def _chi2(r, value, err, p, profile):
    """Chi squared of the parameters `p`; fills `profile`."""
    moffat_in_pixels(r, p[1], p[2], profile)
    chi2 = 0.0
    for i in range(len(r)):
        chi2 += ((value[i] - p[0] * profile[i] - p[3]) / err[i]) ** 2
    return chi2


@njit(cache=True, nogil=True)
def _linearize(r, value, err, reach, p, limits, profile, slope, normal, pull):
    """Fill the normal equations at `p`: the curvatures, and the pull on each parameter."""
    moffat_in_pixels(r, p[1] + reach, p[2], slope[1])
    moffat_in_pixels(r, p[1], p[2] + STEP, slope[2])
    for i in range(len(r)):
        slope[0, i], slope[3, i] = profile[i] / err[i], 1.0 / err[i]
        slope[1, i] = p[0] * (slope[1, i] - profile[i]) / (reach * err[i])
        slope[2, i] = p[0] * (slope[2, i] - profile[i]) / (STEP * err[i])
    for k in range(len(p)):
        total = 0.0
        for i in range(len(r)):
            total += slope[k, i] * (value[i] - p[0] * profile[i] - p[3]) / err[i]
        # a parameter that leans on its limit stays there: to move it would cost infinitely much
        held = (p[k] <= limits[k, 0] and total < 0.0) or (p[k] >= limits[k, 1] and total > 0.0)
        pull[k] = 0.0 if held else total
        for m in range(k + 1):
            total = 0.0
            for i in range(len(r)):
                slope[k, i] = 0.0 if held else slope[k, i]
                total += slope[k, i] * slope[m, i]
            normal[k, m] = normal[m, k] = total
        if held or total == 0.0:
            normal[k, k] = math.inf


@njit(cache=True, nogil=True)
def _solve(normal, pull, damping, step):
    """Fill `step` with the solution of the damped normal equations, by elimination.

    Returns the variance of the FWHM: the solution there for a pull of 1 on it alone.
    """
    n = len(pull)
    a, variance = np.empty((n, n + 2)), 0.0
    for k in range(n):
        for m in range(n):
            a[k, m] = normal[k, m] * (1.0 + damping) if m == k else normal[k, m]
        a[k, n], a[k, n + 1] = pull[k], 1.0 if k == 1 else 0.0
    for k in range(n):
        for j in range(n):  # all other rows: what is left is diagonal
            part = a[j, k] / a[k, k]
            for m in range(k + 1, n + 2):
                a[j, m] -= part * a[k, m] if j != k else 0.0
    for k in range(n):
        step[k] = a[k, n] / a[k, k]
        variance += a[k, n + 1] / a[k, k] if k == 1 else 0.0
    return variance
