"""Peaks, their sums, neighbours and groups of saturated pixels against slow twins."""

import numpy as np
import pytest
from scipy import ndimage

from pogson.kernels.background import mesh_values
from pogson.kernels.peaks import find_peaks, measure_peaks, nearest_of, neighbours, peaks_over
from pogson.kernels.saturated import saturated_groups


def gaussian(half, sigma):
    return np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2).astype(np.float32)


def slow_height(data, profile):
    """The sum over the square about each pixel; beyond the edges the image is zero."""
    half, size = len(profile) // 2, len(profile)
    kernel = np.outer(profile, profile).astype(float)
    weights = (kernel - kernel.mean()) / ((kernel - kernel.mean()) ** 2).sum()
    squares = np.lib.stride_tricks.sliding_window_view(np.pad(data.astype(float), half), (size, size))
    return (squares * weights).sum(axis=(2, 3))


def slow_peaks(image, floor, reach):
    whole = int(reach)
    found = []
    for y in range(1, image.shape[0] - 1):
        for x in range(1, image.shape[1] - 1):
            if not image[y, x] > floor:
                continue
            near = [
                (j, i)
                for j in range(max(0, y - whole), min(image.shape[0], y + whole + 1))
                for i in range(max(0, x - whole), min(image.shape[1], x + whole + 1))
                if (i - x) ** 2 + (j - y) ** 2 <= reach**2 and (j, i) != (y, x)
            ]
            if all(image[y, x] > image[p] or (image[y, x] == image[p] and (y, x) < p) for p in near):
                found.append((x, y))
    return found


def filtered_peaks(data, floor, reach, profile, sky=0.0):
    mesh = np.full((1, 1), sky, np.float32)
    mask = np.zeros(data.shape, np.uint16)
    return find_peaks(data, mask, 1, mesh, profile, np.ones((1, 1), np.float32), floor, reach)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("shape", "half", "reach"), [((30, 40), 2, 1.5), ((9, 50), 4, 2.0), ((40, 7), 3, 3.2), ((3, 40), 6, 4.0)]
)
def test_peaks_are_those_of_the_slow_twin(seed, shape, half, reach):
    data = np.random.default_rng(seed).normal(20, 5, shape).astype(np.float32)
    profile = gaussian(half, 0.5 * half)
    image = slow_height(data - 20, profile)
    x, y, heights = filtered_peaks(data, 0.3, reach, profile, 20.0)
    assert list(zip(x, y, strict=True)) == slow_peaks(image, 0.3, reach)
    around = image[y[:, None] + [0, 0, 0, -1, 1], x[:, None] + [0, -1, 1, 0, 0]]
    np.testing.assert_allclose(heights, around, atol=1e-3)


def test_of_equal_pixels_the_first_one_is_the_peak():
    data = np.zeros((20, 20), np.float32)
    data[5, 8:10] = data[12:14, 6] = 100
    x, y, _ = filtered_peaks(data, 10.0, 1.5, gaussian(2, 1.0))
    assert list(zip(x, y, strict=True)) == [(8, 5), (6, 12)]


def test_a_thousand_peaks_do_not_overflow_the_first_buffer():
    image = np.zeros((101, 101), np.float32)
    image[2::3, 2::3] = 1
    assert len(filtered_peaks(image, 0.1, 1.5, gaussian(2, 1.0))[0]) == 33 * 33


def slow_summit(middle, before, after):
    """Of the parabola through three points: how far from the middle one, and how much higher."""
    if middle <= 0 or middle < max(before, after):
        return 0.0, 0.0
    a, b, _ = np.polyfit([-1, 0, 1], [before, middle, after], 2)
    return (-b / (2 * a), -b * b / (4 * a)) if a < 0 else (0.0, 0.0)


