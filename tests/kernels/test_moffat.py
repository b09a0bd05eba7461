"""The Moffat profile against many points, and its fit against scipy's least squares."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from pogson.kernels.moffat import fit_moffat, moffat_in_pixels

R = np.linspace(0.1, 9.0, 30)


def profile(r, fwhm, inverse_beta):
    values = np.empty(len(r))
    moffat_in_pixels(r, fwhm, inverse_beta, values)
    return values


def guess(value, fwhm):
    """First guess and limits."""
    top = value.max()
    limits = [[0.1 * top, 10 * top], [0.2 * fwhm, 5 * fwhm], [0.004, 0.9], [-top, top]]
    return np.array([top, fwhm, 0.33, 0.0]), np.array(limits)


def slow_fit(r, value, err, start, limits):
    """Height, FWHM, 1 / beta and constant of least squares, and the variance of the FWHM."""

    def residual(p):
        return (p[0] * profile(r, p[1], p[2]) + p[3] - value) / err

    best = least_squares(residual, start, "3-point", bounds=limits.T, xtol=1e-12, ftol=1e-12)
    return best.x, np.linalg.inv(best.jac.T @ best.jac)[1, 1], (best.fun**2).sum()


@pytest.mark.parametrize(("fwhm", "beta"), [(2.0, 3.0), (4.0, 2.5)])
def test_the_mean_over_a_pixel_is_that_of_many_points(fwhm, beta):
    alpha = fwhm / 2 / np.sqrt(2 ** (1 / beta) - 1)
    points = (np.arange(40) + 0.5) / 40 - 0.5
    r = np.array([0.0, 0.7, 1.5, 4.0])
    means = []
    for turn in np.radians(np.arange(0, 90, 5)):
        u = r[:, None, None] * np.cos(turn) + points[:, None]
        v = r[:, None, None] * np.sin(turn) + points
        means.append(((1 + (u * u + v * v) / alpha**2) ** -beta).mean(axis=(1, 2)))
    np.testing.assert_allclose(profile(r, fwhm, 1 / beta), np.mean(means, axis=0), atol=2e-3)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("fwhm", "beta"), [(1.6, 2.5), (3.0, 4.0), (5.0, 3.0)])
def test_the_fit_is_that_of_least_squares(seed, fwhm, beta):
    rng = np.random.default_rng(seed)
    err = rng.uniform(0.002, 0.01, len(R))
    value = 1.1 * profile(R, fwhm, 1 / beta) + 0.01 + rng.normal(0.0, err)
    best, variance, chi2 = fit_moffat(R, value, err, *guess(value, 1.4 * fwhm))
    twin, twin_variance, twin_chi2 = slow_fit(R, value, err, *guess(value, 1.4 * fwhm))
    assert chi2 == pytest.approx(twin_chi2, abs=2e-3)  # steps that gain less are not taken
    assert variance == pytest.approx(twin_variance, rel=0.01)
    assert abs(best[1] - twin[1]) < 0.05 * np.sqrt(variance)
    np.testing.assert_allclose(best, twin, atol=0.01)


def test_a_profile_with_the_wings_of_a_gaussian_stays_at_the_limit():
    value = np.exp(-4 * np.log(2) * (R / 3.0) ** 2)
    best, variance, _ = fit_moffat(R, value, np.full(len(R), 1e-3), *guess(value, 3.0))
    assert best[2] == 0.004
    assert variance > 0
