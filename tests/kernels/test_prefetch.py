"""Asking for pixels changes nothing, wherever they are."""

import numpy as np
import pytest

from pogson.kernels.prefetch import ask_for, ask_row


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.uint8])
@pytest.mark.parametrize("shape", [(30, 200), (1, 1), (0, 0)])
def test_no_pixel_changes_and_no_place_is_an_error(dtype, shape):
    image = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    before = image.copy()
    for x, y in ((10.3, 4.0), (-3.0, 29.4), (199.0, -50.0), (1e9, np.nan)):
        for reach in (0.0, 3.7, 300.0):
            ask_for(image, x, y, reach)
    if image.size:
        ask_row(image, 0, 0, shape[1] - 1)
    np.testing.assert_array_equal(image, before)
