"""Medians and quantiles of rows with gaps, beside NumPy's, which takes the rows one by one."""

import numpy as np
import pytest

from pogson.core.medians import row_median, row_quantile


def rows_with_gaps(width: int) -> np.ndarray:
    rng = np.random.default_rng(width)
    values = rng.normal(size=(40, width))
    values[rng.uniform(size=values.shape) < 0.3] = np.nan
    values[:, 0] = 1.0
    return values


@pytest.mark.parametrize("width", [1, 2, 7, 640])
def test_medians_and_quantiles_are_those_of_each_row_by_itself(width):
    values = rows_with_gaps(width)
    np.testing.assert_array_equal(row_median(values), np.nanmedian(values, axis=1))
    for fraction in (0.0, 0.25, 0.75, 1.0):
        expected = np.nanquantile(values, fraction, axis=1)
        np.testing.assert_allclose(row_quantile(values, fraction), expected, rtol=1e-12, atol=1e-15)


def test_a_row_of_gaps_has_no_median():
    values = np.array([[np.nan, np.nan, np.nan], [3.0, np.nan, 1.0]])
    np.testing.assert_array_equal(row_median(values), [np.nan, 2.0])
    np.testing.assert_array_equal(row_quantile(values, 0.25), [np.nan, 1.5])
    assert row_median(np.empty((0, 5))).shape == (0,)