def test_what_is_about_a_peak_is_that_of_the_slow_twin():
    rng = np.random.default_rng(1)
    data = rng.normal(100, 10, (30, 30)).astype(np.float32)
    mask = (rng.uniform(size=data.shape) < 0.1).astype(np.uint16) * 2
    stamps, heights = rng.normal(size=(3, 5, 5)), rng.normal(1, 2, (40, 5))
    heights[::2, 0] = 9.0
    x, y = rng.integers(2, 28, (2, 40))
    sky, noise = rng.normal(100, 5, (2, 3)).astype(np.float32), np.full((2, 3), 3, np.float32)
    found, bits = measure_peaks(data, mask, 2, sky, noise, x, y, heights, stamps, 2.0)
    levels = mesh_values(sky, 30, 30, x.astype(float), y.astype(float))
    np.testing.assert_array_equal(found[0], levels)
    np.testing.assert_allclose(found[1], 3)
    for s, level in enumerate(levels):
        part = np.s_[y[s] - 2 : y[s] + 3, x[s] - 2 : x[s] + 3]
        signal = np.where(mask[part] > 0, 0, data[part].astype(float) - level)
        assert found[2, s] == pytest.approx(np.where(mask[part] > 0, -1e9, signal)[1:4, 1:4].max(), rel=1e-5)
        middle, *beside = heights[s]
        (dx, right), (dy, after) = slow_summit(middle, *beside[:2]), slow_summit(middle, *beside[2:])
        np.testing.assert_allclose(found[3:6, s], (dx, dy, right + after), atol=1e-9)
        np.testing.assert_allclose(found[6:, s], (stamps * signal).sum(axis=(1, 2)), rtol=1e-4)
        j, i = np.indices((5, 5)) - 2
        assert bits[s] == (2 if (mask[part] > 0)[i**2 + j**2 <= 4].any() else 0)


def test_peaks_over_the_noise_are_those_of_its_map():
    rng = np.random.default_rng(3)
    noise, heights = rng.uniform(1, 4, (3, 4)).astype(np.float32), rng.uniform(2, 8, (50, 5)).astype("f4")
    x, y = rng.integers(0, 60, (2, 50))
    there = np.maximum(mesh_values(noise, 60, 60, x.astype(float), y.astype(float)), 0.5 * noise.min())
    np.testing.assert_array_equal(peaks_over(noise, 2.0, 60, 60, x, y, heights), heights[:, 0] > 2 * there)


@pytest.mark.parametrize("seed", range(5))
def test_neighbours_are_those_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    x, y, flux = rng.uniform(0, 50, 80), np.sort(rng.uniform(0, 50, 80)), rng.uniform(1, 100, 80)
    distance, ratio = neighbours(x, y, flux, 6.0)
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    near = (apart <= 6) & ~np.eye(80, dtype=bool)
    np.testing.assert_allclose(distance, np.where(near, apart, np.inf).min(axis=1))
    np.testing.assert_allclose(ratio, np.where(near, flux / flux[:, None], 0).max(axis=1))


def test_saturated_groups_are_those_that_labelling_finds():
    rng = np.random.default_rng(2)
    mask = np.zeros((60, 60), np.uint16)
    for x, y, r in ((10, 12, 4), (40, 45, 2), (50, 8, 0.5)):
        j, i = np.indices(mask.shape)
        mask[(i - x) ** 2 + (j - y) ** 2 <= r * r] = 4
    data = rng.uniform(100, 200, mask.shape).astype(np.float32)
    groups = saturated_groups(data, mask, 4)
    labels, n = ndimage.label(mask, np.ones((3, 3)))
    assert len(groups) == n
    for x, y, area, core, top, total, border in groups:
        own = labels == labels[round(y), round(x)]
        assert (x, y) == pytest.approx(ndimage.center_of_mass(own)[::-1], abs=1e-6)
        assert area == own.sum()
        assert core == own.any(axis=0).sum()
        assert top == data[own].max()
        assert total == pytest.approx(data[own].sum(dtype=float), rel=1e-6)
        rim = [  # a pixel that touches two of the group counts twice
            data[j + b, i + a]
            for j, i in np.argwhere(own)
            for b, a in ((0, 1), (0, -1), (1, 0), (-1, 0))
            if not own[j + b, i + a]
        ]
        assert border == pytest.approx(np.mean(rim), rel=1e-6)


def test_a_star_that_bleeds_is_where_it_is_widest():
    mask = np.zeros((200, 60), np.uint16)
    j, i = np.indices(mask.shape)
    mask[(i - 30) ** 2 + (j - 60) ** 2 <= 64] = 4
    mask[60:190, 29:32] = 8
    (group,) = saturated_groups(np.ones(mask.shape, np.float32), mask, 12)
    assert (mask & 12 > 0).nonzero()[0].mean() > 75  # the plain centre of the group is far down the trail
    assert group[:2] == pytest.approx((30, 60), abs=0.7)


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_of_the_others_is_found(seed):
    rng = np.random.default_rng(seed)
    one, other = (rng.integers(0, 80, (2, n)) for n in (60, 40))
    one, other = (both[:, np.lexsort(both)] for both in (one, other))
    found = nearest_of(*one, *other, 6.5)
    apart = np.hypot(one[0][:, None] - other[0], one[1][:, None] - other[1])
    assert np.array_equal(found >= 0, apart.min(axis=1) < 6.5)
    near = found >= 0
    assert np.array_equal(apart[near, found[near]], apart.min(axis=1)[near])
