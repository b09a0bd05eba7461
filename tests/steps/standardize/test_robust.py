"""Weighted means that outliers do not pull: many at once beside one after the other."""

import numpy as np

from pogson.steps.standardize.robust import extra_scatter, fit_levels, fit_line


def test_levels_of_many_rows_are_those_of_single_fits():
    rng = np.random.default_rng(3)
    m, n = 60, 45
    err = rng.uniform(0.5, 2.0, (m, n))
    scatter = np.where(np.arange(m) % 2, 3.0, 0.0)
    value = 7.0 + rng.normal(size=(m, n)) * np.hypot(err, scatter[:, None])
    value[rng.uniform(size=(m, n)) < 0.05] += 50.0
    gap = rng.uniform(size=(m, n)) < rng.uniform(0.0, 0.9, (m, 1))
    gap[:, :3] = False
    value[gap] = err[gap] = np.nan
    level, level_err, used = fit_levels(value, err, clip=4.0)
    for k in range(m):
        there = ~gap[k]
        line = fit_line(np.ones((there.sum(), 1)), value[k, there], err[k, there], clip=4.0)
        assert used[k] == line.used.sum()
        np.testing.assert_allclose(level[k], line.terms[0], rtol=1e-9)
        np.testing.assert_allclose(level_err[k], np.sqrt(line.covariance[0, 0]), rtol=1e-9)


def test_the_extra_scatter_solves_its_equation():
    rng = np.random.default_rng(4)
    err = 10.0 ** rng.uniform(-3.0, 0.0, (30, 80))
    residual = rng.normal(size=err.shape) * np.hypot(err, 0.2)
    used = rng.uniform(size=err.shape) < 0.9
    found = extra_scatter(residual, err, used, 1, 50.0)
    chi_square = np.where(used, residual**2 / (err**2 + found[:, None] ** 2), 0.0).sum(1)
    np.testing.assert_allclose(chi_square, used.sum(1) - 1, rtol=1e-6)
    np.testing.assert_array_equal(extra_scatter(0.1 * err, err, used, 1, 50.0), 0.0)
