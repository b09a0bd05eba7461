"""Painted stars and neighbours' light against whole-array twins."""

import numpy as np
import pytest

from pogson.kernels.neighbors import neighbor_light, paint_stars


def test_painted_discs_agree_with_distances():
    rng = np.random.default_rng(1)
    mask = (rng.random((30, 40)) < 0.1).astype(np.uint16) * 4 + (rng.random((30, 40)) < 0.1) * np.uint16(1)
    x, y = rng.uniform(-5, 45, 6), rng.uniform(-5, 35, 6)
    x[0] = np.nan
    core, reach = rng.uniform(1, 3, 6), rng.uniform(3, 7, 6)
    painted = paint_stars(mask.astype(np.uint16), 4, x, y, core, reach)
    jj, ii = np.indices(mask.shape)
    expected = (mask & 4 > 0).astype(np.uint8)
    for s in range(1, 6):
        d = np.hypot(ii - x[s], jj - y[s])
        expected |= np.where(d <= reach[s], 4, 0).astype(np.uint8) | np.where(d <= core[s], 2, 0).astype(
            np.uint8
        )
    assert np.array_equal(painted, expected)


def test_neighbors_light_agrees_with_all_pairs():
    rng = np.random.default_rng(2)
    n, step = 60, 0.5
    x, y, flux = rng.uniform(0, 50, n), rng.uniform(0, 50, n), rng.normal(100, 80, n)
    x[3], y[4], flux[5] = np.nan, np.nan, np.nan
    fraction = np.linspace(1.0, 0.0, 17)
    light, nearest = neighbor_light(x, y, flux, np.argsort(y), fraction, step)
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    share = np.interp(distance, np.arange(17) * step, fraction, right=0.0)
    share[~np.isfinite(distance)] = 0.0
    added = share * np.where(flux > 0, flux, 0.0)
    assert light == pytest.approx(added.sum(axis=1))
    has = added.max(axis=1) > 0
    assert nearest[has] == pytest.approx(distance[np.arange(n), added.argmax(axis=1)][has])
    assert np.isinf(nearest[~has]).all()
