"""sum_apertures against a slow twin, pixel by pixel."""

import numpy as np
import pytest

from pogson.kernels.aperture import sum_apertures
from pogson.kernels.overlap import circle_pixel_overlap

NONE = np.empty((0, 0), np.float32)
BAD, SATURATED, EMPTY = 1, 4, 64
SHAPE = (24, 27)


def scene(seed=0):
    rng = np.random.default_rng(seed)
    data = rng.normal(100.0, 10.0, SHAPE).astype(np.float32)
    return data, rng.uniform(50, 150, SHAPE).astype(np.float32), np.zeros(SHAPE, np.uint16)


def run(data, variance, mask, x, y, radii, core=1.0, planes=(NONE,) * 4, read=0.0, quantisation=0.0):
    x, y, radii = (np.atleast_1d(np.asarray(v, float)) for v in (x, y, radii))
    return sum_apertures(
        data,
        variance,
        mask,
        BAD | EMPTY,
        EMPTY,
        x,
        y,
        np.arange(len(x)),
        radii,
        core,
        *planes,
        read,
        quantisation,
    )


def weights(x, y, radius):
    return np.array(
        [[circle_pixel_overlap(i - x, j - y, radius) for i in range(SHAPE[1])] for j in range(SHAPE[0])]
    )


@pytest.mark.parametrize("seed", range(5))
def test_sums_and_terms_agree_with_whole_arrays(seed):
    data, variance, mask = scene(seed)
    rng = np.random.default_rng(seed + 100)
    flat = rng.uniform(0.8, 1.2, SHAPE).astype(np.float32)
    planes = (flat, *(rng.uniform(0.0, 3.0, SHAPE).astype(np.float32) for _ in range(3)))
    x, y = rng.uniform(8, 16, 2)
    radii = [3.3, 1.2, 6.7]
    sums, variances, coverage, bits, peak, terms = run(
        data, variance, mask, x, y, radii, planes=planes, read=25.0, quantisation=0.3
    )
    for k, radius in enumerate(radii):
        w = weights(x, y, radius)
        assert sums[0, k] == pytest.approx((w * data).sum(), rel=1e-9)
        assert variances[0, k] == pytest.approx((w**2 * variance).sum(), rel=1e-9)
    w2 = weights(x, y, radii[0]) ** 2
    flat, flat_variance, dark, master = (np.asarray(p, float) for p in planes)
    expected = [
        (w2 * (dark + master) / flat**2).sum(),
        (w2 * 25.0 / flat**2).sum(),
        (w2 * data.astype(float) ** 2 * flat_variance / flat**2).sum(),
        (w2 * 0.3 / flat**2).sum(),
        (w2 / flat).sum(),
    ]
    assert terms[0] == pytest.approx(expected, rel=1e-6)
    assert coverage.min() == 1.0 and bits[0] == 0
    jj, ii = np.indices(SHAPE)
    assert peak[0] == data[np.hypot(ii - x, jj - y) <= radii[0]].max()


def test_a_flat_of_zero_and_a_dark_below_zero_spoil_no_term():
    data, variance, mask = scene(3)
    planes = (np.ones(SHAPE, np.float32), *(np.full(SHAPE, v, np.float32) for v in (0.1, -3.0, 0.5)))
    planes[0][12, 13] = 0.0
    terms = run(data, variance, mask, 13.0, 12.0, 4.0, planes=planes, read=4.0)[5]
    assert np.isfinite(terms).all() and np.all(terms >= 0.0)


def test_the_variance_of_a_cut_pixel_counts_with_the_square_of_its_weight():
    rng = np.random.default_rng(3)
    data = rng.normal(0.0, 1.0, (700, 700)).astype(np.float32)
    grid = np.arange(6.0, 690.0, 7.0)
    x, y = (a.ravel() for a in np.meshgrid(grid + 0.3, grid + 0.1))
    one = np.ones_like(data)
    sums, variances, *_ = run(data, one, np.zeros(data.shape, np.uint16), x, y, 2.0)
    measured = sums[:, 0].std()
    assert measured == pytest.approx(np.sqrt(variances[0, 0]), rel=0.02)
    assert measured < 0.95 * np.sqrt(np.pi * 2.0**2)  # what counting with the weight itself would say


