"""Windowed centroids and moments against slow twins."""

import numpy as np
import pytest

from pogson.kernels.centroid import adaptive_ellipses, windowed_centroids
from pogson.kernels.profiles import add_gaussians, add_moffats


def star(x, y, flux=1e5, fwhm=3.0, shape=(40, 44), elongation=1.0, angle=0.0):
    image = np.zeros(shape, np.float32)
    if elongation == 1:
        add_gaussians(image, *(np.array([v]) for v in (x, y, flux, fwhm)))
    else:
        add_moffats(image, *(np.array([v]) for v in (x, y, flux, fwhm, 40.0, elongation, angle)), 1e-9)
    return image


def clean(image):
    return np.zeros(image.shape, np.uint16)


def slow_centroid(data, variance, x, y, sigma):
    """Solve sum(w d (i - x)) = 0 by bisection in turn; the error by propagation through that equation."""
    j, i = np.indices(data.shape)

    def weight(x, y):
        return np.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * sigma**2))

    for _ in range(60):
        x += ((weight(x, y) * data) * (i - x)).sum() / (weight(x, y) * data).sum()
        y += ((weight(x, y) * data) * (j - y)).sum() / (weight(x, y) * data).sum()
    step = 1e-3
    errors = []
    for dx, dy, axis in ((step, 0, i), (0, step, j)):
        side = [
            (weight(x + s * dx, y + s * dy) * data * (axis - (x if dx else y) - s * step)).sum()
            for s in (1, -1)
        ]
        noise = np.sqrt((weight(x, y) ** 2 * variance * (axis - (x if dx else y)) ** 2).sum())
        errors.append(noise / abs((side[0] - side[1]) / (2 * step)))
    return [x, y, *errors]


@pytest.mark.parametrize("seed", range(5))
def test_centre_and_error_are_those_of_the_slow_twin(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(19, 21, 2)
    data = star(x, y) + rng.normal(0, 10, (40, 44)).astype(np.float32)
    variance = (data.clip(0) + 100).astype(np.float32)
    guess = np.array([[round(x)], [round(y)]], float)
    fast = windowed_centroids(data, variance, clean(data), 1, np.zeros(1), *guess, 1.3)
    slow = slow_centroid(data.astype(float), variance.astype(float), x, y, 1.3)
    np.testing.assert_allclose(fast[:2, 0], slow[:2], atol=2e-3)  # the fast window ends at 4 sigma
    np.testing.assert_allclose(fast[2:, 0], slow[2:], rtol=0.01)


@pytest.mark.parametrize("angle", [0.0, 45.0, 110.0])
def test_the_search_ends_where_a_longer_one_would(angle):
    rng = np.random.default_rng(9)
    data = star(20.4, 19.7, elongation=1.5, angle=angle) + rng.normal(0, 30, (40, 44)).astype(np.float32)
    once, twice = np.array([[20.0], [20.0]]), np.array([[20.0], [20.0]])
    once[:] = windowed_centroids(data, data + 1e4, clean(data), 1, np.zeros(1), *once, 1.3)[:2]
    for _ in range(3):
        twice[:] = windowed_centroids(data, data + 1e4, clean(data), 1, np.zeros(1), *twice, 1.3)[:2]
    np.testing.assert_allclose(once, twice, atol=1e-5)


def test_a_masked_pixel_does_not_pull():
    data = star(20.0, 20.0)
    mask = clean(data)
    mask[20, 22] = 1
    data[20, 22] = 30000
    found = windowed_centroids(data, data + 1, mask, 1, np.zeros(1), np.full(1, 20.0), np.full(1, 20.0), 1.3)
    assert found[:2, 0] == pytest.approx((20, 20), abs=1e-3)


def test_a_lost_star_keeps_its_place_and_has_no_error():
    data = np.full((40, 44), -5, np.float32)
    found = windowed_centroids(
        data, -data, clean(data), 1, np.zeros(1), np.full(1, 7.0), np.full(1, 8.0), 1.3
    )
    assert list(found[:2, 0]) == [7, 8]
    assert np.isnan(found[2:, 0]).all()


@pytest.mark.parametrize("where", [0.0, 43.0])
def test_a_star_on_the_edge_is_no_error(where):
    data = star(where, 10.0)
    found = windowed_centroids(
        data, data + 1, clean(data), 1, np.zeros(1), np.full(1, where), np.full(1, 10.0), 1.3
    )
    assert np.isfinite(found[:2]).all()


@pytest.mark.parametrize(("elongation", "angle"), [(1.0, 0.0), (1.3, 0.0), (1.5, 60.0), (1.2, -35.0)])
@pytest.mark.parametrize("guess", [1.0, 1.7, 3.0])
def test_moments_are_those_of_the_star_whatever_the_first_window(elongation, angle, guess):
    data = star(20.3, 19.6, fwhm=4.0, shape=(60, 60), elongation=elongation, angle=angle)
    at = np.array([20.3]), np.array([19.6])
    width, stretch, turn = adaptive_ellipses(data, clean(data), 1, np.zeros(1), *at, guess, 0.6, 6.0)[:, 0]
    major, minor, turn = width**2 * stretch, width**2 / stretch, np.radians(turn)
    xx, yy = ((major + minor) / 2 + sign * np.cos(2 * turn) * (major - minor) / 2 for sign in (1, -1))
    xy = np.sin(2 * turn) * (major - minor) / 2
    # the slow twin: all light, no window (the Moffat of beta 40 is 2 % wider than a Gaussian)
    j, i = np.indices(data.shape)
    dx, dy, total = i - 20.3, j - 19.6, data.sum(dtype=float)
    truth = [
        (data * dx * dx).sum() / total - 1 / 12,
        (data * dy * dy).sum() / total - 1 / 12,
        (data * dx * dy).sum() / total,
    ]
    np.testing.assert_allclose([xx, yy, xy], truth, atol=0.05 * truth[0])


def test_noise_without_a_star_has_no_moments():
    data = np.full((40, 44), -1, np.float32)
    found = adaptive_ellipses(
        data, clean(data), 1, np.zeros(1), np.full(1, 20.0), np.full(1, 20.0), 1.3, 0.5, 4.0
    )
    assert np.isnan(found).all()
