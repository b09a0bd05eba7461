"""A score says how far a frame is off its own night."""

import numpy as np
import pytest

from pogson.steps.inspect.scores import FAR, score, usual


def test_the_score_is_the_distance_from_the_median_in_robust_sigmas():
    values = np.random.default_rng(1).normal(10.0, 2.0, 2000)
    values[0] = 22.0
    off = score(values, np.full(2000, "V"), matters=0.0)
    assert off[0] == pytest.approx(6.0, rel=0.1)
    assert off[1:].std() == pytest.approx(1.0, rel=0.1)


def test_bands_are_scored_apart_and_what_is_unknown_scores_nothing():
    values = np.array([1.0, 1.0, 1.0, 9.0, 9.0, 9.0, np.nan])
    bands = np.array(["g", "g", "g", "r", "r", "r", "r"])
    assert (score(values, bands, matters=0.1) == 0.0).all()
    np.testing.assert_array_equal(usual(values, bands), [1, 1, 1, 9, 9, 9, 9])


def test_a_very_steady_night_does_not_reject_its_own_noise():
    fwhm = 3.0 + 1e-3 * np.random.default_rng(1).normal(size=50)
    fwhm[7] = 3.05
    bands = np.full(50, "V")
    assert score(fwhm, bands, matters=0.0)[7] > FAR, "fifty sigma, and of no matter"
    assert score(fwhm, bands, matters=0.9)[7] < FAR
    fwhm[7] = 4.0
    assert score(fwhm, bands, matters=0.9)[7] > FAR


def test_two_frames_cannot_tell_which_is_the_odd_one():
    assert (score([3.0, 9.0], ["V", "V"], matters=0.1) == 0.0).all()
    assert score([3.0, 3.1, 9.0], ["V"] * 3, matters=0.1)[2] > FAR
