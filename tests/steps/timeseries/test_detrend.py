"""Trends that were put in go, noise keeps its size, and the raw light curve stays."""

import dataclasses

import numpy as np
import pytest
from known_series import series

from pogson.core.errors import SettingError
from pogson.steps.timeseries.detrend import choose_terms, detrend
from pogson.steps.timeseries.ensemble import compare_ensemble


def test_a_trend_with_airmass_goes_and_nothing_else_is_taken():
    rng = np.random.default_rng(1)
    n = 200
    airmass = 1 + np.linspace(-0.5, 1, n) ** 2
    err = np.full(n, 0.005)
    terms = {"airmass": airmass, "x": rng.normal(size=n), "fwhm": rng.normal(3, 0.3, n)}
    mag = 0.03 * airmass + rng.normal(0, 0.005, n)
    removed, names, gain = choose_terms(mag, err, terms)
    assert names == ("airmass",)
    assert gain > 50
    assert np.std(mag - removed) == pytest.approx(0.005, rel=0.15)
    assert removed.mean() == pytest.approx(0.0, abs=1e-12)


def test_white_noise_is_left_alone():
    """Five free terms always lower the scatter: only a criterion that counts them says no."""
    rng = np.random.default_rng(2)
    taken = 0
    for _ in range(100):
        terms = {name: rng.normal(size=100) for name in ("airmass", "x", "y", "fwhm", "sky")}
        taken += len(choose_terms(rng.normal(0, 1, 100), np.ones(100), terms)[1])
    assert taken <= 3


def test_the_raw_light_curve_stays_beside_and_gaps_stay_gaps():
    curves, _, _ = series(stars=30, frames=200)
    airmass = 1 + np.linspace(0, 1, 200) ** 2
    curves.frames["airmass"] = airmass
    curves.flux[3] *= 10 ** (-0.4 * 0.05 * airmass)
    curves.flux[3, 10] = np.nan
    found = compare_ensemble(curves)
    both = detrend(found, method="linear", terms=("airmass",))
    assert both.raw is found
    assert both.terms[3] == ("airmass",)
    assert sum(len(t) for t in both.terms) <= 3
    assert np.isnan(both.detrended.mag[3, 10])
    assert np.nanstd(both.detrended.mag[3]) < 0.5 * np.nanstd(found.mag[3])
    np.testing.assert_allclose(-2.5 * np.log10(both.detrended.curves.flux[3, :9]), both.detrended.mag[3, :9])


def test_a_place_on_the_detector_is_known_for_every_star():
    curves, _, _ = series(stars=30, frames=200)
    x = np.repeat(np.linspace(0, 50, 200)[None], 30, 0) + 100 * np.arange(30)[:, None]
    curves = dataclasses.replace(curves, details={"x": x})
    curves.flux[3] *= 1 + 2e-3 * (x[3] - x[3].mean())
    both = detrend(compare_ensemble(curves), method="linear", terms=("x",))
    assert both.terms[3] == ("x",)


def test_an_effect_that_many_stars_share_is_found_without_a_name():
    curves, _, _ = series(stars=60, frames=200)
    rng = np.random.default_rng(5)
    hidden = np.cumsum(rng.normal(size=200)) / 10
    strength = rng.normal(0, 0.03, 60)
    curves.flux[:] *= 10 ** (-0.4 * strength[:, None] * (hidden - hidden.mean()))
    found = compare_ensemble(curves, most=60)
    both = detrend(found, method="sysrem")
    bright = np.arange(40)
    before = np.nanmedian(np.nanstd(found.mag[bright], axis=1) / np.nanmedian(found.mag_err[bright], 1))
    after = np.nanmedian(
        np.nanstd(both.detrended.mag[bright], axis=1) / np.nanmedian(found.mag_err[bright], 1)
    )
    assert before > 1.5
    assert after == pytest.approx(1.0, abs=0.12)
    quiet, _, _ = series(stars=60, frames=200)
    assert not any(detrend(compare_ensemble(quiet), method="sysrem").terms)


def test_what_cannot_be_detrended_is_said():
    found = compare_ensemble(series(stars=10, frames=20)[0])
    with pytest.raises(SettingError, match="cannot detrend by 'moon'"):
        detrend(found, terms=("moon",))
    with pytest.raises(SettingError, match="no method 'gp'"):
        detrend(found, method="gp")
