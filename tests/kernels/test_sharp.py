"""The first look for sharp pixels, against plain NumPy."""

import numpy as np
import pytest

from pogson.kernels import sharp as kernel
from pogson.kernels.decode import calibrate_stored

F = np.float32


def slow_sharp(data, variance, poisson, threshold):
    """Squared Laplacian above that of the threshold: the inner pixels; and all at the edges."""
    v = data.astype(float)
    around = [v - np.roll(v, step, axis) for axis in (0, 1) for step in (1, -1)]
    laplacian = sum(np.maximum(a + b, 0.0) for a in around[:2] for b in around[2:]) / 8.0
    noise2 = np.maximum(variance - 2.0 * poisson * laplacian, 0.1 * variance)
    found = laplacian**2 > threshold**2 * noise2
    found[[0, -1]] = found[:, [0, -1]] = True
    return np.flatnonzero(found)


@pytest.mark.parametrize("shape", [(40, 150), (2, 3), (3, 200), (50, 1)])
@pytest.mark.parametrize("poisson", [0.0, 1.0])
def test_sharp_pixels_are_those_whose_laplacian_is_significant(shape, poisson):
    rng = np.random.default_rng(1)
    data = rng.normal(100.0, 8.0, shape).astype(F)
    data[rng.uniform(size=shape) < 0.05] += 60.0
    variance = np.full(shape, 64.0, F)
    ours = kernel.sharp_pixels(data, variance, poisson, 3.0)
    assert np.array_equal(np.sort(ours), slow_sharp(data, variance, poisson, 3.0))


@pytest.mark.parametrize("rows", [5, 16, 17, 40])
def test_searching_while_calibrating_finds_what_searching_afterwards_does(rows):
    rng = np.random.default_rng(2)
    shape, y0, x0 = (rows, 70), 3, 5
    adu = rng.normal(2000, 30, (rows + 7, 80)).astype(int)
    adu[rng.uniform(size=adu.shape) < 0.03] = 64000
    facts = (
        (adu - 32768).astype(">i2").view(np.uint16),
        *(F(1), F(32768), rng.normal(0, 2, len(adu)).astype(F), y0, x0, np.array([60000, 30000], F), F(1.5)),
        *(rng.normal(v, 0.1 * v, shape).astype(F) for v in (1000.0, 1.5, 50.0, 1e-6)),
        rng.integers(0, 2, shape).astype(np.uint16),
    )
    once, twice = ([np.empty(shape, t) for t in (F, F, np.uint16)] for _ in range(2))
    saturated, sharp = kernel.calibrate_searched(*facts, *once, 1.0, 5.0)
    assert calibrate_stored(*facts, *twice) == saturated > 0
    assert all(np.array_equal(a, b) for a, b in zip(once, twice, strict=True))
    assert np.array_equal(np.sort(sharp), np.sort(kernel.sharp_pixels(*twice[:2], 1.0, 5.0)))
    assert len(sharp) > 2 * rows + 2 * 68  # more than the edges
