"""Medians of nine pixels, against SciPy."""

import numpy as np
import pytest
from scipy.ndimage import median_filter

from pogson.kernels.around import median_around


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 1), (2, 2), (3, 5), (40, 70)])
@pytest.mark.parametrize("levels", [3, 1000])
def test_each_pixel_gets_the_median_of_the_nine_around_it(shape, levels):
    image = np.random.default_rng(1).integers(-levels, levels, shape).astype(np.float32)
    out = np.empty_like(image)
    median_around(image, out)
    assert np.array_equal(out, median_filter(image, size=3, mode="nearest"))
