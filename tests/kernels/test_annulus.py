"""annulus_sky against a slow twin, and against the noise that was put in."""

import numpy as np
import pytest

from pogson.kernels.annulus import BINS, annulus_sky, clipped_level, typical_pixel
from pogson.kernels.stats import clipped_width

KAPPA = 3.0


def level(values):
    values = np.asarray(values, np.float32)
    room = (np.empty_like(values), np.empty(len(values), np.int32), np.empty(BINS + 2, int))
    sums = np.empty((3, BINS + 1), int)
    return clipped_level(values, len(values), KAPPA, clipped_width(KAPPA), *room, sums)


def slow_level(values):
    v = np.asarray(values, float)
    sigma = np.median(v) - np.quantile(v, 0.1587)
    for _ in range(20):
        kept = v[np.abs(v - np.median(v)) <= KAPPA * sigma]
        sigma = kept.std(ddof=1) / clipped_width(KAPPA)
        if len(kept) == len(v):
            break
        v = kept
    return np.median(v), v.mean(), sigma, len(v)


def sky(data, blocked=None, x=40.0, y=40.0, inner=10.0, outer=16.0, least=50):
    blocked = np.zeros(data.shape, np.uint8) if blocked is None else blocked
    got = annulus_sky(data, blocked, np.array([x]), np.array([y]), np.array([0]), inner, outer, KAPPA, least)
    return [value[0] for value in got]


@pytest.mark.parametrize("n", [5, 20, 61, 300, 1257])
@pytest.mark.parametrize("stars", [0.0, 0.1])
def test_agrees_with_clipping_by_hand(n, stars):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        values = rng.normal(100.0, 10.0, n)
        values[: int(stars * n)] += rng.exponential(300.0, int(stars * n))
        fast, slow = level(values), slow_level(values.astype(np.float32))
        assert abs(fast[0] - slow[0]) < 10.0 * 2.0 / np.sqrt(n)
        if n >= 300:
            assert abs(fast[0] - slow[0]) < 1.0
            # limits on the edges of bins keep a value more or less; sigma's own error is 1 / sqrt(2 n)
            assert fast[2] == pytest.approx(slow[2], rel=1.5 / np.sqrt(2.0 * n))
            assert fast[3] == pytest.approx(slow[3], abs=0.01 * n)


def test_the_median_is_that_of_the_survivors():
    rng = np.random.default_rng(2)
    for _ in range(50):
        values = rng.normal(0.0, 1.0, 401).astype(np.float32)
        median, _, _, used = level(values)
        if used == 401:
            assert median == np.median(values)


def test_level_and_scatter_are_those_that_were_put_in():
    rng = np.random.default_rng(4)
    found = np.array([level(rng.normal(200.0, 14.0, 900)) for _ in range(600)])
    error = np.sqrt(np.pi / 2.0 / 900.0) * 14.0
    assert found[:, 0].mean() == pytest.approx(200.0, abs=4.0 * error / np.sqrt(600))
    assert found[:, 0].std() == pytest.approx(error, rel=0.09)
    assert found[:, 1].std() == pytest.approx(14.0 / 30.0, rel=0.09)
    assert found[:, 2].mean() == pytest.approx(14.0, rel=0.005)


def test_whole_numbers_do_not_pull_the_level_to_a_whole_number():
    rng = np.random.default_rng(5)
    for sigma in (0.4, 1.5, 4.0):
        found = [level(np.round(rng.normal(100.3, sigma, 1200)))[0] for _ in range(100)]
        assert np.mean(found) == pytest.approx(100.3, abs=0.06)
        # a plain median says 100 every time
        assert np.median(np.round(rng.normal(100.3, sigma, 1200))) == 100.0


def test_equal_values_are_their_own_level():
    assert level(np.full(40, 7.0))[:3] == (7.0, 7.0, 0.0)


def test_exactly_the_free_pixels_of_the_ring_are_used():
    rng = np.random.default_rng(6)
    jj, ii = np.indices((80, 80))
    for x, y in rng.uniform(-12.0, 92.0, (40, 2)):
        data = rng.normal(0.0, 1e-3, (80, 80)).astype(np.float32)
        blocked = (rng.random((80, 80)) < 0.2).astype(np.uint8)
        distance = np.hypot(ii - x, jj - y)
        ring = (distance >= 10.0) & (distance <= 16.0) & (blocked == 0)
        data[~ring] = np.nan if rng.random() < 0.5 else 1e9
        *_, count, attempt = sky(data, blocked, x, y, least=3)
        if ring.sum() >= 3:
            assert 0.95 * ring.sum() <= count <= ring.sum()
            assert attempt == 0


def test_a_full_annulus_first_lets_in_faint_light_then_grows():
    data = np.random.default_rng(7).normal(10.0, 1.0, (120, 120)).astype(np.float32)
    jj, ii = np.indices(data.shape)
    distance = np.hypot(ii - 60, jj - 60)
    blocked = np.where(distance < 17.0, 4, 0).astype(np.uint8)
    assert sky(data, blocked, 60.0, 60.0)[4] == 1
    blocked[distance < 17.0] = 6
    assert sky(data, blocked, 60.0, 60.0)[4] == 2
    blocked[:] = 6
    found = sky(data, blocked, 60.0, 60.0)
    assert found[4] == 3 and np.isnan(found[0])


def test_the_order_in_which_stars_are_measured_does_not_matter():
    rng = np.random.default_rng(8)
    data = rng.normal(100.0, 10.0, (90, 90)).astype(np.float32)
    x, y = rng.uniform(0.0, 90.0, (2, 20))
    free = np.zeros(data.shape, np.uint8)
    one, other = (
        annulus_sky(data, free, x, y, order, 6.0, 12.0, KAPPA, 50)
        for order in (np.arange(20), rng.permutation(20))
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("shape", [(5, 7), (33, 48), (64, 64)])
def test_the_typical_pixel_is_the_median_of_a_grid(shape):
    image = np.random.default_rng(9).normal(3.0, 1.0, shape).astype(np.float32)
    image[0, 0] = np.nan
    assert typical_pixel(image, 3) == pytest.approx(np.nanmedian(image[::3, ::3]), rel=1e-6)
    assert np.isnan(typical_pixel(np.full((4, 4), np.nan, np.float32), 16))
