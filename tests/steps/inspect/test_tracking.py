"""What only shows from frame to frame: the telescope's way, and the focus that creeps."""

import numpy as np
import pytest

from pogson.steps.inspect.tracking import measure_tracking, slow_trend


def test_tracking_is_the_way_from_frame_to_frame_also_across_a_gap():
    moved = measure_tracking([0.0, 3.0, np.nan, 3.0, 9.0], [0.0, 4.0, np.nan, 4.0, 12.0])
    np.testing.assert_allclose(moved, [np.nan, 5.0, np.nan, 0.0, 10.0])


def test_the_trend_follows_the_focus_and_not_a_gust_of_wind():
    rng = np.random.default_rng(1)
    focus = np.linspace(3.0, 4.5, 100)
    fwhm = focus + rng.normal(0, 0.05, 100)
    fwhm[50] = 9.0
    trend = slow_trend(fwhm, np.full(100, "V"))
    assert np.abs(trend - focus).max() < 0.15
    assert trend[50] == pytest.approx(focus[50], abs=0.1)


def test_bands_have_trends_of_their_own():
    fwhm, bands = np.array([3.0, 5.0] * 20), np.array(["V", "B"] * 20)
    np.testing.assert_array_equal(slow_trend(fwhm, bands), fwhm)
    fwhm[3] = np.nan
    assert np.isnan(slow_trend(fwhm, bands)[3])
