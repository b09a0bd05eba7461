"""Robust statistics against their slow twins."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pogson.kernels.stats import (
    bin_of,
    clipped_median,
    clipped_width,
    mean_std,
    median,
    quickselect,
    running_sums,
    two_ranks,
)

samples = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6))


def slow_clipped_median(values, kappa):
    center = np.median(values)
    if len(values) < 3:
        return center, values.std(ddof=1) if len(values) > 1 else math.nan, len(values)
    sigma = center - np.sort(values)[int(0.1587 * len(values))]
    if sigma <= 0:
        sigma = values.std(ddof=1)
    for _ in range(20):
        kept = values[np.abs(values - center) <= kappa * sigma]
        if len(kept) < 3:
            break
        changed = len(kept) < len(values)
        values, center, sigma = kept, np.median(kept), kept.std(ddof=1) / clipped_width(kappa)
        if not changed:
            break
    return center, sigma, len(values)


@settings(deadline=None)
@given(samples, st.integers(0, 39))
def test_quickselect_finds_the_value_that_sorting_finds(values, k):
    k = min(k, len(values) - 1)
    assert quickselect(values.copy(), 0, len(values), k) == np.sort(values)[k]


@settings(deadline=None)
@given(samples)
def test_the_median_is_numpys(values):
    assert median(values.copy(), len(values)) == pytest.approx(np.median(values), rel=1e-12, abs=1e-12)


def test_nothing_has_no_median():
    assert math.isnan(median(np.empty(0), 0))
    center, sigma, n = clipped_median(np.empty(0), 0, 3.0)
    assert math.isnan(center)
    assert math.isnan(sigma)
    assert n == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(20))
def test_the_clipped_median_agrees_with_its_slow_twin(dtype, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 300))
    values = rng.normal(100, 5, n)
    values[: n // 5] += rng.exponential(50, n // 5)
    values = np.round(values).astype(dtype) if seed % 3 == 0 else values.astype(dtype)
    fast = clipped_median(values.copy(), n, 3.0)
    slow = slow_clipped_median(values.astype(float), 3.0)
    np.testing.assert_allclose(fast, slow, rtol=1e-5)


def test_clean_noise_keeps_its_width():
    values = np.random.default_rng(3).normal(10, 2, 200_000)
    center, sigma, _ = clipped_median(values, len(values), 2.5)
    assert center == pytest.approx(10, abs=0.02)
    assert sigma == pytest.approx(2, rel=0.01)


def test_stars_move_the_mean_but_not_the_clipped_median():
    """The clipped mean of a skewed annulus is a wrong sky; so is the deviation with the stars in."""
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(100, 5, 900), rng.normal(100, 5, 100) + rng.exponential(300, 100)])
    center, sigma, n = clipped_median(values.copy(), len(values), 3.0)
    assert values.mean() > 120
    assert values.std() > 80
    assert center == pytest.approx(100, abs=0.7)
    assert sigma == pytest.approx(5, rel=0.1)
    assert n < 930


def test_equal_values_have_no_spread():
    assert clipped_median(np.full(50, 7.0), 50, 3.0) == (7.0, 0.0, 50)


def test_mean_and_deviation_are_numpys():
    values = np.random.default_rng(5).normal(size=101)
    assert mean_std(values, 101) == pytest.approx((values.mean(), values.std(ddof=1)))


def test_two_ranks_and_running_sums_are_those_of_a_sort():
    rng = np.random.default_rng(9)
    for values in (rng.normal(size=121), rng.integers(0, 5, 60).astype(float), np.zeros(7)):
        values = values.astype(np.float32)
        n, ordered = len(values), np.sort(values)
        assert two_ranks(values, n, n // 2, n // 6) == (ordered[n // 2], ordered[n // 6])
    counts, sums = rng.integers(0, 4, 30), np.empty((3, 31), int)
    running_sums(counts, sums)
    bins = np.repeat(np.arange(30), counts)
    for low, high in ((0, 30), (7, 21)):
        inside = bins[(bins >= low) & (bins < high)]
        assert [sums[k, high] - sums[k, low] for k in range(3)] == [(inside**k).sum() for k in range(3)]
        assert bin_of(sums[0], low, high, 5) == inside[4]
