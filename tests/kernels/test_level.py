"""Rows without sky: against whole arrays."""

import numpy as np

from pogson.kernels.decode import calibrate_stored
from pogson.kernels.level import level_rows, level_stored


def test_levelling_takes_the_sky_off_and_leaves_the_unusable_out():
    dice = np.random.default_rng(6)
    data, variance = (dice.uniform(100, 200, (9, 70)).astype(np.float32) for _ in range(2))
    mask = np.where(dice.uniform(size=data.shape) < 0.1, 2, 0).astype(np.uint16)
    mask[0, 0] = 4
    knots = dice.uniform(10, 90, (4, 4)).astype(np.float32)
    y, x = np.mgrid[40:49, 0:70]
    j, i = y // 32, np.minimum(x // 32, 2)
    f, g = y / 32 - j, x / 32 - i
    row = knots[j] * (1 - f)[..., None] + knots[j + 1] * f[..., None]
    sky = np.take_along_axis(row, i[..., None], 2)[..., 0] * (1 - g)
    sky += np.take_along_axis(row, (i + 1)[..., None], 2)[..., 0] * g
    for x0 in (0, 3, -5):
        values, spread = (np.empty((9, 66), np.float32) for _ in range(2))
        level_rows(data, variance, mask, np.uint16(2), 40, x0, knots, 32.0, 2.0, values, spread)
        wanted = np.where(mask & 2, np.nan, (data - sky) / 2.0)
        full = np.full((9, 66), np.nan)
        for column in range(66):
            if 0 <= column + x0 < 70:
                full[:, column] = wanted[:, column + x0]
        np.testing.assert_allclose(values, full, rtol=1e-4, atol=1e-3)
        shown = np.isfinite(full)
        assert np.all(spread[shown] > 0)


def test_levelling_stored_numbers_is_calibrating_and_then_levelling():
    dice = np.random.default_rng(7)
    ny, nx = 8, 50
    stored = dice.integers(0, 65536, (ny, nx + 4)).astype(np.uint16)
    offset, factor, base, relative = (dice.uniform(0.5, 2, (ny, nx)).astype(np.float32) for _ in range(4))
    bits = np.where(dice.uniform(size=(ny, nx)) < 0.05, 2, 0).astype(np.uint16)
    overscan = dice.uniform(90, 110, ny).astype(np.float32)
    limits = np.array([60000, np.nan], np.float32)
    mesh = dice.uniform(0, 5, (3, 3)).astype(np.float32)
    for rows in (ny, 1):
        planes = (offset[:rows], factor[:rows], base[:rows], relative[:rows], bits[:rows])
        head = (stored, np.float32(1), np.float32(32768), overscan)
        facts = (limits, np.float32(1.5), *planes)
        data, variance = (np.empty((ny, nx), np.float32) for _ in range(2))
        mask, mask2 = (np.empty((ny, nx), np.uint16) for _ in range(2))
        calibrate_stored(*head, 0, 3, *facts, data, variance, mask)
        a, b, c, d = (np.empty((ny, nx - 5), np.float32) for _ in range(4))
        how = (np.uint16(2), 11, -3, mesh, 30.0, 0.8)
        found = level_rows(data, variance, mask, *how, a, b)
        same = level_stored(*head, 3, *facts, np.float32(0), *how, mask2, c, d)
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
        np.testing.assert_array_equal(mask, mask2)
        assert found == same == np.bitwise_or.reduce(mask, axis=None)
    level_stored(*head, 3, *facts, np.float32(9.0), *how, mask2, c, d)
    np.testing.assert_allclose(d[:, 3:], 9.0 / 0.64, rtol=1e-6)
