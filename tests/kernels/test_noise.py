"""Random electrons follow their laws; the read-out does what its slow twin does."""

import numpy as np
import pytest
from scipy import stats

from pogson.kernels.noise import collect_electrons, digitise, spill_charge


def state(seed):
    return np.random.SeedSequence(seed).generate_state(4, np.uint64)


def counts_of(mean, n=200_000, seed=1):
    light = np.full((n // 500, 500), mean, np.float32)
    out = np.empty_like(light)
    collect_electrons(light, np.ones_like(light), np.zeros_like(light), 0.0, state(seed), out)
    return out.ravel()


@pytest.mark.parametrize("mean", [0.03, 0.7, 4.0, 9.99, 10.0, 31.0, 150.0, 2500.0])
def test_counts_follow_the_poisson_distribution_bin_by_bin(mean):
    counts = counts_of(mean).astype(int)
    law = stats.poisson(np.float64(np.float32(mean)))
    edges = np.unique(law.ppf(np.linspace(0.0, 1.0, 41)[1:-1]))
    expected = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]])) * counts.size
    observed = np.bincount(np.searchsorted(edges, counts), minlength=expected.size)
    keep = expected > 5
    chi2 = float(((observed - expected)[keep] ** 2 / expected[keep]).sum())
    assert stats.chi2.sf(chi2, keep.sum() - 1) > 1e-3


def test_no_light_gives_no_electrons():
    assert not counts_of(0.0).any()


def test_read_noise_is_gaussian_far_into_its_tails():
    n = 1_000_000
    electrons = np.zeros((1000, n // 1000), np.float32)
    adu = np.empty(electrons.shape, np.uint16)
    level = np.full(electrons.shape, 30000.0, np.float32)
    digitise(electrons, level, 0.0, 1.0, 4000.0, 1e5, 0.0, 65535.0, state(3), adu)
    z = (adu.ravel().astype(float) - 30000.0) / 4000.0
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert abs(np.mean(np.abs(z) > 3.5) * n - 2 * stats.norm.sf(3.5) * n) < 4 * np.sqrt(465)
    assert abs(stats.kurtosis(z)) < 5 * np.sqrt(24 / n)


def slow_digitise(electrons, bias, offset, gain, full_well, bend, ceiling):
    wide = np.zeros(bias.shape)
    wide[:, : electrons.shape[1]] = electrons * (1 - bend * electrons / full_well)
    return np.clip(np.floor(wide / gain + bias + offset + 0.5), 0, ceiling).astype(np.uint16)


def test_a_noiseless_read_out_agrees_with_its_slow_twin():
    rng = np.random.default_rng(5)
    electrons = rng.uniform(0, 2e5, (30, 40)).astype(np.float32).round()
    bias = rng.normal(500, 300, (30, 44)).astype(np.float32)
    adu = np.empty(bias.shape, np.uint16)
    digitise(electrons, bias, -20.0, 1.7, 0.0, 9e4, 0.05, 65535.0, state(1), adu)
    slow = slow_digitise(electrons.astype(float), bias.astype(float), -20.0, 1.7, 9e4, 0.05, 65535.0)
    assert np.array_equal(adu, slow)


def slow_spill(column, full_well):
    spilt = np.maximum(column - full_well, 0) / 2
    column = np.minimum(column, full_well)
    for order in (range(len(column)), range(len(column) - 1, -1, -1)):
        carried = 0.0
        for y in order:
            taken = min(carried, full_well - column[y])
            column[y] += taken
            carried += spilt[y] - taken
    return column


def test_charge_above_the_full_well_runs_along_its_column_and_is_not_lost():
    rng = np.random.default_rng(8)
    electrons = rng.uniform(0, 100, (60, 20)).astype(np.float32)
    electrons[30, 7] = 1500.0
    electrons[28:31, 9] = 700.0
    total = electrons.sum(axis=0)
    slow = np.stack([slow_spill(c.astype(float), 200.0) for c in electrons.T], axis=1)
    spill_charge(electrons, 200.0)
    np.testing.assert_allclose(electrons, slow, rtol=1e-5)
    np.testing.assert_allclose(electrons.sum(axis=0), total, rtol=1e-6)
    assert electrons.max() == 200.0


def test_the_same_state_gives_the_same_electrons():
    assert np.array_equal(counts_of(50.0, seed=4), counts_of(50.0, seed=4))
    assert not np.array_equal(counts_of(50.0, seed=4), counts_of(50.0, seed=5))
