"""L.A.Cosmic without the image twice as large, against the recipe as published."""

import numpy as np
from scipy.ndimage import convolve, median_filter

from pogson.kernels import laplace as kernel


def published_laplacian(image):
    """Each pixel split into 2 x 2, Laplacian, negative values cut, averaged back; half of it."""
    fine = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    edges = convolve(fine, [[0, -1, 0], [-1, 4, -1], [0, -1, 0]], mode="nearest").clip(0)
    return edges.reshape(image.shape[0], 2, image.shape[1], 2).mean(axis=(1, 3)) / 2.0


def published_fine_structure(image):
    third = median_filter(image, 3)
    return third - median_filter(third, 7)


def scene(seed=1, shape=(60, 70)):
    rng = np.random.default_rng(seed)
    return rng.normal(100.0, 8.0, shape).astype(np.float32)


def test_the_sharpness_is_the_published_laplacian():
    image, good = scene(), np.ones((60, 70), np.uint8)
    ours = [[kernel._sharpness(image, good, y, x) for x in range(70)] for y in range(60)]
    np.testing.assert_allclose(ours, published_laplacian(image.astype(float)), atol=1e-4)


def test_the_fine_structure_is_the_published_one():
    image, good = scene(2), np.ones((60, 70), np.uint8)
    expected = published_fine_structure(image.astype(float))
    work, nine = np.empty(49), np.empty(9)
    for y, x in ((10, 12), (30, 40), (49, 59)):
        ours = kernel._fine_structure(image, good, y, x, work, nine)
        np.testing.assert_allclose(ours, expected[y, x], atol=1e-4)


def test_no_pixel_above_the_threshold_escapes_the_first_look():
    image, good = scene(3), np.ones((60, 70), np.uint8)
    image[20, 30] += 90.0
    variance = np.full_like(image, 64.0)
    found = set(kernel._significant(image, variance, good, 0.0, 3.0))
    strong = np.flatnonzero(published_laplacian(image.astype(float)) > 3.0 * 8.0)
    assert set(strong) <= found


def test_a_hit_is_flagged_and_a_bad_pixel_is_not_a_hit():
    image, good = scene(4), np.ones((60, 70), np.uint8)
    image[20, 30:34] += 2000.0
    image[40, 40] += 2000.0
    good[40, 40] = 0
    hits = kernel.laplace_hits(image, np.full_like(image, 64.0), good, 0.0, 5.0, 2.0, 5.0, 4)
    assert hits[20, 30:34].all()
    assert hits[40, 40] == 0
    assert hits.sum() <= 8


def test_an_image_without_hits_comes_back_clean():
    image = scene(5, (200, 200))
    hits = kernel.laplace_hits(
        image, np.full_like(image, 64.0), np.ones(image.shape, np.uint8), 0.0, 6.0, 2.0, 5.0, 4
    )
    assert hits.sum() == 0


def test_the_middle_and_the_fourth_of_nine_are_those_of_a_sort():
    rng = np.random.default_rng(6)
    for values in (*rng.normal(size=(200, 9)), *rng.integers(0, 4, (200, 9)).astype(float)):
        assert kernel._fourth_of_nine(values) == np.sort(values)[-4]
        assert kernel._middle_of_nine(values.copy()) == np.median(values)
