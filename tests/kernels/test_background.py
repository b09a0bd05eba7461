"""The mesh of the sky against its slow twin, and its map against scipy's straight lines."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.interpolate import RegularGridInterpolator

from pogson.kernels.background import box_statistics, expand_mesh, hide_discs, mesh_values, smooth_mesh
from pogson.kernels.stats import clipped_width

BAD = 7


def slow_box(values, kappa):
    """Clipping, value by value, about the median; SExtractor's mode where the box is not crowded."""
    while True:
        center, sigma = np.median(values), values.std(ddof=1) / clipped_width(kappa)
        kept = values[np.abs(values - center) <= kappa * sigma]
        if len(kept) == len(values):
            break
        values = kept
    mean = values.mean()
    return 2.5 * center - 1.5 * mean if abs(mean - center) < 0.3 * sigma else center, sigma


def crowded(rng, shape, stars=0.05):
    data = rng.normal(200, 12, shape)
    data += rng.exponential(300, shape) * (rng.uniform(size=shape) < stars)
    return data.astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("box", [16, 40, 64])
def test_the_boxes_agree_with_the_slow_twin(seed, box):
    rng = np.random.default_rng(seed)
    data = crowded(rng, (2 * box, 3 * box))
    mask = (rng.uniform(size=data.shape) < 0.1).astype(np.uint16) * 4
    data[mask > 0] = np.nan
    level, noise, *_ = box_statistics(data, mask, BAD, 2, 3, 3.0, 0.1)
    for r in range(2):
        for c in range(3):
            part = np.s_[r * box : (r + 1) * box, c * box : (c + 1) * box]
            values = data[part][mask[part] == 0].astype(float)
            truth = slow_box(values, 3.0)
            # The fast one reads half of a large box: 2.5 median - 1.5 mean of n values scatters by
            # 2.14 sigma / sqrt(n), and so does its difference to that of half of them.
            error = 12 * (2.14 if box == 64 else 1.0) / np.sqrt(len(values))
            assert level[r, c] == pytest.approx(truth[0], abs=3 * error)
            assert noise[r, c] == pytest.approx(truth[1], abs=3 * error)


def test_clean_noise_has_the_level_and_the_noise_that_were_put_in():
    data = np.random.default_rng(1).normal(500, 20, (1024, 1024)).astype(np.float32)
    level, noise, *_ = box_statistics(data, np.zeros(data.shape, np.uint16), BAD, 16, 16, 3.0, 0.1)
    assert level.mean() == pytest.approx(500, abs=0.2)
    assert noise.mean() == pytest.approx(20, rel=0.005)
    assert level.std() < 20 * 2.3 / np.sqrt(64**2 / 2)


def test_integers_are_no_harder_than_real_numbers():
    data = np.random.default_rng(2).normal(100, 1.2, (256, 256)).round().astype(np.float32)
    level, noise, *_ = box_statistics(data, np.zeros(data.shape, np.uint16), BAD, 4, 4, 3.0, 0.1)
    assert level.mean() == pytest.approx(100, abs=0.1)
    assert noise.mean() == pytest.approx(np.hypot(1.2, 1 / np.sqrt(12)), rel=0.05)


def test_a_box_without_usable_pixels_is_unknown():
    data = np.full((64, 128), 10, np.float32)
    mask = np.zeros(data.shape, np.uint16)
    mask[:, 60:] = 1
    level, noise, *_ = box_statistics(data, mask, BAD, 1, 2, 3.0, 0.1)
    assert level[0, 0] == 10
    assert noise[0, 0] == 0
    assert np.isnan(level[0, 1])


@pytest.mark.parametrize("box", [10, 40, 64, 80])
def test_pixels_under_discs_do_not_count(box):
    rng = np.random.default_rng(3)
    data = rng.normal(100, 5, (3 * box, 2 * box)).astype(np.float32)
    mask = (rng.uniform(size=data.shape) < 0.1).astype(np.uint16) * 2
    data[mask > 0] = 1e6
    clean = box_statistics(data, mask, BAD, 3, 2, 3.0, 0.1)
    x, y = rng.uniform(-2, 2 * box + 2, 20), rng.uniform(-2, 3 * box + 2, 20)
    radius = rng.uniform(0.1 * box, 0.25 * box, 20)
    j, i = np.indices(data.shape)
    hidden = np.zeros(data.shape, bool)
    for a, b, r in zip(x, y, radius, strict=True):
        hidden |= (i - a) ** 2 + (j - b) ** 2 <= r * r
    data[hidden] += 8  # faint enough that clipping alone leaves it in
    level, noise, *counted = box_statistics(data, mask, BAD, 3, 2, 3.0, 0.1)
    assert (level > clean[0] + 0.5).any()
    level, noise = hide_discs(data, mask, BAD, 3, 2, 3.0, 0.1, x, y, radius, *counted)
    marked = box_statistics(data, np.where(hidden, 1, mask).astype(np.uint16), BAD, 3, 2, 3.0, 0.1)
    if box == 10:  # too small for a histogram
        np.testing.assert_array_equal(level, marked[0])
    seen = (mask == 0) & ~hidden
    n = seen.reshape(3, box, 2, box).sum(axis=(1, 3)) / (2 if box >= 64 else 1)
    # the bins are others, a part of the error of 2.5 median - 1.5 mean
    assert np.all(np.abs(level - marked[0]) < 5 * 2.14 / np.sqrt(n))
    np.testing.assert_allclose(noise, marked[1], rtol=0.03)


@pytest.mark.parametrize("shape", [(64, 64), (101, 77), (5, 130)])
@pytest.mark.parametrize("boxes", [(1, 1), (1, 4), (3, 1), (4, 5)])
def test_the_map_is_straight_lines_between_the_centres_of_the_boxes(shape, boxes):
    mesh = np.random.default_rng(4).normal(100, 10, boxes).astype(np.float32)
    padded = mesh.astype(float)
    axes = [(np.arange(n) + 0.5) * size / n - 0.5 for n, size in zip(boxes, shape, strict=True)]
    for axis in (0, 1):  # one box: the same value everywhere
        if boxes[axis] == 1:
            padded = np.repeat(padded, 2, axis=axis)
            axes[axis] = np.array([0.0, 1.0])
    twin = RegularGridInterpolator(axes, padded, bounds_error=False, fill_value=None)
    y, x = np.indices(shape)
    truth = twin((y, x))
    np.testing.assert_allclose(expand_mesh(mesh, *shape), truth, rtol=1e-4)
    at = mesh_values(mesh, *shape, x.ravel().astype(float), y.ravel().astype(float))
    np.testing.assert_allclose(at.reshape(shape), truth, rtol=1e-6)


@pytest.mark.parametrize("boxes", [(1, 1), (1, 4), (2, 1), (2, 2), (3, 2), (7, 9)])
def test_a_mesh_is_smoothed_by_the_median_of_nine_boxes(boxes):
    mesh = np.random.default_rng(5).normal(100, 10, boxes).astype(np.float32)
    wide = mesh
    for axis, n in enumerate(boxes):  # one box: the same value beyond it
        rim = [(1, 1) if k == axis else (0, 0) for k in (0, 1)]
        wide = np.pad(wide, rim, "reflect", reflect_type="odd") if n > 1 else np.pad(wide, rim, "edge")
    np.testing.assert_array_equal(smooth_mesh(mesh), ndimage.median_filter(wide, 3)[1:-1, 1:-1])
