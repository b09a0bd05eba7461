"""The light beyond the largest aperture: profiles fitted to the curve of growth, and carried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, nan

import numpy as np
from numpy.typing import NDArray

from pogson.steps.measure.profile import PIXEL_SHARES, enclosed_light, pixel_circles

Array = NDArray[np.float64]
Profile = Callable[[Array, Array], Array]

PROFILE_ERROR = 3e-4  # of the light: so closely the fits follow the curve
STEP = 1e-4  # of the parameters, for slopes


@dataclass(frozen=True)
class Wings:
    """The share of the light in the largest aperture, from profiles fitted to the ratios.

    Attributes
    ----------
    held : float
        That share, less what the annulus takes for sky.
    model_err : float
        Relative error of it by not knowing which profile is the right one.
    response : (k,)
        By how much ln(held) rises with each of the ratios.
    fwhm, beta : float
        The Moffat profile.
    """

    held: float
    model_err: float
    response: Array
    fwhm: float
    beta: float


def _between(low: float, high: float, p: Array) -> Array:
    """Any number as one between two limits."""
    return low + (high - low) / (1.0 + np.exp(-np.clip(p, -30.0, 30.0)))


def _beta(p: Array) -> Array:
    return 1.0 / _between(1.0 / 12.0, 1.0 / 2.0, p)


def _moffat(circles: Array, p: Array) -> Array:
    return enclosed_light(circles, np.exp(p[0]), _beta(p[1]))


def _two_gaussians(circles: Array, p: Array) -> Array:
    """A narrow one, and one of 1.2 to 4 times its width with up to half of the light."""
    fwhm, share = np.exp(p[0]), _between(0.0, 0.5, p[1])
    wide = enclosed_light(circles, fwhm * _between(1.2, 4.0, p[2]), nan)
    return (1.0 - share) * enclosed_light(circles, fwhm, nan) + share * wide


def _in_halo(beta: float) -> Callable[[Array, Array], Array]:
    def profile(circles: Array, p: Array) -> Array:
        """A Moffat profile with up to a fifth of the light in a halo three times as wide."""
        fwhm, share = np.exp(p[0]), _between(0.0, 0.2, p[2])
        halo = enclosed_light(circles, 3.0 * fwhm, np.asarray(beta))
        return (1.0 - share) * enclosed_light(circles, fwhm, _beta(p[1])) + share * halo

    return profile


FAMILIES: tuple[tuple[Profile, tuple[float, ...]], ...] = (
    (_moffat, (0.0,)),
    (_two_gaussians, (-1.5, 0.0)),
    (_in_halo(2.0), (0.0, -3.0)),
    (_in_halo(4.0), (0.0, -3.0)),
)


def extrapolate(
    radii: Array, ratio: Array, covariance: Array, annulus: tuple[float, float], fwhm: float
) -> Wings:
    """Fit the families of profiles to the ratios, and average them by how well they fit.

    Parameters
    ----------
    radii, ratio, covariance : (k,), (k,), (k, k)
        Pixels; light over that in the largest aperture, and its covariance.
    annulus : (float, float)
        Of the sky, pixels: the wings in it pass for sky.
    fwhm : float
        About that of the stars, pixels.

    Notes
    -----
    The families are a Moffat profile, two Gaussians, and a Moffat profile in a halo that reaches far or
    ends soon. Each counts with exp(-AICc / 2): what the data reject does not count, and what they cannot tell
    apart is averaged, its scatter being the error of the model.

    References
    ----------
    Hurvich & Tsai 1989, Biometrika 76, 297; Burnham & Anderson 2002, Model Selection and Multimodel
    Inference, sect. 2.4, 4.3; King 1971, PASP 83, 199 (halo).
    """
    # the core tells little of the wings
    inside = np.flatnonzero((radii < radii[-1]) & (radii > 1.2 * fwhm))
    noise = covariance[np.ix_(inside, inside)] + PROFILE_ERROR**2 * np.eye(len(inside))
    whiten = np.linalg.inv(np.linalg.cholesky(noise))
    circles = pixel_circles(np.append(radii, annulus))
    taken = radii**2 / (annulus[1] ** 2 - annulus[0] ** 2)
    fits = []
    for profile, start in FAMILIES:

        def model(p: Array, profile: Profile = profile) -> Array:
            light = profile(circles, p.T[:, :, None, None]) @ PIXEL_SHARES
            # the wings are fainter than the noise, so they move a median as they move a mean
            seen = light[:, :-2] - taken * (light[:, -1:] - light[:, -2:-1])
            held = seen[:, -1:]
            return np.hstack([(seen[:, inside] / held - ratio[inside]) @ whiten.T, np.log(held)])

        fits.append(_fit(model, np.array([log(fwhm), *start])))
    parameters = np.array([len(start) + 1 for _, start in FAMILIES])
    chi2 = np.array([f[1] for f in fits])
    # where no profile fits, the misfit of the best is the measure of all
    misfit = max(float(np.min(chi2 / np.maximum(len(inside) - parameters, 1))), 1.0)
    free = np.maximum(len(inside) - parameters - 1, 0.5)
    criterion = chi2 / misfit + 2.0 * parameters + 2.0 * parameters * (parameters + 1) / free
    likely = np.exp(-0.5 * (criterion - criterion.min()))
    likely /= likely.sum()
    ln_held = np.array([f[2] for f in fits])
    mean = float(likely @ ln_held)
    response = np.zeros(len(radii))
    response[inside] = likely @ np.array([f[3] for f in fits]) @ whiten
    moffat = fits[0][0]
    return Wings(
        held=float(np.exp(mean)),
        model_err=float(np.sqrt(likely @ (ln_held - mean) ** 2)),
        response=response,
        fwhm=float(np.exp(moffat[0])),
        beta=float(_beta(moffat[1])),
    )


def _fit(model: Callable[[Array], Array], p: Array) -> tuple[Array, float, float, Array]:
    """Least squares (Levenberg-Marquardt): parameters, chi-square, and what is to be known.

    `model` gives for each row of parameters the residuals and, last, a quantity; returned are also
    this quantity, and by how much it rises with each of the data in units of their errors.
    """
    steps = np.vstack([np.zeros(len(p)), STEP * np.eye(len(p))])
    best, least, damping = p, np.inf, 1e-2
    values, slope = np.empty(0), np.empty((0, 0))
    for _ in range(25):
        made = model(p + steps)
        chi2 = float(made[0, :-1] @ made[0, :-1])
        gain = least - chi2
        if gain > 0.0:
            best, least, values, slope = p, chi2, made[0], ((made[1:] - made[0]) / STEP).T
            damping *= 0.1
            if gain < 1e-3:
                break
        elif (damping := 10.0 * damping) > 1e6:
            break
        normal = slope[:-1].T @ slope[:-1]
        step = np.linalg.solve(
            normal + damping * np.diag(np.diag(normal) + 1e-12), slope[:-1].T @ values[:-1]
        )
        p = best - np.clip(step, -2.0, 2.0)
    return best, least, float(values[-1]), slope[-1] @ np.linalg.pinv(slope[:-1], rcond=1e-5)
