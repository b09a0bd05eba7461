"""The matched filter against a least-squares fit at every pixel."""

import numpy as np
import pytest

from pogson.kernels.convolve import heights_at


def gaussian(half, sigma):
    return np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2).astype(np.float32)


def height_image(data, mask, level, profile):
    y, x = (axis.ravel() for axis in np.indices(data.shape))
    return heights_at(data, mask, 1, np.full(data.size, level), profile, x, y).reshape(data.shape)


def slow_height(data, profile):
    """Fit height and constant to the square about each pixel; beyond the edges the image is zero."""
    half = len(profile) // 2
    padded = np.pad(data.astype(float), half)
    kernel = np.outer(profile, profile).astype(float).ravel()
    design = np.stack([kernel, np.ones(len(kernel))], axis=1)
    squares = np.lib.stride_tricks.sliding_window_view(padded, (2 * half + 1, 2 * half + 1))
    fit = np.linalg.lstsq(design, squares.reshape(-1, len(kernel)).T, rcond=None)[0]
    return fit[0].reshape(data.shape)


@pytest.mark.parametrize(
    ("half", "sigma", "shape"), [(2, 1.0, (9, 12)), (3, 1.3, (20, 7)), (5, 2.0, (4, 30))]
)
def test_each_pixel_is_the_height_of_the_best_fitting_gaussian(half, sigma, shape):
    data = np.random.default_rng(1).normal(0, 10, shape).astype(np.float32)
    profile = gaussian(half, sigma)
    height = height_image(data + 100, np.zeros(shape, np.uint16), 100.0, profile)
    np.testing.assert_allclose(height, slow_height(data, profile), atol=2e-3)


def test_masked_pixels_and_not_a_number_count_as_sky():
    data = np.full((20, 20), 50, np.float32)
    mask = np.zeros(data.shape, np.uint16)
    mask[5, 5], data[5, 5] = 1, 9999
    data[12, 12] = np.nan
    assert np.abs(height_image(data, mask, 50.0, gaussian(2, 1.0))).max() < 1e-4


def test_a_slope_under_the_stars_has_no_height():
    y, x = np.indices((40, 40))
    data = (3.0 * x - 2.0 * y + 500).astype(np.float32)
    height = height_image(data, np.zeros(data.shape, np.uint16), 500.0, gaussian(4, 1.5))
    assert np.abs(height[6:-6, 6:-6]).max() < 1e-3
