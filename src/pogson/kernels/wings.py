"""Profiles of two components fitted to the light in apertures."""

import math

import numpy as np
from numba import njit

STEP = 1e-4  # of the parameters, for slopes


@njit(cache=True, nogil=True)
def fit_profiles(circles, shares, taken, inside, ratio, whiten, fwhm, limits, start, wide):
    """Least squares (Levenberg-Marquardt) of families of profiles to ratios of light.

    A profile is a component of a full width at half maximum and an exponent, and a wider one. A family
    fixes what may vary: 1 / exponent, the share of the wider one, and its width over that of the first, each
    between two limits. An exponent without end is a Gaussian, any other a Moffat profile.

    Parameters
    ----------
    circles : float64 (k + 2, c)
        Radii of the circles that stand for each aperture, and last for both sides of the sky annulus.
    shares : float64 (c,)
        Weights of an aperture's circles.
    taken : float64 (k,)
        Area of each aperture over that of the annulus, whose mean light passes for sky.
    inside : int64 (m,)
        Apertures to be fitted.
    ratio : float64 (m,)
        Their light over that of the last aperture.
    whiten : float64 (m, m)
        Turns residuals into independent ones of unit error.
    fwhm : float
        To begin with, pixels.
    limits : float64 (f, 3, 2)
        Of each family; equal ones fix a quantity.
    start : float64 (f, 3)
        Where to begin: ln((q - low) / (high - q)) of each quantity.
    wide : float64 (f,)
        1 / exponent of the wider component.

    Returns
    -------
    shape : float64 (f, 4)
        FWHM of the first component in pixels, 1 / exponent, share, ratio of widths.
    chi2 : float64 (f,)
        At the best fit.
    ln_held : float64 (f,)
        Logarithm of the share of the light in the last aperture, less what is taken for sky.
    slope : float64 (f, m + 1, 4)
        By how much residuals and ln_held rise with the parameters: ln(fwhm), and those of `start`.
    """
    families, m = len(start), len(inside)
    shape, slope = np.zeros((families, 4)), np.zeros((families, m + 1, 4))
    chi2, ln_held = np.full(families, math.inf), np.zeros(families)
    room = np.zeros((10, max(len(circles), m + 1)))  # one array takes less time to compile than many
    p, best, step, normal = room[0], room[1], room[2], room[3:7]
    made, moved, values = room[7], room[8], room[9]
    for f in range(families):
        p[0] = math.log(fwhm)
        for q in range(3):
            p[q + 1] = start[f, q]
        damping = 1e-2
        for _ in range(25):
            square = _residuals(p, limits[f], wide[f], circles, shares, taken, inside, ratio, whiten, made)
            gain = chi2[f] - square
            if gain > 0.0:
                chi2[f], ln_held[f] = square, made[m]
                for a in range(4):
                    best[a] = p[a]
                    p[a] += STEP
                    _residuals(p, limits[f], wide[f], circles, shares, taken, inside, ratio, whiten, moved)
                    p[a] = best[a]
                    for i in range(m + 1):
                        slope[f, i, a] = (moved[i] - made[i]) / STEP
                for i in range(m):
                    values[i] = made[i]
                damping *= 0.1
                if gain < 1e-3:
                    break
            else:
                damping *= 10.0
                if damping > 1e6:
                    break
            _damped_step(slope[f], values, damping, normal, step)
            for a in range(4):
                p[a] = best[a] - min(max(step[a], -2.0), 2.0)
        _shape(best, limits[f], shape[f])
    return shape, chi2, ln_held, slope


@njit(cache=True, nogil=True)
def _shape(p, limits, shape):
    """What the parameters stand for: any number is one between two limits."""
    shape[0] = math.exp(p[0])
    for q in range(3):
        low, high = limits[q]
        shape[q + 1] = low + (high - low) / (1.0 + math.exp(-min(max(p[q + 1], -30.0), 30.0)))


@njit(cache=True, nogil=True)
def _residuals(p, limits, wide, circles, shares, taken, inside, ratio, whiten, made):
    """Write residuals in units of their errors, and ln_held; return chi2."""
    shape, light = np.zeros(4), np.zeros(len(circles))
    _shape(p, limits, shape)
    fwhm, share = shape[0], shape[2]
    _add_light(circles, shares, fwhm, shape[1], 1.0 - share, light)
    if share > 0.0:
        _add_light(circles, shares, fwhm * shape[3], wide, share, light)
    k = len(taken)
    sky = light[k + 1] - light[k]
    held = light[k - 1] - taken[k - 1] * sky
    if not held > 0.0:
        return math.inf
    m, chi2 = len(inside), 0.0
    for i in range(m):
        made[i] = 0.0
        for j in range(i + 1):
            off = (light[inside[j]] - taken[inside[j]] * sky) / held - ratio[j]
            made[i] += whiten[i, j] * off
        chi2 += made[i] * made[i]
    made[m] = math.log(held)
    return chi2


@njit(cache=True, nogil=True)
def _add_light(circles, shares, fwhm, inverse, weight, light):
    """Add the light of one component in each aperture: `enclosed_light` of steps.measure.profile."""
    if inverse > 0.0:
        scale = 4.0 * (2.0**inverse - 1.0) / (fwhm * fwhm)
    else:
        scale = 4.0 * math.log(2.0) / (fwhm * fwhm)
    for a in range(circles.shape[0]):
        for c in range(circles.shape[1]):
            depth = circles[a, c] * circles[a, c] * scale
            if inverse > 0.0:
                depth = (1.0 / inverse - 1.0) * math.log(1.0 + depth)
            light[a] += weight * shares[c] * (1.0 - math.exp(-depth))


@njit(cache=True, nogil=True)
def _damped_step(slope, values, damping, normal, step):
    """Write the step of Levenberg and Marquardt: normal equations, solved by elimination."""
    for a in range(4):
        step[a] = 0.0
        for i in range(len(slope) - 1):
            step[a] += slope[i, a] * values[i]
        for b in range(4):
            normal[a, b] = 0.0
            for i in range(len(slope) - 1):
                normal[a, b] += slope[i, a] * slope[i, b]
        normal[a, a] += damping * (normal[a, a] + 1e-12)
    for a in range(4):
        for b in range(a + 1, 4):
            factor = normal[b, a] / normal[a, a]
            for c in range(a, 4):
                normal[b, c] -= factor * normal[a, c]
            step[b] -= factor * step[a]
    for a in range(3, -1, -1):
        for b in range(a + 1, 4):
            step[a] -= normal[a, b] * step[b]
        step[a] /= normal[a, a]
