"""One pass over the stored numbers, against plain NumPy."""

import numpy as np
import pytest

from pogson.core.flags import Pixel
from pogson.kernels import decode as kernel

F = np.float32


def stored(adu):
    return (adu.astype(np.int32) - 32768).astype(">i2").view(np.uint16)


def slow_calibrate(adu, level, limits, gain, offset, factor, base, relative, bits):
    data = (adu - level[:, None] - offset) * factor
    variance = np.maximum(data * factor / gain + data**2 * relative + base, 0.25 * base)
    mask = bits.copy()
    mask[adu >= limits[0]] |= np.uint16(Pixel.SATURATED)
    mask[(adu >= limits[1]) & ~(adu >= limits[0])] |= np.uint16(Pixel.NONLINEAR)
    return data, variance, mask


def planes(rng, shape):
    return (
        rng.normal(1000, 5, shape).astype(F),
        rng.normal(1.5, 0.05, shape).astype(F),
        rng.uniform(50, 100, shape).astype(F),
        rng.uniform(1e-6, 1e-5, shape).astype(F),
        rng.integers(0, 2, shape).astype(np.uint16),
    )


def test_bits_are_those_of_the_flags():
    assert (kernel.SATURATED, kernel.NONLINEAR, kernel.EMPTY) == (
        Pixel.SATURATED,
        Pixel.NONLINEAR,
        Pixel.EMPTY,
    )


@pytest.mark.parametrize(("scale", "zero"), [(1.0, 32768.0), (2.0, 100.0), (1.0, 0.0)])
def test_stored_numbers_are_decoded(scale, zero):
    rng = np.random.default_rng(1)
    numbers = rng.integers(-32768, 32768, (9, 13)).astype(np.int16)
    level = rng.normal(0, 3, 9).astype(F)
    out = np.empty((5, 7), F)
    kernel.decode(numbers.astype(">i2").view(np.uint16), F(scale), F(zero), level, 2, 4, out)
    expected = zero + scale * numbers[2:7, 4:11].astype(float) - level[2:7, None]
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=4e-3)


def test_calibration_agrees_with_the_slow_twin_from_both_kinds_of_numbers():
    rng = np.random.default_rng(2)
    shape = (11, 17)
    adu = rng.integers(0, 65536, shape)
    adu[rng.uniform(size=shape) < 0.5] = 1000  # near the bias: variance at its floor
    level = rng.normal(0, 2, shape[0]).astype(F)
    limits = np.array([60000, 30000], F)
    rest = planes(rng, shape)
    expected = slow_calibrate(adu.astype(float), level, limits, 1.5, *rest)
    for call in (
        lambda *a: kernel.calibrate_stored(stored(adu), F(1), F(32768), *a),
        lambda *a: kernel.calibrate_adu(adu.astype(F), *a),
    ):
        out = np.empty(shape, F), np.empty(shape, F), np.empty(shape, np.uint16)
        count = call(level, 0, 0, limits, F(1.5), *rest, *out)
        assert count == np.sum(adu >= 60000)
        np.testing.assert_allclose(out[0], expected[0], rtol=1e-5, atol=2e-2)
        np.testing.assert_allclose(out[1], expected[1], rtol=1e-5, atol=5e-2)
        assert np.array_equal(out[2], expected[2])


def test_a_pixel_without_a_number_is_empty_and_unknown_limits_flag_nothing():
    adu = np.full((1, 4), 65535.0, F)
    adu[0, 1] = np.nan
    rest = [np.full((1, 4), v, F) for v in (0, 1, 1, 0)] + [np.zeros((1, 4), np.uint16)]
    data, variance, mask = np.empty((1, 4), F), np.empty((1, 4), F), np.empty((1, 4), np.uint16)
    limits = np.full(2, np.nan, F)
    kernel.calibrate_adu(adu, np.zeros(1, F), 0, 0, limits, F(1), *rest, data, variance, mask)
    assert mask.tolist() == [[0, Pixel.EMPTY, 0, 0]]
    assert np.isfinite(data).all() and np.isfinite(variance).all()


def test_a_bleeding_column_is_followed_and_a_ring_is_kept():
    data = np.zeros((30, 20), F)
    mask = np.zeros((30, 20), np.uint16)
    data[5:25, 10] = 40000.0  # trail
    data[12:16, 10] = 70000.0
    mask[12:16, 10] = Pixel.SATURATED
    kernel.grow_saturated(data, mask, np.uint16(Pixel.SATURATED), np.uint16(Pixel.BLEED), 3000.0)
    bleed = (mask & Pixel.BLEED) > 0
    assert bleed[5:25, 10].all() and not bleed[:5, 10].any() and not bleed[25:, 10].any()
    assert bleed[11:17, 9:12].all() and bleed.sum() == 18 + (20 - 6)
