"""Combining rows of frames: against NumPy, one pixel at a time."""

import numpy as np
import pytest

from pogson.kernels.order import order_statistics, trimmed
from pogson.kernels.outliers import reject
from pogson.kernels.stack import weighted_mean
from pogson.steps.stack.order import enough_pairs, sorting_pairs


def random_frames(dice, n, m):
    values = dice.normal(10, 3, (n, m)).astype(np.float32)
    values[dice.uniform(size=values.shape) < 0.2] = np.nan
    values[:, 5] = np.nan
    return values, dice.uniform(1, 5, (n, m)).astype(np.float32)


def ordered(values, spread, low=-1, high=-1):
    m = values.shape[1]
    lower, upper, mean, noise = (np.empty(m, np.float32) for _ in range(4))
    count = np.empty(m, np.int16)
    pairs, few = sorting_pairs(len(values)), enough_pairs(len(values), low, high)
    one = np.ones(len(values) + 1, np.float32)
    order_statistics(values, spread, pairs, few, low, high, one, lower, upper, mean, noise, count)
    return lower, upper, mean, noise, count


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 13, 16, 50])
def test_a_sorting_network_sorts(n):
    dice = np.random.default_rng(n)
    for _ in range(30):
        values = dice.integers(0, 5, n)
        for a, b in sorting_pairs(n):
            values[a], values[b] = min(values[a], values[b]), max(values[a], values[b])
        assert np.all(np.diff(values) >= 0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy minds pixels without values
@pytest.mark.parametrize("n", [1, 2, 5, 8, 13])
def test_medians_and_trimmed_means_are_numpys(n):
    values, spread = random_frames(np.random.default_rng(n), n, 1700)
    values[:, 512:1024] = np.where(np.isnan(values[:, 512:1024]), 3.0, values[:, 512:1024])  # all there
    if n > 3:
        mean = ordered(values, spread, 1, 2)[2]
    lower, upper, middle, noise, count = ordered(values, spread)
    known = np.isfinite(values)
    np.testing.assert_array_equal(middle, np.float32(0.5) * (lower + upper))
    assert np.array_equal(count, known.sum(0))
    np.testing.assert_allclose(0.5 * (lower + upper), np.nanmedian(values, 0), rtol=1e-6)
    np.testing.assert_allclose(noise, np.where(known, spread, 0).sum(0) / known.sum(0) ** 2.0, rtol=1e-5)
    for p in range(1700 if n > 3 else 0):
        column = np.sort(values[known[:, p], p])
        if len(column):
            a, b = trimmed(len(column), 1, 2)
            assert mean[p] == pytest.approx(column[a : len(column) - b].mean(), rel=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 13, 50])
