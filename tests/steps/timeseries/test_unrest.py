"""Frames behind clouds with holes get the errors that they have; quiet ones keep theirs."""

import numpy as np
import pytest
from known_series import series

from pogson.steps.timeseries.ensemble import compare_ensemble
from pogson.steps.timeseries.unrest import add_unrest

CLOUDY = np.arange(40, 70)


def cloudy(size, seed=1, stars=120):
    """Each star loses light of its own in thirty frames; and the true magnitudes."""
    curves, truth, _ = series(seed=seed, stars=stars, frames=200)
    lost = np.zeros(curves.flux.shape)
    lost[:, CLOUDY] = np.random.default_rng(seed).normal(0.0, size, (stars, len(CLOUDY)))
    curves.flux[...] *= 10 ** (-0.4 * lost)
    return compare_ensemble(curves), truth


@pytest.mark.parametrize("size", [0.02, 0.05, 0.1])
def test_points_behind_clouds_with_holes_have_pulls_of_width_one(size):
    ensemble, truth = cloudy(size)
    made = add_unrest(ensemble)
    assert (made.unrest[CLOUDY] > 0.0).mean() > 0.9
    assert np.median(made.unrest[CLOUDY]) == pytest.approx(size, rel=0.15)
    off = made.mag - truth
    pulls = (off - np.median(off, axis=1)[:, None]) / made.mag_err
    quiet = np.setdiff1d(np.arange(200), CLOUDY)
    assert np.std(pulls[:, CLOUDY]) == pytest.approx(1.0, abs=0.06)
    assert np.std(pulls[:, quiet]) == pytest.approx(1.0, abs=0.05)
    before = (off - np.median(off, axis=1)[:, None]) / ensemble.mag_err
    assert np.std(before[:, CLOUDY]) > 1.15 * np.std(pulls[:, CLOUDY])


def test_the_errors_of_fluxes_and_of_magnitudes_stay_the_same_thing():
    made = add_unrest(cloudy(0.05)[0])
    relative = 1.0857 * made.curves.flux_err / made.curves.flux
    np.testing.assert_allclose(relative, made.mag_err, rtol=1e-4)


def test_a_quiet_night_stays_as_it_is_to_the_bit():
    ensemble, _ = cloudy(0.0)
    made = add_unrest(ensemble)
    assert not made.unrest.any()
    assert np.array_equal(made.mag_err, ensemble.mag_err)


def test_variables_do_not_make_a_night_restless():
    curves, _, _ = series(stars=60, frames=200, variable=tuple(range(12)), amplitude=0.3)
    assert not add_unrest(compare_ensemble(curves)).unrest.any()


def test_of_a_few_comparison_stars_nothing_is_concluded():
    curves, _, _ = series(stars=8, frames=60)
    curves.flux[:, 20] *= np.linspace(0.9, 1.1, 8)
    assert not add_unrest(compare_ensemble(curves)).unrest.any()
