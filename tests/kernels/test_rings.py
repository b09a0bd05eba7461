"""stack_rings against whole arrays, star by star and ring by ring."""

import numpy as np
import pytest

from pogson.kernels.rings import stack_rings
from pogson.kernels.stats import clipped_median

BAD = 4


def slow_rings(data, mask, x, y, sky, sigma, half, per_pixel, n_rings):
    jj, ii = np.indices(data.shape)
    radii, values = [], []
    for cx, cy, level in zip(x, y, sky, strict=True):
        good = (np.abs(jj - round(cy)) <= half) & (np.abs(ii - round(cx)) <= half) & (mask & BAD == 0)
        r, v = np.hypot(ii - cx, jj - cy)[good], data[good].astype(float) - level
        weight = np.exp(-0.5 * (r / sigma) ** 2)
        height = (weight * v).sum() / (weight**2).sum()
        if height > 0:
            radii.append(r)
            values.append(v / height)
    r, v = np.concatenate(radii), np.concatenate(values)
    ring = (r * per_pixel).astype(int)
    found = np.full((3, n_rings), np.nan)
    for k in range(n_rings):
        here = v[ring == k]
        if len(here) >= 3:
            middle, spread, n = clipped_median(here.copy(), len(here), 3.0)
            found[:, k] = r[ring == k].mean(), middle, 1.25 * spread / np.sqrt(n)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_rings_agree_with_whole_arrays(seed):
    rng = np.random.default_rng(seed)
    shape = (60, 70)
    x, y, sky = rng.uniform(-0.4, 69.4, 12), rng.uniform(-0.4, 59.4, 12), np.full(12, 50.0)
    jj, ii = np.indices(shape)
    data = rng.normal(50, 2, shape)
    for cx, cy, flux in zip(x, y, rng.uniform(50, 900, 12), strict=True):
        data += flux * np.exp(-((ii - cx) ** 2 + (jj - cy) ** 2) / 3.0)
    sky[3] = 1e4  # a star below its sky counts for nothing
    data = data.astype(np.float32)
    mask = np.where(rng.random(shape) < 0.05, BAD, 1).astype(np.uint16)
    got = stack_rings(data, mask, BAD, x, y, sky, 1.2, 9, 3.5, 28, 3.0)
    np.testing.assert_allclose(got, slow_rings(data, mask, x, y, sky, 1.2, 9, 3.5, 28), rtol=1e-9, atol=1e-12)