def test_some_of_the_exchanges_find_the_middle_or_the_extremes(n):
    dice = np.random.default_rng(n)
    for _ in range(30):
        values = dice.uniform(size=n)
        inner = np.sort(values)
        for low, high in ((-1, -1), *[(a, b) for a in range(3) for b in range(3) if a + b < n]):
            row = values.copy()
            for a, b in enough_pairs(n, low, high):
                row[a], row[b] = min(row[a], row[b]), max(row[a], row[b])
            if low < 0:
                assert row[(n - 1) // 2] == inner[(n - 1) // 2] and row[n // 2] == inner[n // 2]
            else:
                np.testing.assert_array_equal(np.sort(row[low : n - high]), inner[low : n - high])


def test_what_is_trimmed_of_few_values_leaves_one():
    for there in range(1, 12):
        for low in range(4):
            for high in range(4):
                a, b = trimmed(there, low, high)
                assert 0 <= a <= low and 0 <= b <= high and a + b <= there - 1
                if low + high < there:
                    assert (a, b) == (low, high)


def slow_reject(values, spread, photon, peaked, kappa, slope, grow, rings, nx):
    """The rule of `reject`, with whole arrays of float64."""
    n, m = values.shape
    lower, upper, _, noise, _ = ordered(values, spread)
    steep = np.zeros(m)
    for k in (-nx, -1, 1, nx):
        other = np.full(m, np.nan)
        inside = (np.arange(m) + k >= 0) & (np.arange(m) + k < m)
        other[inside] = lower[np.arange(m)[inside] + k]
        steep = np.fmax(steep, np.abs(other - lower))
    soft = (slope * steep) ** 2
    apart = (upper - lower) ** 2 > 2 * n * kappa**2 * noise + soft + (2 * peaked.max() * lower) ** 2
    center = np.where(apart, lower, 0.5 * (lower + upper))
    away = values - center
    limit = kappa**2 * np.pi / 2 * noise + soft + (peaked[:, None] * center) ** 2
    limit = limit + kappa**2 * np.maximum(spread - photon[:, None] * away, 0)
    out = away**2 > limit
    near, ring = np.zeros_like(out), np.zeros(out.shape)
    k = len(rings) - 1
    height = np.pad(np.where(out, np.abs(away), 0.0).reshape(n, -1, nx), ((0, 0), (k, k), (k, k)))
    for dy in range(-k, k + 1):
        for dx in range(-k, k + 1):
            hit = height[:, k + dy : k + dy + m // nx, k + dx : k + dx + nx].reshape(n, m)
            ring = np.maximum(ring, hit * rings[abs(dy)] * rings[abs(dx)])
            if max(abs(dy), abs(dx)) <= 1:
                near |= hit > 0
    spoilt = ring**2 > np.maximum(spread - photon[:, None] * away, 0)
    return out | (near & (away**2 > grow**2 * limit)) | spoilt


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("slope", "grow"), [(0.0, 1.0), (1.5, 0.5), (0.0, 0.3)])
@pytest.mark.parametrize("rings", [[1.0, 0.0], [1.0, 0.5, 0.2, 0.05]])
@pytest.mark.parametrize("n", [2, 3, 6, 13])
def test_rejection_is_that_of_its_rule(n, slope, grow, rings):
    dice = np.random.default_rng(n)
    nx, m = 40, 1200
    values, spread = random_frames(dice, n, m)
    values[dice.uniform(size=values.shape) < 0.01] += 60
    photon = dice.uniform(0, 0.2, n)
    peaked = dice.uniform(0, 0.02, n)
    got = values.copy()
    lower, upper, _, noise, _ = ordered(values, spread)
    reject(got, spread, photon, peaked, lower, upper, noise, 0, nx, 3.0, slope, grow, np.array(rings))
    wanted = slow_reject(values.astype(float), spread, photon, peaked, 3.0, slope, grow, rings, nx)
    differs = np.isnan(got) != (wanted | np.isnan(values))
    assert wanted.sum() > 20
    assert differs.mean() < 2e-4  # single precision decides the ties


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("shared", [False, True])
def test_a_weighted_mean_and_its_variance_are_those_of_the_formula(shared):
    dice = np.random.default_rng(1)
    values, spread = random_frames(dice, 6, 900)
    weights = np.arange(1.0, 7.0)
    share = dice.uniform(0.2, 2.0, values.shape).astype(np.float32) if shared else np.ones((1, 1), np.float32)
    data, variance = (np.empty(900, np.float32) for _ in range(2))
    used = np.empty(900, np.int16)
    values[2:4] = 7.0  # frames with all values
    weighted_mean(values, spread, share, weights, data, variance, used)
    w = np.where(np.isfinite(values), weights[:, None], 0) * (share if shared else 1.0)
    total = w.sum(0)
    np.testing.assert_allclose(data, np.nansum(w * values, 0) / total, rtol=1e-5)
    np.testing.assert_allclose(variance, (w**2 * spread).sum(0) / total**2, rtol=1e-5)
    assert np.array_equal(used, np.isfinite(values).sum(0))
    values[:, 7] = np.nan
    weighted_mean(values, spread, share, weights, data, variance, used)
    assert np.isnan(data[7]) and np.isnan(variance[7]) and used[7] == 0


def test_of_two_that_disagree_the_lower_is_kept():
    values = np.array([[10.0, 10.0, 500.0], [10.5, 800.0, 9.0]], np.float32)
    spread = np.ones_like(values)
    lower, upper, _, noise, _ = ordered(values, spread)
    reject(
        values,
        spread,
        np.zeros(2),
        np.zeros(2),
        lower,
        upper,
        noise,
        0,
        3,
        4.0,
        0.0,
        1.0,
        np.array([1.0, 0.0]),
    )
    assert np.array_equal(np.isnan(values), [[False, False, True], [False, True, False]])