def test_an_unusable_pixel_is_filled_from_its_ring_and_pays_with_variance():
    data, variance, mask = scene(1)
    data[:] = 100.0
    data[12, 16] = 9999.0
    mask[12, 16] = BAD
    sums, _, coverage, bits, _, _ = run(data, variance, mask, 13.0, 12.0, 4.0)
    assert sums[0, 0] == pytest.approx(100.0 * np.pi * 16.0, rel=1e-6)
    assert coverage[0, 0] == pytest.approx(1.0 - 1.0 / (np.pi * 16.0))
    assert bits[0] == BAD


def test_the_variance_of_a_filled_pixel_is_honest():
    rng = np.random.default_rng(5)
    pulls = []
    for _ in range(400):
        data = rng.normal(50.0, 10.0, SHAPE).astype(np.float32)
        mask = np.zeros(SHAPE, np.uint16)
        mask[12, 15] = BAD
        sums, variances, *_ = run(data, np.full(SHAPE, 100.0, np.float32), mask, 13.2, 12.1, 3.0)
        pulls.append((sums[0, 0] - 50.0 * np.pi * 9.0) / np.sqrt(variances[0, 0]))
    # one weighted pixel of 28 is estimated from its neighbours: slightly correlated with them
    assert 0.9 < np.std(pulls) < 1.1
    assert abs(np.mean(pulls)) < 0.15


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d, m: m.__setitem__((12, 13), BAD),  # in the core
        lambda d, m: d.__setitem__((12, 13), np.nan),
        lambda d, m: m.__setitem__((slice(9, 12), slice(10, 17)), BAD),  # too many
        lambda d, m: m.__setitem__((12, 16), EMPTY),  # no detector there
    ],
)
def test_a_sum_that_cannot_be_whole_is_nan(spoil):
    data, variance, mask = scene(2)
    spoil(data, mask)
    sums, _, coverage, bits, _, _ = run(data, variance, mask, 13.0, 12.0, 4.0)
    assert np.isnan(sums[0, 0])
    assert coverage[0, 0] < 1.0
    assert bits[0] != 0


def test_a_pixel_that_is_not_finite_counts_as_bad():
    data, variance, mask = scene(2)
    data[12, 16], variance[12, 10] = np.inf, np.nan
    sums, _, coverage, bits, _, _ = run(data, variance, mask, 13.0, 12.0, 4.0)
    assert np.isfinite(sums[0, 0]) and bits[0] == BAD
    assert coverage[0, 0] == pytest.approx(1.0 - 2.0 / (np.pi * 16.0))


def test_a_saturated_pixel_stays_in_the_sum():
    data, variance, mask = scene(2)
    before = run(data, variance, mask, 13.0, 12.0, 4.0)[0]
    mask[12, 13] = SATURATED
    sums, _, coverage, bits, _, _ = run(data, variance, mask, 13.0, 12.0, 4.0)
    assert sums == before and coverage[0, 0] == 1.0 and bits[0] == SATURATED


@pytest.mark.parametrize("x, y", [(3.0, 12.0), (13.0, 20.0), (-2.0, 12.0), (200.0, 12.0), (np.nan, 12.0)])
def test_an_aperture_over_the_edge_gives_no_number(x, y):
    sums, variances, coverage, _, _, _ = run(*scene(2), x, y, 4.0)
    assert np.isnan(sums[0, 0]) and np.isnan(variances[0, 0]) and 0.0 <= coverage[0, 0] < 1.0


def test_an_aperture_that_just_fits_is_whole():
    sums, _, coverage, *_ = run(*scene(2), 3.5, 3.5, 4.0)
    assert np.isfinite(sums[0, 0]) and coverage[0, 0] == 1.0


def test_a_moved_scene_gives_the_same_sums():
    data, variance, mask = scene(4)
    there = run(data, variance, mask, 10.3, 11.6, [3.0, 5.0])[0]
    moved = run(np.roll(data, (3, 2), (0, 1)), variance, mask, 12.3, 14.6, [3.0, 5.0])[0]
    assert moved == pytest.approx(there, rel=1e-12)
