"""The light beyond the largest aperture: profiles fitted to the curve of growth, and carried on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pogson.kernels.wings import fit_profiles
from pogson.steps.measure.profile import PIXEL_SHARES, pixel_circles

Array = NDArray[np.float64]

PROFILE_ERROR = 3e-4  # of the light: so closely the fits follow the curve

# families of profiles: limits of 1 / exponent, of the share of a wider component, and of its relative width
_MOFFAT, _NONE = (1.0 / 12.0, 1.0 / 2.0), (0.0, 0.0)
LIMITS = np.array(
    [
        (_MOFFAT, _NONE, (1.0, 1.0)),
        (_NONE, (0.0, 0.5), (1.2, 4.0)),  # two Gaussians
        (_MOFFAT, (0.0, 0.2), (3.0, 3.0)),  # in a halo that reaches far
        (_MOFFAT, (0.0, 0.2), (3.0, 3.0)),  # in one that ends soon
    ]
)
WIDE = np.array([0.0, 0.0, 1.0 / 2.0, 1.0 / 4.0])  # 1 / exponent of the wider component
START = np.array([(0.0, 0.0, 0.0), (0.0, -1.5, 0.0), (0.0, -3.0, 0.0), (0.0, -3.0, 0.0)])
FREE = 1 + np.count_nonzero(LIMITS[:, :, 0] < LIMITS[:, :, 1], axis=1)


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
    # the wings are fainter than the noise, so they move a median as they move a mean
    shape, chi2, ln_held, slope = fit_profiles(
        circles, PIXEL_SHARES, taken, inside, ratio[inside], whiten, fwhm, LIMITS, START, WIDE
    )
    # where no profile fits, the misfit of the best is the measure of all
    misfit = max(float(np.min(chi2 / np.maximum(len(inside) - FREE, 1))), 1.0)
    left = np.maximum(len(inside) - FREE - 1, 0.5)
    criterion = chi2 / misfit + 2.0 * FREE + 2.0 * FREE * (FREE + 1) / left
    likely = np.exp(-0.5 * (criterion - criterion.min()))
    likely /= likely.sum()
    mean = float(likely @ ln_held)
    response = np.zeros(len(radii))
    rises = slope[:, -1:] @ np.linalg.pinv(slope[:, :-1], rcond=1e-5)
    response[inside] = likely @ rises[:, 0] @ whiten
    return Wings(
        held=float(np.exp(mean)),
        model_err=float(np.sqrt(likely @ (ln_held - mean) ** 2)),
        response=response,
        fwhm=float(shape[0, 0]),
        beta=float(1.0 / shape[0, 1]),
    )
