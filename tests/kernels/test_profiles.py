"""Stars that are added have the flux, the place and the shape that was asked for."""

import numpy as np
import pytest

from pogson.kernels.profiles import add_elliptic_gaussians, add_gaussians, add_moffats

FINE = 25  # sub-pixels per pixel of the slow twin


def one(*values):
    return [np.array([float(v)]) for v in values]


def sub_pixels(shape):
    """x, y of a fine grid of points in every pixel: the slow twin integrates by summing them."""
    step = (np.arange(FINE) + 0.5) / FINE - 0.5
    x = (np.arange(shape[1])[:, None] + step).ravel()
    y = (np.arange(shape[0])[:, None] + step).ravel()
    return np.meshgrid(x, y)


def per_pixel(fine):
    ny, nx = fine.shape
    return fine.reshape(ny // FINE, FINE, nx // FINE, FINE).mean(axis=(1, 3))


def slow_moffat(shape, x, y, flux, fwhm, beta, elongation, angle):
    u, v = sub_pixels(shape)
    alpha = fwhm / 2 / np.sqrt(2 ** (1 / beta) - 1)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along = ((u - x) * c + (v - y) * s) / (alpha * np.sqrt(elongation))
    across = (-(u - x) * s + (v - y) * c) / (alpha / np.sqrt(elongation))
    return per_pixel(flux * (beta - 1) / (np.pi * alpha**2) * (1 + along**2 + across**2) ** -beta)


def slow_gaussian(shape, x, y, flux, fwhm):
    u, v = sub_pixels(shape)
    sigma = fwhm / np.sqrt(8 * np.log(2))
    return per_pixel(flux / (2 * np.pi * sigma**2) * np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * sigma**2)))


@pytest.mark.parametrize("fwhm", [1.5, 2.5, 5.0])
def test_a_gaussian_agrees_with_the_slow_twin(fwhm):
    image = np.zeros((31, 37), np.float32)
    add_gaussians(image, *one(18.3, 14.6, 1e4, fwhm))
    truth = slow_gaussian(image.shape, 18.3, 14.6, 1e4, fwhm)
    assert np.abs(image - truth).max() < 2e-3 * truth.max() / fwhm**2  # the twin's own grid limits this


@pytest.mark.parametrize("fwhm", [1.5, 2.2, 3.5, 6.0, 16.0])
@pytest.mark.parametrize("beta", [2.0, 3.1, 5.0])
@pytest.mark.parametrize(("elongation", "angle"), [(1.0, 0.0), (1.4, 35.0)])
def test_a_moffat_agrees_with_the_slow_twin(fwhm, beta, elongation, angle):
    image = np.zeros((41, 37), np.float32)
    add_moffats(image, *one(18.3, 20.6, 1e4, fwhm, beta, elongation, angle), 1e-6)
    truth = slow_moffat(image.shape, 18.3, 20.6, 1e4, fwhm, beta, elongation, angle)
    assert np.abs(image - truth).max() < 2e-4 * truth.max()


def test_the_whole_flux_arrives():
    image = np.zeros((201, 201), np.float32)
    add_gaussians(image, *one(100.2, 99.7, 1000.0, 4.0))
    assert image.sum(dtype=float) == pytest.approx(1000.0, rel=1e-6)
    image[:] = 0
    add_moffats(image, *one(100.2, 99.7, 1000.0, 4.0, 4.0, 1.0, 0.0), 1e-9)
    assert image.sum(dtype=float) == pytest.approx(1000.0, rel=1e-4)


def test_the_wings_end_where_they_are_cut():
    image = np.zeros((201, 201), np.float32)
    add_moffats(image, *one(100.0, 100.0, 1000.0, 4.0, 3.0, 1.0, 0.0), 0.01)
    assert image[image > 0].min() == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("where", [-3.0, 22.0, -500.0, 1e6])
def test_a_star_outside_the_image_is_no_error(where):
    image = np.zeros((20, 20), np.float32)
    add_gaussians(image, *one(where, 5.0, 1000.0, 4.0))
    add_moffats(image, *one(5.0, where, 1000.0, 4.0, 3.0, 1.2, 10.0))
    assert np.isfinite(image).all()


def test_the_definition_of_the_width_is_the_one_of_the_unpixelated_profile():
    """Integrating over pixels widens a star: sqrt(fwhm^2 + 8 ln 2 / 12) in second moments."""
    image = np.zeros((61, 61), np.float32)
    add_gaussians(image, *one(30.0, 30.0, 1e5, 3.0))
    x = np.arange(61) - 30.0
    variance = (image.sum(axis=0) * x**2).sum() / image.sum()
    assert np.sqrt(8 * np.log(2) * (variance - 1 / 12)) == pytest.approx(3.0, rel=1e-4)


@pytest.mark.parametrize("fwhm", [1.5, 3.0, 6.0])
@pytest.mark.parametrize(("elongation", "angle"), [(1.0, 0.0), (1.5, 0.0), (1.3, 35.0), (2.0, 110.0)])
def test_an_elliptical_gaussian_agrees_with_the_slow_twin(fwhm, elongation, angle):
    image = np.zeros((41, 37), np.float32)
    add_elliptic_gaussians(image, *one(18.3, 20.6, 1e4, fwhm, elongation, angle))
    u, v = sub_pixels(image.shape)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    sigma = fwhm / np.sqrt(8 * np.log(2))
    along = ((u - 18.3) * c + (v - 20.6) * s) / (sigma * np.sqrt(elongation))
    across = (-(u - 18.3) * s + (v - 20.6) * c) / (sigma / np.sqrt(elongation))
    truth = per_pixel(1e4 / (2 * np.pi * sigma**2) * np.exp(-0.5 * (along**2 + across**2)))
    minor = fwhm / np.sqrt(elongation)
    assert np.abs(image - truth).max() < 2e-3 * truth.max() / minor**2  # the twin's own grid limits this
    assert image.sum(dtype=float) == pytest.approx(1e4, rel=2e-4)


def test_a_round_elliptical_gaussian_is_the_round_one():
    one_way, other = np.zeros((2, 31, 31), np.float32)
    add_gaussians(one_way, *one(15.2, 14.7, 1e4, 2.5))
    add_elliptic_gaussians(other, *one(15.2, 14.7, 1e4, 2.5, 1.0, 77.0))
    np.testing.assert_allclose(one_way, other, atol=1e-3)
