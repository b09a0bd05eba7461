"""L.A.Cosmic without the image twice as large, against the recipe as published."""

import numpy as np
import pytest
from scipy.ndimage import convolve, median_filter

from pogson.core.flags import Pixel
from pogson.kernels import laplace as kernel
from pogson.kernels.sharp import sharp_pixels


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


def hits_of(image, mask, threshold=5.0):
    variance = np.full_like(image, 64.0)
    sharp = sharp_pixels(image, variance, 0.0, threshold)
    found = np.zeros(image.shape, bool)
    found.reshape(-1)[kernel.laplace_hits(image, variance, mask, sharp, 0.0, threshold, 2.0, 5.0, 4)] = True
    return found


def test_pixels_are_useless_for_the_reasons_that_are_known():
    bits = Pixel.BAD | Pixel.HOT | Pixel.SATURATED | Pixel.BLEED | Pixel.EMPTY | Pixel.FLAT
    assert bits == kernel.UNUSABLE
    assert all(not bit & (kernel._HIT | kernel._SEEN) for bit in Pixel)


def test_the_sharpness_is_the_published_laplacian():
    image, good = scene(), np.zeros((60, 70), np.uint16)
    ours = [[kernel._sharpness(image, good, y, x) for x in range(70)] for y in range(60)]
    np.testing.assert_allclose(ours, published_laplacian(image.astype(float)), atol=1e-4)


def test_the_fine_structure_is_the_published_one():
    image, good = scene(2), np.zeros((60, 70), np.uint16)
    expected = published_fine_structure(image.astype(float))
    work, nine = np.empty(49), np.empty(9)
    for y, x in ((10, 12), (30, 40), (49, 59)):
        ours = kernel._fine_structure(image, good, y, x, work, nine)
        np.testing.assert_allclose(ours, expected[y, x], atol=1e-4)


@pytest.mark.parametrize("bad", [0.0, 0.01])
def test_counting_pixels_below_a_level_tells_the_same_as_their_median(bad):
    rng = np.random.default_rng(7)
    image = scene(7)
    mask = np.where(rng.uniform(size=image.shape) < bad, np.uint16(1), np.uint16(0))
    nine, told = np.empty(9), []
    for y, x in np.argwhere(mask[3:57, 3:67] == 0) + 3:
        near, wide = (np.s_[y - r : y + r + 1, x - r : x + r + 1] for r in (1, 3))
        if mask[near].any():
            continue
        high = float(np.sort(image[near], axis=None)[-4])
        level = float(np.median(image[wide][mask[wide] == 0].astype(float)))
        brightest = float(np.delete(image[y - 3 : y + 4 : 3, x - 3 : x + 4 : 3], 4).max())
        sharp = float(rng.uniform(0, 60))
        told.append(sharp < 2.5 * (high - min(brightest, level)))
        assert kernel._stands_on_a_star(image, mask, y, x, sharp, 5.0, nine) == told[-1]
    assert 0.1 < np.mean(told) < 0.9


def test_a_hit_is_found_and_a_bad_pixel_is_not_a_hit():
    image, mask = scene(4), np.zeros((60, 70), np.uint16)
    image[20, 30:34] += 2000.0
    image[40, 40] += 2000.0
    mask[40, 40] = Pixel.BAD
    hits = hits_of(image, mask)
    assert hits[20, 30:34].all()
    assert hits[40, 40] == 0
    assert hits.sum() <= 8


def test_image_and_mask_are_put_back_after_many_rounds_of_filling():
    image, mask = scene(8), np.zeros((60, 70), np.uint16)
    image[20, 30:45] += 2000.0
    image[21, 31:44] += 500.0
    mask[21, 46] = Pixel.HOT
    before = image.copy(), mask.copy()
    hits = hits_of(image, mask)
    assert hits[20, 30:45].all() and hits[21, 31:44].any()
    assert np.array_equal(image, before[0]) and np.array_equal(mask, before[1])


def test_an_image_without_hits_comes_back_clean():
    image = scene(5, (200, 200))
    assert hits_of(image, np.zeros(image.shape, np.uint16), 6.0).sum() == 0


def test_the_middle_and_the_fourth_of_nine_are_those_of_a_sort():
    rng = np.random.default_rng(6)
    for values in (*rng.normal(size=(200, 9)), *rng.integers(0, 4, (200, 9)).astype(float)):
        assert kernel._fourth_of_nine(values) == np.sort(values)[-4]
        assert kernel._middle_of_nine(values.copy()) == np.median(values)
