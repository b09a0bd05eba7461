"""Rows without sky: against whole arrays."""

import numpy as np
import pytest

from pogson.kernels.decode import calibrate_stored
from pogson.kernels.level import Camera, Shot, level_rows, level_stored


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


@pytest.mark.parametrize("planes", ["all pixels", "one row", "one number"])
@pytest.mark.parametrize("noise2", [0.0, 9.0])
@pytest.mark.parametrize("limit", [60000, np.nan])
def test_levelling_stored_numbers_is_calibrating_and_then_levelling(planes, noise2, limit):
    dice = np.random.default_rng(7)
    ny, nx, y0, x0 = 8, 50, 3, 5
    stored = dice.integers(0, 65536, (ny, nx + 4)).astype(np.uint16)
    offset, factor, base, relative = (dice.uniform(0.5, 2, (ny, nx)).astype(np.float32) for _ in range(4))
    bits = np.where(dice.uniform(size=(ny, nx)) < 0.05, 2, 0).astype(np.uint16)
    factor[4, 12] = np.inf
    whole = [offset, factor, base, relative, bits]
    if planes != "all pixels":
        whole = [plane[:1] for plane in whole]
    if planes == "one number":
        whole = [np.full_like(plane, plane[0, 0]) for plane in whole]
    overscan = dice.uniform(90, 110, ny).astype(np.float32)
    limits = np.array([limit, np.nan], np.float32)
    mesh = dice.uniform(0, 5, (3, 3)).astype(np.float32)
    adu, gain = (np.float32(1), np.float32(32768)), np.float32(1.5)
    data, variance, light, noise = (np.empty((ny, nx), np.float32) for _ in range(4))
    mask = np.empty((ny, nx), np.uint16)
    calibrate_stored(stored, *adu, overscan, 0, 3, limits, gain, *whole, data, variance, mask)
    if noise2:
        variance[:] = noise2
    level_rows(data, variance, mask, np.uint16(66), 0, 0, mesh, 30.0, 0.8, light, noise)
    cut = slice(y0, ny - 1), slice(x0, nx - 3)
    got, got_noise = (np.full((9, 60), 7.0, np.float32) for _ in range(2))
    flags = np.full((ny, nx), 999, np.uint16)
    camera = Camera(3, gain, *whole, planes == "one number")
    shot = Shot(*adu, limits, np.float32(noise2), mesh, 30.0, 0.8)
    row = np.empty(nx, np.float32)
    found = level_stored(
        stored[1:], 1, overscan, camera, shot, np.uint16(66), y0, x0, ny - 1 - y0, nx - 3 - x0,
        row, np.empty(nx, np.uint16), 2, 4, got, got_noise, flags[1:], np.uint16(0),
    )  # fmt: skip
    place = slice(2, 2 + ny - 1 - y0), slice(4, 4 + nx - 3 - x0)
    np.testing.assert_allclose(got[place], light[cut], rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(got_noise[place], noise[cut], rtol=1e-5)
    assert np.sum(got != 7.0) <= got[place].size
    assert found == np.bitwise_or.reduce(mask[cut], axis=None)
    if found:
        there = np.zeros_like(flags)
        there[cut] = mask[cut]
        np.testing.assert_array_equal(flags[1:], there[1:])
    else:
        assert np.all(flags == 999)
